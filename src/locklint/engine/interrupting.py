"""Entries of what the interpreter runs in between, in declarations and in graphs."""

from __future__ import annotations

from collections.abc import Iterator

from locklint.index.declarations import ModuleIndex
from locklint.ir.cfg import Function
from locklint.ir.context import Context
from locklint.ir.registration import Entry
from locklint.models.registrations import FINALIZER


def finalizers(index: ModuleIndex) -> Iterator[Entry]:
    """Yield the entries of the methods of a file that run before an object is freed."""
    for decl in index.functions.values():
        if decl.name == FINALIZER and decl.class_name is not None:
            yield Entry(f"{index.key}:{decl.qualname}", Context.FINALIZER)


def entries(function: Function) -> Iterator[Entry]:
    """Yield the entries of what a function gives to the interpreter."""
    for each in function.registers:
        for target in each.targets:
            yield Entry(target, each.context, function.key, function.path, each)
