"""The process: ``locklint`` and ``python -m locklint``."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from locklint.cli import main
from locklint.cli.exit_status import ExitStatus


def run() -> NoReturn:
    """Run the command line with the words of the process, and end it with the status."""
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
