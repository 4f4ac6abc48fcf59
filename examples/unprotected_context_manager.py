"""A context manager from a generator without ``try``.

An exception in the body of the ``with`` is raised at the ``yield``. Without ``try`` and ``finally``
around it, the release is skipped.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

door = threading.Lock()


@contextmanager
def faulty_room() -> Iterator[str]:
    """Leave the door locked if something goes wrong inside."""
    door.acquire()
    yield "inside"
    door.release()


@contextmanager
def cured_room() -> Iterator[str]:
    """Open the door whatever happens inside."""
    with door:
        yield "inside"


def main() -> None:
    """Let something go wrong inside, both ways."""
    for room in (cured_room, faulty_room):
        try:
            with room():
                raise ValueError("something went wrong inside")
        except ValueError:
            print(f"{room.__name__}: the door is {'still locked' if door.locked() else 'open'}")


if __name__ == "__main__":
    main()
