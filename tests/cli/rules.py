"""A small catalogue of rules, so that selection can be tested whatever rules there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from locklint.core.diagnostic import Diagnostic, Severity
from locklint.rule import Rule


def _nothing(program: Any) -> Iterator[Diagnostic]:
    return iter(())


def _rule(code: str, name: str, severity: Severity) -> Rule:
    return Rule(code, name, severity, f"Finds {name}.", f"Why {name} is bad.", _nothing)


RULES = (
    _rule("LCK101", "manual-acquire", Severity.WARNING),
    _rule("LCK102", "unreleased-on-exception", Severity.ERROR),
    _rule("LCK201", "acquire-result-ignored", Severity.ERROR),
    _rule("LCK210", "empty-critical-section", Severity.INFO),
    _rule("LCK901", "syntax-error", Severity.ERROR),
)
