"""Which functions without a word of locks are analysed."""

from __future__ import annotations

from pathlib import Path

from locklint.core.config import Config
from locklint.engine.pipeline import check

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
