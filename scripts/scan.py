"""Scan Python code for faults in its use of locks: ``python3 scripts/scan.py [OPTIONS] [PATHS…]``.

Everything but ``--version`` is handed on to ``locklint check``; without a path, the examples of
this checkout are scanned. Prepares ``.venv`` by itself. The exit status is that of ``locklint
check``: 0 clean, 1 for findings, 2 for an error.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from environment import ROOT, environment, prepare

# Only the command itself knows which words are values of its options.
_NAMES_INPUT = """\
import sys
from locklint.cli.check import check
given = check.make_context("check", sys.argv[1:], resilient_parsing=True).params
print(any(given[name] for name in ("paths", "nothing_named", "from_index", "stdin_filename")))
"""


def main() -> int:
    """Run ``locklint check`` in this checkout's environment."""
    programs = prepare(tools=False)
    if sys.argv[1:] in (["--version"], ["-V"]):
        return subprocess.call([str(programs / "locklint"), "--version"], env=environment())
    arguments = with_input(sys.argv[1:], programs / "python")
    command = [str(programs / "locklint"), "check", *arguments]
    return subprocess.call(command, env=environment())


def with_input(arguments: Sequence[str], python: Path) -> list[str]:
    """Return words of a command line, with the folder of examples if they name nothing to scan.

    ``python`` is an interpreter that has locklint.
    """
    asked = subprocess.run(
        [str(python), "-P", "-c", _NAMES_INPUT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
        check=False,
    )
    examples = [os.path.relpath(ROOT / "examples")] if asked.stdout.strip() == "False" else []
    return [*arguments, *examples]


if __name__ == "__main__":
    sys.exit(main())
