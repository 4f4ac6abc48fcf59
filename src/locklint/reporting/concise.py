"""Findings as single lines, for editors and for grep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.reporting.places import position
from locklint.reporting.printable import printable
from locklint.reporting.style import paint
from locklint.reporting.summary import closing_lines

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results
    from locklint.reporting.style import Line


def render(results: Results, options: RenderOptions) -> str:
    """``path:line:column: code message [severity]`` for each finding, then the closing lines."""
    lines = [_line(diagnostic, results) for diagnostic in results.diagnostics]
    if options.closing:
        lines.extend([(text, "")] for text in closing_lines(results, verbose=options.verbose))
    return paint(
        [[(printable(text, options.encoding), style) for text, style in line] for line in lines],
        options.color,
    )


def _line(diagnostic: Diagnostic, results: Results) -> Line:
    place = position(diagnostic.path, diagnostic.span, results)
    return [
        (diagnostic.path, "strong"),
        (f":{place}: ", "faint"),
        (diagnostic.code, diagnostic.severity.label),
        (" [*] " if diagnostic.fix else " ", "help"),
        (diagnostic.message, ""),
        (f" [{diagnostic.severity.label}]", "faint"),
    ]
