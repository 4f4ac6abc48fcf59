"""Findings as one JSON object, with the keys that other linters use, and the steps as well."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from locklint import __version__
from locklint.core.diagnostic import Severity
from locklint.reporting.fingerprint import fingerprint
from locklint.reporting.places import absolute
from locklint.reporting.statistics import counts_by_rule

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic, Fix, Step
    from locklint.core.source import SourceFile, Span
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results


def render(results: Results, options: RenderOptions) -> str:
    """An object with ``version``, ``summary`` and ``diagnostics``, in ASCII, indented.

    File names are absolute; lines and columns are 1-based and ends half-open. Rows of a notebook
    are those of the ``cell``, which is null for a plain file. With statistics,
    the summary counts findings by rule too.
    """
    document = {
        "version": __version__,
        "summary": _summary(results, options),
        "diagnostics": [_finding(each, results, options) for each in results.diagnostics],
    }
    return json.dumps(document, indent=2) + "\n"


def render_lines(results: Results, options: RenderOptions) -> str:
    """The findings alone, an object on each line, with the same keys."""
    return "".join(
        json.dumps(_finding(each, results, options)) + "\n" for each in results.diagnostics
    )


def _summary(results: Results, options: RenderOptions) -> dict[str, Any]:
    counts = results.statistics
    severities = Counter(diagnostic.severity for diagnostic in results.diagnostics)
    summary: dict[str, Any] = {
        "findings": len(results.diagnostics),
        "errors": severities[Severity.ERROR],
        "warnings": severities[Severity.WARNING],
        "infos": severities[Severity.INFO],
        "suppressed": counts.suppressed,
        "known": len(results.known),
        "internal_errors": len(results.errors),
        "files_with_findings": len({diagnostic.path for diagnostic in results.diagnostics}),
        "files": counts.files,
        "files_mentioning_locks": counts.candidates,
        "functions": counts.functions,
        "functions_not_analysed": counts.incomplete,
        "locks": counts.locks,
        "lock_order_edges": counts.edges,
        "not_analysed": [
            {
                "filename": absolute(each.path, options),
                "location": _start(each.span, results.sources.get(each.path)),
                "function": each.function or None,
                "reason": each.reason.value,
                "message": each.message or None,
            }
            for each in results.not_analysed
        ],
    }
    if options.statistics:
        summary["rules"] = [
            {"code": each.code, "name": each.name, "count": each.count}
            for each in counts_by_rule(results.diagnostics)
        ]
    return summary


def _finding(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> dict[str, Any]:
    source = results.sources.get(diagnostic.path)
    return {
        "code": diagnostic.code,
        "name": diagnostic.name,
        "message": diagnostic.message,
        "severity": diagnostic.severity.label,
        "confidence": diagnostic.confidence.label,
        # Without an address the pages are in the tool itself: `locklint rule CODE`.
        "url": options.page(diagnostic.code, diagnostic.name),
        "filename": absolute(diagnostic.path, options),
        "cell": _cell(diagnostic.span, source),
        "location": _start(diagnostic.span, source),
        "end_location": _end(diagnostic.span, source),
        "fix": _fix(diagnostic.fix, source),
        "fingerprint": fingerprint(diagnostic, source),
        "locks": list(diagnostic.locks),
        "trace": [
            _step(step, results.sources.get(step.path), options) for step in diagnostic.steps
        ],
    }


def _step(step: Step, source: SourceFile | None, options: RenderOptions) -> dict[str, Any]:
    return {
        "role": step.role,
        "file": absolute(step.path, options),
        "cell": _cell(step.span, source),
        **_start(step.span, source),
        "function": step.function,
        "lock": step.lock,
        "message": step.message,
        "held": list(step.held),
        "thread": step.thread,
        "waits_for": step.waits_for,
    }


def _fix(fix: Fix | None, source: SourceFile | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    edits = [
        {
            "content": edit.content,
            "location": _start(edit.span, source),
            "end_location": _end(edit.span, source),
        }
        for edit in fix.edits
    ]
    return {"applicability": fix.applicability.value, "message": fix.message, "edits": edits}


def _cell(span: Span, source: SourceFile | None) -> int | None:
    """The number of the notebook's cell, None for a plain file."""
    return (source.position(span.line, span.column).cell or None) if source else None


def _start(span: Span, source: SourceFile | None) -> dict[str, int]:
    return _place(span.line, span.column, source)


def _end(span: Span, source: SourceFile | None) -> dict[str, int]:
    return _place(span.end_line, span.end_column, source)


def _place(line: int, column: int, source: SourceFile | None) -> dict[str, int]:
    if source is not None:
        line = source.position(line, column).row
    return {"row": line, "column": column}
