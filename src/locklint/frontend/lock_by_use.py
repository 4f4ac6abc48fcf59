"""Locks of unknown type, known by their use: code acquires and releases what is named like one.

The value comes from outside: a parameter that no call is known of, or an attribute that keeps it
or a collection of them. A name alone makes no lock, and neither do the two methods of an object
with another name: a pool may have these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from locklint.core.diagnostic import Confidence
from locklint.frontend.attributes import Attributes
from locklint.frontend.value_types import ClassRef, LockValue, NoneType, Scope, Types, UnknownType
from locklint.index.declarations import CallValue, Element, FunctionDecl, Ref, Written
from locklint.ir.access_path import AccessPath
from locklint.ir.lock import LOCKING, Exactness, of_element
from locklint.models.unknown_lock import UNKNOWN_LOCK

_NAME = re.compile(r"(lock|mutex|sem|semaphore)_?\d*$", re.IGNORECASE)
_COPIES = frozenset("iter list reversed sorted tuple".split())


def lock_by_use(
    attributes: Attributes, scope: Scope, path: AccessPath, types: Types
) -> LockValue | None:
    """Return the lock that ``path`` of unknown ``types`` is by its use, or None.

    ``path`` is canonical in ``scope``.
    """
    if not all(isinstance(kind, UnknownType | NoneType) for kind in types):
        return None
    decl = scope.decl
    if decl is None or not isinstance(path.last, str) or _NAME.search(path.last) is None:
        return None
    if path.is_parameter:
        return _lock_used([(use, decl.is_async) for use in _uses(decl, path.root_name)], "")
    if not decl.class_name:
        return None
    cls = ClassRef(scope.path, decl.class_name, scope.index)
    methods = [method for method in attributes.methods(cls) if method.parameters]
    if path.is_own_attribute:
        identity = f"{cls.identity}.{path.last}"
        found = [(use, each.is_async) for each in methods for use in _own_uses(each, path.last)]
        return _lock_used(found, identity)
    kept = _collection(decl, path.root_name) if path.is_variable else ""
    if not kept:
        return None
    found = [
        (use, each.is_async)
        for each in methods
        for name in each.locals
        if _collection(each, name) == kept
        for use in _uses(each, name)
    ]
    return _lock_used(found, of_element(f"{cls.identity}.{kept}"))


def _lock_used(uses: list[tuple[str, bool]], identity: str) -> LockValue | None:
    """Return a lock if code acquires and releases it. Each use says whether a task does it."""
    if {word for word, _ in uses} != LOCKING or any(is_async for _, is_async in uses):
        return None  # A task may use a lock of tasks.
    return LockValue(
        UNKNOWN_LOCK.name, UNKNOWN_LOCK, identity, Exactness.UNKNOWN, confidence=Confidence.LOW
    )


def _uses(decl: FunctionDecl, variable: str, *fields: str) -> Iterator[str]:
    """Yield which of the two methods of a path a function names."""
    for use in decl.lock_uses:
        if use.word in LOCKING and use.of == Written(variable, fields):
            yield use.word


def _own_uses(method: FunctionDecl, attribute: str) -> Iterator[str]:
    return _uses(method, method.parameters[0].name, attribute)


def _collection(method: FunctionDecl, variable: str) -> str:
    """Return the attribute of a method's object of which a variable is some element, if any."""
    bindings = method.locals.get(variable, ())
    if len(bindings) != 1 or not isinstance(bindings[0].value, Element):
        return ""
    value = bindings[0].value.of
    if isinstance(value, CallValue) and isinstance(value.callee, Ref) and value.arguments:
        value = value.arguments[0] if value.callee.names[-1] in _COPIES else value
    match value:
        case Ref(names=(first, attribute)) if first == method.parameters[0].name:
            return attribute
        case _:
            return ""
