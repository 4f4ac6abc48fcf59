"""Errors that the analysed code expects: a test, or a handler, names them."""

from __future__ import annotations

from collections.abc import Collection

from locklint.core.source import Span
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import Call, Instruction
from locklint.ir.terminator import Catch, Jump, Raise


def is_expected(function: Function, span: Span, names: Collection[str]) -> bool:
    """Return whether an exception of the instruction at ``span`` is caught by one of the names.

    Or by any, if the code treats it as a failure that the instruction does not raise.
    """
    for block in function.blocks.values():
        place = next((i for i, each in enumerate(block.instructions) if each.span == span), None)
        if block.on_exception is None or place is None:
            continue
        handler = function.blocks[block.on_exception].terminator
        if isinstance(handler, Catch):
            if handler.expected or _fails_after(function, block, place):
                return True
            for clause in handler.handlers:
                if any(name.rsplit(".", 1)[-1] in names for name in clause.types):
                    return True
    return False


def _fails_after(function: Function, block: BasicBlock, place: int) -> bool:
    """Return whether next the code says that it should not have come there."""
    rest = [*block.instructions[place + 1 :]]
    end = block.terminator
    if isinstance(end, Jump):
        following = function.blocks[end.target]
        rest += following.instructions
        end = following.terminator
    if rest:
        return _fails(rest[0])
    return isinstance(end, Raise) and end.exception == "AssertionError"


def _fails(instruction: Instruction) -> bool:
    """Return whether it lets a test fail, or makes the exception that does."""
    if not isinstance(instruction, Call) or instruction.callee is None:
        return False
    return instruction.callee.name in ("AssertionError", "fail")
