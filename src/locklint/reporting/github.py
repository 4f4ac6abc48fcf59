"""Findings as workflow commands, which GitHub turns into annotations of the changed files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from locklint.core.diagnostic import Severity
from locklint.reporting import places
from locklint.reporting.interleaving import telling
from locklint.reporting.printable import harmless
from locklint.reporting.summary import closing_lines

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results

SHOWN = 10
"""Annotations of each severity that GitHub shows for a step; the others are in the log alone."""

COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(results: Results, options: RenderOptions) -> str:
    """Return one command for each finding, worst first, after a notice of those not shown."""
    lines: list[str] = []
    cut = cut_line(results)
    if cut:
        lines.append(f"::notice title=locklint::{_data(cut)}")
    lines.extend(_command(each, results, options) for each in places.worst_first(results))
    if options.closing:
        lines.extend(closing_lines(results, verbose=options.verbose))
    return "".join(f"{line}\n" for line in lines)


def cut_line(results: Results) -> str:
    """Return a note about findings without an annotation; empty if there are none."""
    counts = Counter(each.severity for each in results.diagnostics)
    # The line itself uses up one notice.
    limits = {Severity.ERROR: SHOWN, Severity.WARNING: SHOWN, Severity.INFO: SHOWN - 1}
    parts = [
        f"{counts[severity] - limit} of {counts[severity]} {severity.label}s"
        for severity, limit in limits.items()
        if counts[severity] > limit
    ]
    if not parts:
        return ""
    return (
        f"GitHub shows {SHOWN} annotations of each kind for a step: "
        f"{' and '.join(parts)} are only in the log and in the summary."
    )


def _command(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> str:
    span = places.file_span(diagnostic.path, diagnostic.span, results)
    properties = {
        "title": f"locklint ({diagnostic.code})",
        "file": places.relative(diagnostic.path, options),
        "line": span.line,
        "endLine": span.end_line,
    }
    if span.line == span.end_line:
        # GitHub refuses columns for a span of several lines.
        properties = {**properties, "col": span.column, "endColumn": span.end_column}
    order = ("title", "file", "line", "col", "endLine", "endColumn")
    written = ",".join(
        f"{name}={_property(harmless(str(properties[name])))}"
        for name in order
        if name in properties
    )
    note = places.cell_note(diagnostic, results)
    text = [f"{diagnostic.message}{note}", *telling(diagnostic, results, options)]
    if diagnostic.help:
        text.append(f"help: {diagnostic.help}")
    return f"::{COMMANDS[diagnostic.severity]} {written}::{_data(harmless(chr(10).join(text)))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
