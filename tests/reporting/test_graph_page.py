"""The page of the lock-order graph with its interactive picture."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from locklint.cli.graph_script import graph_script
from locklint.reporting.lock_graph import GraphEdge, GraphLock, LockGraph
from locklint.reporting.printable import printable
from tests.reporting.graphs import ACCOUNT, BANK, LEDGER, ODD, place, rendered, witness

STUB = "var vis = {};\n// \u00e9\U0001f512 <\u0021-- </SCRIPT>\n"
"""What takes the place of the library where nothing is drawn."""

EVIL = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "m.locks['\"&quot;&#34;']",
    "##vso[task]x",
    "::error::x",
    "m.\u2028\u202elock\udcff",
    "javascript:alert(1)//",
    "__proto__",
    "m.`${alert(1)}`",
)

HOSTILE = LockGraph(
    tuple(GraphLock(name, "K", False, "one object", place(f"{name}.py", 1)) for name in EVIL),
    tuple(GraphEdge(name, EVIL[0], (witness(1, name, via=(name,)),)) for name in EVIL),
    ((EVIL[0],), EVIL[:2]),
)


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._is_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self._is_script = True
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_script = self._is_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts[-1] += data

    @property
    def policy(self) -> str:
        """What the page allows itself."""
        found = [each["content"] for _, each in self.tags if "http-equiv" in each]
        assert len(found) == 1
        return found[0] or ""

    @property
    def data(self) -> Any:
        """What the script reads."""
        return json.loads(self.scripts[0])


def _page(graph: LockGraph, script: str = STUB) -> _Page:
    return _Page(rendered("html", graph, graph_script=script))


@pytest.mark.parametrize("graph", [BANK, ODD, HOSTILE])
def test_only_its_own_scripts_run(graph: LockGraph) -> None:
    page = _page(graph)
    assert len(page.scripts) == 3
    digests = re.findall(r"'sha256-([^']+)'", page.policy)
    assert digests == [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in page.scripts[1:]
    ]
    assert "default-src 'none'" in page.policy
    assert page.policy.count("unsafe") == page.policy.count("style-src 'unsafe-inline'") == 1
    assert page.policy.count("script-src") == 1
    assert [each.get("type") for tag, each in page.tags if tag == "script"] == [
        "application/json",
        None,
        None,
    ]


@pytest.mark.parametrize("script", ["", STUB])
@pytest.mark.parametrize("graph", [BANK, ODD, HOSTILE])
def test_it_loads_nothing(graph: LockGraph, script: str) -> None:
    text = rendered("html", graph, graph_script=script)
    assert text.replace("\u200b", "").isascii()  # It keeps services from seeing a command.
    page = _Page(text)
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint(("link", "img", "iframe", "image", "use", "object", "embed", "base"))
    for _, attributes in page.tags:
        assert attributes.keys().isdisjoint(("src", "srcset", "action", "background", "ping"))
        assert not any(name.startswith("on") for name in attributes)
        href = urlsplit(attributes.get("href") or "")
        assert (href.scheme, href.netloc) == ("", "")
    assert "@import" not in text
    assert "url(" not in re.sub(r"url\(#(red)?tip\)", "", text)


def test_texts_of_the_library_are_kept() -> None:
    library = _page(BANK).scripts[1]
    assert library.isascii()
    assert library == "var vis = {};\n// \\u00e9\\ud83d\\udd12 \\x3c!-- \\x3c/SCRIPT>\n"


def test_hostile_names_are_data() -> None:
    page = _page(HOSTILE)
    names = [printable(name, "utf-8") for name in EVIL]
    shown = [each["name"].replace("#\u200b", "#") for each in page.data["locks"]]
    assert shown == names
    assert [each["source"] for each in page.data["edges"]] == list(range(len(EVIL)))
    assert not re.search("[<>&#]", page.scripts[0])
    links = [each["href"] or "" for tag, each in page.tags if tag == "a"]
    assert "javascript%3Aalert%281%29/.py#L1" in links


def test_the_data_of_the_picture() -> None:
    data = _page(BANK).data
    assert data["locks"][0] == {
        "name": ACCOUNT,
        "short": ACCOUNT,
        "module": "bank.Account",
        "cycle": True,
        "about": f"{ACCOUNT}: threading.Lock, one of each instance, made at bank.py:11",
    }
    assert [
        (each["source"], each["target"], each["waits"], each["cycles"]) for each in data["edges"]
    ] == [(0, 2, True, [1]), (1, 2, False, []), (2, 0, True, [1]), (2, 1, True, [])]
    assert data["edges"][2]["about"] == f"{LEDGER} -> {ACCOUNT}: bank.py:22:5 in Account.show"


def test_each_row_belongs_to_a_part_of_the_picture() -> None:
    page = _page(BANK)
    for name, number in (("lock", 3), ("edge", 4), ("cycle", 1)):
        rows = [each[f"data-{name}"] for _, each in page.tags if f"data-{name}" in each]
        assert rows == [str(index) for index in range(number)]


def test_a_lock_that_is_a_cycle_by_itself() -> None:
    lock = GraphLock("m.A._lock", "threading.Lock", False, "one object", None, "A._lock", "m")
    graph = LockGraph((lock,), (GraphEdge(lock.name, lock.name, (witness(1),)),), ((lock.name,),))
    data = _page(graph).data
    assert data["edges"][0]["cycles"] == [1]
    assert data["locks"][0]["cycle"] is True
    assert _options(rendered("html", graph, graph_script=STUB), "cycle") == [
        ("", "all edges"),
        ("any", "any of 1"),
        ("1", "1: m.A._lock -&gt; m.A._lock"),
    ]


def _options(text: str, name: str) -> list[tuple[str, str]]:
    (inside,) = re.findall(rf'<select id="{name}">(.*?)</select>', text)
    return re.findall(r'<option value="(.*?)">(.*?)</option>', inside)


def _in_modules(*modules: str) -> LockGraph:
    locks = tuple(
        GraphLock(f"{module}.lock{index}", "K", False, "one object", None, f"lock{index}", module)
        for index, module in enumerate(modules)
    )
    edges = tuple(GraphEdge(lock.name, locks[0].name, (witness(1),)) for lock in locks)
    return LockGraph(locks, edges)


def test_choices_of_modules_and_groups() -> None:
    text = rendered("html", _in_modules("a.b.c", "a.b.c", "a.b.d", "a.e", "f"), graph_script=STUB)
    assert _options(text, "module") == [
        ("", "all"),
        ("a", "a.* (4)"),
        ("a.b", "a.b.* (3)"),
        ("a.b.c", "a.b.c (2)"),
        ("a.b.d", "a.b.d (1)"),
        ("a.e", "a.e (1)"),
        ("f", "f (1)"),
    ]
    assert _options(text, "group") == [
        ("auto", "automatic"),
        ("0", "none (5 locks)"),
        ("3", "module (4)"),
        ("2", "package, 2 parts (3)"),
        ("1", "package, 1 part (2)"),
    ]
    assert _options(text, "cycle") == [("", "all edges")]


@pytest.mark.parametrize(
    ("path", "folder", "link"),
    [
        ("bank.py", "/src", "bank.py#L16"),
        ("a b/bank.py", "/src/out/pages", "../../a%20b/bank.py#L16"),
        ("/other/bank.py", "/src", "../other/bank.py#L16"),
        ("x:y?z#.py", "", "x%3Ay%3Fz%23.py#L16"),
    ],
)
def test_places_are_links_from_the_page(path: str, folder: str, link: str) -> None:
    edge = GraphEdge(ACCOUNT, LEDGER, (witness(16, at=path),))
    text = rendered("html", LockGraph(BANK.locks, (edge,)), page_folder=folder)
    assert link in {each.get("href") for _, each in _Page(text).tags}


def test_a_graph_without_locks_needs_no_script() -> None:
    page = _page(LockGraph())
    assert page.scripts == []
    assert "script-src" not in page.policy


@pytest.mark.skipif(not graph_script(), reason="locklint[report] is not installed")
def test_the_library_of_the_extra() -> None:
    script = graph_script()
    assert "vis-network" in script[:200]
    page = _page(BANK, script)
    assert len(page.scripts[1]) > 300_000
    # Neither commands to services nor ends of scripts are in it, so that its digest holds.
    test_only_its_own_scripts_run(BANK)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""


@pytest.mark.skipif(not (CHROMIUM and graph_script()), reason="needs Chromium and the extra")
@pytest.mark.parametrize(
    ("graph", "count"),
    [
        (BANK, "3 of 3 locks, 4 of 4 edges"),
        (HOSTILE, f"{len(EVIL)} of {len(EVIL)} locks, {len(EVIL)} of {len(EVIL)} edges"),
    ],
)
def test_a_browser_draws_it(tmp_path: Path, graph: LockGraph, count: str) -> None:
    page = tmp_path / "order.html"
    page.write_text(rendered("html", graph, graph_script=graph_script()))
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", profile, "--v=0"]
    command += ["--enable-logging=stderr", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    assert '<body class="live">' in done.stdout
    assert f'<output id="count">{count}</output>' in done.stdout
    assert "<canvas" in done.stdout
