"""Tests of whether code that looks like a use of a lock is one.

Half of all functions that mention a word of locks, or have a `with`, touch none. Resolving the
names costs a fraction of a graph, and the results are used again for those that remain.
"""

from __future__ import annotations

from collections.abc import Collection

from locklint.frontend.static_resolver import StaticResolver
from locklint.frontend.value_types import ClassRef, scope_of
from locklint.index.declarations import FunctionDecl, Literal, ModuleIndex, Written
from locklint.ir.access_path import AccessPath
from locklint.ir.lock import LOCKING
from locklint.models.words import RELEASE_NAMES

_TRUE, _FALSE = Literal("True"), Literal("False")


def touches_lock(resolver: StaticResolver, index: ModuleIndex, decl: FunctionDecl) -> bool:
    """Return whether a function uses something that is a lock, or cannot be written down.

    What its calls do to locks, those nested in it, and aliases of methods are not looked at.
    """
    if _enters_own_lock(resolver, index, decl):
        return True
    key = f"{index.key}:{decl.qualname}"
    for use in decl.lock_uses:
        if use.of is None:
            return True
        path = path_of(resolver, index, decl, use.of)
        if path is None:
            continue
        tested = resolver.tested(key, path.root_name) if decl.tested else None
        for scope in (key, tested) if tested is not None else (key,):
            if resolver.lock(scope, path) is not None:
                return True
            if use.word in LOCKING and resolver.lock_of_method(scope, path.field(use.word)):
                return True
        if use.word == "with" and resolver.lock_class(key, path) is not None:
            return True
    return False


def _enters_own_lock(resolver: StaticResolver, index: ModuleIndex, decl: FunctionDecl) -> bool:
    """Return whether a method enters an object that is a lock itself.

    It calls an `acquire` of its class that says by True or False if it has the lock.
    """
    if decl.name not in ("__enter__", "__aenter__") or "acquire" not in decl.called:
        return False
    cls = ClassRef(index.path, decl.class_name or "", index)
    acquire = resolver.inference.attributes.method(cls, "acquire") if decl.class_name else None
    return acquire is not None and {_TRUE, _FALSE} <= set(acquire.decl.returns)


def enters(
    resolver: StaticResolver, index: ModuleIndex, decl: FunctionDecl, keys: Collection[str]
) -> bool:
    """Return whether a `with` of a function runs one of ``keys``, methods to enter and leave."""
    function = f"{index.key}:{decl.qualname}"
    for use in decl.lock_uses:
        path = path_of(resolver, index, decl, use.of) if use.word == "with" else None
        if path is not None:
            found = resolver.context_manager(function, path)
            for key in (found.enter, found.exit, found.async_enter, found.async_exit):
                if key is not None and key in keys:
                    return True
    return False


def released_paths(
    resolver: StaticResolver, index: ModuleIndex, decl: FunctionDecl
) -> tuple[AccessPath, ...]:
    """Return the paths that a function releases, where no function of the project does that."""
    found: list[AccessPath] = []
    key = f"{index.key}:{decl.qualname}"
    for use in decl.lock_uses:
        if use.word in RELEASE_NAMES:
            path = path_of(resolver, index, decl, use.of)
            if path is not None and not resolver.callee(key, path.field(use.word)).targets:
                found.append(path)
    return tuple(found)


def path_of(
    resolver: StaticResolver, index: ModuleIndex, decl: FunctionDecl, written: Written | None
) -> AccessPath | None:
    """Return what a function writes as a path. Return None if there is nothing to name."""
    if written is None or not written.variable:
        return None
    root = resolver.walker.root_of(written.variable, scope_of(index, decl.qualname))
    return AccessPath(written.variable, written.fields, root)
