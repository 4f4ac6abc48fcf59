"""The process: ``locklint`` and ``python -m locklint``."""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # With `-m` Python looks for modules in the working directory first. The code that is analysed
    # is there, and none of it may run, under any name.
    del sys.path[0]

import os
import signal
from typing import NoReturn

_NO_MEMORY = b"error: not enough memory\n"


def run() -> NoReturn:
    """Run the command line with the words of the process, and end it with the status."""
    if _is_memory_limited():
        _watch_a_child()
    try:
        from locklint.cli import main
        from locklint.cli.exit_status import ExitStatus
    except MemoryError:
        _end_without_memory()
    try:
        status = main()
    except (MemoryError, SystemError):  # There was not even enough to say so.
        _end_without_memory()
    if status == ExitStatus.INTERRUPTED:
        # The interpreter keeps an interrupt that came while a module was being imported, and would
        # end by the signal instead of with the status.
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(status)
    sys.exit(status)


def _end_without_memory() -> NoReturn:
    os.write(2, _NO_MEMORY)
    os._exit(2)  # The interpreter itself would end with 1, which means findings.


def _is_memory_limited() -> bool:
    try:
        import resource
    except ImportError:  # Windows has no such limits.
        return False
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    return any(resource.getrlimit(kind)[0] != resource.RLIM_INFINITY for kind in kinds)


def _watch_a_child() -> None:
    """Continue in a child process. In this one wait for it, and end with its status.

    Libraries that are not written in Python end the process where memory runs out, and no handler
    of exceptions hears of it: LibCST aborts. A parent does. Output of such a library before that is
    hidden from the user, who could not understand it.
    """
    raw = _raw_errors()
    early = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, early)
    child = os.fork()
    if child:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # The child gets it too.
        signal.signal(signal.SIGTERM, lambda number, _: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, early)
    if not child:
        if raw is not None:
            _write_errors_past(raw)
        return
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if -status in (signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGSEGV, signal.SIGTRAP):
        _end_without_memory()
    if raw is not None:
        os.lseek(raw, 0, os.SEEK_SET)
        while data := os.read(raw, 1 << 16):
            os.write(2, data)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _raw_errors() -> int | None:
    """Return a file in memory for what is written to standard error, but not by Python's stream."""
    if sys.platform != "linux" or sys.stderr is None:
        return None
    try:
        return os.memfd_create("stderr", os.MFD_CLOEXEC)
    except OSError:
        return None


def _write_errors_past(raw: int) -> None:
    """Leave standard error to Python's stream; let all else that is written to it go to ``raw``."""
    errors = os.dup(2)
    os.dup2(raw, 2)
    old = sys.stderr
    sys.stderr = os.fdopen(errors, "w", buffering=1, encoding=old.encoding, errors=old.errors)
    hook = sys.unraisablehook
    sys.unraisablehook = lambda what: None if what.exc_type is MemoryError else hook(what)


if __name__ == "__main__":
    run()
