"""Find a program's findings before and after a change, and compare them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from locklint.core.config import Config
from locklint.engine.pipeline import check
from tests.metamorphic.transform import TRANSFORMATIONS, Changed, Files, Place

Finding = tuple[Place, str, str]  # place, code, severity


def parses(files: Files) -> bool:
    """Return whether each file is Python for the running interpreter."""
    try:
        for text in files.values():
            ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def findings(files: Files, folder: Path, config: Config) -> Counter[Finding]:
    """Return the findings over files that are written to ``folder``, the current directory.

    Raise AssertionError for an internal error.
    """
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    report = check(["."], config)
    assert not report.errors, report.errors
    return Counter(
        (
            (Path(found.path).relative_to(".").as_posix(), found.span.line),
            found.code,
            found.severity.label,
        )
        for found in report.diagnostics
    )


def differences(before: Counter[Finding], after: Counter[Finding], changed: Changed) -> list[str]:
    """Return a line for each finding that is gone or new after the change.

    A program that stands there twice has each finding once in each copy.
    """
    copies = max(1, *Counter(changed.origin.values()).values()) if changed.origin else 1
    expected: Counter[Any] = Counter()
    for finding, count in before.items():
        expected[finding] = count * copies
    got: Counter[Any] = Counter()
    for (place, code, severity), count in after.items():
        got[changed.origin.get(place, ("(added)", place[1])), code, severity] += count
    gone = [f"gone: {_show(finding)}" for finding in sorted((expected - got).elements())]
    new = [f"new: {_show(finding)}" for finding in sorted((got - expected).elements())]
    return gone + new


def _show(finding: Finding) -> str:
    (name, line), code, severity = finding
    return f"{name}:{line}: {severity} {code}"


def transformed(name: str, files: Files) -> Changed:
    """Return the files after the transformation of that name."""
    return TRANSFORMATIONS[name](files)


def applicable(files: Files, settings: Mapping[str, Any], codes: Sequence[str]) -> bool:
    """Return whether the findings of these files are meant to survive a change.

    Settings may name files and locks, LCK210 listens to comments, and LCK9 speaks of them.
    """
    return (
        parses(files)
        and all(name.endswith(".py") for name in files)
        and not set(settings) - {"select", "ignore"}
        and not any(code.startswith(("LCK210", "LCK9")) for code in codes)
    )
