"""A lock that each call creates for itself.

Every call acquires its own lock, so the calls do not exclude each other. The lock must live as long
as the data that it protects.
"""

import threading
import time


class Counter:
    """Something that several threads count in."""

    def __init__(self) -> None:
        self.value = 0
        self.lock = threading.Lock()

    def faulty_increment(self) -> None:
        """Guard the value with a lock that nobody else can see."""
        lock = threading.Lock()
        with lock:
            value = self.value
            time.sleep(0.001)  # Anything that gives another thread its turn.
            self.value = value + 1

    def cured_increment(self) -> None:
        """Guard the value with the lock that all users of the value share."""
        with self.lock:
            value = self.value
            time.sleep(0.001)
            self.value = value + 1


def main() -> None:
    """Count to twenty with twenty threads, both ways."""
    for increment in (Counter.cured_increment, Counter.faulty_increment):
        counter = Counter()
        threads = [threading.Thread(target=increment, args=(counter,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"{increment.__name__}: 20 threads counted to {counter.value}")


if __name__ == "__main__":
    main()
