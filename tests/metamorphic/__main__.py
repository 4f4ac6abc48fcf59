"""The long run: ``python -m tests.metamorphic [FOLDER…]``.

Without a folder the programs of the Markdown suites are changed in every way; each folder that is
named counts as one program. Prints each finding that a change took away or added, and exits with
status 1 if there is any.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from locklint.core.config import Config
from locklint.engine.load_config import decode_config
from locklint.engine.toml_places import Origin
from tests import markdown_runner
from tests.metamorphic.compare import applicable, differences, findings, parses
from tests.metamorphic.transform import TRANSFORMATIONS, Files


def programs(folders: list[str]) -> Iterator[tuple[str, Files, Config]]:
    """Yield the name, the files and the settings of each program."""
    if folders:
        for folder in folders:
            root = Path(folder)
            paths = [p for p in sorted(root.rglob("*.py")) if p.is_file() and not p.is_symlink()]
            files: dict[str, str] = {}
            for path in paths:
                text = _text(path)
                if text is not None and parses({path.name: text}):
                    files[path.relative_to(root).as_posix()] = text
            yield root.name, files, Config()
        return
    for suite in markdown_runner.suites():
        for case in markdown_runner.read_suite(suite):
            files = {file.name: file.text for file in case.files}
            codes = [e.code for file in case.files for e in file.expectations]
            if applicable(files, case.settings, codes):
                settings = {"select": ["ALL"], "ignore": ["LCK210"], **case.settings}
                yield str(case), files, decode_config(settings, Origin(suite.name))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def main(arguments: list[str] | None = None) -> int:
    """Compare and print; return 1 if a change changed a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.metamorphic", description=__doc__)
    parser.add_argument("folders", nargs="*", help="real packages, each a program")
    parser.add_argument("--only", choices=sorted(TRANSFORMATIONS), action="append")
    options = parser.parse_args(arguments)
    ways = options.only or list(TRANSFORMATIONS)
    folders = [os.path.abspath(folder) for folder in options.folders]
    compared: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for name, files, config in programs(folders):
        with tempfile.TemporaryDirectory() as first:
            os.chdir(first)
            before = findings(files, Path(first), config)
        for way in ways:
            changed = TRANSFORMATIONS[way](files)
            if changed.files == dict(files):
                continue
            compared[way] += 1
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                after = findings(changed.files, Path(folder), config)
            for line in differences(before, after, changed):
                print(f"{way}: {name}\n    {line}", flush=True)
                wrong[way] += 1
        os.chdir("/")
    for way in ways:
        print(f"{way:<12} {compared[way]:>6} programs, {wrong[way]} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
