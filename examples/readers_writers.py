"""Many readers or one writer: correct code that looks wrong.

The first reader acquires the lock of the room for all readers, and the last one releases it.
Acquire and release are therefore in different functions, under conditions, and may run in different
threads, which ``threading.Lock`` allows. There are no findings.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ReadersWriterLock:
    """A lock that many readers may hold at once, or one writer."""

    def __init__(self) -> None:
        self._readers = 0
        self._readers_lock = threading.Lock()
        self._room = threading.Lock()

    def acquire_read(self) -> None:
        """Enter as a reader."""
        with self._readers_lock:
            if self._readers == 0:
                self._room.acquire()
            self._readers += 1

    def release_read(self) -> None:
        """Leave as a reader."""
        with self._readers_lock:
            self._readers -= 1
            if self._readers == 0:
                self._room.release()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the lock as a reader."""
        self.acquire_read()
        try:
            yield
        finally:
            self.release_read()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock as the writer."""
        with self._room:
            yield


class Page:
    """A pair of numbers that a reader must never see half changed."""

    def __init__(self) -> None:
        self.lock = ReadersWriterLock()
        self.left = self.right = 0
        self.torn = 0

    def write(self) -> None:
        """Change both numbers."""
        for _ in range(200):
            with self.lock.writing():
                self.left += 1
                self.right += 1

    def read(self) -> None:
        """Compare both numbers."""
        for _ in range(200):
            with self.lock.reading():
                if self.left != self.right:
                    self.torn += 1


def main() -> None:
    """Let two writers and three readers work on one page."""
    page = Page()
    work = [page.write, page.write, page.read, page.read, page.read]
    threads = [threading.Thread(target=target) for target in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"written {page.left} times, read half changed {page.torn} times")


if __name__ == "__main__":
    main()
