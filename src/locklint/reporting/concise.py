"""One line for each finding, for editors and for grep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.reporting.places import position
from locklint.reporting.printable import printable
from locklint.reporting.summary import closing_lines

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results


def render(results: Results, options: RenderOptions) -> str:
    """``path:line:column: code message`` for each finding, then the closing lines."""
    lines = [_line(diagnostic, results) for diagnostic in results.diagnostics]
    if options.closing:
        lines.extend(closing_lines(results))
    return "".join(f"{printable(line, options.encoding)}\n" for line in lines)


def _line(diagnostic: Diagnostic, results: Results) -> str:
    fixable = "[*] " if diagnostic.fix else ""
    place = position(diagnostic.path, diagnostic.span, results)
    return f"{diagnostic.path}:{place}: {diagnostic.code} {fixable}{diagnostic.message}"
