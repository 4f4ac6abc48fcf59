"""The long run: ``python -m tests.edits FOLDER --rounds 300 --seed 1``, on a copy of the folder."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.edits.campaign import Round, rounds


def main() -> int:
    """Run, print each round that differs and a summary; return 1 if there is a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    done: list[Round] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, options.folder.name)
        shutil.copytree(options.folder, folder)
        for each in rounds(folder, options.rounds, options.seed):
            done.append(each)
            if each.differences:
                place = each.path.relative_to(folder)
                print(f"{len(done)}: {each.edit}: {place}: {', '.join(each.differences)}")
    wrong = sum(bool(each.differences) for each in done)
    ratio = median(each.remembering / each.cold for each in done)
    seconds = median(each.remembering for each in done)
    print(
        f"{len(done)} rounds, {wrong} with differences; median {seconds:.2f} s of processor time,"
        f" {ratio:.2f} times a cold run"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
