"""Whatever names and code hold, no terminal and no service that runs jobs obeys it."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from locklint.core.source import Span
from locklint.engine.compare import as_json, as_markdown, as_text, compare, read_findings
from locklint.reporting import FORMATS, GRAPH_FORMATS, WITH_COMMANDS, render, render_graph
from locklint.reporting.lock_graph import GraphEdge, LockGraph
from locklint.reporting.options import RenderOptions
from locklint.reporting.printable import escaped, without_commands
from tests.reporting.canned import Canned, finding, step
from tests.reporting.graphs import lock, place, witness

EVIL = (
    "::error file=x::pwned",
    "##vso[task.setvariable variable=p]q",
    "##[add-mask]x",
    "##teamcity[message]",
    "\x1b[31mred\x9b",
    "\u202eright\u2066to\u200eleft",
    "two\u2028lines\x85\x0b\x0c",
    "a\n::error::b",
    "a\r::error::b",
)
FIRST_OF_A_LINE = re.compile(r"^[^\S\n]*::(?!:)", re.MULTILINE)
ANYWHERE = re.compile(r"##\w*\[")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e\u2066\u200e]")
OWN = re.compile(r"^(::error title=locklint |##vso\[task\.logissue type=)", re.MULTILINE)

SPAN = Span(1, 1, 1, 5)


def _obeyed(text: str) -> list[str]:
    """What a terminal or a service would obey."""
    kinds = (FIRST_OF_A_LINE, ANYWHERE, CONTROL)
    return [match[0] for kind in kinds for match in kind.finditer(text)]


def _rendered(output_format: str, evil: str, width: int | None = None) -> str:
    """A story of two threads in which everything is called so."""
    first = replace(step(evil, SPAN, evil, (evil,)), function=evil, lock=evil, waits_for=evil)
    second = replace(first, path="m.py")
    steps = (*(replace(each, thread=1) for each in (first, second)), replace(second, thread=2))
    line = evil.replace("\n", " ").replace("\r", " ")
    canned = Canned({"m.py": f"{line}\n", evil: f"{line}\n"})
    found = finding(evil, SPAN, evil, *steps, advice=evil)
    report = canned.report(replace(found, function=evil, locks=(evil,)))
    return render(output_format, report, RenderOptions(width=width, root="/", rules=()))


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("evil", EVIL)
def test_no_format_passes_on_what_is_obeyed(output_format: str, evil: str) -> None:
    for width in (None, 30):
        text = _rendered(output_format, evil, width)
        if output_format in WITH_COMMANDS:
            text = OWN.sub("", text)
        assert _obeyed(text) == []


@pytest.mark.parametrize("evil", EVIL)
def test_programs_are_told_the_very_names(evil: str) -> None:
    data: Any = json.loads(_rendered("json", evil))["diagnostics"][0]
    assert (data["message"], data["filename"]) == (evil, f"/{evil}")
    assert json.loads(_rendered("sarif", evil))["runs"][0]["results"][0]["message"]
    if evil.isprintable():
        root = ElementTree.fromstring(_rendered("junit", evil))
        assert [each.get("message") for each in root.iter("failure")] == [evil]


def test_markdown_calls_nobody() -> None:
    text = _rendered("markdown", "@everyone/x.py")
    outside = re.sub(r"`[^`]*`|<code>[^<]*</code>", "", text)
    assert "@" in outside
    assert "@e" not in outside


@pytest.mark.parametrize("output_format", GRAPH_FORMATS)
@pytest.mark.parametrize("evil", EVIL)
def test_no_graph_passes_on_what_is_obeyed(output_format: str, evil: str) -> None:
    seen = dataclasses.replace(witness(3, evil, via=(evil,)), place=place(evil, 3))
    graph = LockGraph(
        locks=(lock(evil, made=place(evil, 1)), lock("other")),
        edges=(GraphEdge(evil, "other", (seen,)), GraphEdge("other", evil, (seen,))),
        cycles=((evil, "other"),),
    )
    assert _obeyed(render_graph(output_format, graph, RenderOptions())) == []


@pytest.mark.parametrize("evil", EVIL)
def test_comparisons_pass_on_nothing_that_is_obeyed(tmp_path: Path, evil: str) -> None:
    path = tmp_path / "new.json"
    path.write_text(_rendered("json", evil))
    comparison = compare((), read_findings(str(path)))
    assert _obeyed(without_commands(as_text(comparison))) == []
    assert _obeyed(without_commands(as_markdown(comparison))) == []
    assert _obeyed(as_json(comparison)) == []
    assert json.loads(as_json(comparison))["introduced"][0]["message"] == evil


def test_what_is_no_command_stays() -> None:
    for text in ("a::b\n", "## locklint\n", "x = y[::2]  # [1]\n", "#[1]", ": :", "::: x.py:1"):
        assert without_commands(text) == text


def test_escapes() -> None:
    assert escaped("a b/ü\u3000𝒳.py") == "a b/ü\u3000𝒳.py"
    assert escaped("a\n\x1b\x85\u202e\u2028b") == r"a\n\x1b\x85\u202e\u2028b"
