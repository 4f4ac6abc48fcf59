"""Futures that a function has just made, so that nothing can have completed them."""

from __future__ import annotations

from collections.abc import Iterator

from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import Assign, Call, Instruction, Yield
from locklint.ir.operands import operand_paths
from locklint.models.calls import makes_future, may_call_at_once


def adds_to_new(function: Function, span: Span) -> bool:
    """Return whether a call adds a callback to a future that has none to complete it: nothing runs.

    The function has made the future, and has not given it to anything before the call.
    """
    instructions = [each for block in function.blocks.values() for each in block.instructions]
    future = next(
        filter(None, (_added_to(each) for each in instructions if each.span == span)), None
    )
    if future is None:
        return False
    names = {future}
    values = [
        each.value for each in instructions if isinstance(each, Assign) and each.target in names
    ]
    if future.root is Root.LOCAL and len(set(values)) == 1:
        names.update(value for value in values if isinstance(value, AccessPath))
    made = [
        each.span
        for each in instructions
        if isinstance(each, Call) and each.result in names and _makes_future(each)
    ]
    return bool(made) and not any(
        path in names
        for each in instructions
        if made[0] < each.span < span
        for path in _given(each)
        if not (isinstance(each, Assign) and each.target in names)
    )


def _makes_future(call: Call) -> bool:
    is_own = call.constructs is not None
    return is_own or (call.external is not None and makes_future(call.external))


def _added_to(instruction: Instruction) -> AccessPath | None:
    """Return the future to which a call adds a callback."""
    match instruction:
        case Call(external=str() as name, callee=AccessPath(fields=(_, *_)) as callee):
            return callee.parent() if may_call_at_once(name) else None
        case _:
            return None


def _given(instruction: Instruction) -> Iterator[AccessPath]:
    """Yield what an instruction gives to something else, or stores."""
    match instruction:
        case Call(arguments=arguments):
            for each in arguments:
                yield from operand_paths(each.value)
        case Assign(value=value) | Yield(value=value):
            yield from operand_paths(value)
        case _:
            pass
