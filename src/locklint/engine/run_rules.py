"""Running of rules over a program's facts, to get the findings that are shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from locklint.core.diagnostic import Anchor, Diagnostic, Severity
from locklint.engine.progress import NoProgress, Progress, tracked
from locklint.engine.report import InternalError
from locklint.engine.selection import is_shown

if TYPE_CHECKING:
    from locklint.analysis.program import Program
    from locklint.engine.settings import RuleSelection

_TEST_FOLDERS = frozenset({"test", "tests"})

# Rules about files and comments say the same of test code as of any other.
_ABOUT_ANY_CODE = "LCK9"


class Found(msgspec.Struct, frozen=True):
    """The findings of the rules.

    ``all`` is everything that the rules which run over a file have to say about it; ``shown`` are
    those of them that are shown if no comment suppresses them, in output order. ``errors`` is what
    went wrong.
    """

    all: tuple[Diagnostic, ...]
    shown: tuple[Diagnostic, ...]
    errors: tuple[InternalError, ...] = ()


def run_rules(
    program: Program,
    selection: RuleSelection,
    paths: Sequence[str] = (),
    progress: Progress | None = None,
) -> Found:
    """Run the rules over a program that was found under ``paths``."""
    rules = selection.rules()
    progress = progress or NoProgress()
    progress.begin("checking rules", len(rules))
    found: list[Diagnostic] = []
    errors: list[InternalError] = []
    for rule in tracked(rules, progress):
        try:
            for diagnostic in rule.check(program):
                if diagnostic.code in selection.running(diagnostic.path):
                    found.append(diagnostic)
        except Exception as error:
            errors.append(InternalError.of(f"<{rule.code}>", error))
    stronger = {rule.code: rule.subsumed_by for rule in rules}
    places: dict[tuple[str, int, int], dict[str, Severity]] = {}
    for diagnostic in found:
        own = Anchor(diagnostic.path, diagnostic.span)
        for each in (own, *diagnostic.anchors):
            beside = places.setdefault((each.path, each.span.line, each.span.column), {})
            beside[diagnostic.code] = max(
                diagnostic.severity, beside.get(diagnostic.code, Severity.INFO)
            )
    shown: list[Diagnostic] = []
    for diagnostic in found:
        span = diagnostic.span
        beside = places[diagnostic.path, span.line, span.column]
        # A finding that is less severe, and perhaps not shown, takes the place of none.
        if all(beside.get(code, -1) < diagnostic.severity for code in stronger[diagnostic.code]):
            shown.append(diagnostic)
    return Found(tuple(found), visible(shown, selection, paths), tuple(errors))


def visible(
    diagnostics: Sequence[Diagnostic], selection: RuleSelection, paths: Sequence[str] = ()
) -> tuple[Diagnostic, ...]:
    """The findings that the settings of their files let through, each once, in output order.

    Findings in test code lose one level, except in the profile ``strict``.
    """
    kept: dict[tuple[object, ...], Diagnostic] = {}
    for diagnostic in diagnostics:
        config = selection.config(diagnostic.path)
        if (
            config.profile != "strict"
            and not diagnostic.code.startswith(_ABOUT_ANY_CODE)
            and is_test_code(diagnostic.path, paths)
        ):
            severity = Severity(max(Severity.INFO, diagnostic.severity - 1))
            diagnostic = msgspec.structs.replace(diagnostic, severity=severity)
        if is_shown(diagnostic, config, selection.explicit(diagnostic.path)):
            kept.setdefault((*diagnostic.sort_key(), diagnostic.locks), diagnostic)
    return tuple(sorted(kept.values(), key=Diagnostic.sort_key))


def is_test_code(path: str, roots: Sequence[str] = ()) -> bool:
    """Return whether a file holds tests, by its name or that of a folder below the named paths."""
    inside = path
    for root in roots:
        if os.path.abspath(path).startswith(os.path.join(os.path.abspath(root), "")):
            inside = os.path.relpath(path, root)
    folders, name = os.path.split(inside)
    if os.path.isabs(folders) or folders.startswith(".."):
        folders = ""
    if name.startswith("test_") or name == "conftest.py" or name.endswith("_test.py"):
        return True
    return not _TEST_FOLDERS.isdisjoint(folders.split(os.sep))
