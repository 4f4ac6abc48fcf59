"""Tests of which class an object is: what a branch of code knows of the objects it works with."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import Constant, Operand


class OfClass(msgspec.Struct, frozen=True, gc=False):
    """``isinstance(path, classes)``, or where ``exactly``, ``type(path) in classes``."""

    path: AccessPath
    classes: tuple[Operand, ...]
    outcome: bool
    exactly: bool = False


class OfConstant(msgspec.Struct, frozen=True, gc=False):
    """``path.name == constant``; without a constant, the truth of ``path.name``."""

    path: AccessPath
    name: str
    constant: Constant | None
    outcome: bool


ClassTest: TypeAlias = OfClass | OfConstant
