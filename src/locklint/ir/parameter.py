"""Parameters and what the starred ones collect, by name."""

from __future__ import annotations

import msgspec

from locklint.core.identity_enum import IdentityEnum
from locklint.ir.access_path import ElementField


class Star(IdentityEnum):
    """Stars before a parameter that collects arguments, or before an argument that is spread."""

    POSITIONAL = "*"
    KEYWORDS = "**"


class Parameter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A parameter of a function as it is lowered."""

    name: str
    star: Star | None = None

    def __str__(self) -> str:
        return f"{self.star.value if self.star else ''}{self.name}"


def element_of(collecting: str, field: ElementField) -> str:
    """Return the name of one of the arguments that a starred parameter collects.

    It stands among the names of parameters: ``kwargs['wait']``.
    """
    return f"{collecting}{field}"


def parted(name: str) -> tuple[str, ElementField | None]:
    """Return the parameter that a name stands for, and the element of it if it is one."""
    collecting, bracket, key = name.partition("[")
    return (collecting, ElementField(key[:-1])) if bracket else (name, None)
