"""Guesses at what a call runs of which not all is known: what may be, and no more than that.

The types of values rest on what all agree on. A guess takes what any call passes for any object of
a class, a method by its name if the classes of one family alone have it, and for an object of a
library's class the classes of the project that derive from that.
"""

from __future__ import annotations

from locklint.frontend.canonical import Walker
from locklint.frontend.families import Families
from locklint.frontend.inference import Inference
from locklint.frontend.project import Project
from locklint.frontend.value_types import (
    CallableType,
    ClassRef,
    NameType,
    NoneType,
    Scope,
    Types,
    UnknownType,
    are_known,
    union,
)
from locklint.ir.access_path import AccessPath
from locklint.models.table import LockTable


class Guesses:
    """The types that a value has perhaps."""

    def __init__(self, project: Project, table: LockTable) -> None:
        self._families = Families(project)
        self._inference = Inference(project, table, self._families)
        self._walker = Walker(self._inference)

    def types(self, scope: Scope, path: AccessPath) -> Types:
        """Return what ``path`` is perhaps, as the code in ``scope`` writes it."""
        self._inference.begin()
        found = self._walker.types(scope, path)
        if not path.fields or not path.name:
            return found
        owners: list[ClassRef] = []
        for kind in found:
            if isinstance(kind, NameType) and kind.member:
                owners += self._families.derived_from(kind.dotted.rpartition(".")[0])
        if not are_known(found):
            owners += self._families.of(path.name)
        attribute = self._inference.attributes.of_instance
        return union(found, *[attribute(cls, path.name) for cls in owners])

    def forget(self) -> None:
        """Drop all cached results."""
        self._walker.forget()
        self._inference.forget()


def is_open(types: Types) -> bool:
    """Return whether a value may be something of which nothing is known but that it is called.

    A method of a library's object may be one of a subclass.
    """
    return all(isinstance(kind, NoneType) for kind in types) or any(
        isinstance(kind, (UnknownType, CallableType))
        or (isinstance(kind, NameType) and kind.member)
        for kind in types
    )
