"""Findings as a Code Quality report, which GitLab shows in merge requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from locklint.core.diagnostic import Severity
from locklint.reporting import places
from locklint.reporting.fingerprint import fingerprint
from locklint.reporting.interleaving import telling

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results

SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}


def render(results: Results, options: RenderOptions) -> str:
    """An array of findings, each with a fingerprint of its own: GitLab drops repeated ones."""
    records: list[dict[str, Any]] = []
    for diagnostic in results.diagnostics:
        identity = fingerprint(diagnostic, results.sources.get(diagnostic.path))
        repeated = f"-{diagnostic.occurrence}" if diagnostic.occurrence > 1 else ""
        records.append(_finding(diagnostic, identity + repeated, results, options))
    return json.dumps(records, indent=2) + "\n"


def _finding(
    diagnostic: Diagnostic, identity: str, results: Results, options: RenderOptions
) -> dict[str, Any]:
    span = places.file_span(diagnostic.path, diagnostic.span, results)
    note = places.cell_note(diagnostic, results)
    return {
        "type": "issue",
        "check_name": diagnostic.code,
        "description": f"{diagnostic.code} {diagnostic.name}: {diagnostic.message}{note}",
        "content": {"body": "\n".join(telling(diagnostic, results, options))},
        "categories": ["Bug Risk"],
        "fingerprint": identity,
        "severity": SEVERITIES[diagnostic.severity],
        "location": {
            "path": places.relative(diagnostic.path, options),
            "positions": {
                "begin": {"line": span.line, "column": span.column},
                "end": {"line": span.end_line, "column": span.end_column},
            },
        },
    }
