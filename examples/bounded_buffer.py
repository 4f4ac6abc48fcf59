"""Producers and consumers on one condition: correct code without findings.

``wait`` is in a loop that tests the state again, and the condition is held when it is notified.
"""

import threading
from collections import deque


class Buffer:
    """A queue of limited length."""

    def __init__(self, room: int) -> None:
        self._items: deque[int] = deque()
        self._room = room
        self._changed = threading.Condition()

    def put(self, item: int) -> None:
        """Add an item as soon as there is room."""
        with self._changed:
            while len(self._items) >= self._room:
                self._changed.wait()
            self._items.append(item)
            self._changed.notify_all()

    def get(self) -> int:
        """Take the oldest item as soon as there is one."""
        with self._changed:
            self._changed.wait_for(lambda: self._items)
            item = self._items.popleft()
            self._changed.notify_all()
            return item


def main() -> None:
    """Pass a hundred numbers through a buffer of three."""
    buffer = Buffer(3)
    received: list[int] = []
    consumer = threading.Thread(target=lambda: received.extend(buffer.get() for _ in range(100)))
    consumer.start()
    for number in range(100):
        buffer.put(number)
    consumer.join()
    print(f"received {len(received)} numbers, in order: {received == sorted(received)}")


if __name__ == "__main__":
    main()
