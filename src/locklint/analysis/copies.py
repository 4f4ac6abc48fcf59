"""Copies of objects that hold a lock, which fail."""

from __future__ import annotations

from locklint.core.source import Span
from locklint.dataflow.order import reached
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import Assign, Call, Instruction, Operate
from locklint.ir.lock import LockRef
from locklint.ir.means import OperateKind
from locklint.ir.terminator import Catch

_OTHER_ERRORS = frozenset(
    "EOFError Empty FileNotFoundError Full IOError KeyError KeyboardInterrupt OSError"
    " ValueError".split()
)
"""Errors that a handler names which does not expect the copy to fail."""


def fails(function: Function, span: Span, lock: LockRef) -> bool:
    """Return whether a copy of an object with a lock fails, and no code expects that.

    The function must not have removed the lock from the object before.
    """
    blocks = function.blocks.values()
    if any(_removes(each, lock) for block in blocks for each in block.instructions):
        return False
    return not any(
        _is_expected(function, block)
        for block in blocks
        if any(isinstance(each, Call) and each.span == span for each in block.instructions)
    )


def _removes(instruction: Instruction, lock: LockRef) -> bool:
    if not lock.path.fields:
        return False
    match instruction:
        case Assign(target=target):
            return bool(target.fields) and target.last == lock.path.last
        case Operate(kind=OperateKind.DELETE, operands=(path, *_)):
            return bool(path.fields) and path.last == lock.path.last
        case _:
            return False


def _is_expected(function: Function, block: BasicBlock) -> bool:
    """Return whether a handler may catch what the copy raises."""
    if block.on_exception is None:
        return False
    for key in reached(function, (block.on_exception,), successors=_next):
        end = function.blocks[key].terminator
        if isinstance(end, Catch):
            for handler in end.handlers:
                names = {name.rpartition(".")[2] for name in handler.types}
                if not names or names - _OTHER_ERRORS:
                    return True
    return False


def _next(block: BasicBlock) -> tuple[int, ...]:
    """The blocks that an exception goes through: clean-ups, up to the first dispatch."""
    return () if isinstance(block.terminator, Catch) else block.successors()
