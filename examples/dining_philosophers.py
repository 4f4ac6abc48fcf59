"""Five philosophers, five forks, and a deadlock.

Every philosopher takes the left fork and waits for the right one, which the neighbour holds. The
fix is an order of all forks: take the one with the lower number first. Then the last philosopher
takes the same fork first as the first one, and one of the others can always eat.

The deadlocked threads are daemons, so that the program can end.
"""

import threading

SEATS = 5
MEALS = 20


class Table:
    """A round table with a fork between any two seats."""

    def __init__(self) -> None:
        self.forks = [threading.Lock() for _ in range(SEATS)]
        self.seated = threading.Barrier(SEATS)
        self.meals = 0
        self.count_lock = threading.Lock()

    def faulty_dine(self, seat: int) -> None:
        """Take the left fork, then the right one."""
        for _ in range(MEALS):
            with self.forks[seat]:
                # All hold their left forks now: the unlucky moment, made certain.
                self.seated.wait()
                with self.forks[(seat + 1) % SEATS]:
                    self.eat()

    def cured_dine(self, seat: int) -> None:
        """Take the fork with the lower number first."""
        first, second = sorted((seat, (seat + 1) % SEATS))
        self.seated.wait()
        for _ in range(MEALS):
            with self.forks[first], self.forks[second]:
                self.eat()

    def eat(self) -> None:
        """Count a meal."""
        with self.count_lock:
            self.meals += 1


def main() -> None:
    """Serve a table of each kind for half a second."""
    for dine in (Table.cured_dine, Table.faulty_dine):
        table = Table()
        guests = [
            threading.Thread(target=dine, args=(table, seat), daemon=True) for seat in range(SEATS)
        ]
        for guest in guests:
            guest.start()
        for guest in guests:
            guest.join(timeout=0.1)
        hungry = sum(guest.is_alive() for guest in guests)
        print(f"{dine.__name__}: {table.meals} meals, {hungry} philosophers are deadlocked")


if __name__ == "__main__":
    main()
