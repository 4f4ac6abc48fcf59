"""Coverage: what is known about the places that look like an acquire."""

from __future__ import annotations

from pathlib import Path

from locklint.core.config import Config
from locklint.engine.coverage import as_data, as_text, coverage

PROGRAM = """\
import threading
import other_library


class Gate:
    def acquire(self):
        print("taken")


class Store:
    def __init__(self):
        self._lock = threading.Lock()
        self._foreign_lock = other_library.Latch()
        self._gate = Gate()

    def get(self, lock, handle):
        with self._lock:
            pass
        with self._foreign_lock:
            pass
        with lock:
            pass
        self._gate.acquire()
        handle.acquire(timeout=3)
        with open("block"), self.clock:
            pass
        with self._other_lock:
            pass


def make(names):
    for name in names:
        if name:
            with Store()._lock:
                pass


with threading.Lock():
    pass
"""


def test_each_place_is_told(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    sites = coverage([str(file)], Config())
    lines = [str(site).removeprefix(f"{file}:") for site in sites]
    assert lines == [
        "17:14: `self._lock`: lock: program.Store._lock",
        "19:14: `self._foreign_lock`: unknown library: other_library.Latch",
        "21:14: `lock`: untyped parameter: lock",
        "23:9: `self._gate.acquire()`: function: program:Gate.acquire",
        "24:9: `handle.acquire(timeout=3)`: untyped parameter: handle",
        "27:14: `self._other_lock`: unknown object",
        "34:18: `Store()._lock`: lock: program.Store._lock",
        "38:6: `threading.Lock()`: lock: program.threading.Lock()",
    ]
    *_, places, calls = as_text(sites).splitlines()
    assert places == "4 of 8 places are known (50.0 %)."
    assert calls == "1 of 2 calls of acquire() are known (50.0 %)."
    data = as_data(sites)
    assert (data["known"], data["total"]) == (4, 8)
    assert data["sites"][1] == {
        "filename": str(file),
        "location": {"row": 19, "column": 14},
        "form": "with",
        "text": "self._foreign_lock",
        "function": "Store.get",
        "known": False,
        "reason": "unknown library",
        "detail": "other_library.Latch",
    }


def test_an_annotation_makes_a_place_known(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM.replace("lock, handle", "lock: threading.Lock, handle"))
    known = {site.line: site.known.is_known for site in coverage([str(file)], Config())}
    assert known[21]


def test_places_in_one_line_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(
        "import threading\nlock = threading.Lock()\n\n\ndef f(other_lock):\n"
        "    with lock, other_lock:\n        pass\n"
        "    print('ä'), lock.acquire(), other_lock.acquire()\n"
    )
    sites = coverage([str(file)], Config())
    assert [(site.line, site.column, site.known.is_known) for site in sites] == [
        (6, 10, True),
        (6, 16, False),
        (8, 17, True),
        (8, 33, False),
    ]


def test_a_folder_without_places(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("x = 3\n")
    assert as_text(coverage([str(tmp_path)], Config())) == (
        "0 of 0 places are known.\n0 of 0 calls of acquire() are known.\n"
    )
