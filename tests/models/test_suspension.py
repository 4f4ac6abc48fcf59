"""What becomes of a lock that is held at a `yield` or an `await`, in CPython."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator

import pytest


class Store:
    """A store whose generators hold its locks at each item."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.turn = asyncio.Lock()

    def items(self) -> Generator[int, None, None]:
        """Yield numbers with the lock held."""
        with self.lock:
            yield from range(3)

    async def feed(self) -> AsyncGenerator[int, None]:
        """Yield numbers with the lock of tasks held."""
        async with self.turn:
            for number in range(3):
                yield number


async def _until_waiting() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def _cancelled(coroutine: Coroutine[object, object, None]) -> None:
    task = asyncio.ensure_future(coroutine)
    await _until_waiting()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, RuntimeError):
        await task


def test_a_suspended_generator_holds_its_lock() -> None:
    store = Store()
    items = store.items()
    next(items)
    assert store.lock.locked()
    items.close()
    assert not store.lock.locked()


def test_a_loop_that_ends_early_closes_a_generator_that_it_alone_knows() -> None:
    store = Store()
    for _ in store.items():
        assert store.lock.locked()
        break
    assert not store.lock.locked()
    next(store.items())
    assert not store.lock.locked()


def test_a_loop_that_ends_early_leaves_a_generator_that_a_variable_knows() -> None:
    store = Store()
    items = store.items()
    for _ in items:
        break
    assert store.lock.locked()
    items.close()


def test_an_async_for_that_ends_early_leaves_the_lock_held() -> None:
    async def main() -> None:
        store = Store()
        async for _ in store.feed():
            break
        assert store.turn.locked()
        await _until_waiting()
        async with contextlib.aclosing(store.feed()) as feed:
            async for _ in feed:
                break
        assert not store.turn.locked()

    asyncio.run(main())


def test_a_task_that_is_cancelled_in_its_clean_up_skips_the_release() -> None:
    async def main() -> None:
        turn = asyncio.Lock()

        async def work() -> None:
            await turn.acquire()
            try:
                return
            finally:
                await asyncio.sleep(60)
                turn.release()

        await _cancelled(work())
        assert turn.locked()

    asyncio.run(main())


def test_a_cancelled_wait_for_a_thread_leaves_its_lock_held() -> None:
    async def main() -> None:
        lock = threading.Lock()
        lock.acquire()

        async def work() -> None:
            await asyncio.to_thread(lock.acquire)
            try:
                return
            finally:
                lock.release()

        await _cancelled(work())
        lock.release()
        for _ in range(1000):
            await asyncio.sleep(0.001)
            if lock.locked():
                return
        pytest.fail("the thread did not acquire the lock")

    asyncio.run(main())


def test_a_cancelled_acquire_in_a_clean_up_releases_the_lock_of_another_task() -> None:
    async def main() -> None:
        turn = asyncio.Lock()

        async def work() -> None:
            async with turn:
                turn.release()
                try:
                    await asyncio.sleep(60)
                finally:
                    await turn.acquire()

        task = asyncio.ensure_future(work())
        await _until_waiting()
        await turn.acquire()
        for _ in range(2):
            task.cancel()
            await _until_waiting()
        assert task.done()
        assert not turn.locked()

    asyncio.run(main())


def test_a_shield_does_not_keep_a_clean_up_from_being_left() -> None:
    async def main() -> None:
        turn = asyncio.Lock()

        async def work() -> None:
            await turn.acquire()
            try:
                return
            finally:
                await asyncio.shield(asyncio.sleep(0.01))
                turn.release()

        await _cancelled(work())
        assert turn.locked()

    asyncio.run(main())
