"""Findings as logging commands, which Azure Pipelines lists as the issues of a run."""

from __future__ import annotations

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

# The escapes of Azure's agent; `%` must come first.
_ESCAPES = (("%", "%AZP25"), ("\r", "%0D"), ("\n", "%0A"))
_IN_PROPERTIES = ((";", "%3B"), ("]", "%5D"))


def render(results: Results, options: RenderOptions) -> str:
    """Return one command for each finding, worst first; Azure has no kind below a warning."""
    lines = [_command(each, results, options) for each in places.worst_first(results)]
    if options.closing:
        lines.extend(closing_lines(results, verbose=options.verbose))
    return "".join(f"{line}\n" for line in lines)


def _command(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> str:
    span = places.file_span(diagnostic.path, diagnostic.span, results)
    properties = {
        "type": "error" if diagnostic.severity is Severity.ERROR else "warning",
        "sourcepath": places.relative(diagnostic.path, options),
        "linenumber": span.line,
        "columnnumber": span.column,
        "code": diagnostic.code,
    }
    written = "".join(
        f"{name}={_escaped(harmless(str(value)), (*_ESCAPES, *_IN_PROPERTIES))};"
        for name, value in properties.items()
    )
    note = places.cell_note(diagnostic, results)
    text = [f"{diagnostic.message}{note}", *telling(diagnostic, results, options)]
    return f"##vso[task.logissue {written}]{_escaped(harmless(chr(10).join(text)), _ESCAPES)}"


def _escaped(text: str, escapes: tuple[tuple[str, str], ...]) -> str:
    for character, escape in escapes:
        text = text.replace(character, escape)
    return text
