"""A release before every ``return`` but one.

The function returns in three places. Before one of them, the release is missing.
"""

import threading


class Till:
    """Money in a shop."""

    def __init__(self, coins: int) -> None:
        self.coins = coins
        self.lock = threading.Lock()

    def faulty_pay(self, amount: int) -> bool:
        """Forget the lock when there is nothing to pay."""
        self.lock.acquire()
        if amount == 0:
            return True
        if self.coins < amount:
            self.lock.release()
            return False
        self.coins -= amount
        self.lock.release()
        return True

    def cured_pay(self, amount: int) -> bool:
        """Leave as often as you like: ``with`` releases each time."""
        with self.lock:
            if amount == 0:
                return True
            if self.coins < amount:
                return False
            self.coins -= amount
            return True


def main() -> None:
    """Pay nothing, both ways, and look at the lock."""
    for pay in (Till.cured_pay, Till.faulty_pay):
        till = Till(10)
        pay(till, 0)
        print(f"{pay.__name__}: the lock is {'still held' if till.lock.locked() else 'free'}")


if __name__ == "__main__":
    main()
