"""Locks that an object gives to the objects that it makes.

After ``self.store = Store(self._lock)`` the attribute of the store that keeps its argument is the
maker's own lock: ``self.store.lock`` is ``self._lock``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from locklint.frontend.canonical import sibling
from locklint.frontend.kept_arguments import Making, kept_arguments, only_place
from locklint.frontend.static_resolver import StaticResolver
from locklint.frontend.value_types import LockValue
from locklint.index.declarations import Ref
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.hierarchy import Field
from locklint.ir.lock import Exactness, LockRef


def given_locks(
    resolver: StaticResolver, asked: Iterable[Field]
) -> dict[Field, Mapping[str, LockRef]]:
    """Return the locks that are attributes of the objects in some attributes, by their names.

    Each has its name in the methods of the class with that key. A global variable has the
    key of its module, ``module:``.
    """
    inference = resolver.inference
    found: dict[Field, Mapping[str, LockRef]] = {}
    for key, name in asked:
        inference.begin()
        made = Making.of(inference, key, name)
        locks = dict(_given(resolver, made)) if made is not None else {}
        if locks:
            found[key, name] = locks
    return found


def _given(resolver: StaticResolver, made: Making) -> Iterator[tuple[str, LockRef]]:
    """Yield the attributes that keep an argument, with the lock that it is."""
    inference = resolver.inference
    for name, argument in kept_arguments(inference, made.cls, made.call):
        types = inference.attributes.of_instance(made.cls, name)
        lock = _lock_of(resolver, made, argument)
        if lock is not None and any(isinstance(kind, LockValue) for kind in types):
            yield name, lock


def _lock_of(resolver: StaticResolver, made: Making, argument: Ref) -> LockRef | None:
    """Return a lock that keeps its name: one object, or an attribute that is bound just once."""
    scope = made.scope
    first, *fields = argument.names
    root = resolver.walker.root_of(first, scope)
    if root is Root.LOCAL and not fields and scope.decl is not None and scope.decl.parameters:
        known = sibling(scope.decl, first)
        if known is not None:
            first, root, fields = scope.decl.parameters[0].name, Root.SELF, [known]
    path = AccessPath(first, tuple(fields), root)
    lock = resolver.lock(f"{scope.index.key}:{scope.function}", path)
    if lock is None or lock.may_be_none or lock.exactness is Exactness.ONE:
        return None if lock is None or lock.may_be_none else lock
    own = lock.path
    if made.holder is None or own.root is not Root.SELF or len(own.fields) != 1:
        return None
    return lock if only_place(resolver.inference, made.holder, own.name) is not None else None
