"""Waiting for a thread while holding the lock that it needs.

The thread waits for the lock, and the caller that holds the lock waits for the thread. The fix is
to signal the thread under the lock, and to join it after releasing the lock.

The faulty call runs in a daemon thread, so that the program can end.
"""

import threading
from collections.abc import Callable


class Ticker:
    """A thread that counts until it is stopped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = True
        self.ticks = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._running:
                    return
                self.ticks += 1

    def faulty_stop(self) -> None:
        """Wait for the thread with the lock held that it has to take once more."""
        with self._lock:
            self._running = False
            self._thread.join()

    def cured_stop(self) -> None:
        """Wait for the thread when the lock has been given back."""
        with self._lock:
            self._running = False
        self._thread.join()


def ends(function: Callable[[], None]) -> bool:
    """Run a function in a thread of its own; tell whether it ends within half a second."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(timeout=0.5)
    return not thread.is_alive()


def main() -> None:
    """Stop one ticker in the cured way, another one in the faulty one."""
    print(f"outside the lock: {'stopped' if ends(Ticker().cured_stop) else 'deadlocked'}")
    print(f"under the lock: {'stopped' if ends(Ticker().faulty_stop) else 'deadlocked'}")


if __name__ == "__main__":
    main()
