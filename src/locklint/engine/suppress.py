"""Leaves out the findings that comments in the analysed code silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.frontend.suppressions import Suppressions, parse_suppressions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locklint.core.diagnostic import Diagnostic
    from locklint.core.source import SourceFile


def apply(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceFile]
) -> tuple[tuple[Diagnostic, ...], int]:
    """Split findings into those that are kept, in their order, and the number of the silenced.

    A comment counts at a finding's primary line and at the line of each of its anchors, which lie
    in the same file. A finding in a file that ``sources`` does not hold is kept.
    """
    parsed: dict[str, Suppressions] = {}
    kept: list[Diagnostic] = []
    silenced = 0
    for diagnostic in diagnostics:
        path = diagnostic.path
        if path not in parsed:
            source = sources.get(path)
            parsed[path] = parse_suppressions(source.text) if source else Suppressions()
        if _is_silenced(diagnostic, parsed[path]):
            silenced += 1
        else:
            kept.append(diagnostic)
    return tuple(kept), silenced


def _is_silenced(diagnostic: Diagnostic, suppressions: Suppressions) -> bool:
    lines = {diagnostic.span.line, *(anchor.line for anchor in diagnostic.anchors)}
    return bool(suppressions.pragmas) and any(
        suppressions.find(diagnostic.code, diagnostic.name, line) for line in sorted(lines)
    )
