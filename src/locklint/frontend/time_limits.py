"""Mark what a coroutine does within a limited time, and find where it goes on if that is over.

An acquire in `async with asyncio.timeout(1):` gives up as one with a timeout does. After
`with trio.move_on_after(1) as scope:`, the attribute ``scope.cancelled_caught`` tells if the body
was cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from msgspec.structs import replace

from locklint.dataflow.order import instructions_after
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    Constant,
    Enter,
    Exit,
    Instruction,
    Operand,
)
from locklint.ir.terminator import Branch, Catch, Handler, Jump, Opaque, Swallows
from locklint.models.tasks import RESULT_OF_TASK
from locklint.models.time_limits import (
    CANCELLED,
    TELLING,
    is_plain,
    limits_body,
    limits_wait,
    swallows,
)


def is_scope(instruction: Instruction) -> bool:
    """Return whether a function has to be looked at because of an instruction."""
    match instruction:
        case Enter():
            return _limits(instruction) or _is_cancelled(instruction)
        case Call():
            return limits_wait(instruction) is not None
        case _:
            return False


def with_time_limits(function: Function) -> Function:
    """Return a function with the acquires and calls marked that have a limited time."""
    limited = {id(each) for each in _limited(function)}
    blocks = {
        block.id: replace(
            block,
            instructions=tuple(
                [_marked(each) if id(each) in limited else each for each in block.instructions]
            ),
        )
        for block in function.blocks.values()
    }
    for block in function.blocks.values():
        for each in block.instructions:
            if isinstance(each, Enter) and _is_cancelled(each):
                _go_on(blocks, each)
    return replace(function, blocks=blocks)


def _limits(enter: Enter) -> bool:
    manager = enter.manager
    if manager is None or manager.external is None or manager.call is None:
        return False
    return limits_body(manager.external, manager.call)


def _is_cancelled(enter: Enter) -> bool:
    """Return whether a `with` may swallow that its body is cancelled, if other code can do that."""
    manager = enter.manager
    return manager is not None and manager.external is not None and swallows(manager.external)


def _limited(function: Function) -> Iterator[Instruction]:
    """Yield the instructions for which there is a limited time."""
    awaited: set[Operand] = set()
    for block in function.blocks.values():
        for each in block.instructions:
            if isinstance(each, Enter) and _limits(each):
                starts = partial(_is_same, each)
                yield from instructions_after(function, starts, partial(_leaves, each))
            elif isinstance(each, Call) and (argument := limits_wait(each)) is not None:
                awaited.add(argument.value)
                if each.result is not None:
                    awaited.add(each.result)
    for block in function.blocks.values() if awaited else ():
        for each in block.instructions:
            result = each.call.result if isinstance(each, Acquire) and each.call else None
            if isinstance(each, Call):
                result = each.result
            if result is not None and result in awaited:
                yield each


def _is_same(enter: Enter, instruction: Instruction) -> bool:
    return instruction is enter


def _leaves(enter: Enter, instruction: Instruction) -> bool:
    return (
        isinstance(instruction, Exit)
        and instruction.span == enter.span
        and instruction.context == enter.context
    )


def _marked(instruction: Instruction) -> Instruction:
    match instruction:
        case Acquire(lock=lock) if lock.api.is_async:
            return replace(instruction, gives_up=True)
        case Call(targets=[_, *_]):
            return replace(instruction, limited=True)
        case Call(external=external) if external == RESULT_OF_TASK:
            return replace(instruction, limited=True)
        case _:
            return instruction


def _go_on(blocks: dict[BlockId, BasicBlock], enter: Enter) -> None:
    """Let the code go on after a body that is cancelled, and the scope's attributes tell it.

    A plain scope that is not bound to a name only shields its body: nothing can cancel that.
    """
    told = partial(_told, enter)
    manager = enter.manager.external if enter.manager is not None else None
    is_shield = is_plain(manager or "") and enter.result is None
    for block in tuple(blocks.values()):
        branch = block.terminator
        ends = [each for each in block.instructions if _leaves(enter, each)]
        if not ends:
            continue
        if isinstance(branch, Branch) and isinstance(branch.condition, Swallows):
            if is_shield:
                blocks[block.id] = replace(block, terminator=Jump(branch.otherwise))
                continue
            # Others may cancel the task as well, so that it does not go on here.
            first = max(blocks) + 1
            caught, on = Handler((CANCELLED,), first + 1), Jump(branch.then)
            blocks[first] = BasicBlock(first, (), Catch(branch.span, (caught,), branch.otherwise))
            blocks[first + 1] = BasicBlock(first + 1, tuple(told(value=True)), on)
            either = Branch(branch.span, Opaque(None), first, branch.otherwise)
            blocks[block.id] = replace(block, terminator=either)
        elif not any(isinstance(each, Exit) and each.exceptional for each in ends):
            after = (*block.instructions, *told(value=False))
            blocks[block.id] = replace(block, instructions=after)


def _told(enter: Enter, *, value: bool) -> Iterator[Assign]:
    if isinstance(enter.result, AccessPath):
        for name in TELLING:
            yield Assign(enter.span, enter.result.field(name), Constant(value), safe=True)
