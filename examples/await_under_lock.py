"""A coroutine that awaits while it holds a lock of threads.

While the first task sleeps, the second one waits for the lock. That stops the thread, and with it
the event loop, so that the first task cannot go on to release it. (In this program the wait ends
after a second.) A lock of asyncio lets the loop go on.
"""

import asyncio
import threading

thread_lock = threading.Lock()


async def faulty_update(results: list[str]) -> None:
    """Await with the lock held."""
    with thread_lock:
        await asyncio.sleep(0.01)
        results.append("updated")


async def read_in_time(results: list[str]) -> None:
    """Wait for the same lock, but for a limited time, so that this program ends."""
    if thread_lock.acquire(timeout=1):
        thread_lock.release()
        results.append("read")
    else:
        results.append("no lock: the event loop stood still")


async def cured_update(lock: asyncio.Lock, results: list[str]) -> None:
    """Hold a lock of asyncio: a task that waits for it lets others run."""
    async with lock:
        await asyncio.sleep(0.01)
        results.append("updated")


async def cured_read(lock: asyncio.Lock, results: list[str]) -> None:
    """Wait for it."""
    async with lock:
        results.append("read")


async def run() -> None:
    """Run two tasks with each kind of lock."""
    results: list[str] = []
    await asyncio.gather(faulty_update(results), read_in_time(results))
    print("faulty_update:", ", then ".join(results))
    lock, results = asyncio.Lock(), []
    await asyncio.gather(cured_update(lock, results), cured_read(lock, results))
    print("cured_update:", ", then ".join(results))


if __name__ == "__main__":
    asyncio.run(run())
