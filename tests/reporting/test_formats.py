"""Concise and JSON output, the table of statistics, and fingerprints."""

from __future__ import annotations

import json
import os
import re

import msgspec
import pytest

from locklint import __version__
from locklint.core.diagnostic import Applicability, Fix, Severity, TextEdit
from locklint.core.source import SourceFile, Span
from locklint.engine.report import Report
from locklint.reporting import FORMATS, render
from locklint.reporting.fingerprint import fingerprint
from locklint.reporting.options import RenderOptions
from locklint.rules import ALL_RULES
from tests.reporting.canned import PORT, Canned, finding, leak, span

ROOT = os.path.abspath(os.sep)


def test_concise() -> None:
    assert render("concise", Canned().report(leak()), RenderOptions()) == (
        "src/port.py:10:9: LCK102 `self._lock` stays locked if `self.serial.write(data)` raises"
        " [error]\n"
        "Found 1 error in 1 file.\n"
        "Analysed 120 files (34 mention locks), 410 functions, 57 locks.\n"
    )


def test_pages_of_rules_are_linked_to_where_they_have_an_address() -> None:
    address = "https://docs.example.com/{name}/{code}.html"
    options = RenderOptions(docs_url=address, rules=ALL_RULES)
    report = Canned().report(leak())
    expected = "https://docs.example.com/unreleased-on-exception/LCK102.html"
    assert json.loads(render("json", report, options))["diagnostics"][0]["url"] == expected
    code = json.loads(render("rdjson", report, options))["diagnostics"][0]["code"]
    assert code == {"value": "LCK102", "url": expected}
    rules = json.loads(render("sarif", report, options))["runs"][0]["tool"]["driver"]["rules"]
    assert {rule["id"]: rule["helpUri"] for rule in rules}["LCK102"] == expected
    without = json.loads(render("sarif", report, RenderOptions(rules=ALL_RULES)))
    assert "helpUri" not in without["runs"][0]["tool"]["driver"]["rules"][0]


def test_what_the_baseline_knows_is_counted() -> None:
    report = Report(known=(leak(), leak()), compared=True)
    assert render("concise", report, RenderOptions()).startswith(
        "No new findings (2 in the baseline).\n"
    )
    assert json.loads(render("json", report, RenderOptions()))["summary"]["known"] == 2


def test_the_closing_lines_keep_to_a_narrow_terminal() -> None:
    rows = render("full", Report(), RenderOptions(width=40)).splitlines()
    assert rows == [
        "No findings.",
        "Analysed 0 files (0 mention locks), 0",
        "functions, 0 locks.",
    ]


def test_concise_keeps_a_finding_on_one_line() -> None:
    odd = finding("a\nb.py", Span(1, 1, 1, 1), "first\r\nsecond")
    text = render("concise", Report((odd,)), RenderOptions(closing=False, encoding="ascii"))
    assert re.fullmatch(r"a\?b.py:1:1: LCK102 first\?\?second \[(error|warning)\]\n", text)
    assert text.count("\n") == 1


def test_concise_in_colour() -> None:
    report = Canned().report(leak())
    plain = render("concise", report, RenderOptions())
    coloured = render("concise", report, RenderOptions(color=True))
    assert "\x1b[1;31mLCK102\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_json() -> None:
    document = json.loads(render("json", Canned().report(leak()), RenderOptions(root=ROOT)))
    filename = os.path.join(ROOT, "src", "port.py")
    assert document == {
        "version": __version__,
        "summary": {
            "findings": 1,
            "errors": 1,
            "warnings": 0,
            "infos": 0,
            "suppressed": 0,
            "known": 0,
            "internal_errors": 0,
            "files_with_findings": 1,
            "files": 120,
            "files_mentioning_locks": 34,
            "functions": 410,
            "functions_not_analysed": 0,
            "locks": 57,
            "lock_order_edges": 0,
            "not_analysed": [],
        },
        "diagnostics": [
            {
                "code": "LCK102",
                "name": "unreleased-on-exception",
                "message": "`self._lock` stays locked if `self.serial.write(data)` raises",
                "severity": "error",
                "confidence": "high",
                "url": None,
                "filename": filename,
                "cell": None,
                "location": {"row": 10, "column": 9},
                "end_location": {"row": 10, "column": 29},
                "fix": None,
                "fingerprint": document["diagnostics"][0]["fingerprint"],
                "locks": ["port.Port._lock"],
                "trace": [
                    {
                        "role": role,
                        "file": filename,
                        "cell": None,
                        "row": row,
                        "column": 9,
                        "function": "Port.send",
                        "lock": "port.Port._lock",
                        "message": message,
                        "held": held,
                        "thread": 0,
                        "waits_for": "",
                    }
                    for role, row, message, held in (
                        ("acquire", 10, "acquired here", ["port.Port._lock"]),
                        ("raise", 11, "can raise", ["port.Port._lock"]),
                        ("release", 15, "skipped then", []),
                    )
                ],
            }
        ],
    }


def test_json_of_a_fix_and_of_a_path_that_is_no_text() -> None:
    place = Span(1, 2, 3, 4)
    fix = Fix("use `with`", (TextEdit(place, "with lock:"),), Applicability.UNSAFE)
    odd = msgspec.structs.replace(finding("\udcff.py", place, "ü"), fix=fix)
    text = render("json", Report((odd,)), RenderOptions())
    assert text.isascii()
    record = json.loads(text)["diagnostics"][0]
    assert (record["filename"], record["message"]) == ("\udcff.py", "ü")
    assert record["fix"] == {
        "applicability": "unsafe",
        "message": "use `with`",
        "edits": [
            {
                "content": "with lock:",
                "location": {"row": 1, "column": 2},
                "end_location": {"row": 3, "column": 4},
            }
        ],
    }


def test_json_without_findings_is_a_whole_document() -> None:
    document = json.loads(render("json", Report(), RenderOptions(closing=False)))
    assert document["diagnostics"] == []
    assert document["summary"]["files"] == 0


def test_statistics() -> None:
    place = span(PORT, "Port")
    findings = [finding("src/port.py", place, "no", code=code) for code in ("LCK201", "LCK107")]
    findings += [finding("src/port.py", place, "no")] * 10
    report = Canned().report(*findings)
    expected = """\
10  LCK102  unreleased-on-exception
 1  LCK107  some-rule
 1  LCK201  some-rule

Found 12 errors in 1 file.
Analysed 120 files (34 mention locks), 410 functions, 57 locks.
"""
    options = RenderOptions(statistics=True)
    assert render("full", report, options) == expected
    assert render("concise", report, options) == expected
    assert json.loads(render("json", report, options))["summary"]["rules"] == [
        {"code": "LCK102", "name": "unreleased-on-exception", "count": 10},
        {"code": "LCK107", "name": "some-rule", "count": 1},
        {"code": "LCK201", "name": "some-rule", "count": 1},
    ]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("statistics", [False, True])
def test_every_format_renders_nothing_and_something(name: str, statistics: bool) -> None:
    options = RenderOptions(statistics=statistics)
    for report in (Report(), Canned().report(leak())):
        text = render(name, report, options)
        assert text.endswith("\n") or (text, name) == ("", "json-lines")


def test_an_unknown_format_is_an_error() -> None:
    with pytest.raises(ValueError, match="xml"):
        render("xml", Report(), RenderOptions())


def _fingerprint(line: str, **changes: object) -> str:
    row, last = line.count("\n") + 1, line.rpartition("\n")[2]
    place = Span(row, len(last) - len(last.lstrip()) + 1, row, len(last) + 1)
    diagnostic = msgspec.structs.replace(leak(), span=place, **changes)
    return fingerprint(diagnostic, SourceFile("src/port.py", "port", line))


def test_fingerprints_do_not_know_line_numbers_white_space_comments_or_severity() -> None:
    base = _fingerprint("lock.acquire( )")
    assert base == _fingerprint("\n\n\n    lock.acquire()  # now")
    assert base == _fingerprint("lock.acquire()", severity=Severity.WARNING, message="other")
    assert base == _fingerprint("lock.acquire()", path="elsewhere.py")
    assert len(base) == 16


def test_fingerprints_know_rule_function_locks_and_text() -> None:
    line = "lock.acquire()"
    different = [
        _fingerprint(line),
        _fingerprint(line, code="LCK101"),
        _fingerprint(line, function="Port.receive"),
        _fingerprint(line, locks=("port.Port._lock", "port.other")),
        _fingerprint("lock.release()"),
        _fingerprint(line, function=""),
    ]
    assert len(set(different)) == len(different)
    assert _fingerprint(line, locks=("a", "b")) == _fingerprint(line, locks=("b", "a"))
