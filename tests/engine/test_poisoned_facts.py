"""Caches and indexes that an attacker has made are passed over, and all is analysed again."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from locklint.core.source import Span
from locklint.engine import workers
from locklint.engine.cache_folder import FOLDER
from locklint.engine.cache_store import _checksum
from locklint.engine.facts import FileFacts, FileInput
from locklint.engine.facts_store import facts_from
from locklint.engine.index_file import Index, read_index, write_index
from locklint.engine.store import most_bytes, unpacked
from locklint.ir.cfg import Function
from tests.engine.conftest import Say

LEAK = """\
import threading

lock = threading.Lock()


class Till:
    def leak(self, work):
        lock.acquire()
        if work():
            work()
        lock.release()
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one finding, which the process works in, with the cache switched on."""
    (tmp_path / "m.py").write_text(LEAK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOCKLINT_NO_CACHE")
    return tmp_path


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by the name of each file whose facts are worked out."""
    found: list[str] = []
    real = workers.facts_of  # type: ignore[attr-defined]

    def facts_of(file: FileInput, settings: Any) -> FileFacts:
        found.append(file.shown)
        return real(file, settings)

    monkeypatch.setattr(workers, "facts_of", facts_of)
    return found


def _forget_reports() -> None:
    with sqlite3.connect(f"{FOLDER}/store.sqlite") as database:
        database.execute("delete from reports")
    database.close()


def _poison(kind: str, change: Callable[[bytes], bytes]) -> None:
    """Change every packed blob of a kind, as somebody does who knows how it is made."""
    with sqlite3.connect(f"{FOLDER}/store.sqlite") as database:
        for key, data in database.execute(f"select key, data from {kind}").fetchall():
            try:
                bad = zlib.compress(change(zlib.decompress(data)))
            except zlib.error:
                continue
            database.execute(
                f"update {kind} set data = ?, checksum = ? where key = ?",
                (bad, _checksum(key, bad), key),
            )
    database.close()


def _function(facts: FileFacts, change: Callable[[Function], Function]) -> FileFacts:
    graphs = {
        name: tuple(change(each) for each in group) for name, group in facts.lowered.graphs.items()
    }
    return replace(facts, lowered=replace(facts.lowered, graphs=graphs))


def _blocks(facts: FileFacts, **changes: Any) -> FileFacts:
    def change(function: Function) -> Function:
        blocks = {
            number: replace(block, **changes) if block.instructions else block
            for number, block in function.blocks.items()
        }
        return replace(function, blocks=blocks)

    return _function(facts, change)


def _instructions(facts: FileFacts, span: Span) -> FileFacts:
    def change(function: Function) -> Function:
        blocks = {
            number: replace(
                block, instructions=tuple(replace(each, span=span) for each in block.instructions)
            )
            for number, block in function.blocks.items()
        }
        return replace(function, blocks=blocks)

    return _function(facts, change)


def _index(facts: FileFacts, **changes: Any) -> FileFacts:
    assert facts.index is not None
    return replace(facts, index=replace(facts.index, **changes))


def _declared(facts: FileFacts, **changes: Any) -> FileFacts:
    assert facts.index is not None
    functions = {name: replace(each, **changes) for name, each in facts.index.functions.items()}
    return _index(facts, functions=functions)


FAR, BEFORE, BACK = Span(1, 1, 10**9, 1), Span(-1004, 1, 2, 1), Span(9, 1, 2, 1)
POISON: dict[str, Callable[[FileFacts], FileFacts]] = {
    **{
        f"instructions at {span}-{span.end_line}": lambda f, span=span: _instructions(f, span)  # type: ignore[misc]
        for span in (FAR, BEFORE, BACK)
    },
    **{
        f"functions at {span}-{span.end_line}": lambda f, span=span: _function(  # type: ignore[misc]
            f, lambda each: replace(each, name_span=span)
        )
        for span in (FAR, BEFORE, BACK)
    },
    **{
        f"declarations at {span}-{span.end_line}": lambda f, span=span: _declared(f, span=span)  # type: ignore[misc]
        for span in (FAR, BEFORE, BACK)
    },
    "a column of its own": lambda f: _instructions(f, Span(1, 0, 1, 1)),
    "functions of another file": lambda f: _function(f, lambda each: replace(each, path="x.py")),
    "an index of another file": lambda f: _index(f, path="/etc/passwd"),
    "another module": lambda f: _index(f, module="other"),
    "statements that are not there": lambda f: _index(f, module_statements=(FAR,)),
    "no entry": lambda f: _function(f, lambda each: replace(each, entry=4711)),
    "handlers that are not there": lambda f: _blocks(f, on_exception=4711),
    "blocks with other numbers": lambda f: _blocks(f, id=4711),
    "functions that nobody declares": lambda f: _index(f, functions={}),
    "graphs without an index": lambda f: replace(f, index=None),
}


@pytest.mark.parametrize("name", POISON)
def test_facts_that_cannot_be_those_of_the_file(
    checkout: Path, say: Say, made: list[str], name: str
) -> None:
    cold = say("check")
    _forget_reports()
    decode = msgspec.msgpack.Decoder(FileFacts).decode
    _poison("facts", lambda data: msgspec.msgpack.encode(POISON[name](decode(data))))
    made.clear()
    assert say("check") == cold
    assert made == ["m.py"]


def test_facts_that_fit_are_taken(checkout: Path, say: Say, made: list[str]) -> None:
    cold = say("check")
    _forget_reports()
    _poison("facts", lambda data: data)
    made.clear()
    assert say("check") == cold
    assert made == []


BOMBS: dict[str, bytes] = {
    "zeros": b"\0" * 50_000_000,
    "nothing": b"",
    "nested values": b"\x92\xa7awaited" * 20_000 + b"\x91\xa6opaque",
    "a huge tuple": b"\xdd\xff\xff\xff\xff",
    "many texts": b"\xdd" + (10_000_000).to_bytes(4, "big") + b"\xa0" * 10_000_000,
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("store", ["facts", "reports"])
def test_bombs(checkout: Path, say: Say, made: list[str], store: str, name: str) -> None:
    cold = say("check")
    if store == "facts":
        _forget_reports()
    _poison(store, lambda data: BOMBS[name])
    start = time.monotonic()
    assert say("check") == cold
    assert time.monotonic() - start < 10


def test_unpacking_has_a_limit() -> None:
    packed = zlib.compress(b"x" * 1000)
    assert unpacked(packed, 1000) == b"x" * 1000
    assert unpacked(zlib.compress(b""), 0) == b""
    for data, most in ((packed, 999), (packed[:-1], 1000), (b"", 1000), (b"junk", 1000)):
        with pytest.raises(ValueError, match=r"large|header|incorrect|Error"):
            unpacked(data, most)


def test_packed_facts_are_limited_by_the_size_of_the_file(checkout: Path) -> None:
    file = FileInput("m.py", "m", False, "", LEAK.encode())
    texts = b"\xdd" + (most_bytes(len(file.data))).to_bytes(4, "big")
    bomb = zlib.compress(texts + b"\xa0" * most_bytes(len(file.data)))
    assert facts_from(bomb, file) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda span: replace(span, end_line=10**9),
        lambda span: replace(span, line=-1004),
        lambda span: replace(span, line=5, end_line=1),
        lambda span: replace(span, column=0),
    ],
)
def test_reports_with_places_that_are_not_there(
    checkout: Path, say: Say, change: Callable[[Span], Span]
) -> None:
    from locklint.engine.run_cache import _Entry

    cold = say("check", "--output-format=json")
    decode = msgspec.msgpack.Decoder(_Entry).decode

    def poisoned(data: bytes) -> bytes:
        entry = decode(data)
        found = tuple(replace(each, span=change(each.span)) for each in entry.diagnostics)
        return msgspec.msgpack.encode(replace(entry, diagnostics=found))

    _poison("reports", poisoned)
    assert say("check", "--output-format=json") == cold


# -- index files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/etc/x.py", "../x.py", "a/../../x.py", "a\0b.py", "", "a//b.py", "./a.py", ".."]
)
@pytest.mark.parametrize("where", ["files", "paths", "problems"])
def test_an_index_names_nothing_outside(checkout: Path, say: Say, path: str, where: str) -> None:
    assert say("index", ".", "-o", "good.lki")[0] == 0
    index = read_index("good.lki")
    name = path.encode()
    bad: Index = {
        "files": replace(index, files=(replace(index.files[0], path=name),)),
        "paths": replace(index, paths=(name,)),
        "problems": replace(index, problems=((name, "is odd"),)),
    }[where]
    write_index(bad, "bad.lki")
    status, out, err = say("check", "--from-index=bad.lki")
    assert (status, out) == (2, "")
    assert err == f"error: bad.lki: is damaged: it names {path!r}\n"


def test_an_index_unpacks_no_more_than_it_says(checkout: Path, say: Say) -> None:
    assert say("index", ".", "-o", "good.lki")[0] == 0
    index = read_index("good.lki")
    bomb = replace(index.files[0], data=zlib.compress(b"#" * 50_000_000), key=b"")
    write_index(replace(index, files=(bomb,)), "bomb.lki")
    status, out, _ = say("check", "--from-index=bomb.lki", "--output-format=concise")
    assert status == 1
    assert "LCK901 the index is damaged: it is too large or incomplete" in out
    many = tuple(replace(bomb, path=b"%d.py" % number, size=64 << 20) for number in range(33))
    write_index(replace(index, files=many), "many.lki")
    status, _, err = say("check", "--from-index=many.lki")
    assert status == 2
    assert err == "error: many.lki: holds more than 2 GiB of source\n"
    write_index(replace(index, files=(replace(bomb, size=-1),)), "odd.lki")
    assert "is damaged: Expected `int` >= 0" in say("check", "--from-index=odd.lki")[2]


def test_poisoned_facts_in_an_index(checkout: Path, say: Say, made: list[str]) -> None:
    cold = say("check", "--output-format=json")
    assert say("index", ".", "-o", "good.lki")[0] == 0
    index = read_index("good.lki")
    facts = msgspec.msgpack.decode(zlib.decompress(index.files[0].facts), type=FileFacts)
    bad = zlib.compress(msgspec.msgpack.encode(_instructions(facts, FAR)))
    write_index(replace(index, files=(replace(index.files[0], facts=bad),)), "bad.lki")
    made.clear()
    assert say("check", "--from-index=bad.lki", "--output-format=json") == cold
    assert made == ["m.py"]


# -- comments -------------------------------------------------------------------------------


def test_comments_go_into_the_text_that_was_analysed_alone(checkout: Path, say: Say) -> None:
    assert say("index", ".", "-o", "old.lki")[0] == 0
    other = "SECRET = 1\n" + LEAK
    (checkout / "m.py").write_text(other)
    status, _, err = say("check", "--from-index=old.lki", "--add-ignore")
    assert status == 2
    assert "m.py: no comments added: its text is not the one that was analysed" in err
    assert (checkout / "m.py").read_text() == other
    (checkout / "m.py").write_text(LEAK)
    assert say("check", "--from-index=old.lki", "--add-ignore")[0] == 0
    assert "# locklint: ignore[LCK102]" in (checkout / "m.py").read_text()


def test_comments_do_not_go_from_standard_input_into_another_text(
    checkout: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "new.py").write_text("# A line more.\n" + LEAK)
    with (checkout / "new.py").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        status, _, err = say("check", "--stdin-filename=m.py", "--add-ignore")
    assert status == 2
    assert "its text is not the one that was analysed" in err
    assert (checkout / "m.py").read_text() == LEAK


def test_comments_do_not_go_into_the_json_of_a_notebook(checkout: Path, say: Say) -> None:
    (checkout / "m.py").unlink()
    cell = {"cell_type": "code", "source": LEAK, "metadata": {}, "outputs": []}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    text = msgspec.json.format(msgspec.json.encode(notebook), indent=1).decode()
    (checkout / "n.ipynb").write_text(text)
    status, _, err = say("check", "--add-ignore")
    assert status == 2
    assert "n.ipynb: no comments added: it is a notebook" in err
    assert (checkout / "n.ipynb").read_text() == text
