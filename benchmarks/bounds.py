"""How hard functions grow: ``python -m benchmarks.bounds [--locklint COMMAND] [NAMES…]``.

Each program is one file made to be hard (`benchmarks.hard_programs`): many locks in one function,
functions that all call each other with a lock held, attempts in a row. Each is scanned in three
sizes, each twice the one before, in one process without a cache. Prints the processor time, the
peak of memory and the last lines of what locklint says, and the exponent over the size of the file.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.costs import exponent, run
from benchmarks.hard_programs import PROGRAMS
from benchmarks.table import figure, print_rows

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
