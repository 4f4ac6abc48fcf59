"""Findings in the Reviewdog Diagnostic Format, for review comments by any code host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from locklint.reporting import places
from locklint.reporting.interleaving import telling

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic, Fix
    from locklint.core.source import SourceFile, Span
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results


def render(results: Results, options: RenderOptions) -> str:
    """Return an object of the format ``rdjson``; its columns count bytes of UTF-8, as required."""
    document = {
        "source": {"name": "locklint"},
        "diagnostics": [_finding(each, results, options) for each in results.diagnostics],
    }
    return json.dumps(document, indent=2) + "\n"


def _finding(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> dict[str, Any]:
    note = places.cell_note(diagnostic, results)
    text = [f"{diagnostic.message}{note}", *telling(diagnostic, results, options)]
    address = options.page(diagnostic.code, diagnostic.name)
    record: dict[str, Any] = {
        "message": "\n".join(text),
        "location": _location(diagnostic.path, diagnostic.span, results, options),
        "severity": diagnostic.severity.label.upper(),
        "code": {"value": diagnostic.code, **({"url": address} if address else {})},
    }
    source = results.sources.get(diagnostic.path)
    if diagnostic.fix and not (source and source.cells):
        record["suggestions"] = _suggestions(diagnostic.fix, source)
    related = [
        {"message": step.message, "location": _location(step.path, step.span, results, options)}
        for step in diagnostic.steps
    ]
    if related:
        record["relatedLocations"] = related
    return record


def _location(path: str, span: Span, results: Results, options: RenderOptions) -> dict[str, Any]:
    source = results.sources.get(path)
    return {
        "path": places.relative(path, options),
        "range": _range(places.file_span(path, span, results), source),
    }


def _suggestions(fix: Fix, source: SourceFile | None) -> list[dict[str, Any]]:
    return [{"range": _range(edit.span, source), "text": edit.content} for edit in fix.edits]


def _range(span: Span, source: SourceFile | None) -> dict[str, Any]:
    return {
        "start": _place(span.line, span.column, source),
        "end": _place(span.end_line, span.end_column, source),
    }


def _place(line: int, column: int, source: SourceFile | None) -> dict[str, int]:
    before = source.line(line)[: column - 1] if source and not source.cells else ""
    beyond = column - 1 - len(before)
    return {"line": line, "column": len(before.encode("utf-8", "replace")) + beyond + 1}
