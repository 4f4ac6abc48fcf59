"""An acquire with a timeout whose result is ignored.

``acquire(timeout=…)`` returns False if the timeout expires. Without a test of the result, the
section runs without the lock, and then releases the lock of another thread.
"""

import threading

counter_lock = threading.Lock()
counter = 0


def faulty_increment() -> None:
    """Count although the lock was not given."""
    global counter
    counter_lock.acquire(timeout=0.1)
    counter += 1
    counter_lock.release()


def cured_increment() -> bool:
    """Count only with the lock; tell whether that worked."""
    global counter
    if not counter_lock.acquire(timeout=0.1):
        return False
    try:
        counter += 1
        return True
    finally:
        counter_lock.release()


def main() -> None:
    """Hold the lock in this thread while another counts, both ways."""
    for increment in (cured_increment, faulty_increment):
        with_lock = "kept"
        counter_lock.acquire()
        try:
            other = threading.Thread(target=increment)
            other.start()
            other.join()
        finally:
            try:
                counter_lock.release()
            except RuntimeError:
                with_lock = "lost: the other thread has released it"
        print(f"{increment.__name__}: the holder's lock was {with_lock}")


if __name__ == "__main__":
    main()
