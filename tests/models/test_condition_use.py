"""Conditions that are used without their lock, and waits that end too early, when they are run."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Callable

import pytest


def _in_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("call", ["wait", "notify", "notify_all"])
def test_a_condition_that_is_not_held_raises(call: str) -> None:
    for ready in (threading.Condition(), threading.Condition(threading.Lock())):
        with pytest.raises(RuntimeError):
            getattr(ready, call)()


def test_a_condition_of_processes_asserts() -> None:
    with pytest.raises(AssertionError):
        multiprocessing.Condition().notify()


def test_a_condition_with_another_lock_held_raises() -> None:
    lock, ready = threading.Lock(), threading.Condition()
    with lock, pytest.raises(RuntimeError):
        ready.notify()


def test_a_wait_for_what_is_true_needs_no_lock() -> None:
    ready = threading.Condition()
    assert ready.wait_for(lambda: True)
    with pytest.raises(RuntimeError):
        ready.wait_for(lambda: False)


def test_a_plain_lock_may_be_held_by_any_thread() -> None:
    plain, own = threading.Condition(threading.Lock()), threading.Condition()
    raised: list[type[BaseException]] = []

    def tell() -> None:
        plain.notify()
        try:
            own.notify()
        except RuntimeError as error:
            raised.append(type(error))

    with plain, own:
        _in_thread(tell)
    assert raised == [RuntimeError]


def test_a_condition_of_tasks_may_be_held_by_any_task() -> None:
    async def main() -> None:
        ready = asyncio.Condition()
        with pytest.raises(RuntimeError):
            ready.notify()
        async with ready:
            await asyncio.create_task(_tell(ready))

    async def _tell(ready: asyncio.Condition) -> None:
        ready.notify()

    asyncio.run(main())


def test_a_wait_releases_its_own_lock_alone() -> None:
    outer, ready = threading.RLock(), threading.Condition()
    found: list[bool] = []

    def look() -> None:
        found.append(outer.acquire(timeout=0.05))
        with ready:
            ready.notify()

    with outer, ready, ready:
        thread = threading.Thread(target=look)
        thread.start()
        assert ready.wait(5)
    thread.join()
    assert found == [False]


def test_a_wait_may_end_without_what_it_was_for() -> None:
    ready = threading.Condition()
    items: list[int] = []
    missing: list[bool] = []

    def get() -> None:
        with ready:
            waiting.set()
            if not items:
                ready.wait(5)
            missing.append(not items)

    waiting = threading.Event()
    thread = threading.Thread(target=get)
    thread.start()
    waiting.wait(5)
    with ready:
        ready.notify_all()  # For something else.
    thread.join()
    assert missing == [True]


def test_a_notification_before_a_wait_is_lost() -> None:
    ready = threading.Condition()
    with ready:
        ready.notify_all()
    with ready:
        assert not ready.wait(0.01)
