"""The rows of which a library's model is made. Names are absolute dotted names throughout."""

from __future__ import annotations

import msgspec

from locklint.ir.lock import LockKind


class FactoryMethod(msgspec.Struct, frozen=True):
    """A method, of instances of a known external type, that gives a lock.

    ``fresh``: each call makes a lock; otherwise every call on one object gives the same lock.
    ``view``: what it gives is one side of the object itself (the reader of a read-write lock).
    """

    type_names: tuple[str, ...]
    method: str
    kind_name: str
    fresh: bool = True
    view: bool = False


class TypeAttribute(msgspec.Struct, frozen=True):
    """An attribute, of instances of a known external type, that is a lock.

    ``alias_of`` names the attribute of the same object whose lock it shares (a condition made over
    it), so that holding one is holding the other. ``view``: it is one side of the object itself
    (the reader of a read-write lock).
    """

    type_names: tuple[str, ...]
    attribute: str
    kind_name: str
    alias_of: str | None = None
    view: bool = False


class PassedOn(msgspec.Struct, frozen=True):
    """Methods, of instances of a known external type, that are those of the lock in an attribute.

    ``handler.acquire()`` is ``handler.lock.acquire()``.
    """

    type_names: tuple[str, ...]
    methods: tuple[str, ...]
    attribute: str


class ModuleLock(msgspec.Struct, frozen=True):
    """A lock that a library keeps in a module global: ``logging._lock``."""

    name: str
    kind_name: str


class CallResult(msgspec.Struct, frozen=True):
    """The result of an external call: an instance of a type that other rows describe."""

    callables: tuple[str, ...]
    type_name: str


class Library(msgspec.Struct, frozen=True):
    """Everything that one model file says."""

    kinds: tuple[LockKind, ...] = ()
    factory_methods: tuple[FactoryMethod, ...] = ()
    attributes: tuple[TypeAttribute, ...] = ()
    passed_on: tuple[PassedOn, ...] = ()
    module_locks: tuple[ModuleLock, ...] = ()
    results: tuple[CallResult, ...] = ()


def dotted(modules: tuple[str, ...], *names: str) -> tuple[str, ...]:
    """Each of the names in each of the modules, as dotted names, in that order."""
    return tuple(f"{module}.{name}" for module in modules for name in names)
