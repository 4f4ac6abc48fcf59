"""Locks that are known by their use alone.

Code acquires and releases what is named like a lock and comes from outside: a parameter that no
call is known of, or an attribute that keeps it or a collection of them. A name alone makes no lock,
and neither do the two methods of an object with another name: a pool may have these.

Or it uses ``connection.lock`` and other attributes of an object of unknown type, and one class of
the project alone has all of them. That is right in 88 % of what is known otherwise. Or the class of
a library that made the object has the name of a lock's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from locklint.core.diagnostic import Confidence
from locklint.frontend.attributes import Attributes
from locklint.frontend.slots import Slot
from locklint.frontend.value_types import (
    ClassRef,
    ExternalInstance,
    LockValue,
    NoneType,
    Scope,
    Types,
    UnknownType,
)
from locklint.index.declarations import CallValue, Element, FunctionDecl, Ref, Written
from locklint.ir.access_path import AccessPath, Field, Root
from locklint.ir.lock import LOCKING, Exactness, of_element
from locklint.models.unknown_lock import UNKNOWN_LOCK, named_like_lock

_CLASSES = frozenset("Lock RLock Semaphore BoundedSemaphore".split())
_VARIABLES = (Root.PARAMETER, Root.LOCAL, Root.SELF)
_COPIES = frozenset("iter list reversed sorted tuple".split())


def may_be_known_by_use(types: Types) -> bool:
    """Return whether a value is unknown, or comes from what a library names like a lock class."""
    return _are_made_as_locks(types) or all(
        isinstance(kind, UnknownType | NoneType) for kind in types
    )


def lock_by_use(
    attributes: Attributes, scope: Scope, path: AccessPath, types: Types
) -> LockValue | None:
    """Return the lock that ``path`` is by its use, or None.

    ``path`` is canonical in ``scope``, and `may_be_known_by_use` holds for its ``types``.
    """
    decl = scope.decl
    if decl is None or path.root_name in decl.tested:
        return None  # It is known where a test says what it is.
    if not isinstance(path.last, str) or not named_like_lock(path.last):
        return None
    if decl.is_async:
        # A task may use a lock of tasks: its methods do not tell.
        return _lock_of_object(attributes, decl, path)
    is_made = _are_made_as_locks(types)
    cls = ClassRef(scope.path, decl.class_name, scope.index) if decl.class_name else None
    own = cls if path.is_own_attribute else None
    identity = f"{own.identity}.{path.last}" if own is not None else ""
    if is_made:
        return _unknown_lock(identity)
    if own is not None:
        return _lock_used(_own_uses(attributes, own, path.last), identity)
    kept = _collection(decl, path.root_name) if path.is_variable else ""
    if cls is not None and kept:
        identity = of_element(f"{cls.identity}.{kept}")
        return _lock_used(_element_uses(attributes, cls, kept), identity)
    if path.root not in _VARIABLES or not path.is_plain:
        return None
    found = _lock_of_object(attributes, decl, path)
    if found is not None:
        return found
    return _lock_used(_uses(decl, path.root_name, path.fields), "")


def _lock_of_object(
    attributes: Attributes, decl: FunctionDecl, path: AccessPath
) -> LockValue | None:
    """Return the lock of the only class that has all attributes a function uses of a variable.

    The path is that of the variable's lock.
    """
    if path.root not in _VARIABLES or len(path.fields) != 1 or not isinstance(path.last, str):
        return None
    attribute = path.last
    holders = attributes.evaluator.project.lock_holders(attribute)
    others = {*_used_attributes(decl, path.root_name)} - {attribute} if holders else set()
    if not others:
        return None
    found = [cls for cls in holders if all(attributes.slot(cls, name) != Slot() for name in others)]
    if len(found) != 1:
        return None
    types = attributes.of_instance(found[0], attribute)
    locks = [kind for kind in types if isinstance(kind, LockValue)]
    if len(locks) != 1:
        return None
    return replace(locks[0], exactness=Exactness.UNKNOWN, confidence=Confidence.LOW)


def _used_attributes(decl: FunctionDecl, variable: str) -> Iterator[str]:
    """Yield the attributes of a variable that a function calls, acquires or enters."""
    for line in decl.callees.split("\n"):
        first, *rest = line.split(".")
        if first == variable and rest:
            yield rest[0]
    for use in decl.lock_uses:
        if use.of is not None and use.of.variable == variable and use.of.fields:
            name = use.of.fields[0]
            if isinstance(name, str):
                yield name


def _lock_used(uses: Iterable[tuple[str, bool]], identity: str) -> LockValue | None:
    """Return a lock if code acquires and releases it. Each use says whether a task does it."""
    found = {*uses}
    if {word for word, _ in found} != LOCKING or any(is_async for _, is_async in found):
        return None
    return _unknown_lock(identity)


def _unknown_lock(identity: str) -> LockValue:
    return LockValue(
        UNKNOWN_LOCK.name, UNKNOWN_LOCK, identity, Exactness.UNKNOWN, confidence=Confidence.LOW
    )


def _are_made_as_locks(types: Types) -> bool:
    """Return whether what makes a value has the name of a lock class, in a library."""
    return bool(types) and all(
        isinstance(kind, ExternalInstance) and kind.dotted.rpartition(".")[2] in _CLASSES
        for kind in types
    )


def _uses(
    decl: FunctionDecl, variable: str, fields: tuple[Field, ...] = ()
) -> Iterator[tuple[str, bool]]:
    """Yield which of the two methods of a path a function names, and if it is a coroutine."""
    for use in decl.lock_uses:
        if use.word in LOCKING and use.of == Written(variable, fields):
            yield use.word, decl.is_async


def _own_uses(attributes: Attributes, cls: ClassRef, name: str) -> Iterator[tuple[str, bool]]:
    """Yield what the methods of a class do with an attribute of their object."""
    for method in attributes.methods(cls):
        if method.parameters:
            yield from _uses(method, method.parameters[0].name, (name,))


def _element_uses(attributes: Attributes, cls: ClassRef, kept: str) -> Iterator[tuple[str, bool]]:
    """Yield what the methods of a class do with the elements of an attribute they go through."""
    for method in attributes.methods(cls):
        for name in (*method.locals, *method.comprehensions):
            if _collection(method, name) == kept:
                yield from _uses(method, name)


def _collection(method: FunctionDecl, variable: str) -> str:
    """Return the attribute of a method's object of which a variable is some element, if any."""
    bindings = method.locals.get(variable) or method.comprehensions.get(variable, ())
    if len(bindings) != 1 or not isinstance(bindings[0].value, Element):
        return ""
    value = bindings[0].value.of
    if isinstance(value, CallValue) and isinstance(value.callee, Ref) and value.arguments:
        value = value.arguments[0] if value.callee.names[-1] in _COPIES else value
    match value:
        case Ref(names=(first, attribute)) if method.parameters:
            return attribute if first == method.parameters[0].name else ""
        case _:
            return ""
