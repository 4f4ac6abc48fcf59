"""Values of operands in one disjunct, and locks by the names of what variables stand for."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from locklint.analysis.function_context import FunctionContext
from locklint.analysis.lockset import Disjunct
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import CallArgument, Operand
from locklint.ir.lock import Exactness, LockRef


def canonical(path: AccessPath, disjunct: Disjunct) -> AccessPath:
    """Return the path with aliased variables replaced by their targets."""
    if not disjunct.values:
        return path
    for _ in range(5):
        root = AccessPath(path.root_name, (), path.root)
        value = disjunct.values.get(root)
        if not isinstance(value, AccessPath) or value == root:
            return path
        path = path.replace_prefix(root, value)
    return path


def canonical_lock(context: FunctionContext, lock: LockRef, disjunct: Disjunct) -> LockRef:
    """Return the lock by its canonical path."""
    if context.function.kept:
        lock = context.function.kept_lock(lock) or lock
    path = canonical(lock.path, disjunct)
    if path == lock.path:
        return lock
    known = context.single_locks.get(path)
    if known is not None and lock.exactness is not Exactness.ONE:
        return known  # The variable may be one of several locks, and is this one here.
    return replace(lock, path=path)


def value_of(operand: Operand, disjunct: Disjunct) -> Operand:
    """Return the constant that an operand has, or its canonical path."""
    if not isinstance(operand, AccessPath):
        return operand
    value = disjunct.values.get(operand)
    if value is not None and not isinstance(value, frozenset):
        return value
    return canonical(operand, disjunct)


def known_arguments(
    context: FunctionContext, arguments: tuple[CallArgument, ...], disjunct: Disjunct
) -> tuple[CallArgument, ...]:
    """Return arguments with aliases replaced by their targets, and known values put in."""
    found: list[CallArgument] = []
    for argument in arguments:
        value = value_of(argument.value, disjunct)
        lock = argument.lock and canonical_lock(context, argument.lock, disjunct)
        receiver = argument.receiver and canonical(argument.receiver, disjunct)
        found.append(
            argument
            if (value, lock, receiver) == (argument.value, argument.lock, argument.receiver)
            else replace(argument, value=value, lock=lock, receiver=receiver)
        )
    return tuple(found)


def split(operands: Iterable[Operand | None], disjunct: Disjunct) -> list[Disjunct]:
    """Return the same executions, in each of which the operands have one constant at most."""
    found = [disjunct]
    if not disjunct.values:
        return found
    for operand in operands:
        value = disjunct.values.get(operand) if isinstance(operand, AccessPath) else None
        if isinstance(value, frozenset) and isinstance(operand, AccessPath):
            found = [
                one.with_values({**one.values, operand: each}, one.facts)
                for one in found
                for each in sorted(value, key=repr)
            ]
    return found
