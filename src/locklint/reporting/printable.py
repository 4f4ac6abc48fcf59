"""Conversion of texts from analysed code, to make them safe and possible to print.

Code, names in it and names of files may hold what a terminal obeys, and what the services obey that
run jobs: GitHub and Azure, among others, take commands from lines that any program prints.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Cc: control characters, terminal escapes among them. Cs: halves of surrogate pairs. Zl, Zp: line
# ends to some terminals. Direction overrides would show the code in another order than it runs.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# `##vso[` and its like are commands anywhere in a line, `::error` at its beginning.
_ANYWHERE = re.compile(r"#(?=#\w*\[)")
_AT_THE_BEGINNING = re.compile(r"^([^\S\n]*):(?=:[^:\n])", re.MULTILINE)

# The replacements of their first characters in each kind of text.
AS_TEXT = ("�", "�")
AS_JSON = ("\\u0023", ":")
AS_XML = ("&#35;", "&#58;")
AS_HTML = ("#\u200b", ":")


def printable(text: str, encoding: str) -> str:
    """The text with everything replaced that a terminal would obey or could not show.

    Tabs are replaced too: expand them first. Each character becomes one character.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character, encoding) for character in text)


def escaped(text: str) -> str:
    """Return the text with backslash escapes for all that `printable` replaces in any encoding."""
    if text.isprintable():
        return text
    return "".join(
        repr(character)[1:-1] if _is_unsafe(character) else character for character in text
    )


def without_commands(text: str, signs: tuple[str, str] = AS_TEXT) -> str:
    """Return a text in which no service that runs jobs sees a command.

    ``signs`` take the place of a number sign, and of a colon at the beginning of a line.
    """
    sign, first = signs
    text = _ANYWHERE.sub(sign.replace("\\", "\\\\"), text) if "##" in text else text
    return _AT_THE_BEGINNING.sub(rf"\g<1>{first}", text) if "::" in text else text


def harmless(text: str) -> str:
    """Return the lines of a text, in UTF-8, without anything that terminals or services obey."""
    return without_commands("\n".join(printable(line, "utf-8") for line in text.split("\n")))


@lru_cache(maxsize=4096)
def _shown(character: str, encoding: str) -> str:
    if _is_unsafe(character):
        return "�" if _has(encoding, "�") else "?"
    return character if _has(encoding, character) else "?"


def _is_unsafe(character: str) -> bool:
    return character in _DIRECTION or unicodedata.category(character) in _UNSAFE_CATEGORIES


def _has(encoding: str, character: str) -> bool:
    try:
        character.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
