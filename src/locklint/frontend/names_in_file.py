"""Declarations of one file, by the names under which searches through all files find them."""

from __future__ import annotations

from collections.abc import Iterator

from locklint.frontend.value_types import ClassRef
from locklint.index.declarations import Binding, Element, Generic, ModuleIndex, Ref, Value
from locklint.models.unknown_lock import named_like_lock


def named_bases(index: ModuleIndex) -> Iterator[tuple[str, ClassRef]]:
    """The classes of a file, by the last names of their bases as they are spelt."""
    for qualname, decl in index.classes.items():
        for base in decl.bases:
            name = _base_name(base)
            if name:
                yield name, ClassRef(index.path, qualname, index)


def stores(index: ModuleIndex) -> Iterator[tuple[str, tuple[ModuleIndex, Binding]]]:
    """The bindings of a file through names other than `self`, by attribute."""
    for name, bindings in index.attribute_stores.items():
        for binding in bindings:
            yield name, (index, binding)
    for function in index.functions.values():
        if function.class_name is None:
            for name, bindings in function.self_bindings.items():
                for binding in bindings:
                    yield name, (index, binding)


def lock_attributes(index: ModuleIndex) -> Iterator[tuple[str, ClassRef]]:
    """The classes of a file by the attributes that they bind and name like locks."""
    found: dict[tuple[str, str], None] = {}
    for function in index.functions.values():
        if function.class_name in index.classes:
            found.update(((name, function.class_name), None) for name in function.self_bindings)
    for qualname, decl in index.classes.items():
        found.update(((name, qualname), None) for name in decl.attributes)
    for name, qualname in found:
        if named_like_lock(name):
            yield name, ClassRef(index.path, qualname, index)


def _base_name(base: Value) -> str:
    """The last name of a base as written."""
    if isinstance(base, (Generic, Element)):
        base = base.of
    return base.names[-1] if isinstance(base, Ref) else ""
