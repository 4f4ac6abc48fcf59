"""Removal of the findings that comments in the code suppress, and checks of these comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from locklint.engine.report import Silenced
from locklint.engine.selection import find_rules, unknown_rule
from locklint.frontend.suppressions import (
    ABOUT_SUPPRESSIONS,
    CODE_OR_PREFIX,
    Pragma,
    PragmaKind,
    Suppressions,
    parse_suppressions,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from locklint.core.diagnostic import Diagnostic
    from locklint.core.source import SourceFile, Span
    from locklint.rule import Rule

UNUSED_SUPPRESSION = "LCK902"


class Reported(msgspec.Struct, frozen=True):
    """A finding that no comment suppresses, and the function around it, if there is one."""

    diagnostic: Diagnostic
    function: Span | None = None


class _Use(msgspec.Struct, frozen=True):
    """A comment, by its place in its file, and its selector that suppressed something."""

    path: str
    index: int
    selector: str


class Silencer:
    """The comments of a run's files, and those of them that have suppressed something so far.

    A comment applies at a finding's primary line, at each of its anchors and at each step that
    acquires or makes a lock. A file that ``sources`` does not hold has no comments. ``names`` are
    those of the rules.
    """

    def __init__(self, sources: Mapping[str, SourceFile], names: Collection[str] = ()) -> None:
        self._sources = sources
        self._names = names
        self._parsed: dict[str, Suppressions] = {}
        self._used: set[_Use] = set()

    def silences(self, diagnostic: Diagnostic) -> bool:
        """Return whether comments suppress a finding, and record all that do."""
        return bool(self._silencing(diagnostic))

    def _silencing(self, diagnostic: Diagnostic) -> list[Pragma]:
        found: list[Pragma] = []
        for path, line in sorted(diagnostic.places()):
            suppressions = self._suppressions(path)
            for pragma in suppressions.find_all(diagnostic.code, diagnostic.name, line):
                found.append(pragma)
                index = suppressions.pragmas.index(pragma)
                for selector in pragma.matching(diagnostic.code, diagnostic.name):
                    self._used.add(_Use(path, index, selector))
        return found

    def split(
        self, diagnostics: Iterable[Diagnostic]
    ) -> tuple[tuple[Diagnostic, ...], tuple[Silenced, ...]]:
        """Return the findings that no comment suppresses, and the others, both in their order."""
        kept: list[Diagnostic] = []
        silenced: list[Silenced] = []
        for diagnostic in diagnostics:
            pragmas = self._silencing(diagnostic)
            if pragmas:
                reason = next((pragma.reason for pragma in pragmas if pragma.reason), "")
                silenced.append(Silenced(diagnostic, reason))
            else:
                kept.append(diagnostic)
        return tuple(kept), tuple(silenced)

    def unused(
        self,
        path: str,
        running: frozenset[str],
        rules: Sequence[Rule],
        reported: Sequence[Reported] = (),
    ) -> Iterator[Diagnostic]:
        """Return the findings about comments of a file that have suppressed nothing.

        ``running`` are the codes of the rules that have run over the file; what is said about other
        rules is not judged. ``reported`` are the findings that no comment suppresses, some of which
        a comment may have been meant for.
        """
        from locklint.rules.unused_suppression import unused

        for index, pragma in enumerate(self._suppressions(path).pragmas):
            if pragma.kind is PragmaKind.ENABLE:
                continue
            used = {use.selector for use in self._used if (use.path, use.index) == (path, index)}
            if pragma.selectors is None:
                everything = all(rule.code in running for rule in rules if rule.default)
                if not used and everything:
                    yield unused(path, pragma, (), meant_for=_meant_for(path, pragma, reported))
                continue
            idle: list[str] = []
            for selector in _own(pragma):
                meant = find_rules(_spelled(selector), rules)
                if not meant:
                    hint = f": {unknown_rule(selector, rules)}"
                    yield unused(path, pragma, (selector,), hint)
                elif selector not in used and _judged(selector, meant, running):
                    idle.append(selector)
            if idle:
                there = _meant_for(path, replace(pragma, selectors=tuple(idle)), reported)
                yield unused(path, pragma, tuple(idle), meant_for=there)

    def mentions_noqa(self) -> bool:
        """Return whether some ``noqa`` in the files names a rule of locklint's."""
        return any(
            pragma.kind is PragmaKind.NOQA and _own(pragma)
            for path in self._sources
            for pragma in self._suppressions(path).pragmas
        )

    def _suppressions(self, path: str) -> Suppressions:
        if path not in self._parsed:
            source = self._sources.get(path)
            self._parsed[path] = (
                parse_suppressions(source.text, self._names) if source else Suppressions()
            )
        return self._parsed[path]


def _meant_for(path: str, pragma: Pragma, reported: Iterable[Reported]) -> Diagnostic | None:
    """Return the finding that a comment would suppress in another line near it, or None.

    That is one with a step in the lines of the comment, else one in the same function.
    """
    if pragma.kind not in (PragmaKind.IGNORE, PragmaKind.NOQA):
        return None
    lines = range(pragma.first_line, pragma.last_line + 1)
    found: list[tuple[bool, bool, int, str, Diagnostic]] = []
    for each in reported:
        finding = each.diagnostic
        if not pragma.matches(finding.code, finding.name):
            continue
        is_step = any(step.path == path and step.span.line in lines for step in finding.steps)
        function = each.function if finding.path == path else None
        if is_step or (function and function.line <= pragma.line <= function.end_line):
            away = abs(finding.span.line - pragma.line)
            found.append((not is_step, finding.path != path, away, finding.code, finding))
    return min(found, key=lambda each: each[:4])[4] if found else None


def _own(pragma: Pragma) -> tuple[str, ...]:
    """The selectors that are locklint's to judge: a ``noqa`` names other linters' rules too."""
    selectors = pragma.selectors or ()
    if pragma.kind is not PragmaKind.NOQA:
        return selectors
    return tuple(each for each in selectors if each.upper().startswith("LCK"))


def _spelled(selector: str) -> str:
    return selector.upper() if CODE_OR_PREFIX.fullmatch(selector) else selector


def _judged(selector: str, meant: Sequence[Rule], running: frozenset[str]) -> bool:
    codes = {rule.code for rule in meant}
    if selector == "ALL":
        codes = {rule.code for rule in meant if rule.default}
    return codes <= running and not codes <= ABOUT_SUPPRESSIONS
