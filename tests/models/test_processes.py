"""The facts about forks, processes and the end of the interpreter, shown by running them.

Each program runs in an interpreter of its own, for a fork would copy the threads' locks of the test
runner.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from locklint.models.events import event_of
from locklint.models.processes import FORKS, OWN_COPIES, names_about_processes

_NEEDS_FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

_FORK = """
import os, threading, time

def child(work):
    pid = os.fork()
    if pid == 0:
        os._exit(int(work()))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def taken(lock):
    return lock.acquire(timeout=0.3)
"""


def run(program: str) -> str:
    """Return what a program prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def in_file(program: str, folder: object) -> str:
    """Return what a program prints that is in a file, which the method `spawn` reads again."""
    path = os.path.join(str(folder), "program.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(program)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", path], capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


@_NEEDS_FORK
@pytest.mark.parametrize(("make", "again"), [("Lock", "0"), ("RLock", "1"), ("Condition", "1")])
def test_the_copy_of_the_thread_holds_what_the_thread_held(make: str, again: str) -> None:
    program = f"lock = threading.{make}()\nwith lock:\n    print(child(lambda: taken(lock)))"
    assert run(_FORK + program) == again


@_NEEDS_FORK
def test_the_child_may_release_what_its_copy_holds() -> None:
    program = """
lock = threading.RLock()
with lock:
    pid = os.fork()
os.write(1, b"%d\\n" % taken(lock))
lock.release()
if pid:
    os.waitpid(pid, 0)
"""
    assert run(_FORK + program).split() == ["1", "1"]


@_NEEDS_FORK
@pytest.mark.parametrize("make", ["Lock", "RLock", "Condition", "Semaphore"])
def test_what_another_thread_holds_stays_held_in_the_child(make: str) -> None:
    program = f"""
lock = threading.{make}()
is_held, end = threading.Event(), threading.Event()

def hold():
    with lock:
        is_held.set()
        end.wait()

thread = threading.Thread(target=hold)
thread.start()
is_held.wait()
print(child(lambda: threading.active_count() == 1 and not taken(lock)))
end.set()
thread.join()
print(taken(lock))
"""
    assert run(_FORK + program).split() == ["1", "True"]


@_NEEDS_FORK
def test_a_function_for_forks_makes_the_lock_anew() -> None:
    program = """
lock = threading.Lock()

def renew():
    global lock
    lock = threading.Lock()

os.register_at_fork(after_in_child=renew)
with lock:
    print(child(lambda: taken(lock)))
"""
    assert run(_FORK + program) == "1"


@_NEEDS_FORK
def test_only_the_method_fork_inherits_a_held_lock(tmp_path: object) -> None:
    program = """
import multiprocessing, sys, threading

lock = threading.Lock()

def work():
    sys.exit(int(lock.acquire(timeout=0.3)))

def main():
    for method in ("fork", "spawn"):
        worker = multiprocessing.get_context(method).Process(target=work)
        with lock:
            worker.start()
            worker.join()
        print(worker.exitcode)

if __name__ == "__main__":
    main()
"""
    assert in_file(program, tmp_path).split() == ["0", "1"]


def test_the_names_of_the_table_exist() -> None:
    for dotted in FORKS:
        module, _, name = dotted.partition(".")
        if module == "os" and hasattr(os, "fork"):
            assert hasattr(os, name)
        assert name in names_about_processes("os.fork()")
        assert event_of(dotted) is not None
    assert "__getstate__" in OWN_COPIES


_COPIES = """
import copy, pickle, threading

class Store:
    def __init__(self):
        self.lock = threading.Lock()

    def load(self):
        return 1

class Shared:
    lock = threading.Lock()

class Careful(Store):
    def __getstate__(self):
        return {}

def tried(work):
    try:
        work()
    except TypeError:
        return "TypeError"
    return "copied"

if __name__ == "__main__":
    for work in (
        lambda: copy.deepcopy(Store()),
        lambda: pickle.dumps(Store()),
        lambda: pickle.dumps({"store": Store()}),
        lambda: pickle.dumps(Store().load),
        lambda: copy.copy(Store()),
        lambda: copy.deepcopy(Shared()),
        lambda: pickle.dumps(Careful()),
    ):
        print(tried(work))
"""


def test_an_object_with_a_lock_is_not_copied_deeply() -> None:
    assert run(_COPIES).split() == ["TypeError"] * 4 + ["copied"] * 3


@pytest.mark.parametrize("make", ["Lock", "RLock", "Condition", "Semaphore"])
def test_a_process_that_is_spawned_gets_no_lock_of_threads(make: str, tmp_path: object) -> None:
    program = f"""
import multiprocessing, threading

def work(lock):
    pass

class Worker(multiprocessing.get_context("spawn").Process):
    def __init__(self):
        super().__init__()
        self.lock = threading.{make}()

def main():
    context = multiprocessing.get_context("spawn")
    lock = threading.{make}()
    for worker in (context.Process(target=work, args=(lock,)), Worker()):
        try:
            worker.start()
        except TypeError:
            print("TypeError")

if __name__ == "__main__":
    main()
"""
    assert in_file(program, tmp_path).split() == ["TypeError", "TypeError"]


@_NEEDS_FORK
def test_a_forked_process_is_not_excluded_by_a_lock_of_threads() -> None:
    program = "lock = threading.Lock()\npid = os.fork()\nwith lock:\n    "
    program += "os._exit(int(child(lambda: 1)) - 1) if pid == 0 else print(os.waitpid(pid, 0)[1])"
    assert run(_FORK + program) == "0"


def test_a_pool_of_processes_pickles_what_it_is_given(tmp_path: object) -> None:
    program = (
        _COPIES.partition("if __name__")[0]
        + """
from concurrent.futures import ProcessPoolExecutor

if __name__ == "__main__":
    with ProcessPoolExecutor(1) as pool:
        try:
            pool.submit(Store().load).result()
        except TypeError:
            print("TypeError")
"""
    )
    assert in_file(program, tmp_path) == "TypeError"


_AT_EXIT = """
import atexit, os, threading, time

lock = threading.Lock()
is_held = threading.Event()

def work():
    with lock:
        is_held.set()
        time.sleep({seconds})

def close():
    print(lock.acquire(timeout=0.3), flush=True)
    os._exit(0)

atexit.register(close)
threading.Thread(target=work, daemon={daemon}).start()
is_held.wait()
"""


@pytest.mark.parametrize(("daemon", "seconds", "got"), [(True, 30, "False"), (False, 1, "True")])
def test_only_daemon_threads_hold_locks_at_the_end(daemon: bool, seconds: int, got: str) -> None:
    assert run(_AT_EXIT.format(daemon=daemon, seconds=seconds)) == got
