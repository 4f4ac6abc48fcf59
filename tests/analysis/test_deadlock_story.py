"""How deadlocks are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from locklint.core.config import Config
from locklint.core.diagnostic import Diagnostic
from locklint.engine.pipeline import check

CYCLE = """\
import {module}

a = {module}.Lock()
b = {module}.Lock()


{prefix}def one(flag):
    {prefix}with a:
        if flag:
            {prefix}with b:
                print()


{prefix}def other():
    {prefix}with b:
        {await_}inner()


{prefix}def inner():
    {prefix}with a:
        print()
"""

SELF = """\
import threading

lock = threading.Lock()


def outer():
    with lock:
        inner()


def inner():
    with lock:
        print()
"""

SWAPPED = """\
import threading


class Account:
    def __init__(self):
        self.lock = threading.Lock()


def transfer(source: Account, target: Account):
    with source.lock:
        with target.lock:
            print()
"""

UPGRADE = """\
import fasteners

lock = fasteners.ReaderWriterLock()


def load():
    with lock.read_lock():
        with lock.write_lock():
            print()
"""

JOIN = """\
import threading


class Ticker:
    def __init__(self):
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        with self._lock:
            print()

    def stop(self):
        with self._lock:
            self._thread.join()
"""

LOG = """\
import logging
import threading

log = logging.getLogger(__name__)
lock = threading.Lock()


class Window(logging.Handler):
    def emit(self, record):
        with lock:
            print(record)


def clear():
    with lock:
        log.info("cleared")
"""


def found(folder: Path, code: str, text: str) -> Diagnostic:
    path = folder / "app.py"
    path.write_text(text, encoding="utf-8")
    report = check([str(path)], Config())
    (one,) = [each for each in report.diagnostics if each.code == code]
    return one


def told(diagnostic: Diagnostic) -> list[str]:
    return [f"{step.thread}: {step.message}" for step in diagnostic.steps]


@pytest.mark.parametrize(
    ("module", "prefix", "await_", "who"),
    [("threading", "", "", "thread"), ("asyncio", "async ", "await ", "task")],
)
def test_two_threads_or_tasks(
    tmp_path: Path, module: str, prefix: str, await_: str, who: str
) -> None:
    text = CYCLE.format(module=module, prefix=prefix, await_=await_)
    assert told(found(tmp_path, "LCK301", text)) == [
        "1: acquires `app.a`",
        f"1: waits for `app.b`, which {who} 2 holds, only if `flag`",
        "2: acquires `app.b`",
        "2: calls `inner`",
        f"2: waits for `app.a`, which {who} 1 holds",
        "0: `app.a` is created",
        "0: `app.b` is created",
    ]


def test_one_thread(tmp_path: Path) -> None:
    assert told(found(tmp_path, "LCK302", SELF)) == [
        "0: acquires `app.lock`",
        "0: calls `inner`",
        "0: waits for `app.lock`, which it already holds",
        "0: `app.lock` is created",
    ]


@pytest.mark.parametrize(
    ("code", "text", "waits"),
    [
        ("LCK303", SWAPPED, "waits for `Account.lock`, that of another instance"),
        ("LCK304", UPGRADE, "waits for `app.lock`, whose read lock it already holds"),
    ],
)
def test_two_locks_of_one_name(tmp_path: Path, code: str, text: str, waits: str) -> None:
    assert told(found(tmp_path, code, text))[1] == f"0: {waits}"


def test_waiting_for_a_thread(tmp_path: Path) -> None:
    assert told(found(tmp_path, "LCK307", JOIN)) == [
        "2: creates thread 2, which runs `Ticker._run`",
        "1: acquires `Ticker._lock`",
        "1: waits for thread 2 to finish",
        "2: waits for `Ticker._lock`, which thread 1 holds",
        "0: `app.Ticker._lock` is created",
    ]


def test_logging(tmp_path: Path) -> None:
    assert told(found(tmp_path, "LCK306", LOG)) == [
        "1: acquires `app.lock`",
        "1: waits for the lock of a log handler, which thread 2 holds",
        "2: waits for `app.lock`, which thread 1 holds",
        "0: `app.lock` is created",
    ]
