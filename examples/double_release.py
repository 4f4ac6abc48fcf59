"""A lock that is released in the handler and again at the end.

Releasing a lock that is not held raises ``RuntimeError``. If another thread has acquired the lock
in the meantime, the second release releases the lock of that thread, silently.
"""

import threading

parse_lock = threading.Lock()


def faulty_number(text: str) -> int:
    """Release twice if the text is not a number."""
    number = 0
    parse_lock.acquire()
    try:
        number = int(text)
    except ValueError:
        parse_lock.release()
    parse_lock.release()
    return number


def cured_number(text: str) -> int:
    """Let ``with`` release, once."""
    with parse_lock:
        try:
            return int(text)
        except ValueError:
            return 0


def main() -> None:
    """Read a word as a number, both ways."""
    print("cured_number:", cured_number("seven"))
    try:
        faulty_number("seven")
    except RuntimeError as error:
        print("faulty_number: RuntimeError:", error)


if __name__ == "__main__":
    main()
