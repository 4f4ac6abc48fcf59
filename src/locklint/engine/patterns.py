"""Patterns of files in settings: where they are anchored, and which files they match.

They are in the language of ``.gitignore``. A pattern with a slash is relative to a folder: that of
the settings file that contains it, or the working directory if it comes from a flag. So that one
list can hold patterns of several files, such a pattern is made absolute when it is read.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import PurePath

from locklint.engine.ignore import IgnoreRules

_MAGIC = re.compile(r"([\\*?\[\]!# ])")


def anchored(pattern: str, folder: str) -> str:
    """A pattern that means the same wherever it is read, given the absolute folder it belongs to.

    A pattern without a slash, or with one at its end only, matches names and is not changed.
    """
    mark = "!" if pattern.startswith("!") else ""
    body = pattern.removeprefix("!").removeprefix("./")
    if "/" not in body.rstrip().rstrip("/"):
        return mark + body
    place = escaped(folder)
    if body.startswith((f"{place}/", f"{folder.rstrip('/')}/")):
        return pattern  # Written as an absolute path to begin with.
    return f"{mark}{place}/{body.lstrip('/')}"


def escaped(folder: str) -> str:
    """An absolute folder as a pattern that matches nothing else: ``/`` and the parts between."""
    parts = PurePath(folder).parts[1:]
    return "".join("/" + _MAGIC.sub(r"\\\1", part) for part in parts)


def top_of(folder: str) -> str:
    """The folder to which absolute patterns are relative: the root of the file system."""
    return PurePath(os.path.abspath(folder)).anchor


class FilePattern:
    """An absolute pattern or name pattern that files are compared with."""

    def __init__(self, pattern: str) -> None:
        self._inverted = pattern.startswith("!")
        self._pattern = pattern.removeprefix("!")

    @cached_property
    def _rules(self) -> IgnoreRules:
        return IgnoreRules(top_of(os.curdir), (self._pattern,))

    def matches(self, path: str) -> bool:
        """Return whether an absolute path, or a folder above it, matches."""
        place = PurePath(path)
        found = bool(self._rules.verdict(str(place.parent), place.name, False)) or any(
            self._rules.verdict(str(folder.parent), folder.name, True)
            for folder in place.parents
            if folder.name
        )
        return found is not self._inverted
