"""An asyncio lock whose ``acquire()`` is called but not awaited.

The call only creates a coroutine. The section runs without the lock, and the release then raises,
because the lock is not held.
"""

import asyncio
import warnings


async def faulty_section(lock: asyncio.Lock) -> None:
    """Make a coroutine and throw it away."""
    lock.acquire()
    print("faulty_section: in the section, and the lock is", "held" if lock.locked() else "free")
    lock.release()


async def cured_section(lock: asyncio.Lock) -> None:
    """Enter the lock, which waits for it."""
    async with lock:
        print("cured_section: in the section, and the lock is", "held" if lock.locked() else "free")


async def run() -> None:
    """Run both sections."""
    await cured_section(asyncio.Lock())
    try:
        await faulty_section(asyncio.Lock())
    except RuntimeError as error:
        print("faulty_section: RuntimeError:", error)


def main() -> None:
    """Run without Python's own warning, which comes only where the fault is met at run time."""
    warnings.simplefilter("ignore", RuntimeWarning)
    asyncio.run(run())


if __name__ == "__main__":
    main()
