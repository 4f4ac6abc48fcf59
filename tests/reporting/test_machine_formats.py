"""What the readers of the other formats insist on."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import msgspec

from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.core.source import Span
from locklint.engine.report import InternalError, Report
from locklint.reporting import render
from locklint.reporting.fingerprint import numbered
from locklint.reporting.interleaving import holdings, standstill, telling
from locklint.reporting.markdown import ROWS, summary
from locklint.reporting.options import RenderOptions
from tests.reporting.canned import CYCLE_FILES, ODD, Canned, cycle, every_kind, finding, leak, step

PLACE = Span(1, 1, 1, 2)


def many(severity: Severity, count: int) -> list[Any]:
    """So many findings of one severity."""
    one = msgspec.structs.replace(finding("a.py", PLACE, "no"), severity=severity)
    return [one] * count


def test_github_is_told_what_it_will_not_show() -> None:
    findings = [*many(Severity.WARNING, 11), *many(Severity.ERROR, 12), *many(Severity.INFO, 9)]
    lines = render("github", Report(tuple(findings)), RenderOptions(closing=False)).splitlines()
    assert lines[0].startswith("::notice title=locklint::GitHub shows 10 annotations")
    assert "2 of 12 errors and 1 of 11 warnings are only in the log" in lines[0]
    kinds = [line.split(" ")[0] for line in lines[1:]]
    assert kinds == ["::error"] * 12 + ["::warning"] * 11 + ["::notice"] * 9
    findings = [*many(Severity.ERROR, 10), *many(Severity.WARNING, 10), *many(Severity.INFO, 10)]
    lines = render("github", Report(tuple(findings)), RenderOptions(closing=False)).splitlines()
    assert "1 of 10 infos are only" in lines[0]
    del findings[-1]
    text = render("github", Report(tuple(findings)), RenderOptions(closing=False))
    assert "GitHub shows" not in text


def test_github_gets_no_columns_for_several_lines() -> None:
    report = Report((finding("a.py", Span(3, 5, 4, 2), "no"),))
    text = render("github", report, RenderOptions(closing=False))
    assert text == "::error title=locklint (LCK102),file=a.py,line=3,endLine=4::no\n"


def test_nothing_of_a_message_becomes_a_command() -> None:
    evil = finding("a.py", PLACE, "x\n::error::y\r##vso[task.complete]%0A")
    for name in ("github", "azure"):
        lines = render(name, Report((evil,)), RenderOptions(closing=False)).splitlines()
        assert len(lines) == 1
        assert "%250A" in lines[0] or "%AZP250A" in lines[0]


def test_gitlab_fingerprints_differ() -> None:
    equal = tuple(numbered((leak(), leak(), leak())))

    def fingerprints(*findings: Diagnostic) -> list[str]:
        records = json.loads(render("gitlab", Report(findings), RenderOptions()))
        return [record["fingerprint"] for record in records]

    everything = fingerprints(*equal)
    assert len(set(everything)) == 3
    # A report that shows some of them gives them no other name.
    assert fingerprints(*equal[1:]) == everything[1:]
    assert json.loads(render("gitlab", Report(), RenderOptions())) == []


def test_junit_without_findings_has_a_test_that_passes() -> None:
    root = ElementTree.fromstring(render("junit", Report(), RenderOptions()))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("1", "0", "0")
    assert root.find("testsuite/testcase/failure") is None


def test_junit_counts_findings_and_errors() -> None:
    odd = finding("a\x00\x1b\udc80.py", PLACE, "no\x07 <&]]>")
    report = Report((odd, leak(), leak()), errors=(InternalError("b.py", "KeyError", ""),))
    text = render("junit", report, RenderOptions())
    text.encode("utf-8")
    root = ElementTree.fromstring(text)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "3", "1")
    assert [suite.get("tests") for suite in root] == ["1", "2", "1"]


def test_rdjson_counts_bytes() -> None:
    text = render("rdjson", every_kind(), RenderOptions(root="/", base="/"))
    record = json.loads(text)["diagnostics"][2]
    start = record["location"]["range"]["start"]
    line = ODD.splitlines()[1].encode()
    assert start == {"line": 2, "column": line.index(b"na") + 1}
    assert record["suggestions"][0]["range"]["end"]["column"] == line.index(b")") + 2


def test_json_lines_are_the_findings_of_json() -> None:
    options = RenderOptions(root="/")
    lines = render("json-lines", every_kind(), options).splitlines()
    whole = json.loads(render("json", every_kind(), options))
    assert [json.loads(line) for line in lines] == whole["diagnostics"]
    assert render("json-lines", Report(), options) == ""


def test_rows_of_a_notebook_are_those_of_the_cell() -> None:
    record = json.loads(render("json", every_kind(), RenderOptions()))["diagnostics"][3]
    assert (record["cell"], record["location"]["row"], record["trace"][0]["row"]) == (3, 1, 2)


def test_a_summary_keeps_its_size() -> None:
    report = Canned().report(*[leak()] * 2000)
    text = summary(report, RenderOptions())
    assert len(text.encode()) < 2**20
    assert f"… and {2000 - ROWS} more." in text
    assert len(render("markdown", report, RenderOptions())) > len(text)


def test_stories_are_told_in_the_order_in_which_they_happen() -> None:
    report = Canned(CYCLE_FILES).report(cycle())
    lines = list(telling(cycle(), report, RenderOptions()))
    assert [line.split(",")[0] for line in lines[:6]] == [
        "1. thread 1",
        "2. thread 1",
        "3. thread 2",
        "4. thread 2",
        "5. thread 1",
        "6. thread 2",
    ]
    assert lines[4].endswith("log: waits for `audit.ledger`, which thread 2 holds")
    assert standstill(leak()) == ""


def test_what_is_held_is_said_where_it_changes() -> None:
    place = Span(1, 1, 1, 2)
    steps = [
        step("a.py", place, role.value, held, role)
        for role, held in (
            (StepRole.ACQUIRE, ["A"]),
            (StepRole.CALL, ["A"]),
            (StepRole.ACQUIRE, ["A", "B"]),
            (StepRole.RAISE, ["A", "B"]),
            (StepRole.RELEASE, ["A"]),
            (StepRole.MADE, []),
            (StepRole.NOTE, []),
        )
    ]
    assert holdings(finding("a.py", place, "", *steps)) == [
        "",
        "",
        "[holding: A, B]",
        "",
        "[holding: A]",
        "",
        "[holding: nothing]",
    ]


def test_a_task_is_not_called_a_thread() -> None:
    steps = [msgspec.structs.replace(each, in_task=each.thread == 2) for each in cycle().steps]
    mixed = msgspec.structs.replace(cycle(), steps=tuple(steps))
    assert "; task 2 waits for `accounts.accounts`" in standstill(mixed)
    report = Canned(CYCLE_FILES).report(mixed)
    assert list(telling(mixed, report, RenderOptions()))[2].startswith("3. task 2, ")
