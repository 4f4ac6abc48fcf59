"""Source text that comes from standard input and replaces a file."""

from __future__ import annotations

import os
from collections.abc import Iterable

import msgspec

from locklint.core.config import Config
from locklint.engine.discover import FoundFile, discover

UNNAMED = "<stdin>"
"""The shown name of text that was given no name."""


class StdinText(msgspec.Struct, frozen=True):
    """The bytes of a source file, and the path under which they are analysed."""

    path: str
    data: bytes


def with_stdin(
    found: Iterable[FoundFile], stdin: StdinText, config: Config, root: str | None
) -> tuple[FoundFile, ...]:
    """The files with the text's among them, once; unless ``force_exclude`` excludes its name.

    The file need not exist.
    """
    real = os.path.realpath(stdin.path)
    files = list(found)
    if any(os.path.realpath(each.path) == real for each in files):
        return tuple(files)
    if config.force_exclude and os.path.isfile(stdin.path):
        if not discover([stdin.path], config, root).files:
            return tuple(files)
    return tuple(sorted([*files, FoundFile(stdin.path, len(stdin.data))]))
