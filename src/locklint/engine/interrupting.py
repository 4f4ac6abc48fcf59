"""Entries of what the interpreter runs in between, and facts about processes, in graphs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from locklint.index.declarations import ModuleIndex, Ref
from locklint.ir.cfg import Function, split_key
from locklint.ir.context import Context
from locklint.ir.instruction import Call, Instruction, Spawn
from locklint.ir.registration import Entry, Processes
from locklint.ir.terminator import Branch, Opaque, is_of_process
from locklint.models.processes import AT_FORK, FORKS, chosen_method
from locklint.models.registrations import FINALIZER, registrars


def finalizers(index: ModuleIndex) -> Iterator[Entry]:
    """Yield the entries of the methods of a file that run before an object is freed."""
    for decl in index.functions.values():
        if decl.name == FINALIZER and decl.class_name is not None:
            yield Entry(f"{index.key}:{decl.qualname}", Context.FINALIZER)
    for cls in index.classes.values():
        for binding in cls.attributes.get(FINALIZER, ()):  # `__del__ = close`
            if isinstance(binding.value, Ref) and binding.value.names[-1] in cls.methods:
                yield Entry(
                    f"{index.key}:{cls.methods[binding.value.names[-1]]}", Context.FINALIZER
                )


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


def processes(functions: Iterable[Function]) -> Processes:
    """Return what some functions say about processes."""
    methods: set[str] = set()
    forking: set[str] = set()
    at_fork: set[str] = set()
    for function in functions:
        for each in _instructions(function):
            if isinstance(each, Call) and each.external is not None:
                method = chosen_method(each)
                if method is not None:
                    methods.add(method)
                if each.external in AT_FORK:
                    at_fork.add(split_key(function.key)[0])
                if each.external in FORKS:
                    forking.add(function.key)
            elif isinstance(each, Spawn) and each.is_process:
                forking |= {function.key, *each.targets}
        if _looks_for_child(function):
            forking.add(function.key)
    return Processes(frozenset(methods), frozenset(forking), frozenset(at_fork))


def _looks_for_child(function: Function) -> bool:
    """Return whether a function tests if it runs in the process that made its object."""
    return any(
        isinstance(block.terminator, Branch)
        and isinstance(test := block.terminator.condition, Opaque)
        and is_of_process(test.text or "")
        for block in function.blocks.values()
    )


def _instructions(function: Function) -> Iterator[Instruction]:
    for block in function.blocks.values():
        yield from block.instructions
