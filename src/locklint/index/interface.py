"""Declarations without places: what other files can know of a file.

An edit that only moves code changes no place by which another file could find out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from locklint.core.source import Span

_PLACES = frozenset(("line", "column"))


def digest_of(value: object) -> str:
    """Return a digest of declarations, or of a collection of them; lines and columns left out."""
    text = "\x00".join(_texts(value))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _texts(value: object) -> Iterator[str]:
    match value:
        case Span():
            yield "span"
        case msgspec.Struct():
            yield type(value).__name__
            for field in value.__struct_fields__:
                if field not in _PLACES:
                    yield from _texts(getattr(value, field))
        case dict():
            yield "{"
            for key in sorted(value, key=str):
                yield from _texts(key)
                yield from _texts(value[key])
            yield "}"
        case tuple() | list():
            yield "("
            for item in value:
                yield from _texts(item)
            yield ")"
        case frozenset():
            yield from _texts(sorted(value))
        case _:
            yield repr(value)
