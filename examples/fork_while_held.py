"""A process that forks while another thread holds a lock.

The child has a copy of the lock, which is held, but no copy of the thread that would release it. So
it waits indefinitely. A child that runs another program, or is started by the method ``spawn``, has
no such copies. The parent ends the child that is blocked.
"""

import os
import subprocess
import sys
import threading
import time

lock = threading.Lock()


def faulty_child() -> int:
    """Fork with the lock held, and let the child wait for it."""
    with lock:
        child = os.fork()
        if child == 0:
            with lock:
                os._exit(0)
    return child


def cured_child() -> int:
    """Run another program, with the lock held or not."""
    with lock:
        started = subprocess.Popen([sys.executable, "-c", "pass"])
    return started.pid


def has_ended(child: int) -> bool:
    """Return whether a child ends by itself within a second; end it otherwise."""
    for _ in range(20):
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.1)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


def main() -> None:
    """Start a child each way."""
    if not hasattr(os, "fork"):
        print("this system has no fork")
        return
    for start in (cured_child, faulty_child):
        print(f"{start.__name__}: {'ended' if has_ended(start()) else 'blocked indefinitely'}")


if __name__ == "__main__":
    main()
