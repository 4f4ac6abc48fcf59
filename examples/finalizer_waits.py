"""A finalizer that waits for a lock which the code that it interrupts may hold.

The last reference to an object can go away anywhere, also while its own thread holds the lock. The
finalizer then waits for the thread that it runs in. `SimpleQueue.put` needs no lock of Python code:
the finalizer leaves its work to the next caller.

The blocked thread is a daemon, so that the program can end.
"""

import queue
import threading
import weakref

lock = threading.Lock()
gone: list[str] = []
left_to_do: queue.SimpleQueue[str] = queue.SimpleQueue()


def faulty_close() -> None:
    """Wait for the lock."""
    with lock:
        gone.append("a connection")


def cured_close() -> None:
    """Leave it to others to note it."""
    left_to_do.put("a connection")


class FaultyConnection:
    """A connection whose finalizer waits."""

    def __init__(self) -> None:
        finalizer = weakref.finalize(self, faulty_close)
        finalizer.atexit = False  # So that the program can end.


class CuredConnection:
    """A connection whose finalizer waits for nothing."""

    def __init__(self) -> None:
        weakref.finalize(self, cured_close)


def replace(kind: type[FaultyConnection] | type[CuredConnection]) -> None:
    """Drop the last reference to a connection with the lock held."""
    kept = [kind()]
    with lock:
        kept[0] = kind()


def main() -> None:
    """Replace one connection of each kind."""
    for kind in (CuredConnection, FaultyConnection):
        thread = threading.Thread(target=replace, args=(kind,), daemon=True)
        thread.start()
        thread.join(timeout=0.3)
        print(f"{kind.__name__}: {'blocked indefinitely' if thread.is_alive() else 'replaced'}")


if __name__ == "__main__":
    main()
