"""The formats of the lock-order graph."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from locklint.reporting import GRAPH_FORMATS, render_graph
from locklint.reporting.graph_layout import NODE_HEIGHT, layout
from locklint.reporting.lock_graph import GraphEdge, LockGraph
from locklint.reporting.mermaid import escaped
from locklint.reporting.options import RenderOptions
from tests.reporting.graphs import (
    ACCOUNT,
    BANK,
    GATE,
    LEDGER,
    ODD,
    ODD_NAMES,
    lock,
    rendered,
    witness,
)

TEXT = """\
bank.Account._lock  threading.Lock, one of each instance, made at bank.py:11
  -> bank.ledger  [cycle 1]
       bank.py:16:5 in Account.move via append, Log.write (and 2 more)
bank.gate  threading.Lock
  -> bank.ledger  (does not wait)
       bank.py:30:5 in Account.peek
bank.ledger  threading.RLock (reentrant), made at book.ipynb:cell 4:2
  -> bank.Account._lock  [cycle 1]
       bank.py:22:5 in Account.show
  -> bank.gate
       bank.py:35:5 in f (and 1 more)

cycle 1: bank.Account._lock -> bank.ledger -> bank.Account._lock
  thread 1 holds bank.Account._lock and waits for bank.ledger: \
bank.py:16:5 in Account.move via append, Log.write
  thread 2 holds bank.ledger and waits for bank.Account._lock: bank.py:22:5 in Account.show
"""

CLOSING = "\nAnalysed 2 files (2 mention locks), 9 functions, 3 locks, 4 lock-order edges.\n"


def test_text() -> None:
    assert rendered("text", BANK) == TEXT + CLOSING
    assert rendered("text", BANK, closing=False) == TEXT


def test_text_in_colour_says_the_same() -> None:
    coloured = rendered("text", BANK, color=True)
    assert "\x1b[1;31mbank.ledger\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == TEXT + CLOSING


def test_text_of_a_program_without_order() -> None:
    assert rendered("text", LockGraph()) == "No lock is acquired while another one is held.\n"


def test_text_obeys_no_name() -> None:
    out = rendered("text", ODD, encoding="ascii")
    assert out.isascii()
    assert "m.new?line; n1 --> n2  threading.Lock" in out


def test_json() -> None:
    document = json.loads(rendered("json", BANK))
    assert document["summary"] == {
        "files": 2,
        "files_mentioning_locks": 2,
        "functions": 9,
        "functions_not_analysed": 0,
        "locks": 3,
        "lock_order_edges": 4,
        "cycles": 1,
    }
    assert document["cycles"] == [{"locks": [ACCOUNT, LEDGER]}]
    assert document["locks"][2] == {
        "name": LEDGER,
        "kind": "threading.RLock",
        "reentrant": True,
        "stands_for": "one object",
        "made": {"filename": "/src/book.ipynb", "cell": 4, "row": 2},
        "in_cycle": True,
    }
    assert [lock["in_cycle"] for lock in document["locks"]] == [True, False, True]
    assert document["locks"][1]["made"] is None
    edges = document["edges"]
    assert [(edge["source"], edge["target"]) for edge in edges] == [
        (ACCOUNT, LEDGER),
        (GATE, LEDGER),
        (LEDGER, ACCOUNT),
        (LEDGER, GATE),
    ]
    assert [edge["waits"] for edge in edges] == [True, False, True, True]
    assert [edge["cycles"] for edge in edges] == [[1], [], [1], []]
    assert edges[0]["witnesses"][0] == {
        "function": "Account.move",
        "filename": "/src/bank.py",
        "cell": None,
        "location": {"row": 16, "column": 5},
        "via": ["append", "Log.write"],
        "acquire": {
            "filename": "/src/log.py",
            "cell": None,
            "location": {"row": 3, "column": 5},
        },
        "held": ["held"],
        "waits": True,
    }
    assert [len(edge["witnesses"]) for edge in edges] == [3, 1, 1, 2]


def test_dot() -> None:
    lines = rendered("dot", BANK).splitlines()
    red = 'color="#c62828", fontcolor="#c62828", penwidth=2'
    assert lines[4:] == [
        f'    "{ACCOUNT}" [label="{ACCOUNT}\\nthreading.Lock, one of each instance\\nbank.py:11",'
        f" {red}];",
        f'    "{GATE}" [label="{GATE}\\nthreading.Lock"];',
        f'    "{LEDGER}" [label="{LEDGER}\\nthreading.RLock (reentrant)\\nbook.ipynb:cell 4:2",'
        f" {red}];",
        f'    "{ACCOUNT}" -> "{LEDGER}"'
        f' [label="bank.py:16\\nAccount.move\\nvia append\\nvia Log.write", {red}];',
        f'    "{GATE}" -> "{LEDGER}" [label="bank.py:30\\nAccount.peek", style=dashed];',
        f'    "{LEDGER}" -> "{ACCOUNT}" [label="bank.py:22\\nAccount.show", {red}];',
        f'    "{LEDGER}" -> "{GATE}" [label="bank.py:35\\nf"];',
        "}",
    ]


def _shown_by_dot(label: str) -> str:
    """What Graphviz draws for the inside of a quoted label: its escapes, then those of HTML."""
    text = label.replace('\\"', '"')
    text = re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text)
    return html.unescape(text)


def test_odd_names_in_dot() -> None:
    out = rendered("dot", ODD)
    string = r'"((?:[^"\\]|\\.)*)"'
    nodes = re.findall(rf"^    {string} \[label={string},", out, re.MULTILINE)
    edges = re.findall(rf"^    {string} -> {string} \[label={string},", out, re.MULTILINE)
    assert len(nodes) == len(edges) == len(ODD_NAMES)
    names = [name.replace("\n", "�") for name in sorted(ODD_NAMES)]
    assert [_shown_by_dot(label).split("\n")[0] for _, label in nodes] == names
    assert [_shown_by_dot(label).split("\n")[2] for _, label in nodes] == [
        'odd "file"\\.py:1'
    ] * len(names)
    keys = [name for name, _ in nodes]
    assert len(set(keys)) == len(keys)
    assert [(source, target) for source, target, _ in edges] == list(
        zip(keys, (*keys[1:], keys[0]), strict=True)
    )


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_odd_names() -> None:
    done = subprocess.run(
        ["dot", "-Tjson0"], input=rendered("dot", ODD).encode(), capture_output=True, check=True
    )
    assert done.stderr == b""
    read = json.loads(done.stdout)
    assert len(read["objects"]) == len(read["edges"]) == len(ODD_NAMES)
    svg = subprocess.run(
        ["dot", "-Tsvg"], input=rendered("dot", ODD).encode(), capture_output=True, check=True
    ).stdout.decode()
    texts = {html.unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", svg)}
    # Graphviz makes blanks that do not break of blanks, as SVG would else drop some.
    texts = {text.replace("\N{NO-BREAK SPACE}", " ") for text in texts}
    assert {name.replace("\n", "�") for name in ODD_NAMES} <= texts


def test_mermaid() -> None:
    assert rendered("mermaid", BANK) == (
        "flowchart LR\n"
        '    n1["bank.Account._lock<br/>threading.Lock, one of each instance<br/>bank.py:11"]\n'
        '    n2["bank.gate<br/>threading.Lock"]\n'
        '    n3["bank.ledger<br/>threading.RLock (reentrant)<br/>book.ipynb:cell 4:2"]\n'
        '    n1 -->|"bank.py:16<br/>Account.move<br/>via append<br/>via Log.write"| n3\n'
        '    n2 -.->|"bank.py:30<br/>Account.peek"| n3\n'
        '    n3 -->|"bank.py:22<br/>Account.show"| n1\n'
        '    n3 -->|"bank.py:35<br/>f"| n2\n'
        "    classDef cycle stroke:#c62828,stroke-width:3px\n"
        "    class n1,n3 cycle\n"
        "    linkStyle 0,2 stroke:#c62828,stroke-width:3px\n"
    )


def test_mermaid_without_a_cycle() -> None:
    out = rendered("mermaid", LockGraph(BANK.locks, BANK.edges))
    assert "cycle" not in out
    assert "linkStyle" not in out
    assert rendered("mermaid", LockGraph()) == "flowchart LR\n"


def test_odd_names_in_mermaid() -> None:
    lines = rendered("mermaid", ODD).splitlines()
    nodes = [line for line in lines if re.match(r"    n\d+\[", line)]
    for line, name in zip(nodes, sorted(ODD_NAMES), strict=True):
        match = re.fullmatch(r'    n\d+\["([^"]*)"\]', line)
        assert match is not None
        shown = re.sub(r"#(\d+);", lambda code: chr(int(code[1])), match[1].split("<br/>")[0])
        assert shown.replace("\N{WORD JOINER}", "") == name.replace("\n", "�")
        assert "\\n" not in shown
    assert escaped('a <b> & "c" #d; `e` __init__') == (
        "a #60;b#62; #38; #34;c#34; #35;d#59; #96;e#96; #95;_init#95;#95;"
    )


class _Page(HTMLParser):
    """Checks that what is opened is closed, and collects what a reader sees."""

    EMPTY = frozenset(("meta", "br", "wbr", "path", "rect"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag in ("text", "code", "li", "p", "td"):
            self.texts.append("")
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("text", "code", "li", "p", "td"):
            self.texts[-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of one kind."""
        return [attributes for name, attributes in self.seen if name == tag]


def test_html() -> None:
    out = rendered("html", BANK)
    page = _Page(out)
    assert page.open == []
    edges = [each for each in page.of("a") if each.get("class") in ("cycle", "tries", "")]
    assert [each["class"] for each in edges] == ["cycle", "tries", "cycle", ""]
    rows = {f"#{each['id']}" for each in page.of("tr")}
    assert {each["href"] for each in edges} <= rows
    assert {each["href"] for each in page.of("a") if each.get("class") == "pick"} == rows
    assert [each["class"] for each in page.of("g")] == ["cycle", "", "cycle"]
    for text in (
        ACCOUNT,
        LEDGER,
        "bank.py:16:5",
        " in Account.move via append, Log.write",
        "book.ipynb:cell 4:2",
        CLOSING.strip(),
    ):
        assert text in page.texts
    assert any(text.endswith(" (does not wait)") for text in page.texts)
    assert re.sub("<.*?>", "", out).count(f"{ACCOUNT}-&gt; {LEDGER}-&gt; {ACCOUNT}") == 1


def test_html_loads_nothing_and_runs_nothing() -> None:
    out = rendered("html", ODD)
    page = _Page(out)
    assert "http" not in out.replace("http-equiv", "")
    assert "default-src 'none'" in out
    assert "script-src" not in out
    tags = {tag for tag, _ in page.seen}
    assert tags.isdisjoint(("script", "form", "link", "img", "iframe", "use", "image", "b"))
    assert "url(" not in re.sub(r"url\(#(red)?tip\)", "", out)


def test_odd_names_in_html() -> None:
    out = rendered("html", ODD)
    assert out.isascii()
    page = _Page(out)
    assert {name.replace("\n", "�") for name in ODD_NAMES} <= set(page.texts)


def test_html_without_order() -> None:
    page = _Page(rendered("html", LockGraph()))
    assert page.open == []
    assert page.texts == ["No lock is acquired while another one is held."]


def test_no_two_locks_of_a_drawing_overlap() -> None:
    placed = layout(ODD)
    boxes = list(placed.boxes.values())
    for index, one in enumerate(boxes):
        assert 0 < one.x < one.x + one.width < placed.width
        assert 0 < one.y < one.y + NODE_HEIGHT < placed.height
        for other in boxes[index + 1 :]:
            apart = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert apart or one.y + NODE_HEIGHT <= other.y or other.y + NODE_HEIGHT <= one.y


def test_what_is_asked_for_later_stands_to_the_right() -> None:
    names = ["a", "b", "c", "d", "e"]
    pairs = [("d", "b"), ("b", "a"), ("a", "b"), ("a", "c"), ("d", "c"), ("e", "e")]
    edges = tuple(GraphEdge(one, other, (witness(1),)) for one, other in pairs)
    placed = layout(LockGraph(tuple(map(lock, names)), edges))
    columns = {name: box.column for name, box in placed.boxes.items()}
    assert columns == {"d": 0, "e": 0, "a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("output_format", GRAPH_FORMATS)
def test_the_same_graph_gives_the_same_text(output_format: str) -> None:
    first = rendered(output_format, ODD)
    assert first == rendered(output_format, ODD)
    assert first.endswith("\n")
    assert not first.endswith("\n\n")


def test_an_unknown_format() -> None:
    with pytest.raises(ValueError, match="'xml' is not a format"):
        render_graph("xml", BANK, RenderOptions())
