"""Enumerations whose members are cheap to look up."""

from __future__ import annotations

from enum import Enum


class IdentityEnum(Enum):
    """An enumeration whose members are hashed by identity, not by name.

    `Enum` does it in a Python function, which is called for each path and each lock that is looked
    up in a table. Members are equal only to themselves, so their identity is as good.
    """

    __hash__ = object.__hash__
