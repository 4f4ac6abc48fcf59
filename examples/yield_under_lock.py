"""A generator that yields while it holds a lock.

The consumer decides when the generator goes on, and whether it ever does. Until then all others
wait for the lock, also the consumer itself, if it acquires the lock in its loop. Copy what is
needed, and yield without the lock.
"""

import threading
from collections.abc import Iterator


class Store:
    """Some names."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._names = ["a", "b"]

    def faulty_names(self) -> Iterator[str]:
        """Yield them with the lock held."""
        with self.lock:
            yield from self._names

    def cured_names(self) -> Iterator[str]:
        """Copy them with the lock held, and yield the copy."""
        with self.lock:
            names = list(self._names)
        yield from names

    def is_free(self) -> bool:
        """Return whether the lock could be acquired now."""
        free = self.lock.acquire(blocking=False)
        if free:
            self.lock.release()
        return free


def main() -> None:
    """Take one name each way, and look at the lock."""
    store = Store()
    names = store.cured_names()
    first = next(names)
    print(f"cured_names: after {first!r} the lock is {'free' if store.is_free() else 'held'}")
    names = store.faulty_names()
    first = next(names)
    print(f"faulty_names: after {first!r} the lock is {'free' if store.is_free() else 'held'}")


if __name__ == "__main__":
    main()
