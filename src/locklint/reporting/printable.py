"""Makes texts from analysed code safe and possible to print."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Cc: control characters, terminal escapes among them. Cs: halves of surrogate pairs. Zl, Zp: line
# ends to some terminals. Direction overrides would show the code in another order than it runs.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str, encoding: str) -> str:
    """The text with everything replaced that a terminal would obey or could not show.

    Tabs are replaced too: expand them first. Each character becomes one character.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character, encoding) for character in text)


@lru_cache(maxsize=4096)
def _shown(character: str, encoding: str) -> str:
    if character in _DIRECTION or unicodedata.category(character) in _UNSAFE_CATEGORIES:
        return "�" if _has(encoding, "�") else "?"
    return character if _has(encoding, character) else "?"


def _has(encoding: str, character: str) -> bool:
    try:
        character.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
