"""A property that acquires a lock and is read while that lock is held.

Reading the property does not look like a call, and the lock is not re-entrant: the thread waits for
itself. The fix is a method that expects the lock to be held.

The faulty call runs in a daemon thread, so that the program can end.
"""

import threading
from collections.abc import Callable


class Till:
    """Coins, and a lock that guards them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._coins: list[int] = []

    @property
    def total(self) -> int:
        """All that is in the till."""
        with self._lock:
            return self._total()

    def _total(self) -> int:
        return sum(self._coins)

    def faulty_pay(self, coin: int) -> int:
        """Put a coin in and ask the property, which waits for the lock that is held here."""
        with self._lock:
            self._coins.append(coin)
            return self.total

    def cured_pay(self, coin: int) -> int:
        """Put a coin in and ask without the lock, which is held already."""
        with self._lock:
            self._coins.append(coin)
            return self._total()


def ends(function: Callable[[int], int]) -> bool:
    """Run a function in a thread of its own; tell whether it ends within half a second."""
    thread = threading.Thread(target=function, args=(1,), daemon=True)
    thread.start()
    thread.join(timeout=0.5)
    return not thread.is_alive()


def main() -> None:
    """Pay in the cured way, then in the faulty one."""
    print(f"without the property: {'paid' if ends(Till().cured_pay) else 'deadlocked'}")
    print(f"with the property: {'paid' if ends(Till().faulty_pay) else 'deadlocked'}")


if __name__ == "__main__":
    main()
