"""A decision on ``locked()``, whose result may be stale by the time it is used.

Two threads can both see that the lock is free, and then one of them waits. To acquire a lock only
if it is free, use ``acquire(blocking=False)`` and test its result.
"""

import threading
import time

printer = threading.Lock()


def faulty_print(name: str, results: list[str]) -> None:
    """Look, and then act on what was seen."""
    if printer.locked():
        results.append(f"{name} went away")
        return
    time.sleep(0.01)  # Anything that gives another thread its turn.
    start = time.perf_counter()
    with printer:
        waited = time.perf_counter() - start
        results.append(f"{name} {'had to wait' if waited > 0.02 else 'printed at once'}")
        time.sleep(0.05)


def cured_print(name: str, results: list[str]) -> None:
    """Look and act in one step."""
    if not printer.acquire(blocking=False):
        results.append(f"{name} went away")
        return
    try:
        results.append(f"{name} printed at once")
        time.sleep(0.05)
    finally:
        printer.release()


def main() -> None:
    """Let two threads print who do not want to wait, both ways."""
    for function in (cured_print, faulty_print):
        results: list[str] = []
        threads = [
            threading.Thread(target=function, args=(name, results)) for name in ("Ada", "Bob")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"{function.__name__}: {', '.join(results)}")


if __name__ == "__main__":
    main()
