"""Which functions without a word of locks are analysed."""

from __future__ import annotations

from pathlib import Path

from locklint.core.config import Config
from locklint.engine.pipeline import check, solve

PROGRAM = """\
import threading

lock = threading.Lock()

def begin():
    lock.acquire()

def schedule():
    threading.Timer(1, lock.release).start()

def nothing():
    pass

def first():
    {called}()

def second():
    first()

def third():
    second()
"""


def _functions(folder: Path, called: str) -> int:
    """How many functions are analysed, where the first of the callers calls that one."""
    file = folder / "program.py"
    file.write_text(PROGRAM.replace("{called}", called))
    report = check([str(file)], Config(select=("LCK1",)))
    assert report.errors == ()
    return report.statistics.functions


def test_callers_of_an_acquire_are_analysed(tmp_path: Path) -> None:
    """They hold the lock when the call has returned."""
    assert _functions(tmp_path, "begin") == _functions(tmp_path, "nothing") + 3


def test_callers_of_what_passes_a_lock_on_are_not_analysed(tmp_path: Path) -> None:
    """They hold no lock before the call, and none behind it."""
    assert _functions(tmp_path, "schedule") == _functions(tmp_path, "nothing")


SETTLED = """\
import threading


class Link:
    def __init__(self):
        self._lock = threading.Lock()
        self._other = threading.Lock()
        self._live = None

    def use(self):
        with self._lock:
            self._begin()
            {beside}

    def check(self):
        with self._lock:
            self._end()

    def _begin(self):
        self.{bound} = object()

    def _end(self):
        if self._live is None:
            with self._other:
                pass
"""


def _names(folder: Path, bound: str, beside: str) -> set[str]:
    (folder / "link.py").write_text(SETTLED.format(bound=bound, beside=beside))
    solved = solve([str(folder / "link.py")], Config(select=("LCK3",)))
    return {function.name for function in solved.program.functions.values()}


def test_functions_that_bind_what_a_callee_tests_are_analysed(tmp_path: Path) -> None:
    """They decide whether that callee acquires its lock."""
    assert "_begin" in _names(tmp_path, "_live", "self._end()")


def test_functions_that_bind_what_nothing_tests_are_not_analysed(tmp_path: Path) -> None:
    """No test depends on them."""
    assert "_begin" not in _names(tmp_path, "_idle", "self._end()")


def test_functions_that_bind_what_others_test_are_not_analysed(tmp_path: Path) -> None:
    """Their caller calls nothing else that leads to a lock."""
    assert "_begin" not in _names(tmp_path, "_live", "pass")
