"""The recorder hears of all that happens, and notes acquisitions as events of their kinds."""

from __future__ import annotations

from textwrap import dedent

from locklint.analysis.events import LockStates
from locklint.analysis.function_context import Observer
from locklint.analysis.recorder import Recorder
from locklint.core.config import Config
from locklint.engine.program_files import ProgramFiles
from locklint.engine.solved_functions import SolvedFunctions
from locklint.engine.whole_program import WholeProgram
from locklint.ir.event import EventKind

_TEXT = """
import threading
import time

lock = threading.Lock()
ready = threading.Condition(threading.Lock())


def enter():
    lock.acquire()


def work():
    enter()
    if ready.acquire(timeout=1):
        ready.wait()
        time.sleep(10)
        ready.release()
    lock.release()
"""


def _states() -> dict[str, LockStates]:
    files = ProgramFiles(Config())
    file, relevant = files.add_text("m.py", dedent(_TEXT))
    assert file is not None
    analysis = WholeProgram(SolvedFunctions(files, Config()))
    analysis.solve([(file, relevant)])
    return analysis.interprocedural.states


def test_no_hook_is_left_out() -> None:
    hooks = {name for name in vars(Observer) if not name.startswith("_")}
    assert hooks <= vars(Recorder).keys()


def test_acquisitions_are_events_among_others() -> None:
    states = _states()
    assert [one.event.kind for one in states["m:enter"].events] == [EventKind.ACQUIRE]
    work = states["m:work"]
    assert [(one.event.kind, len(one.held)) for one in work.events] == [
        (EventKind.GAIN, 0),
        (EventKind.TRY, 1),
        (EventKind.WAIT, 1),
        (EventKind.PARK, 1),
        (EventKind.BLOCK, 2),
    ]
    assert [one.waits for one in work.taken] == [False, True]
