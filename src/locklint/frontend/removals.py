"""Instructions that may remove an element from a container."""

from __future__ import annotations

from locklint.ir.access_path import AccessPath, ElementField, Field
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Call,
    Instruction,
    Operate,
    Release,
    TryAcquire,
    Wait,
)
from locklint.ir.lock import LOCKING
from locklint.ir.means import OperateKind
from locklint.models.plain_values import REMOVING

_FILLING = frozenset(("add", "append", "appendleft", "insert"))
_LETS_OTHERS = LOCKING | {"wait", "wait_for"}
"""Methods in which other threads may do to a container what they like."""


def takes_out(instruction: Instruction, path: AccessPath) -> bool:
    """Return whether something may be removed from the container at a path, by others too."""
    match instruction:
        case Call(callee=AccessPath() as callee) if callee.fields and callee.name in _LETS_OTHERS:
            return True
        case Acquire(call=Call()) | TryAcquire() | Release(call=Call()) | Wait():
            return True
        case Assign(target=target):
            return path.starts_with(target)
        case _:
            return removes(instruction, path)


def removes(instruction: Instruction, path: AccessPath) -> bool:
    """Return whether an instruction may remove something from the container at a path."""
    match instruction:
        case Call(external="heapq.heappop", arguments=(argument,)):
            return argument.value == path
        case Call(callee=AccessPath() as callee) if callee.fields:
            return callee.parent() == path and callee.name in REMOVING
        case Operate(
            kind=OperateKind.DELETE_SLICE | OperateKind.SET_SLICE,
            values=(AccessPath() as changed, *_),
        ):
            return changed == path
        case Operate(kind=OperateKind.DELETE, values=(AccessPath() as deleted,)):
            return bool(deleted.fields) and deleted.parent() == path
        case _:
            return False


def puts_in(instruction: Instruction, path: AccessPath, wanted: Field | None) -> bool:
    """Return whether an instruction puts something, or a certain key, into a container."""
    match instruction:
        case Call(callee=AccessPath() as callee, arguments=(_, *_)) if wanted is None:
            return bool(callee.fields) and callee.parent() == path and callee.name in _FILLING
        case Assign(target=target):
            return isinstance(wanted, ElementField) and target == path.field(wanted)
        case _:
            return False


def removes_key(instruction: Instruction, path: AccessPath, key: str) -> bool:
    """Return whether an instruction removes a certain key from the container at a path."""
    match instruction:
        case Call(callee=AccessPath() as callee, arguments=(argument, *_)):
            return callee.name in ("discard", "pop", "remove") and str(argument.value) == key
        case Operate(values=(AccessPath() as deleted,)):
            return deleted == path.field(ElementField(key))
        case _:
            return False
