"""How hard functions grow: ``python -m benchmarks.bounds [--locklint COMMAND] [NAMES…]``.

Each program is one file made to be hard: many locks in one function, functions that all call each
other with a lock held, attempts in a row, all pairs of locks. Each is scanned in three sizes, each
twice the one before, in one process without a cache. Prints the processor time, the peak of memory
and the last lines of what locklint says, and the exponent over the size of the file.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.costs import exponent, run
from benchmarks.table import figure, print_rows

_IMPORT = "import threading\n\n"


def _locks(count: int) -> str:
    return _IMPORT + "".join(f"lock{i} = threading.Lock()\n" for i in range(count))


def locks_in_one_function(count: int) -> str:
    """Return a function that makes so many locks, and acquires and releases each by hand."""
    lines = [
        f"    lock{i} = threading.Lock()\n    lock{i}.acquire()\n    print({i})\n"
        f"    lock{i}.release()\n"
        for i in range(count)
    ]
    return f"{_IMPORT}\ndef work():\n" + "".join(lines)


def released_in_turn(count: int) -> str:
    """Return a function that acquires and releases so many global locks, one after the other."""
    lines = [f"    lock{i}.acquire()\n    lock{i}.release()\n" for i in range(count)]
    return f"{_locks(count)}\n\ndef work():\n" + "".join(lines)


def calls_of_all(count: int) -> str:
    """Return so many functions, each of which holds a lock and calls all others."""
    parts = [_locks(count)]
    for i in range(count):
        calls = "".join(f"        call{j}()\n" for j in range(count) if j != i)
        parts.append(f"def call{i}():\n    with lock{i}:\n{calls}")
    return "\n\n".join(parts)


def attempts(count: int) -> str:
    """Return a function with so many acquires in a row, each with try, except and finally."""
    lines = [
        f"    lock.acquire()\n    try:\n        do({i})\n    except ValueError:\n"
        "        do()\n    finally:\n        lock.release()\n"
        for i in range(count)
    ]
    return f"{_IMPORT}lock = threading.Lock()\n\n\ndef work(do):\n" + "".join(lines)


def nested_pairs(count: int) -> str:
    """Return a function for each ordered pair of so many locks, which nests the two."""
    parts = [_locks(count)]
    parts += [
        f"def nest{i}_{j}():\n    with lock{i}:\n        with lock{j}:\n            pass\n"
        for i in range(count)
        for j in range(count)
        if i != j
    ]
    return "\n\n".join(parts)


PROGRAMS: dict[str, tuple[Callable[[int], str], int]] = {
    "locks in one function": (locks_in_one_function, 2000),
    "released in turn": (released_in_turn, 2000),
    "calls of all": (calls_of_all, 80),
    "attempts": (attempts, 400),
    "nested pairs": (nested_pairs, 40),
}
"""By name the programs, and the largest size that is measured."""

_NORMAL = frozenset({0, 1})


def measure(name: str, locklint: list[str], folder: Path) -> list[tuple[str, ...]]:
    """Scan a program in three sizes; return the rows of the table, the exponent last."""
    make, largest = PROGRAMS[name]
    environment = {**os.environ, "LOCKLINT_NO_CACHE": "1"}
    path = folder / "sample.py"
    command = [*locklint, "check", "--isolated", "--jobs=1", "--exit-zero", str(path)]
    rows: list[tuple[str, ...]] = []
    sizes, seconds = [], []
    for size in (largest // 4, largest // 2, largest):
        path.write_text(make(size), encoding="utf-8")
        cost = run(command, environment=environment, folder=folder, normal=_NORMAL)
        said = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
        closing = [
            line
            for line in (said.stdout + said.stderr).splitlines()
            if line.startswith(("Found", "No findings", "Not analysed"))
        ]
        row = (name, str(size), figure(cost.processor), f"{cost.peak:.0f}", " ".join(closing))
        print(*row, sep=" | ", file=sys.stderr, flush=True)
        rows.append(row)
        sizes.append(path.stat().st_size)
        seconds.append(cost.processor)
    slope = f"{exponent(sizes[1:], seconds[1:]):.2f}"
    rows.append((name, "exponent of the last step", slope, "", ""))
    return rows


def main() -> None:
    """Measure the named programs, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--locklint", default=f"{sys.executable} -m locklint", metavar="COMMAND")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAMES", help=", ".join(PROGRAMS))
    words = parser.parse_args()
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in words.names or PROGRAMS:
            rows += measure(name, shlex.split(words.locklint), Path(folder))
    headings = ("program", "size", "CPU s", "peak MiB", "what locklint says")
    print_rows(headings, rows, markdown=words.markdown)


if __name__ == "__main__":
    main()
