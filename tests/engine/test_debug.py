"""What `locklint debug` shows of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from locklint.engine.debug import print_program_stage, print_stage, print_traces

_TEXT = """
class A:
    def inherited(self):
        with self._lock:
            pass

    def plain(self):
        return 1
"""


def test_functions_that_mention_locks_are_shown_though_nothing_is_known_of_these(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.py"
    path.write_text(_TEXT)
    shown = print_stage("ir", str(path))
    assert "A.inherited" in shown
    assert "A.plain" not in shown


@pytest.mark.parametrize("stage", ["ir", "locks"])
def test_a_function_is_shown_whatever_it_does(tmp_path: Path, stage: str) -> None:
    path = tmp_path / "m.py"
    path.write_text(_TEXT)
    assert "A.plain" in print_stage(stage, str(path), "plain")
    with pytest.raises(LookupError, match="there is no function named other here"):
        print_stage(stage, str(path), "other")


def test_traces(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("import threading\nlock = threading.Lock()\n")
    two.write_text("from one import lock\n\ndef use():\n    with lock:\n        pass\n")
    found = print_traces([str(tmp_path)])
    assert not found.problems
    facts = (f"file {one}", f"file {two}", "module one", "module one.lock", "module threading")
    assert found.text == "\n  ".join(("function two:use", *facts))
    with pytest.raises(LookupError, match="no function named other touches a lock here"):
        print_traces([str(tmp_path)], "other")


_DATA = """\
import threading


class Box:
    def __init__(self):
        self._lock = threading.Lock()
        self._items = []
        self._count = 0

    def add(self, item):
        with self._lock:
            self._put(item)

    def _put(self, item):
        self._items.append(item)
        self._count += 1

    def show(self):
        for item in self._items:
            print(item)
"""


def test_accesses(tmp_path: Path) -> None:
    path = tmp_path / "box.py"
    path.write_text(_DATA)
    lines = print_program_stage("accesses", [str(path)]).text.splitlines()
    assert lines == [
        "data box.Box._count",
        "  8:9  bind a constant in Box.__init__ holding nothing, before it is shared",
        "  16:9  read in Box._put holding box.Box._lock",
        "  16:9  update in Box._put holding box.Box._lock",
        "",
        "data box.Box._items",
        "  7:9  bind in Box.__init__ holding nothing, before it is shared",
        "  15:9  read in Box._put holding box.Box._lock",
        "  15:9  change in Box._put holding box.Box._lock",
        "  19:21  iterate in Box.show holding nothing",
        "  19:21  read in Box.show holding nothing",
        "",
        "data box.Box._lock",
        "  6:9  bind in Box.__init__ holding nothing, before it is shared",
        "  11:14  read in Box.add holding nothing",
    ]


def test_accesses_to_globals(tmp_path: Path) -> None:
    path = tmp_path / "pool.py"
    path.write_text(
        "import threading\n\nlock = threading.Lock()\nitems = {}\ncount = 0\n\n\n"
        "def put(key, item):\n    global count\n    with lock:\n"
        "        items[key] = item\n        count += 1\n\n\n"
        "def clear():\n    items.clear()\n"
    )
    lines = print_program_stage("accesses", [str(path)]).text.splitlines()
    assert lines == [
        "data pool.count",
        "  12:9  update in put holding pool.lock",
        "",
        "data pool.items",
        "  11:9  put an element in put holding pool.lock",
        "  16:5  clear in clear holding nothing",
    ]
