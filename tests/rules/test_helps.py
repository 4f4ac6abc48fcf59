"""The help of findings: the code that follows it has no finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from locklint.core.config import Config
from locklint.engine.pipeline import check

HEAD = """\
import asyncio
import threading

lock = threading.Lock()


class Gate:
    def __init__(self):
        self._inner = threading.Lock()

    def enter(self):
        self._inner.acquire()

    def leave(self):
        self._inner.release()


gate = Gate()


def f(x):
"""
WITH = "use `with lock:` instead of acquiring and releasing it by hand"
TRIED = "leave the function if the acquire fails, or release only if it succeeded"
IN_WITH = "at the end of the block"
SECTION = """
    with lock:
        x.go()
"""
FINALLY = """
    if lock.acquire():
        try:
            x.go()
        finally:
            lock.release()
"""
WORKER = """
    x.go()


class Worker:
    def __init__(self, queue):
        self._queue = queue
        self._slots = asyncio.Semaphore(4)

    async def loop(self):
        try:
            while True:
                await self._slots.acquire()
                try:
                    job = await self._queue.get()
                    asyncio.create_task(self._run(job, self._slots))
                except CAUGHT:
                    self._slots.release()
                    raise
        except asyncio.CancelledError:
            self._queue = None

    async def _run(self, job, slots):
        try:
            await job()
        finally:
            slots.release()
"""

HELPS = {
    "a failed acquire, left": (
        TRIED,
        """
    if not lock.acquire(False):
        x.busy()
    lock.release()
""",
        """
    if not lock.acquire(False):
        x.busy()
        return
    lock.release()
""",
    ),
    "a failed acquire, asked about": (
        TRIED,
        """
    taken = lock.acquire(timeout=1)
    if not taken:
        x.busy()
    lock.release()
""",
        """
    taken = lock.acquire(timeout=1)
    if not taken:
        x.busy()
    if taken:
        lock.release()
""",
    ),
    "a release inside a with": (
        f"remove this release: `with` releases the lock {IN_WITH}",
        """
    with lock:
        x.go()
        lock.release()
""",
        SECTION,
    ),
    "release named inside a with": (
        f"remove it: `with` releases the lock {IN_WITH}",
        """
    with lock:
        x.go()
        lock.release
""",
        SECTION,
    ),
    "acquire named in a try that releases": (
        WITH,
        """
    try:
        x.prepare()
        lock.acquire
        x.go()
    finally:
        lock.release()
""",
        """
    x.prepare()
    with lock:
        x.go()
""",
    ),
    "acquire named, released by hand": (
        WITH,
        """
    lock.acquire
    x.go()
    lock.release()
""",
        SECTION,
    ),
    "release named in a handler, called in the finally": (
        WITH,
        """
    lock.acquire()
    try:
        x.go()
    except ValueError:
        lock.release
        raise
    finally:
        lock.release()
""",
        SECTION,
    ),
    "acquire tested, released by hand": (
        "write `lock.acquire()`, and release the lock in a `finally`",
        """
    if lock.acquire:
        x.go()
        lock.release()
""",
        FINALLY,
    ),
    "release named after a try to acquire": (
        "write `lock.release()` in a `finally`",
        """
    if lock.acquire(timeout=5):
        x.go()
        lock.release
""",
        FINALLY.replace("()", "(timeout=5)", 1),
    ),
    "acquire named, for others to release": (
        "write `lock.acquire()`",
        """
    lock.acquire
""",
        """
    lock.acquire()


def g():
    lock.release()
""",
    ),
    "a lock that only a wrapper names": (
        "release it in a `finally`",
        """
    gate.enter()
    x.go()
    gate.leave()
""",
        """
    gate.enter()
    try:
        x.go()
    finally:
        gate.leave()
""",
    ),
    "a lock that a helper is given": (
        "use `with lock:`, or release it in a `finally`",
        """
    take(lock)
    x.go()
    lock.release()


def take(any_lock):
    any_lock.acquire()
""",
        SECTION,
    ),
    "a slot that a task gets": (
        "release it on this path, too, such as in `except BaseException`",
        WORKER.replace("CAUGHT", "Exception"),
        WORKER.replace("CAUGHT", "BaseException"),
    ),
}


@pytest.mark.parametrize("name", HELPS)
def test_who_follows_the_help_has_no_finding(tmp_path: Path, name: str) -> None:
    advice, before, after = HELPS[name]
    file = tmp_path / "file.py"
    file.write_text(HEAD + before.removeprefix("\n"))
    assert [each.help for each in check([str(file)], Config()).diagnostics] == [advice]
    file.write_text(HEAD + after.removeprefix("\n"))
    assert check([str(file)], Config()).diagnostics == ()
