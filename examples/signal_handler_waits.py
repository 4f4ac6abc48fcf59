"""A signal handler that waits for a lock of the thread that it interrupts.

Handlers run in the main thread, between two of its instructions. If these hold the lock, the
handler waits for code that cannot go on before the handler ends. Let it set a flag only.

The program starts itself to show that, and ends the copy that is blocked.
"""

import signal
import subprocess
import sys
import threading
from types import FrameType

lock = threading.Lock()
totals: list[int] = []
is_requested = False


def faulty_report(number: int, frame: FrameType | None) -> None:
    """Wait for the lock in the handler."""
    with lock:
        print("totals:", totals, flush=True)


def cured_report(number: int, frame: FrameType | None) -> None:
    """Ask the main thread for a report."""
    global is_requested
    is_requested = True


def count() -> None:
    """Add up, and be interrupted with the lock held; report afterwards if that was asked for."""
    with lock:
        totals.append(1)
        signal.raise_signal(signal.SIGINT)
    if is_requested:
        with lock:
            print("totals:", totals, flush=True)


def main() -> None:
    """Count with the handler that is named, or let copies of this program do it."""
    match sys.argv[1:]:
        case ["faulty"]:
            signal.signal(signal.SIGINT, faulty_report)
            count()
        case ["cured"]:
            signal.signal(signal.SIGINT, cured_report)
            count()
        case _:
            for name in ("cured", "faulty"):
                command = [sys.executable, __file__, name]
                try:
                    ended = subprocess.run(command, timeout=1, capture_output=True, text=True)
                    print(f"{name}_report: {ended.stdout.strip()}")
                except subprocess.TimeoutExpired:
                    print(f"{name}_report: blocked indefinitely")


if __name__ == "__main__":
    main()
