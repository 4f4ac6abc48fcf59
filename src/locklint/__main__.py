"""The process: ``locklint`` and ``python -m locklint``."""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # With `-m` Python looks for modules in the working directory first. There lies the code that is
    # to be analysed, and none of it may run, whatever names it has.
    del sys.path[0]

import os
from typing import NoReturn


def run() -> NoReturn:
    """Run the command line with the words of the process, and end it with the status."""
    try:
        from locklint.cli import main
        from locklint.cli.exit_status import ExitStatus
    except MemoryError:
        sys.stderr.write("error: not enough memory\n")
        sys.exit(2)  # The interpreter itself would end with 1, which means findings.
    status = main()
    if status == ExitStatus.INTERRUPTED:
        # The interpreter remembers an interrupt that came while a module was being imported, and
        # would end by the signal instead of with the status.
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    run()
