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
from urllib.parse import unquote, urlsplit

import pytest

from locklint.cli.graph_script import graph_script
from locklint.reporting.lock_graph import GraphEdge, GraphLock, LockGraph
from locklint.reporting.printable import printable
from tests.reporting.graphs import ACCOUNT, BANK, LEDGER, ODD, place, rendered, witness

STUB = "var vis = {};\n// \u00e9\U0001f512 <\u0021-- </SCRIPT>\n"
"""A stand-in for the library, for tests that draw nothing."""

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
        """The content policy of the page."""
        found = [each["content"] for _, each in self.tags if "http-equiv" in each]
        assert len(found) == 1
        return found[0] or ""

    @property
    def data(self) -> Any:
        """The data that the script reads."""
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


def test_the_plain_drawing_of_a_large_graph_shows_its_cycles() -> None:
    graph = _shop(7)
    text = rendered("html", graph)
    page = _Page(text)
    assert "Of 70 locks the picture shows the cycles alone. The tables hold all." in text
    assert sum(tag == "rect" for tag, _ in page.tags) == 3
    rows = [f"#edge{row}" for row, e in enumerate(graph.edges, start=1) if graph.is_in_cycle(e)]
    assert len(rows) == 3
    drawn = [each["href"] for tag, each in page.tags if tag == "a" and each.get("class") == "cycle"]
    assert drawn == rows
    assert sum("data-lock" in each for _, each in page.tags) == 70
    text = rendered("html", LockGraph(graph.locks, graph.edges))
    assert "Of 70 locks no picture is drawn. The tables hold all." in text
    assert "<svg" not in text
    assert rendered("html", _shop(6)).count("<rect") == 60


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""


def _in_browser(page: str, folder: Path) -> str:
    """Return the page as it is after its scripts have run; no message in the console is allowed."""
    file = folder / "order.html"
    file.write_text(page)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,800"]
    command += [f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--v=0"]
    command += ["--virtual-time-budget=3000", "--dump-dom", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    return done.stdout


@pytest.mark.skipif(not (CHROMIUM and graph_script()), reason="needs Chromium and the extra")
@pytest.mark.parametrize("graph", [BANK, HOSTILE])
def test_a_browser_draws_it(tmp_path: Path, graph: LockGraph) -> None:
    drawn = _in_browser(rendered("html", graph, graph_script=graph_script()), tmp_path)
    locks, edges = len(graph.locks), len(graph.edges)
    assert '<body class="live">' in drawn
    count = f"{locks} of {locks} locks, {edges} of {edges} edges"
    assert f'<output id="count">{count}</output>' in drawn
    assert "<canvas" in drawn


WATCHED = """
var vis = {
  DataSet: class {
    constructor(items) { this.items = new Map(items.map((item) => [item.id, item])); }
    update(items) { for (const item of items) Object.assign(this.items.get(item.id), item); }
  },
  Network: class {
    constructor(element, drawn) { Object.assign(window, { network: this, drawn, on: {} }); }
    on(event, action) { window.on[event] = action; }
    destroy() {}
    fit() {}
    moveTo() {}
    getScale() { return 1; }
    getPosition() { return { x: 1, y: 1 }; }
    canvasToDOM(place) { return place; }
  },
};
"""
"""A stand-in for the library that keeps what it is told to draw."""

WATCHER = """
const seen = {};
const set = (id, value) => {
  document.getElementById(id).value = value;
  document.getElementById(id).dispatchEvent(new Event("change"));
};
const of = (selector) => [...document.querySelectorAll(selector)].map((each) => each.id);
const boxes = () => [...drawn.nodes.items.values()];
const note = (name) => {
  seen[name] = {
    boxes: boxes().map(({ id, label, x, y }) => [id, label, x, y]),
    arrows: [...drawn.edges.items.values()].map(({ from, to, dashes }) => [from, to, dashes]),
    rows: of("tr:not([hidden])"), selected: of("tr.selected"), near: of("tr.near"),
  };
};
%s
const result = document.createElement("pre");
result.id = "seen";
result.textContent = encodeURIComponent(JSON.stringify(seen));
document.body.append(result);
"""


def _watched(graph: LockGraph, steps: str, folder: Path) -> dict[str, dict[str, Any]]:
    page = rendered("html", graph, graph_script=WATCHED)
    page = re.sub("<meta http-equiv.*>", "", page)  # It would not let the watcher run.
    drawn = _in_browser(page.replace("</html>", f"<script>{WATCHER % steps}</script>"), folder)
    (found,) = re.findall('<pre id="seen">(.*?)</pre>', drawn)
    seen: dict[str, dict[str, Any]] = json.loads(unquote(found))
    return seen


def _shop(modules: int) -> LockGraph:
    """Ten locks in each module, in one order; a cycle in the second, a lock alone in the third."""
    names = [(f"shop.m{one}", f"lock{other}") for one in range(modules) for other in range(10)]
    locks = tuple(
        GraphLock(f"{module}.{name}", "K", False, "one object", None, name, module)
        for module, name in names
    )
    pairs = [(index, index + 1) for index in range(len(locks) - 1)]
    pairs += [(index, index + 10) for index in range(len(locks) - 10)]
    pairs += [(12, 11), (25, 25)]
    edges = tuple(
        GraphEdge(locks[one].name, locks[other].name, (witness(1, waits=other - one != 10),))
        for one, other in sorted(pairs)
    )
    return LockGraph(locks, edges, ((locks[25].name,), (locks[11].name, locks[12].name)))


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
def test_filters_and_groups(tmp_path: Path) -> None:
    graph = _shop(5)
    seen = _watched(
        graph,
        """
        note("first");
        set("cycle", "any"); note("cycles");
        set("cycle", "1"); note("alone");
        set("cycle", ""); set("module", "shop.m4"); set("group", "0"); note("module");
        set("module", ""); note("all");
        set("group", "2"); on.doubleClick({ nodes: ["group shop.m0"] }); note("opened");
        """,
        tmp_path,
    )
    assert [box[:2] for box in seen["first"]["boxes"]] == [
        [f"group shop.m{number}", f"shop.m{number}\n10 locks"] for number in range(5)
    ]
    assert len(seen["first"]["rows"]) == 50 + len(graph.edges) + 2
    assert seen["first"]["arrows"][0] == ["group shop.m0", "group shop.m1", False]
    assert [box[:2] for box in seen["cycles"]["boxes"]] == [
        ["lock 11", "lock1"],
        ["lock 12", "lock2"],
        ["lock 25", "lock5"],
    ]
    assert seen["cycles"]["arrows"] == [
        ["lock 11", "lock 12", False],
        ["lock 12", "lock 11", False],
        ["lock 25", "lock 25", False],
    ]
    assert [box[0] for box in seen["alone"]["boxes"]] == ["lock 25"]
    assert [row for row in seen["alone"]["rows"] if not row.startswith("edge")] == [
        "cycle1",
        "lock26",
    ]
    inside = {f"lock {index}" for index in range(40, 50)}
    assert inside < {box[0] for box in seen["module"]["boxes"]}
    assert all(inside & {one, other} for one, other, _ in seen["module"]["arrows"])
    assert ["lock 30", "lock 40", True] in seen["module"]["arrows"]
    assert len(seen["all"]["boxes"]) == 50
    assert [box[0] for box in seen["opened"]["boxes"]] == [
        *[f"lock {index}" for index in range(10)],
        *[f"group shop.m{number}" for number in range(1, 5)],
    ]


def _wide(number: int) -> LockGraph:
    """Locks that lead to many others, with names of many lengths; every tenth by itself."""
    locks = tuple(
        GraphLock(f"m{index % 7}.C{index}.{'_long' * (index % 13)}", "K", False, "one object")
        for index in range(number)
    )
    pairs = {
        (one, other)
        for one in range(number)
        for other in (2 * one + 1, 2 * one + 2, one * 5 % number)
        if one < other < number and one % 10 and other % 10
    }
    pairs |= {(one, one) for one in range(0, number, 10)} | {(17, 1)}
    edges = tuple(
        GraphEdge(locks[one].name, locks[other].name, (witness(1),)) for one, other in sorted(pairs)
    )
    return LockGraph(locks, edges)


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
@pytest.mark.parametrize("number", [30, 500])
def test_no_two_boxes_overlap(tmp_path: Path, number: int) -> None:
    seen = _watched(_wide(number), 'note("first"); set("group", "0"); note("all");', tmp_path)
    ends = {name for edge in _wide(number).edges for name in (edge.source, edge.target)}
    assert len(seen["all"]["boxes"]) == len(ends) > 0.9 * number
    for drawn in seen.values():
        boxes = [
            (x, y, max(map(len, label.split("\n"))) * 8.4, len(label.split("\n")) * 17)
            for _, label, x, y in drawn["boxes"]
        ]
        for index, (x, y, width, height) in enumerate(boxes):
            for x2, y2, width2, height2 in boxes[index + 1 :]:
                apart = abs(x - x2) >= (width + width2) / 2 + 10
                assert apart or abs(y - y2) >= (height + height2) / 2 + 10


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
def test_rows_and_picture_select_each_other(tmp_path: Path) -> None:
    seen = _watched(
        BANK,
        """
        const click = (selector) => document.querySelector(selector).click();
        click("#edge1 .pick"); note("edge");
        click("#lock2 .pick"); note("lock");
        click("#cycle1 .pick"); note("cycle");
        on.click({ nodes: ["lock 1"], edges: ["x"] }); note("node");
        on.click({ nodes: [], edges: ["lock 2 -> lock 0"] }); note("arrow");
        on.click({ nodes: [], edges: [] }); note("nothing");
        """,
        tmp_path,
    )
    assert (seen["edge"]["selected"], seen["edge"]["near"]) == (["edge1"], ["lock1", "lock3"])
    for name in ("lock", "node"):
        assert seen[name]["selected"] == ["lock2"]
        assert seen[name]["near"] == ["edge2", "edge4", "lock3"]
    assert seen["cycle"]["selected"] == ["cycle1", "edge1", "edge3"]
    assert seen["arrow"]["selected"] == ["edge3"]
    assert (seen["nothing"]["selected"], seen["nothing"]["near"]) == ([], [])
