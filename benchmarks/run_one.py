"""Run one command, and write what it cost to a file: ``python run_one.py FILE COMMAND…``.

A script of its own, because Linux counts the memory of the process that starts a program to that
program's peak. This one is as small as a Python process can be, so that the peak of every program
that is measured is its own. The command's output is thrown away but for its standard error.
"""

from __future__ import annotations

import os
import sys
import time


def main() -> None:
    """Write the status, the seconds of processor and of wall, and the peak in KiB on one line."""
    # Not pathlib or subprocess, whose imports would make this process larger.
    file, command = sys.argv[1], sys.argv[2:]
    nowhere = os.open(os.devnull, os.O_RDWR)
    redirected = [(os.POSIX_SPAWN_DUP2, nowhere, 0), (os.POSIX_SPAWN_DUP2, nowhere, 1)]
    start = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=redirected)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - start
    # Children that the command waited for are counted in; of the peaks the highest counts.
    processor = usage.ru_utime + usage.ru_stime
    peak = usage.ru_maxrss // 1024 if sys.platform == "darwin" else usage.ru_maxrss
    with open(file, "w", encoding="ascii") as stream:
        stream.write(f"{os.waitstatus_to_exitcode(status)} {processor!r} {wall!r} {peak}\n")


if __name__ == "__main__":
    main()
