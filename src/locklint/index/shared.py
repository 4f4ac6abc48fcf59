"""Small parts of declarations, of which equal ones are kept only once.

A file names the same variables, literals and lines over and over: a fifth of the memory of
declarations would be copies.
"""

from __future__ import annotations

from functools import lru_cache

from locklint.index.declarations import Literal, Parameter, Ref
from locklint.ir.parameter import Star

_MANY = 1 << 13


@lru_cache(_MANY)
def variable(name: str) -> Ref:
    """A bare name."""
    return Ref((name,))


@lru_cache(_MANY)
def dotted(names: tuple[str, ...]) -> Ref:
    """A dotted name."""
    return Ref(names)


@lru_cache(_MANY)
def written(text: str) -> Literal:
    """A literal, by its `repr`."""
    return Literal(text)


@lru_cache(_MANY)
def plain_parameter(name: str, star: Star | None, keyword_only: bool) -> Parameter:
    """A parameter without annotation and default."""
    return Parameter(name, star=star, keyword_only=keyword_only)


@lru_cache(_MANY)
def line_number(number: int) -> int:
    """A line number, of which the parser makes one for each node."""
    return number


@lru_cache(_MANY)
def import_target(name: str) -> str:
    """An absolute dotted name."""
    return name
