"""Findings as one JSON object, with the keys that other linters use and the story beside them."""

from __future__ import annotations

import json
import os.path
from collections import Counter
from typing import TYPE_CHECKING, Any

from locklint import __version__
from locklint.core.diagnostic import Severity
from locklint.reporting.fingerprint import fingerprint
from locklint.reporting.statistics import counts_by_rule

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic, Fix, Step
    from locklint.core.source import Span
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results


def render(results: Results, options: RenderOptions) -> str:
    """An object with ``version``, ``summary`` and ``diagnostics``, in ASCII, indented.

    File names are absolute; lines and columns are 1-based and ends half-open. With statistics,
    the summary counts findings by rule too.
    """
    document = {
        "version": __version__,
        "summary": _summary(results, options),
        "diagnostics": [_finding(each, results, options) for each in results.diagnostics],
    }
    return json.dumps(document, indent=2) + "\n"


def _summary(results: Results, options: RenderOptions) -> dict[str, Any]:
    counts = results.statistics
    severities = Counter(diagnostic.severity for diagnostic in results.diagnostics)
    summary: dict[str, Any] = {
        "findings": len(results.diagnostics),
        "errors": severities[Severity.ERROR],
        "warnings": severities[Severity.WARNING],
        "infos": severities[Severity.INFO],
        "suppressed": counts.suppressed,
        "internal_errors": len(results.errors),
        "files_with_findings": len({diagnostic.path for diagnostic in results.diagnostics}),
        "files": counts.files,
        "files_mentioning_locks": counts.candidates,
        "functions": counts.functions,
        "functions_too_complex": counts.too_complex,
        "locks": counts.locks,
        "lock_order_edges": counts.edges,
    }
    if options.statistics:
        summary["rules"] = [
            {"code": each.code, "name": each.name, "count": each.count}
            for each in counts_by_rule(results.diagnostics)
        ]
    return summary


def _finding(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "name": diagnostic.name,
        "message": diagnostic.message,
        "severity": diagnostic.severity.label,
        "confidence": diagnostic.confidence.label,
        "url": None,  # The pages are in the tool itself: `locklint rule CODE`.
        "filename": _absolute(diagnostic.path, options.root),
        "location": _start(diagnostic.span),
        "end_location": _end(diagnostic.span),
        "fix": _fix(diagnostic.fix),
        "fingerprint": fingerprint(diagnostic, results.sources.get(diagnostic.path)),
        "locks": list(diagnostic.locks),
        "trace": [_step(step, options) for step in diagnostic.steps],
    }


def _step(step: Step, options: RenderOptions) -> dict[str, Any]:
    return {
        "role": step.role,
        "file": _absolute(step.path, options.root),
        "row": step.span.line,
        "column": step.span.column,
        "function": step.function,
        "lock": step.lock,
        "message": step.message,
        "held": list(step.held),
        "thread": step.thread,
        "waits_for": step.waits_for,
    }


def _fix(fix: Fix | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    edits = [
        {
            "content": edit.content,
            "location": _start(edit.span),
            "end_location": _end(edit.span),
        }
        for edit in fix.edits
    ]
    return {"applicability": fix.applicability.value, "message": fix.message, "edits": edits}


def _start(span: Span) -> dict[str, int]:
    return {"row": span.line, "column": span.column}


def _end(span: Span) -> dict[str, int]:
    return {"row": span.end_line, "column": span.end_column}


def _absolute(path: str, root: str) -> str:
    return os.path.normpath(os.path.join(root, path))
