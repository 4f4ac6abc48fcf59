"""Check this checkout: ``python3 scripts/test.py [PYTEST ARGUMENTS…]``.

Runs ruff, mypy, import-linter and at last pytest, which the arguments are handed to, in ``.venv``,
which it prepares by itself. The exit status is 0 only if all of them are content.
"""

from __future__ import annotations

import subprocess
import sys

from environment import ROOT, environment, prepare

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)


def main() -> int:
    """Run every check, then the tests."""
    programs = prepare(tools=True)

    def run(command: tuple[str, ...]) -> int:
        print(f"\n$ {' '.join(command)}", flush=True)
        return subprocess.call(
            [str(programs / command[0]), *command[1:]], cwd=ROOT, env=environment()
        )

    failed = [" ".join(command) for command in CHECKS if run(command) != 0]
    if failed:
        # Said here, because the last line of all is the one in which pytest counts the tests.
        print(f"\nFAILED, see above: {', '.join(failed)}", flush=True)
    tests = run(("pytest", "-n", "auto", *sys.argv[1:]))
    return 1 if failed else tests


if __name__ == "__main__":
    sys.exit(main())
