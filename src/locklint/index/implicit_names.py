"""Names of methods that run without a call that is written, from the bytes of files.

A file that mentions no lock is not parsed. Its properties and special methods may lead to one
nevertheless, so their names tell which reads and operators have to be looked at.
"""

from __future__ import annotations

import re

_PROPERTY = re.compile(
    rb"@[\w.]*property\b[^\n]*\n(?:[ \t]*[@#][^\n]*\n)*[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)"
)
_SPECIAL = re.compile(rb"\bdef (__\w+__)\(")


class ImplicitNames:
    """The names of properties and of special methods in the files that were added.

    Comments and texts may add more. A descriptor by another name than ``…property`` is left out.
    """

    def __init__(self) -> None:
        self.properties: set[str] = set()
        self.special: set[str] = set()

    def add(self, data: bytes) -> None:
        """Add the names in the bytes of a file."""
        # Searching for a word costs a tenth of what matching the expression costs.
        if b"property" in data:
            self.properties.update(map(_text, _PROPERTY.findall(data)))
        if b"def __" in data:
            self.special.update(map(_text, _SPECIAL.findall(data)))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
