"""The primitives of asyncio in other threads and other event loops, as CPython runs them."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from locklint.models.events import WAKES

# The loop has nothing else to do in the meantime: this timer alone wakes it.
ALARM = 0.8
SOON = 0.1

Tell = Callable[[asyncio.AbstractEventLoop, Callable[[], object]], object]


async def _waited(begin: Callable[[Callable[[], object]], object], tell: Tell) -> float:
    """Return how long a task waits for an event that ``begin`` lets something set soon."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    alarm = asyncio.ensure_future(asyncio.sleep(ALARM))
    begun = loop.time()
    begin(lambda: tell(loop, event.set))
    await event.wait()
    alarm.cancel()
    return loop.time() - begun


def _directly(loop: asyncio.AbstractEventLoop, set_event: Callable[[], object]) -> None:
    set_event()


def _through_the_loop(loop: asyncio.AbstractEventLoop, set_event: Callable[[], object]) -> None:
    loop.call_soon_threadsafe(set_event)


def _in_thread(work: Callable[[], object]) -> None:
    threading.Timer(SOON, work).start()


def test_a_thread_that_sets_an_event_does_not_wake_the_loop() -> None:
    assert asyncio.run(_waited(_in_thread, _directly)) >= ALARM * 0.9
    assert asyncio.run(_waited(_in_thread, _through_the_loop)) < ALARM * 0.9


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no such timers")
def test_a_signal_handler_that_sets_an_event_does_not_wake_the_loop() -> None:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("only the main thread handles signals")

    def on_signal(work: Callable[[], object]) -> None:
        signal.signal(signal.SIGALRM, lambda number, frame: work())
        signal.setitimer(signal.ITIMER_REAL, SOON)

    old = signal.getsignal(signal.SIGALRM)
    try:
        assert asyncio.run(_waited(on_signal, _directly)) >= ALARM * 0.9
        assert asyncio.run(_waited(on_signal, _through_the_loop)) < ALARM * 0.9
    finally:
        signal.signal(signal.SIGALRM, old)


def test_debug_mode_raises_in_the_thread_and_the_task_never_goes_on() -> None:
    raised: list[BaseException] = []

    async def main() -> asyncio.Task[bool]:
        event = asyncio.Event()

        def work() -> None:
            try:
                event.set()
            except RuntimeError as error:
                raised.append(error)

        _in_thread(work)
        task = asyncio.ensure_future(event.wait())
        await asyncio.sleep(ALARM)
        return task

    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    task = loop.run_until_complete(main())
    assert "Non-thread-safe operation" in str(raised[0])
    assert not task.done()
    task.get_coro().close()
    loop.close()


def test_reads_may_be_made_in_any_thread_and_the_rest_is_in_the_table() -> None:
    reads = {"is_set", "locked", "qsize", "empty", "full"}
    later = {"acquire", "wait", "wait_for", "get", "put", "join", "clear", "shutdown"}
    made: tuple[type[Any], ...] = (
        asyncio.Event,
        asyncio.Queue,
        asyncio.Lock,
        asyncio.Condition,
        asyncio.Semaphore,
    )
    methods = {name for each in made for name in dir(each) if not name.startswith("_")}
    assert methods - {"maxsize"} <= reads | later | WAKES.keys()


async def _hold(lock: asyncio.Lock, held: threading.Event | None = None) -> None:
    async with lock:
        if held is not None:
            held.set()
        await asyncio.sleep(SOON)


async def _contend(lock: asyncio.Lock) -> None:
    await asyncio.gather(_hold(lock), _hold(lock))


def test_a_lock_belongs_to_the_loop_in_which_a_task_waits_for_it_first() -> None:
    lock = asyncio.Lock()
    asyncio.run(_hold(lock))
    asyncio.run(_hold(lock))
    asyncio.run(_contend(lock))
    asyncio.run(_hold(lock))
    with pytest.raises(RuntimeError, match="different event loop"):
        asyncio.run(_contend(lock))


def test_a_release_in_one_loop_does_not_wake_a_task_of_another() -> None:
    lock, held = asyncio.Lock(), threading.Event()
    holder = threading.Thread(target=lambda: asyncio.run(_hold(lock, held)))
    holder.start()
    held.wait()

    async def wait() -> float:
        alarm = asyncio.ensure_future(asyncio.sleep(ALARM))
        begun = time.monotonic()
        await lock.acquire()
        alarm.cancel()
        return time.monotonic() - begun

    assert asyncio.run(wait()) >= ALARM * 0.9
    holder.join()
