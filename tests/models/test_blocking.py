"""The claims of the tables about calls that block, by running them."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import pytest

from locklint.models.transfers import LOCAL, REMOTE, Transfers

_STANDARD = [
    row for row in (*LOCAL, *REMOTE) if row.owners[0].split(".")[0] in sys.stdlib_module_names
]

AT_EXIT = """
import atexit, threading, time

class Worker(threading.Thread):
    def run(self):
        while True:
            steps.append(1)
            time.sleep(0.01)

def finish():
    before = len(steps)
    time.sleep(0.3)
    print(len(steps) > before)

steps = []
atexit.register(finish)
Worker(daemon=True).start()
"""


@pytest.mark.parametrize("row", _STANDARD, ids=lambda row: f"{row.shown}.{row.names[0]}")
def test_functions_of_the_standard_library_exist(row: Transfers) -> None:
    for owner in row.owners:
        found = _find(owner)
        for name in row.names if found is not None else ():
            assert hasattr(found, name) or name in _GONE, f"{owner}.{name}"


_GONE = ("wrap_socket",)
"""Functions that newer versions of Python do not have."""


def _find(owner: str) -> object | None:
    """Return a module or class by its dotted name; None for what a call gives."""
    module, found = owner, None
    while module:
        try:
            found = importlib.import_module(module)
            break
        except ImportError:
            module = module.rpartition(".")[0]
    for name in owner[len(module) + 1 :].split("."):
        if name:
            found = getattr(found, name, None)
    return found if inspect.isclass(found) or inspect.ismodule(found) else None


def test_the_end_of_a_pool_waits_for_callbacks() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def callback(_: object) -> None:
        begun.set()
        go_on.wait(10)

    def end() -> None:
        pool.terminate()
        ended.set()

    pool = ThreadPool(1)
    pool.apply_async(int, callback=callback)
    assert begun.wait(10)
    thread = threading.Thread(target=end)
    thread.start()
    assert not ended.wait(0.2)
    go_on.set()
    thread.join(10)
    assert ended.is_set()


def test_a_future_that_is_done_runs_a_callback_at_once() -> None:
    future: Future[int] = Future()
    future.set_result(1)
    threads: list[threading.Thread] = []
    future.add_done_callback(lambda _: threads.append(threading.current_thread()))
    assert threads == [threading.current_thread()]


def test_an_executor_waits_unless_it_is_told_not_to() -> None:
    go_on = threading.Event()
    pool = ThreadPoolExecutor(1)
    future = pool.submit(go_on.wait, 10)
    pool.shutdown(False)
    assert not future.done()
    go_on.set()
    pool.shutdown(True)
    assert future.done()


def test_daemon_threads_run_at_the_exit() -> None:
    run = subprocess.run(
        [sys.executable, "-c", AT_EXIT], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.strip() == "True"
