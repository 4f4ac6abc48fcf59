"""``locklint graph`` and the stages of ``debug`` for whole programs, with the real analysis."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from locklint.cli import main

BANK = """\
import threading

import journal

accounts = threading.Lock()
ledger = threading.RLock()


class Box:
    def __init__(self):
        self._lock = threading.Lock()

    def put(self):
        with self._lock:
            with accounts:
                print("put")


def move():
    with accounts:
        journal.append("move")


def peek():
    with accounts:
        with ledger:
            print("peek")


def tidy():
    with ledger:
        if accounts.acquire(blocking=False):
            accounts.release()
"""

JOURNAL = """\
import bank


def append(text):
    bank.ledger.acquire()
    try:
        print(text)
    finally:
        bank.ledger.release()


def audit():
    with bank.ledger:
        with bank.accounts:
            print("audit")
"""

CLOSING = "Analysed 2 files (2 mention locks), 6 functions, 3 locks, 3 lock-order edges.\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files that take two locks in opposite orders, in the working directory."""
    for variable in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LOCKLINT_OUTPUT_FORMAT"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "bank.py").write_text(BANK)
    (tmp_path / "journal.py").write_text(JOURNAL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_cycle_through_two_files(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out == (
        "bank.Box._lock  threading.Lock, one of each instance, made at bank.py:11\n"
        "  -> bank.accounts\n"
        "       bank.py:15:18 in Box.put\n"
        "bank.accounts  threading.Lock, made at bank.py:5\n"
        "  -> bank.ledger  [cycle 1]\n"
        "       bank.py:26:14 in peek (and 1 more)\n"
        "bank.ledger  threading.RLock (reentrant), made at bank.py:6\n"
        "  -> bank.accounts  [cycle 1]\n"
        "       journal.py:14:14 in audit (and 1 more)\n"
        "\n"
        "cycle 1: bank.accounts -> bank.ledger -> bank.accounts\n"
        "  thread 1 holds bank.accounts and waits for bank.ledger: bank.py:26:14 in peek\n"
        "  thread 2 holds bank.ledger and waits for bank.accounts: journal.py:14:14 in audit\n"
        f"\n{CLOSING}"
    )


def test_witnesses_with_their_calls(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", ".", "--output-format", "json", "-q"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document = json.loads(captured.out)
    edges = {(edge["source"], edge["target"]): edge for edge in document["edges"]}
    direct, called = edges["bank.accounts", "bank.ledger"]["witnesses"]
    assert (direct["function"], direct["via"], direct["waits"]) == ("peek", [], True)
    assert (called["function"], called["via"]) == ("move", ["append"])
    assert called["filename"] == str(project / "bank.py")
    assert called["location"] == {"row": 21, "column": 9}
    assert called["acquire"]["filename"] == str(project / "journal.py")
    assert called["acquire"]["location"] == {"row": 5, "column": 5}
    waiting, trying = edges["bank.ledger", "bank.accounts"]["witnesses"]
    assert (waiting["function"], waiting["waits"]) == ("audit", True)
    assert (trying["function"], trying["waits"], trying["held"]) == ("tidy", False, ["bank.ledger"])
    assert document["cycles"] == [{"locks": ["bank.accounts", "bank.ledger"]}]


def test_an_edge_that_does_not_wait(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "--exclude", "journal.py", "--output-format=dot", "--isolated"]) == 0
    captured = capsys.readouterr()
    edges = [line.strip() for line in captured.out.splitlines() if " -> " in line]
    assert edges == [
        '"bank.Box._lock" -> "bank.accounts" [label="bank.py:15\\nBox.put"];',
        '"bank.accounts" -> "bank.ledger" [label="bank.py:26\\npeek"];',
        '"bank.ledger" -> "bank.accounts" [label="bank.py:32\\ntidy", style=dashed];',
    ]
    assert captured.err.startswith("Analysed 1 file (1 mentions locks), ")
    assert captured.err.endswith(" 3 lock-order edges.\n")


TILL = """\
import threading

drawer = threading.Lock()
safe = threading.RLock()


class Till:
    def __init__(self):
        self._lock = threading.Lock()

    def total(self):
        with self._lock:
            return 0

    def pay(self):
        with self._lock:
            print(self.total())

    def give(self, other: "Till"):
        with self._lock:
            with other._lock:
                print("given")


def close():
    with safe, drawer:
        with safe:
            print("closed")


def forgetful():
    if drawer.acquire(timeout=1):
        drawer.acquire(blocking=False)
        drawer.release()


def local():
    lock = threading.Lock()
    with lock:
        with lock:
            print("never")
"""


def test_a_certain_self_deadlock_is_a_cycle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "till.py").write_text(TILL)
    assert main(["graph", "--output-format", "json", "-q", "till.py"]) == 0
    document = json.loads(capsys.readouterr().out)
    alone = [cycle["locks"] for cycle in document["cycles"] if len(cycle["locks"]) == 1]
    assert ["till.Till._lock"] in alone
    assert not any("drawer" in name or "safe" in name for (name,) in alone)
    (local,) = [name for (name,) in alone if name != "till.Till._lock"]
    assert "local" in local
    edges = {(edge["source"], edge["target"]): edge for edge in document["edges"]}
    certain, between = edges["till.Till._lock", "till.Till._lock"]["witnesses"]
    assert (certain["function"], certain["via"]) == ("Till.pay", ["Till.total"])
    assert between["function"] == "Till.give"
    assert edges[local, local]["cycles"] != []
    assert edges["till.drawer", "till.drawer"]["cycles"] == []
    names = {lock["name"]: lock["in_cycle"] for lock in document["locks"]}
    assert [names["till.Till._lock"], names[local], names["till.drawer"]] == [True, True, False]
    assert main(["graph", "till.py", "--color=never"]) == 0
    assert (
        "  thread 1 holds till.Till._lock and waits for till.Till._lock: "
        "till.py:17:19 in Till.pay via Till.total\n"
    ) in capsys.readouterr().out


def test_locks_of_two_objects_are_no_cycle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "till.py").write_text(TILL.replace("print(self.total())", "print('paid')"))
    assert main(["graph", "--output-format", "json", "-q", "till.py"]) == 0
    document = json.loads(capsys.readouterr().out)
    edges = {(edge["source"], edge["target"]): edge for edge in document["edges"]}
    assert edges["till.Till._lock", "till.Till._lock"]["cycles"] == []


def test_the_graph_goes_to_a_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "--output-format", "mermaid", "-o", "order.mmd"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", CLOSING)
    assert (project / "order.mmd").read_text().startswith("flowchart LR\n    n1[")


def test_the_page_without_the_extra(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locklint.cli.graph_script._DISTRIBUTION", "locklint-has-no-such-extra")
    assert main(["graph", "--output-format", "html", "-o", "order.html"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "The page has a plain picture. For one to zoom, filter and group:"
        f" pip install 'locklint[report]'\n{CLOSING}"
    )
    page = (project / "order.html").read_text()
    assert "<svg" in page
    assert "<script" not in page
    assert main(["graph", "--output-format", "html", "-q"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "<svg" in captured.out
    assert main(["graph", "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_the_page_with_the_extra(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locklint.cli.graph_script.graph_script", lambda: "var vis = {};")
    (project / "pages").mkdir()
    assert main(["graph", "--output-format", "html", "-o", "pages/order.html"]) == 0
    assert capsys.readouterr().err == CLOSING
    page = (project / "pages" / "order.html").read_text()
    assert "<script>var vis = {};</script>" in page
    assert 'href="../bank.py#L26"' in page
    assert "<svg" not in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone.py"], "error: gone.py: "),
        (["empty"], "empty: contains no Python files"),
        (["--output-format", "sarif"], "'mermaid'"),
        (["-o", "nowhere/graph.dot"], "the folder nowhere does not exist"),
        (["--config", "colour = 1"], "colour"),
        (["--select", "LCK301"], "--select"),
    ],
)
def test_what_cannot_be_done(
    project: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    (project / "empty").mkdir()
    assert main(["graph", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_settings_are_those_of_the_project(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "locklint.toml").write_text('extend-exclude = ["journal.py"]\n')
    assert main(["graph"]) == 0
    assert "[cycle" not in capsys.readouterr().out
    assert main(["graph", "--isolated"]) == 0
    assert "[cycle 1]" in capsys.readouterr().out


def test_a_file_that_does_not_parse_costs_no_other(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "bad.py").write_text("lock = threading.Lock(\n")
    assert main(["graph"]) == 0
    captured = capsys.readouterr()
    assert "[cycle 1]" in captured.out
    assert captured.err == (
        "bad.py:1:22: not analysed: the file does not parse: '(' was never closed\n"
        "Not analysed: 1 file (syntax error).\n"
    )


def test_an_internal_error_is_told(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("locklint.analysis.program.lock_order", broken)
    assert main(["graph"]) == 2
    assert "internal error, a bug in locklint: RuntimeError: broken" in capsys.readouterr().err
    assert main(["check", "--select", "LCK101"]) == 2
    captured = capsys.readouterr()
    assert "LCK101" in captured.out
    assert "internal error, a bug in locklint: RuntimeError: broken" in captured.err


def test_every_run_counts_edges(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--select", "LCK103"]) == 0
    assert capsys.readouterr().out.endswith(CLOSING)
    assert main(["check", "--select", "LCK103", "--output-format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["lock_order_edges"] == 3


def test_the_order_of_arguments_and_hashes_does_not_show(project: Path) -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-m", "locklint", *words],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed, paths in (("1", ["bank.py", "journal.py"]), ("7", ["journal.py", "bank.py"]))
        for words in [["graph", *paths, "--output-format", "json"]]
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            ["summary", "."],
            [
                "function journal:append  (told to callers)",
                "  21:9  acquire bank.ledger holding bank.accounts since 20:10"
                "  [by journal:append, depth 1",
                "  32:12  try bank.accounts holding bank.ledger since 31:10",
            ],
        ),
        (
            ["calls", "bank.py", "journal.py"],
            [
                "  root unknown bank:move (several)",
                "  held on entry bank.accounts",
                "  21:9  call journal:append holding bank.accounts since 20:10; with text = 'move'",
            ],
        ),
        (
            ["graph", "."],
            [
                "lock bank.ledger: threading.RLock, one object, made at bank.py:6",
                "  bank:move 21:9, by journal:append; bank.accounts then bank.ledger;",
                "cycle bank.accounts -> bank.ledger -> bank.accounts",
            ],
        ),
        (["summary", ".", "--function", "Box.put"], ["function bank:Box.put\n"]),
    ],
)
def test_debug_prints_whole_programs(
    project: Path, capsys: pytest.CaptureFixture[str], words: list[str], lines: list[str]
) -> None:
    assert main(["debug", *words]) == 0
    out = capsys.readouterr().out
    for line in lines:
        assert line in out
    if "--function" in words:
        assert out.count("function ") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ir", "bank.py", "journal.py"], "the stage ir takes one file, not 2"),
        (["calls", "gone"], "gone"),
        (["calls", ".", "--function", "nobody"], "no function named nobody"),
        (["graph", ".", "--function", "move"], "leave out --function"),
        (["facts", ".", "--function", "move"], "leave out --function"),
        (["facts", ".", "--output-format=text"], "the stage facts cannot be written as text"),
        (["calls", ".", "--output-format=json"], "the stage calls cannot be written as json"),
        (["facts", "gone"], "gone"),
        (["coverage", ".", "--function", "move"], "leave out --function"),
        (["coverage", "gone"], "gone"),
    ],
)
def test_what_debug_refuses(
    project: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["debug", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_debug_tells_of_files_that_do_not_parse(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "bad.py").write_text("lock = threading.Lock(\n")
    assert main(["debug", "graph", "."]) == 2
    captured = capsys.readouterr()
    assert "cycle bank.accounts" in captured.out
    assert captured.err == "error: bad.py:1: the file does not parse: '(' was never closed\n"


def test_debug_facts_are_data(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "bad.py").write_text("lock = threading.Lock(\n")
    words = ["debug", "facts", "--isolated", "--no-cache", "--output-format=json", "."]
    assert main([*words, "--extend-exclude=nothing"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["locks"]["bank.ledger"] == {
        "kind": "threading.RLock",
        "exactness": "one object",
        "made": [["bank.py", 6]],
    }
    assert ["bank.accounts", "bank.ledger"] in facts["edges"]
    assert ["bank.accounts", "bank.ledger", "bank.py", 20, "journal.py", 5] in facts["taken"]
    assert ["bank.py", 32, "bank.accounts", "TryAcquire", "tidy"] in facts["acquires"]
    assert facts["interruptions"] == []
    assert ["bank.py", 21, "journal.py", "append", True] in facts["calls"]
    assert facts["cycles"] == [["bank.accounts", "bank.ledger"]]
    assert facts["errors"] == []
    assert facts["incomplete"] == ["bad.py:1 syntax"]
    assert main([*words, "--extend-exclude=bank.py,bad.py"]) == 0
    assert json.loads(capsys.readouterr().out)["incomplete"] == []


def test_debug_coverage_is_text_or_data(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["debug", "coverage", "--isolated", "--no-cache", "."]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "bank.py:20:10: `accounts`: lock: bank.accounts\n" in text
    assert main([*words, "--output-format=json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert f"{data['known']} of {data['total']} places are known" in text
    assert [site for site in data["sites"] if site["location"] == {"row": 20, "column": 10}]


def test_a_file_behind_the_format_is_an_error_that_names_the_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["graph", "--output-format", "html:page.html"]) == 2
    assert "write `--output-format html --output-file page.html`" in capsys.readouterr().err
    assert main(["graph", "--output-format", "htm:page.html"]) == 2
    assert "'htm:page.html' is not one of" in capsys.readouterr().err
