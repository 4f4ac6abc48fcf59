"""The special methods by which texts are made of values: of log records and formatted strings."""

from __future__ import annotations

import re

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
