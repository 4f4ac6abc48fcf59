"""Parse every ``.py`` file below the folders with ``ast.parse``: ``python parse_all.py PATHS…``.

The yardstick of the speed benchmark: what a tool pays at least that looks into all files. A file
that Python cannot parse is read and passed over.
"""

from __future__ import annotations

import ast
import os
import sys
import warnings
from collections.abc import Iterator


def python_files(paths: list[str]) -> Iterator[str]:
    """The ``.py`` files that are named, or lie below a folder that is, in no certain order."""
    for path in paths:
        if os.path.isfile(path):
            yield path
        for folder, _, names in os.walk(path):
            yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))


def main() -> None:
    """Parse them one after the other, keeping no tree."""
    warnings.simplefilter("ignore")  # Of invalid escapes in other people's strings.
    for path in python_files(sys.argv[1:]):
        with open(path, "rb") as stream:
            source = stream.read()
        try:
            ast.parse(source, path)
        except (SyntaxError, ValueError):
            continue


if __name__ == "__main__":
    main()
