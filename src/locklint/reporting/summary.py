"""The lines that close a report: how much was found, and what was looked at."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from locklint.core.diagnostic import Severity

if TYPE_CHECKING:
    from locklint.reporting.results import Counts, Results


def closing_lines(results: Results) -> tuple[str, str]:
    """The number of findings, and what was analysed, which is always the last line."""
    return found_line(results), analysed_line(results.statistics)


def found_line(results: Results) -> str:
    """For example ``Found 2 errors, 1 warning (2 files with findings), 3 suppressed.``

    Findings that the baseline knows are counted behind those that comments silence.
    """
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
    suppressed = results.statistics.suppressed
    rest = f", {suppressed} suppressed" if suppressed else ""
    if results.known:
        rest += f", {len(results.known)} known to the baseline"
    if results.errors:
        rest += f", {_counted(len(results.errors), 'internal error', 'internal errors')}"
    if not parts:
        return f"Found nothing to report{rest}."
    files = len({diagnostic.path for diagnostic in results.diagnostics})
    with_findings = _counted(files, "file with findings", "files with findings")
    return f"Found {', '.join(parts)} ({with_findings}){rest}."


def analysed_line(counts: Counts) -> str:
    """For example ``Analysed 120 files (34 mention locks), 410 functions, 57 locks.``

    Of functions that are too complex it says so, for nothing was looked for in them.
    """
    beyond = f" ({counts.too_complex} too complex)" if counts.too_complex else ""
    mention = "mentions" if counts.candidates == 1 else "mention"
    parts = [
        f"{_counted(counts.files, 'file', 'files')} ({counts.candidates} {mention} locks)",
        _counted(counts.functions, "function", "functions") + beyond,
        _counted(counts.locks, "lock", "locks"),
    ]
    if counts.edges:
        parts.append(_counted(counts.edges, "lock-order edge", "lock-order edges"))
    return f"Analysed {', '.join(parts)}."


def _counted(count: int, noun: str, plural: str) -> str:
    return f"{count} {noun if count == 1 else plural}"
