"""Two locks that two threads acquire in opposite orders.

Each thread holds the lock that the other waits for. Neither function is wrong on its own: the fault
is the combination. The fix is to acquire the locks in the same order everywhere.

The deadlocked threads are daemons, so that the program can end.
"""

import threading
from collections.abc import Callable
from contextlib import suppress

accounts = threading.Lock()
audit = threading.Lock()
both_hold_one = threading.Barrier(2, timeout=1)


def meet() -> None:
    """Wait until both threads hold their first lock: the unlucky moment, made certain."""
    with suppress(threading.BrokenBarrierError):
        both_hold_one.wait()


def faulty_pay() -> None:
    """Take accounts, then audit."""
    with accounts:
        meet()
        with audit:
            pass


def faulty_inspect() -> None:
    """Take audit, then accounts."""
    with audit:
        meet()
        with accounts:
            pass


def cured_pay() -> None:
    """Take accounts, then audit."""
    with accounts, audit:
        pass


def cured_inspect() -> None:
    """Take the two in the same order as everybody else."""
    with accounts, audit:
        pass


def finishes(*functions: Callable[[], None]) -> bool:
    """Run functions in threads of their own; tell whether all end within half a second."""
    threads = [threading.Thread(target=function, daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=0.5)
    return not any(thread.is_alive() for thread in threads)


def main() -> None:
    """Run the cured pair, then the faulty one."""
    for name, pair in (
        ("one order", (cured_pay, cured_inspect)),
        ("opposite orders", (faulty_pay, faulty_inspect)),
    ):
        print(f"{name}: {'both ended' if finishes(*pair) else 'a deadlock'}")


if __name__ == "__main__":
    main()
