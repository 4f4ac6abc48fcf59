"""Other threads of a program, which run those of its functions that it does not call."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from tests.oracle.execute import NORMAL, execute
from tests.oracle.machine import World

_ENTRY = "program"


def with_others(text: str, world: World) -> World:
    """The world in which other threads run those functions of the program that nothing calls.

    One that ends with a lock released gives it back for others, one that ends with it held, having
    released it on no path, takes it for others to release.
    """
    released: set[str] = set()
    acquired: set[str] = set()
    for name in _uncalled(text):
        truth = execute(text, world, entry=name)
        for lock in truth.locks:
            counts = truth.counts(NORMAL, lock)
            if min(counts, default=0) < 0:
                released.add(lock)
            released_here = any(lock in truth.locks_of_line[line] for line in truth.releases)
            if max(counts, default=0) > 0 and not released_here:
                acquired.add(lock)
    return replace(world, others_release=frozenset(released), others_acquire=frozenset(acquired))


def _uncalled(text: str) -> Iterator[str]:
    """The functions of the module, or methods of its class, that nothing in the program calls."""
    tree = ast.parse(text)
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for body in bodies:
        for node in body:
            if isinstance(node, ast.FunctionDef) and not node.decorator_list:
                if node.name not in called and node.name not in (_ENTRY, "__init__"):
                    yield node.name
