"""``lock.acquire`` without parentheses, and ``with lock.acquire()``.

The first statement does not call the method. The second enters the result of ``acquire``, which is
True, instead of the lock. A bool is not a context manager, so it raises, and the lock stays held.
"""

import threading

state_lock = threading.Lock()
other_lock = threading.Lock()
state: list[int] = []


def faulty_mention(value: int) -> None:
    """Change the state without the lock."""
    state_lock.acquire
    state.append(value)


def faulty_enter(value: int) -> None:
    """Enter a bool."""
    with other_lock.acquire():
        state.append(value)


def cured(value: int) -> None:
    """Enter the lock itself."""
    with state_lock:
        state.append(value)


def main() -> None:
    """Change the state, all three ways."""
    cured(1)
    with state_lock:
        faulty_mention(2)
        print("faulty_mention: changed the state while another held the lock:", state)
    try:
        faulty_enter(3)
    except (TypeError, AttributeError) as error:
        held = "held forever" if other_lock.locked() else "free"
        print(f"faulty_enter: {type(error).__name__}, and the lock is {held}")


if __name__ == "__main__":
    main()
