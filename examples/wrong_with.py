"""``with`` on an asyncio lock, and ``async with`` on a thread lock.

Both raise ``TypeError``: an asyncio lock needs ``async with``, a lock of threading needs ``with``.
"""

import asyncio
import threading

task_lock = asyncio.Lock()
thread_lock = threading.Lock()


async def faulty_with() -> None:
    """Enter a lock of tasks as if it were one of threads."""
    with task_lock:  # type: ignore[attr-defined]
        print("never reached")


async def faulty_async_with() -> None:
    """Enter a lock of threads as if it were one of tasks."""
    async with thread_lock:  # type: ignore[attr-defined]
        print("never reached")


async def cured() -> None:
    """Enter each as it wants to be entered."""
    async with task_lock:
        print("cured: the lock of tasks is held")
    with thread_lock:
        print("cured: the lock of threads is held")


def main() -> None:
    """Enter both, in every way."""
    for enter in (faulty_with, faulty_async_with, cured):
        try:
            asyncio.run(enter())
        except (TypeError, AttributeError) as error:
            print(f"{enter.__name__}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
