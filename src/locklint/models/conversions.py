"""The special methods by which texts are made of values: of log records and formatted strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

FORMAT = ("__format__", "__str__", "__repr__")
TEXT = ("__str__", "__repr__")

METHODS: dict[str, tuple[str, ...]] = {"r": ("__repr__",), "a": ("__repr__",), "s": TEXT}
"""The special methods that a conversion runs, by its letter; the first that exists runs.

Those of `%d` and other numbers run none of these.
"""

_CONVERSION = re.compile(r"%(\([^)]*\))?[#0\- +]*(\*|\d+)?(\.(\*|\d+))?[hlL]?(.)", re.DOTALL)


def conversions(message: str) -> list[str] | None:
    """Return the letters of the conversions in a message with `%`, one for each value.

    Return None if a value may be used otherwise: by name, or as a width.
    """
    found: list[str] = []
    for match in _CONVERSION.finditer(message):
        name, width, _, precision, letter = match.groups()
        if name or "*" in (width, precision):
            return None
        if letter != "%":
            found.append(letter)
    return found


def fields(text: str) -> Iterator[tuple[int | str, str]]:
    """Yield the fields of a text for `str.format`, each with the letter of its conversion, or "".

    A field is the position or the name of an argument. Those that read an attribute or an element
    of one are left out.
    """
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return
    named = [(name, letter or "") for _, name, _, letter in parts if name is not None]
    for position, (name, letter) in enumerate(named):
        if not name:
            yield position, letter
        elif name.isdecimal():
            yield int(name), letter
        elif name.isidentifier():
            yield name, letter
