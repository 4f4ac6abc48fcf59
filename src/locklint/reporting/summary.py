"""The lines that close a report: how much was found, and what was looked at."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from locklint.core.diagnostic import Severity
from locklint.core.not_analysed import Extent, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locklint.core.not_analysed import NotAnalysed
    from locklint.reporting.results import Counts, Results


# Reasons whose own names would not be understood.
_WORDS = {Reason.SYNTAX: "syntax error", Reason.DEFECT: "internal error"}
_PARTS = {
    Extent.FILE: ("file", "files"),
    Extent.FUNCTION: ("function", "functions"),
    Extent.PART: ("function in part", "functions in part"),
}


def closing_lines(results: Results, *, verbose: bool = False) -> list[str]:
    """The number of findings, what was analysed, and what was not, if there is such a thing."""
    missing = not_analysed_line(results.not_analysed, verbose=verbose)
    lines = [found_line(results), analysed_line(results.statistics)]
    return [*lines, missing] if missing else lines


def found_line(results: Results) -> str:
    """Return a line such as ``Found 2 errors, 1 warning in 2 files (3 suppressed).``"""
    by_severity = Counter(diagnostic.severity for diagnostic in results.diagnostics)
    parts = [
        _counted(by_severity[severity], noun, plural)
        for severity, noun, plural in (
            (Severity.ERROR, "error", "errors"),
            (Severity.WARNING, "warning", "warnings"),
            (Severity.INFO, "info", "infos"),
        )
        if by_severity[severity]
    ]
    if parts:
        files = len({diagnostic.path for diagnostic in results.diagnostics})
        text = f"Found {', '.join(parts)} in {_counted(files, 'file', 'files')}"
    else:
        text = "No new findings" if results.compared else "No findings"
    hidden = []
    if results.known:
        hidden.append(f"{len(results.known)} in the baseline")
    if results.statistics.suppressed:
        hidden.append(f"{results.statistics.suppressed} suppressed")
    if hidden:
        text += f" ({', '.join(hidden)})"
    if results.errors:
        text += f", {_counted(len(results.errors), 'internal error', 'internal errors')}"
    return f"{text}."


def analysed_line(counts: Counts) -> str:
    """Return a line such as ``Analysed 120 files (34 mention locks), 410 functions, 57 locks.``"""
    parts = [
        files_with_locks(counts.files, counts.candidates),
        _counted(counts.functions - counts.incomplete, "function", "functions"),
        _counted(counts.locks, "lock", "locks"),
    ]
    if counts.edges:
        parts.append(_counted(counts.edges, "lock-order edge", "lock-order edges"))
    return f"Analysed {', '.join(parts)}."


def files_with_locks(files: int, candidates: int) -> str:
    """Return a text such as ``120 files (34 mention locks)``"""
    mention = "mentions" if candidates == 1 else "mention"
    return f"{_counted(files, 'file', 'files')} ({candidates} {mention} locks)"


def not_analysed_line(places: Sequence[NotAnalysed], *, verbose: bool = False) -> str:
    """Return a line such as ``Not analysed: 1 file (syntax error), 3 functions (too complex).``

    Empty if everything was analysed. With ``verbose`` the functions are named after it.
    """
    parts: list[str] = []
    for extent, (noun, plural) in _PARTS.items():
        reasons = Counter(each.reason for each in places if each.extent is extent)
        if reasons:
            texts = [
                words_of(reason) if len(reasons) == 1 else f"{count} {words_of(reason)}"
                for reason, count in reasons.most_common()
            ]
            parts.append(f"{_counted(reasons.total(), noun, plural)} ({', '.join(texts)})")
    if not parts:
        return ""
    text = f"Not analysed: {', '.join(parts)}"
    unread = [each for each in places if not each.reason.is_bad_input]
    if not unread:
        return f"{text}."
    if not verbose:
        return f"{text}; --verbose names them."
    names = [f"{each.path}:{each.span.line} {each.function}".rstrip() for each in unread]
    return f"{text}: {', '.join(names)}."


def words_of(reason: Reason) -> str:
    """Return the reason why something was not analysed, in words."""
    return _WORDS.get(reason, reason.value.replace("-", " "))


def _counted(count: int, noun: str, plural: str) -> str:
    return f"{count} {noun if count == 1 else plural}"
