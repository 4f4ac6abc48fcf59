"""Entries of what the interpreter runs in between, in declarations and in graphs."""

from __future__ import annotations

from collections.abc import Iterator

from locklint.index.declarations import ModuleIndex, Ref
from locklint.ir.cfg import Function
from locklint.ir.context import Context
from locklint.ir.registration import Entry
from locklint.models.registrations import FINALIZER, registrars


def finalizers(index: ModuleIndex) -> Iterator[Entry]:
    """Yield the entries of the methods of a file that run before an object is freed."""
    for decl in index.functions.values():
        if decl.name == FINALIZER and decl.class_name is not None:
            yield Entry(f"{index.key}:{decl.qualname}", Context.FINALIZER)


def decorated(index: ModuleIndex) -> Iterator[Entry]:
    """Yield the entries of the functions of a file that a decorator registers."""
    for decl in index.functions.values():
        for decorator in decl.decorators:
            if isinstance(decorator, Ref):
                first, *rest = decorator.names
                dotted = ".".join((index.imports.get(first, first), *rest))
                for each in registrars(dotted):
                    if each.position == 0 and each.of is None:
                        yield Entry(f"{index.key}:{decl.qualname}", each.context)


def entries(function: Function) -> Iterator[Entry]:
    """Yield the entries of what a function gives to the interpreter."""
    for each in function.registers:
        for target in each.targets:
            yield Entry(target, each.context, function.key, function.path, each)
