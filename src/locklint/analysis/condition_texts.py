"""The parts of a test that is known by its text.

The front end writes such texts with parentheses around each operator, so that a list of words is
enough to read them: ``(len(§0) > 3)``, ``(§0 in ['done', State.FAILED])``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

import msgspec

from locklint.ir.instruction import LiteralValue


class Tested(msgspec.Struct, frozen=True, gc=False):
    """The value that is tested."""


class Literal(msgspec.Struct, frozen=True, gc=False):
    """A literal."""

    value: LiteralValue


class Name(msgspec.Struct, frozen=True, gc=False):
    """The dotted name of something else."""

    name: str


class Items(msgspec.Struct, frozen=True, gc=False):
    """A list, tuple or set."""

    items: tuple[Part, ...]


class Called(msgspec.Struct, frozen=True, gc=False):
    """A call of a built-in function."""

    name: str
    arguments: tuple[Part, ...]


class Negated(msgspec.Struct, frozen=True, gc=False):
    """The opposite of a test."""

    part: Part


class Operated(msgspec.Struct, frozen=True, gc=False):
    """Operands with the operators between them."""

    operands: tuple[Part, ...]
    operators: tuple[str, ...]


Part: TypeAlias = Tested | Literal | Name | Items | Called | Negated | Operated

_MARK = "§0"
_WORD = re.compile(
    r"""\s*(?:
    (?P<number>-?\s?\d[\d_]*(?:\.\d*)?(?:e[-+]?\d+)?(?![\w.]))
    | (?P<text>b?(?:'[^'\\]*'|"[^"\\]*"))
    | (?P<operator>not\ in\b|is\ not\b|(?:not|in|is|and|or)\b|[<>=!]=|[<>])
    | (?P<name>(?:§0|[A-Za-z_][\w.]*)(?![\w.§]))
    | (?P<sign>[()\[\],])
    )""",
    re.VERBOSE,
)
_KNOWN: dict[str, LiteralValue] = {"None": None, "True": True, "False": False}
_MOST_WORDS = 60


class _Unreadable(Exception):
    """The text has something else in it."""


@lru_cache(maxsize=4096)
def part_of(text: str) -> Part | None:
    """Return what a text says, or None if there is more in it than can be read."""
    words: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None or len(words) > _MOST_WORDS:
            return None
        words.append((match.lastgroup or "", match[match.lastgroup or 0]))
        at = match.end()
    words.reverse()
    try:
        part = _read(words)
    except (_Unreadable, IndexError):
        return None
    return None if words else part


def _read(words: list[tuple[str, str]]) -> Part:
    """Return the next part; ``words`` are those that are left, the last one first."""
    kind, word = words.pop()
    match kind, word:
        case "number", _:
            digits = word.replace(" ", "")
            return Literal(float(digits) if "." in digits or "e" in digits else int(digits))
        case "text", _:
            text = word.removeprefix("b")[1:-1]
            return Literal(text.encode() if word.startswith("b") else text)
        case "operator", "not":
            return Negated(_read(words))
        case "sign", "(":
            operands, operators = [_read(words)], list[str]()
            while words[-1][0] == "operator":
                operators.append(words.pop()[1])
                operands.append(_read(words))
            _expect(words, ")")
            return Operated(tuple(operands), tuple(operators))
        case "sign", "[":
            return Items(_listed(words, "]"))
        case "name", "§0":
            return Tested()
        case "name", _ if word in _KNOWN:
            return Literal(_KNOWN[word])
        case "name", _:
            if words and words[-1] == ("sign", "("):
                words.pop()
                return Called(word, _listed(words, ")"))
            return Name(word)
        case _:
            raise _Unreadable


def _listed(words: list[tuple[str, str]], end: str) -> tuple[Part, ...]:
    found: list[Part] = []
    while words[-1] != ("sign", end):
        found.append(_read(words))
        if words[-1] != ("sign", end):
            _expect(words, ",")
    words.pop()
    return tuple(found)


def _expect(words: list[tuple[str, str]], sign: str) -> None:
    if words.pop() != ("sign", sign):
        raise _Unreadable


def parts(part: Part) -> tuple[Part, ...]:
    """Return what a part consists of."""
    match part:
        case Items(items) | Called(arguments=items) | Operated(operands=items):
            return items
        case Negated(inner):
            return (inner,)
        case _:
            return ()
