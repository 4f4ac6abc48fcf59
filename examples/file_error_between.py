"""A file that cannot be opened leaves a lock held.

The lock is acquired, opening the file raises, and the release is skipped. The next thread that
acquires the lock blocks indefinitely (in this program, for a fifth of a second). ``with`` releases
on every exit path.
"""

import threading
from pathlib import Path

journal_lock = threading.Lock()


def faulty_append(path: Path, line: str) -> None:
    """Leave the lock held if the file cannot be opened or written."""
    journal_lock.acquire()
    journal = open(path, "a", encoding="utf-8")
    journal.write(line)
    journal.close()
    journal_lock.release()


def cured_append(path: Path, line: str) -> None:
    """Release the lock whatever happens."""
    with journal_lock, open(path, "a", encoding="utf-8") as journal:
        journal.write(line)


def report(name: str) -> None:
    """Say whether another user of the lock would get it."""
    if journal_lock.acquire(timeout=0.2):
        journal_lock.release()
        print(f"{name}: the lock is free again")
    else:
        print(f"{name}: the lock is still held, and the next thread waits")


def main() -> None:
    """Write to a directory that does not exist, both ways."""
    nowhere = Path(__file__).with_name("no such directory") / "journal.txt"
    for append in (cured_append, faulty_append):
        try:
            append(nowhere, "hello\n")
        except OSError as error:
            print(f"{append.__name__}: {error.strerror}")
        report(append.__name__)


if __name__ == "__main__":
    main()
