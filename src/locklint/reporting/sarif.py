"""Findings as SARIF 2.1.0, for code scanning services and editors.

The limits are GitHub's: the worst findings are first, because it shows 5,000; a finding has at most
50 steps, because it refuses a file in which one has more than 10,000.
"""

from __future__ import annotations

import json
import os.path
from typing import TYPE_CHECKING, Any

from locklint import __version__
from locklint.core.diagnostic import Severity
from locklint.reporting import places
from locklint.reporting.fingerprint import fingerprint
from locklint.reporting.interleaving import numbers, standstill, thread_name, threads
from locklint.reporting.summary import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locklint.core.diagnostic import Diagnostic, Fix, Step
    from locklint.core.not_analysed import NotAnalysed
    from locklint.core.source import Span
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Defect, Results
    from locklint.rule import Rule

MOST_STEPS = 50
SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
BASE = "%SRCROOT%"

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_PROBLEMS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "recommendation"}
# The precision of a finding, in GitHub's words: what errors state is proved.
_PRECISION = {Severity.ERROR: "high", Severity.WARNING: "medium", Severity.INFO: "medium"}


def render(results: Results, options: RenderOptions) -> str:
    """Return a run with all rules, the findings worst first, and whether the run was complete."""
    rules = _rules(results, options)
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "locklint",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": rules,
            }
        },
        "invocations": [_invocation(results, options)],
        "columnKind": "unicodeCodePoints",
        "results": _findings(results, options, index),
    }
    base = options.base or options.root
    if base:
        run["originalUriBaseIds"] = {BASE: {"uri": places.folder_uri(base)}}
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2) + "\n"


# -- rules ------------------------------------------------------------------------------------


def _rules(results: Results, options: RenderOptions) -> list[dict[str, Any]]:
    rules = [_rule(rule, options) for rule in sorted(options.rules, key=lambda rule: rule.code)]
    known = {rule["id"] for rule in rules}
    reported = [*results.diagnostics, *results.known]
    reported += [hidden.diagnostic for hidden in results.silenced]
    for diagnostic in sorted(reported, key=lambda each: each.code):
        if diagnostic.code not in known:
            known.add(diagnostic.code)
            rules.append({"id": diagnostic.code, "name": diagnostic.name})
    return rules


def _rule(rule: Rule, options: RenderOptions) -> dict[str, Any]:
    address = options.page(rule.code, rule.name)
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": _sentence(rule.summary)},
        "fullDescription": {"text": _first_paragraph(rule.page)},
        "help": {"text": rule.page.strip(), "markdown": rule.page.strip()},
        **({"helpUri": address} if address else {}),
        "defaultConfiguration": {
            "level": LEVELS[rule.severity],
            "enabled": rule.default,
        },
        "properties": {
            "tags": ["concurrency", "locks"],
            "precision": _PRECISION[rule.severity],
            "problem.severity": _PROBLEMS[rule.severity],
        },
    }


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def _first_paragraph(page: str) -> str:
    """The first paragraph below the first heading, as one line."""
    for paragraph in page.strip().split("\n\n"):
        if not paragraph.startswith("#"):
            return " ".join(paragraph.split())
    return page.strip()


# -- findings ---------------------------------------------------------------------------------


def _invocation(results: Results, options: RenderOptions) -> dict[str, Any]:
    invocation: dict[str, Any] = {"executionSuccessful": not results.errors}
    notes = [_notification("error", error.description, error, options) for error in results.errors]
    for each in results.not_analysed:
        # Files that Python cannot use are results.
        if not each.reason.is_bad_input:
            what = f"`{each.function}` was" if each.function else "the file was"
            text = f"{what} not analysed: {each.message or words_of(each.reason)}"
            notes.append(_notification("warning", text, each, options))
    if notes:
        invocation["toolExecutionNotifications"] = notes
    return invocation


def _notification(
    level: str, text: str, about: Defect | NotAnalysed, options: RenderOptions
) -> dict[str, Any]:
    return {
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": _artifact(about.path, options)}],
    }


def _findings(
    results: Results, options: RenderOptions, index: dict[str, int]
) -> list[dict[str, Any]]:
    """Return the findings to show, worst first, and after them, if wanted, the others, marked."""

    def finding(diagnostic: Diagnostic, state: str) -> dict[str, Any]:
        identity = fingerprint(diagnostic, results.sources.get(diagnostic.path))
        found = _finding(diagnostic, results, options)
        found["ruleIndex"] = index[diagnostic.code]
        # GitHub follows a finding from run to run by the second of these, and by nothing else.
        found["partialFingerprints"] = {
            "locklint/v1": identity,
            "primaryLocationLineHash": f"{identity}:{diagnostic.occurrence}",
        }
        if results.compared:
            found["baselineState"] = state
        return found

    found = [finding(each, "new") for each in places.worst_first(results)]
    if options.hidden:
        found += [finding(each, "unchanged") for each in results.known]
        for hidden in results.silenced:
            suppression = {"kind": "inSource", "status": "accepted"}
            if hidden.reason:
                suppression["justification"] = hidden.reason
            found.append({**finding(hidden.diagnostic, "new"), "suppressions": [suppression]})
    return found


def _finding(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> dict[str, Any]:
    steps, omitted = _capped(diagnostic)
    order = numbers(diagnostic)
    finding: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "level": LEVELS[diagnostic.severity],
        "message": {"text": _message(diagnostic, results)},
        "locations": [
            _location(
                diagnostic.path, diagnostic.span, results, options, function=diagnostic.function
            )
        ],
    }
    if steps:
        finding["relatedLocations"] = [
            {
                "id": order[at],
                **_location(step.path, step.span, results, options, step.message, step.function),
            }
            for at, step in sorted(steps, key=lambda pair: order[pair[0]])
        ]
        flows = _thread_flows(diagnostic, steps, order, results, options)
        finding["codeFlows"] = [{"threadFlows": flows}]
    if diagnostic.fix and not _is_notebook(diagnostic.path, results):
        finding["fixes"] = [_fix(diagnostic.path, diagnostic.fix, options)]
    finding["properties"] = {
        "confidence": diagnostic.confidence.label,
        "locks": list(diagnostic.locks),
        **({"omittedSteps": omitted} if omitted else {}),
    }
    return finding


def _message(diagnostic: Diagnostic, results: Results) -> str:
    parts = [f"{diagnostic.message}{places.cell_note(diagnostic, results)}"]
    conclusion = standstill(diagnostic)
    if conclusion:
        parts.append(conclusion)
    if diagnostic.help:
        parts.append(diagnostic.help)
    return " ".join(_sentence(part) if index else f"{part}." for index, part in enumerate(parts))


def _capped(diagnostic: Diagnostic) -> tuple[list[tuple[int, Step]], int]:
    """The steps to show with their indices, and how many of the middles were left out."""
    lanes = threads(diagnostic)
    groups: dict[int, list[tuple[int, Step]]] = {}
    for at, step in enumerate(diagnostic.steps):
        groups.setdefault(step.thread if lanes else 0, []).append((at, step))
    if len(diagnostic.steps) <= MOST_STEPS:
        return [pair for group in groups.values() for pair in group], 0
    share = max(MOST_STEPS // len(groups), 2)
    kept = [pair for group in groups.values() for pair in _ends(group, share)]
    return kept[:MOST_STEPS], len(diagnostic.steps) - len(kept[:MOST_STEPS])


def _ends(group: list[tuple[int, Step]], share: int) -> list[tuple[int, Step]]:
    if len(group) <= share:
        return group
    head = share // 2
    return group[:head] + group[len(group) - (share - head) :]


def _thread_flows(
    diagnostic: Diagnostic,
    steps: Sequence[tuple[int, Step]],
    order: dict[int, int],
    results: Results,
    options: RenderOptions,
) -> list[dict[str, Any]]:
    """A flow for each thread; steps of no thread are no part of what happens in one."""

    def flow(name: str, own: Iterable[tuple[int, Step]]) -> dict[str, Any]:
        return {
            **({"id": name, "message": {"text": name}} if name else {}),
            "locations": [_flow_location(step, order[at], results, options) for at, step in own],
        }

    lanes = threads(diagnostic)
    if not lanes:
        return [flow("", steps)]
    return [
        flow(thread_name(own[0]), [(at, step) for at, step in steps if step.thread == number])
        for number, own in lanes.items()
    ]


def _flow_location(
    step: Step, number: int, results: Results, options: RenderOptions
) -> dict[str, Any]:
    state = {
        name: {"text": text}
        for name, text in (("holding", ", ".join(step.held)), ("waits for", step.waits_for))
        if text
    }
    return {
        "location": _location(step.path, step.span, results, options, step.message, step.function),
        "executionOrder": number,
        "kinds": [step.role],
        **({"state": state} if state else {}),
    }


def _location(
    path: str,
    span: Span,
    results: Results,
    options: RenderOptions,
    message: str = "",
    function: str = "",
) -> dict[str, Any]:
    physical = _artifact(path, options)
    physical["region"] = _region(places.file_span(path, span, results))
    location: dict[str, Any] = {"physicalLocation": physical}
    if function:
        location["logicalLocations"] = [{"fullyQualifiedName": function, "kind": "function"}]
    if message:
        location["message"] = {"text": message}
    return location


def _artifact(path: str, options: RenderOptions) -> dict[str, Any]:
    artifact = {"uri": places.relative_uri(path, options)}
    if not os.path.isabs(places.relative(path, options)) and (options.base or options.root):
        artifact["uriBaseId"] = BASE
    return {"artifactLocation": artifact}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _fix(path: str, fix: Fix, options: RenderOptions) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.content}}
        for edit in fix.edits
    ]
    change = {**_artifact(path, options), "replacements": replacements}
    return {"description": {"text": fix.message}, "artifactChanges": [change]}


def _is_notebook(path: str, results: Results) -> bool:
    source = results.sources.get(path)
    return source is not None and bool(source.cells)
