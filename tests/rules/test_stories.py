"""The steps of findings about balance: each stands where what it says happens."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from locklint.core.config import Config
from locklint.core.diagnostic import StepRole
from locklint.engine.pipeline import check

HEAD = """\
import threading

lock = threading.Lock()
rlock = threading.RLock()


"""

STORIES = {
    "two sections of one lock in a with": (
        "LCK102",
        """
        def refresh(progress, tasks, executor):
            with executor:
                while tasks.left():
                    lock.acquire()
                    progress.refresh()
                    lock.release()
                lock.acquire()
                progress.end()
                lock.release()
        """,
        """
        `lock` stays locked if `progress.refresh()` raises
          lock.acquire() | `lock` is acquired
          progress.refresh() | `progress.refresh()` may raise
          lock.release() | then this release is skipped, and the lock stays held
        `lock` stays locked if `progress.end()` raises
          lock.acquire() | `lock` is acquired
          progress.end() | `progress.end()` may raise
          lock.release() | then this release is skipped, and the lock stays held
        """,
    ),
    "a callee that asserts something before it raises": (
        "LCK102",
        """
        def parsed(text):
            assert text.size
            if text.empty:
                raise ValueError("nothing is there")

        def load(text):
            lock.acquire()
            parsed(text)
            lock.release()
        """,
        """
        `lock` stays locked if `parsed()` raises
          lock.acquire() | `lock` is acquired
          parsed(text) | `parsed()` may raise
          lock.release() | then this release is skipped, and the lock stays held
          raise ValueError("nothing is there") | this raises in `parsed()`
        """,
    ),
    "a re-entrant lock that another thread releases for itself": (
        "LCK104",
        """
        def stop():
            rlock.acquire()

        def run(work):
            rlock.acquire()
            work()
            rlock.release()
        """,
        """
        `rlock` is acquired, and no release belongs to this acquire
          rlock.acquire() | `rlock` is acquired
          rlock.acquire() | the function ends after this with the lock held
          rlock.release() | this release belongs to the acquire in line 11
        """,
    ),
    "a thread that is made before the lock is acquired": (
        "LCK307",
        """
        def go():
            with lock:
                pass

        def stop():
            thread = threading.Thread(target=go)
            thread.start()
            with lock:
                thread.join()
        """,
        """
        this waits for the thread that runs `go` while `lock` is held, and `go` waits for that lock
          threading.Thread(target=go) | creates thread 2, which runs `go`
          lock | acquires `main.lock`
          thread.join() | waits for thread 2 to finish
          lock | waits for `main.lock`, which thread 1 holds
          lock = threading.Lock() | `main.lock` is created
        """,
    ),
    "a call that is submitted with the lock held": (
        "LCK307",
        """
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor()

        def go():
            with lock:
                pass

        def f():
            with lock:
                future = pool.submit(go)
                future.result()
        """,
        """
        this waits for the future that runs `go` while `lock` is held, and `go` waits for that lock
          lock | acquires `main.lock`
          pool.submit(go) | submits `go`, which runs in thread 2
          future.result() | waits for thread 2 to finish
          lock | waits for `main.lock`, which thread 1 holds
          lock = threading.Lock() | `main.lock` is created
        """,
    ),
    "falls through a test": (
        "LCK103",
        """
        def f(x):
            lock.acquire()
            if x:
                lock.release()
        """,
        """
        `lock` is not released on every exit path of `f`
          lock.acquire() | `lock` is acquired
          x | the function ends after this with the lock held, if not `x`
          lock.release() | only this path releases it
        """,
    ),
    "falls through a loop": (
        "LCK103",
        """
        def f(xs: list):
            lock.acquire()
            for x in xs:
                lock.release()
                break
        """,
        """
        `lock` is not released on every exit path of `f`
          lock.acquire() | `lock` is acquired
          xs | the function ends after this with the lock held, once `xs` is exhausted
          lock.release() | only this path releases it
        """,
    ),
    "left by a return, and by a negative test": (
        "LCK103",
        """
        def f(x):
            lock.acquire()
            if x is not None:
                lock.release()
                return 1
            return 2
        """,
        """
        `lock` is not released on every exit path of `f`
          lock.acquire() | `lock` is acquired
          return 2 | the function exits here with the lock held, if `x is None`
          lock.release() | only this path releases it
        """,
    ),
    "left in a handler": (
        "LCK103",
        """
        def f(job):
            lock.acquire()
            try:
                job()
            except BaseException:
                print("bad")
            else:
                lock.release()
        """,
        """
        `lock` is not released on every exit path of `f`
          lock.acquire() | `lock` is acquired
          print("bad") | the function ends after this with the lock held
          lock.release() | only this path releases it
        """,
    ),
    "both arms of a test": (
        "LCK102",
        """
        def f(job, nolock, args):
            if not nolock:
                if args:
                    if not lock.acquire(*args):
                        return False
                else:
                    lock.acquire()
            job()
            if not nolock:
                lock.release()
        """,
        """
        `lock` stays locked if `job()` raises
          lock.acquire(*args) | `lock` is acquired
          lock.acquire() | or here
          job() | `job()` may raise
          lock.release() | then this release is skipped, and the lock stays held
        """,
    ),
    "what raises in a callee of a callee": (
        "LCK102",
        """
        def look_up(pool, key):
            if key not in pool:
                raise LookupError(key)

        def refresh(pool, key):
            try:
                pool.ping()
            except OSError:
                pass
            look_up(pool, key)

        def f(pool, key):
            lock.acquire()
            refresh(pool, key)
            lock.release()
        """,
        """
        `lock` stays locked if `refresh()` raises
          lock.acquire() | `lock` is acquired
          refresh(pool, key) | `refresh()` may raise
          lock.release() | then this release is skipped, and the lock stays held
          raise LookupError(key) | this raises in `refresh()`
        """,
    ),
    "what a callee calls outside the program": (
        "LCK102",
        """
        import json

        class Page:
            def __init__(self, text):
                self.data = json.loads(text)

        def f(text):
            lock.acquire()
            page = Page(text)
            lock.release()
            return page
        """,
        """
        `lock` stays locked if `Page()` raises
          lock.acquire() | `lock` is acquired
          Page(text) | `Page()` may raise
          lock.release() | then this release is skipped, and the lock stays held
          json.loads(text) | this may raise in `Page()`
        """,
    ),
    "the release that follows, not one on another branch": (
        "LCK102",
        """
        def f(x, job):
            lock.acquire()
            if x:
                lock.release()
                return
            if not job.ready:
                raise ValueError(x)
            print(lock.release())
        """,
        """
        `lock` stays locked after `raise ValueError`
          lock.acquire() | `lock` is acquired
          raise ValueError(x) | `raise ValueError`, only if not `x` and not `job.ready`
          lock.release() | then this release is skipped, and the lock stays held
        """,
    ),
    "an assertion fails, and others hold": (
        "LCK102",
        """
        def f(x: list, y: list):
            lock.acquire()
            assert x
            assert y
            lock.release()
        """,
        """
        `lock` stays locked if `assert x` raises
          lock.acquire() | `lock` is acquired
          assert x | `assert x` may raise
          lock.release() | then this release is skipped, and the lock stays held
        """,
    ),
    "after a try": (
        "LCK102",
        """
        def f(x, job):
            if not lock.acquire(False):
                return
            if isinstance(x, int):
                job()
            lock.release()
        """,
        """
        `lock` stays locked if `job()` raises
          lock.acquire(False) | `lock` is acquired
          job() | `job()` may raise, only if `isinstance(x, int)`
          lock.release() | then this release is skipped, and the lock stays held
        """,
    ),
    "nothing is skipped where the path has no release": (
        "LCK102",
        """
        def f(x, job):
            lock.acquire()
            if x:
                job()
                return
            lock.release()
        """,
        "",
    ),
    "released in the body and at the end": (
        "LCK107",
        """
        def f(job):
            lock.acquire()
            try:
                job()
                lock.release()
                job(2)
            finally:
                lock.release()
        """,
        """
        `lock` is released while it is not held
          lock.release() | `lock` is already released here
          lock.release() | released while not held
        """,
    ),
    "released in the previous iteration": (
        "LCK107",
        """
        def f(xs):
            lock.acquire()
            for x in xs:
                lock.release()
        """,
        """
        `lock` is released while it is not held
          lock.release() | `lock` is released in each iteration of the loop, but not acquired again
        """,
    ),
    "released further down in the previous iteration": (
        "LCK107",
        """
        def f(xs):
            lock.acquire()
            for x in xs:
                if x:
                    lock.release()
                    continue
                lock.release()
        """,
        """
        `lock` is released while it is not held
          lock.release() | `lock` is released in each iteration of the loop, but not acquired again
        `lock` is released while it is not held
          lock.release() | `lock` is already released here
          lock.release() | released while not held
        """,
    ),
    "acquired on one path": (
        "LCK107",
        """
        def f(exclusive):
            if exclusive:
                lock.acquire()
            lock.release()
        """,
        """
        `lock` is released while it is not held, if not `exclusive`
          exclusive | if not `exclusive`, `lock` is not acquired
          lock.acquire() | `lock` is acquired here, but not on every path
          lock.release() | released while not held
        """,
    ),
    "never acquired": (
        "LCK107",
        """
        def f():
            mine = threading.Lock()
            mine.release()
        """,
        """
        `mine` is released while it is not held
          mine = threading.Lock() | `main.f.<locals>.mine` is created
          mine.release() | released here, but never acquired
        """,
    ),
    "released within the `with`": (
        "LCK107",
        """
        def f(job):
            with lock:
                job()
                lock.release()
        """,
        """
        `lock` is released while it is not held
          lock | this acquires `lock`, and releases it at the end of the block
          lock.release() | released here, so it is no longer held at the end of the block
        """,
    ),
    "a caller may hold it": (
        "LCK107",
        """
        def f():
            rlock.acquire()
            rlock.release()
            rlock.release()
        """,
        """
        `rlock` is released while it is not held, unless a caller holds it
          rlock.release() | `rlock` is already released here
          rlock.release() | released while not held
        """,
    ),
    "acquired inside the try": (
        "LCK106",
        """
        def f(job):
            try:
                job(1)
                lock.acquire()
                job(2)
            finally:
                lock.release()
        """,
        """
        `lock` is released even if `job()` raises first: the acquire is inside the `try`
          job(1) | if `job()` raises, the lock is not held yet
          lock.acquire() | `lock` is acquired here
          lock.release() | but this releases it anyway
        """,
    ),
    "a clean-up that several paths go through": (
        "LCK102",
        """
        def f(job, closing):
            lock.acquire()
            try:
                if closing:
                    return
                print("working")
            finally:
                job(1)
                lock.release()
        """,
        """
        `lock` stays locked if `job()` raises
          lock.acquire() | `lock` is acquired
          job(1) | `job()` may raise
          lock.release() | then this release is skipped, and the lock stays held
        """,
    ),
    "tests on the way to a wait": (
        "LCK302",
        """
        class Buffer:
            def __init__(self):
                self.lock = threading.Lock()
                self.delay = 1

            def put(self, x):
                if x is None:
                    return
                with self.lock:
                    if self.delay > 0:
                        self.flush()

            def flush(self):
                while not self.ready():
                    print("wait")
                if self.delay:
                    print("soon")
                else:
                    return
                with self.lock:
                    print("flush")
        """,
        """
        `self.lock` is held here, and `Buffer.flush` waits for it: the thread blocks indefinitely
          self.lock | acquires `Buffer.lock`, only if `x is not None`
          self.flush() | calls `Buffer.flush`, only if `self.delay > 0`
          self.lock | waits for `Buffer.lock`, which it already holds, only if `self.delay`
          self.lock = threading.Lock() | `main.Buffer.lock` is created
        """,
    ),
    "the acquire itself fails": (
        "LCK106",
        """
        def f(job):
            try:
                lock.acquire()
                job(2)
            finally:
                lock.release()
        """,
        """
        `lock` is released even if acquiring it fails: the acquire is inside the `try`
          lock.acquire() | if the acquire fails, the lock is not held
          lock.release() | but this releases it anyway
        """,
    ),
}


def told(folder: Path, code: str, text: str) -> str:
    """The findings of one rule, each with the code of its steps and what they say."""
    file = folder / "main.py"
    file.write_text(HEAD + textwrap.dedent(text).lstrip("\n"))
    report = check([str(file)], Config(select=(code,)))
    assert not report.errors
    lines: list[str] = []
    for diagnostic in report.diagnostics:
        lines.append(diagnostic.message)
        for step in diagnostic.steps:
            span = step.span
            assert span.line == span.end_line
            source = file.read_text().splitlines()[span.line - 1]
            lines.append(f"  {source[span.column - 1 : span.end_column - 1]} | {step.message}")
    return "\n".join(lines)


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, tmp_path: Path) -> None:
    code, text, expected = STORIES[name]
    assert told(tmp_path, code, text) == textwrap.dedent(expected).strip("\n")


@pytest.mark.parametrize("code", ["LCK101", "LCK102", "LCK103", "LCK104"])
def test_locks_of_tasks_are_held_by_async_with(code: str, tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text(ASYNC)
    report = check([str(path)], Config(select=(code,)))
    helps = [each.help for each in report.diagnostics]
    assert helps
    assert all(each.startswith("use `async with ") for each in helps), helps


def test_the_choice_of_two_locks_is_told_to_be_a_list(tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text(f"{HEAD}def f(job):\n    with lock and rlock:\n        job()\n")
    [found] = check([str(path)], Config(select=("LCK202",))).diagnostics
    assert found.help.startswith("write `with x, y:` to acquire both locks")


ASYNC = """\
import asyncio

lock = asyncio.Lock()


async def by_hand():
    await lock.acquire()
    lock.release()


async def on_exception(work):
    await lock.acquire()
    work()
    lock.release()


async def on_a_path(x):
    await lock.acquire()
    if x:
        lock.release()


only_here = asyncio.Lock()


async def never():
    await only_here.acquire()
"""


def test_a_thread_that_thread_1_creates_is_created_in_its_lane(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import threading\n\nlock = threading.Lock()\n\n\ndef go():\n    with lock:\n"
        "        print()\n\n\ndef f():\n    thread = threading.Thread(target=go)\n"
        "    thread.start()\n    with lock:\n        thread.join()\n"
    )
    (found,) = check([str(tmp_path)], Config(select=("LCK307",))).diagnostics
    assert [each.thread for each in found.steps if each.role != StepRole.MADE] == [1, 1, 1, 2]
