"""Scan Python code for faults in its use of locks: ``python3 scripts/scan.py [OPTIONS] [PATHS…]``.

Everything is handed on to ``locklint check``; without a path, the examples of this checkout are
scanned. Prepares ``.venv`` by itself. The exit status is that of ``locklint check``: 0 clean, 1 for
findings, 2 for an error.
"""

from __future__ import annotations

import os
import subprocess
import sys

from environment import ROOT, environment, prepare


def main() -> int:
    """Run ``locklint check`` in this checkout's environment."""
    arguments = sys.argv[1:]
    if not any(os.path.exists(argument) for argument in arguments):
        arguments.append(os.path.relpath(ROOT / "examples"))
    command = [str(prepare(tools=False) / "locklint"), "check", *arguments]
    return subprocess.call(command, env=environment())


if __name__ == "__main__":
    sys.exit(main())
