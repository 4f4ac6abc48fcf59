"""The code that runs with a lock held, by the graph of one function."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import takewhile

from locklint.analysis.events import LockStates
from locklint.dataflow.order import all_successors
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    BlockId,
    Call,
    Enter,
    Exit,
    Instruction,
    Release,
    Unwind,
    Wait,
)
from locklint.ir.lock import LockRef


def held_after(
    function: Function,
    block: BlockId,
    index: int,
    lock: LockRef,
    successors: Callable[[BasicBlock], Iterable[BlockId]] = BasicBlock.successors,
) -> Iterator[tuple[Instruction, BlockId]]:
    """Yield what comes after an instruction until a lock is released, and the blocks."""
    ends = partial(ends_section, lock=lock)
    for here, held, _ in _held(function, block, index, ends, successors):
        for each in held:
            yield each, here


def entered_after(
    function: Function, block: BlockId, index: int, enter: Enter
) -> Iterator[Instruction]:
    """Yield what comes after the entry of a manager until it is left."""

    def ends(each: Instruction) -> bool:
        return isinstance(each, Exit) and each.span == enter.span

    for _, held, _ in _held(function, block, index, ends, BasicBlock.successors):
        yield from held


def ends_section(instruction: Instruction, lock: LockRef) -> bool:
    """Return whether an instruction releases a lock, if only for a while."""
    return isinstance(instruction, Release | Wait) and instruction.lock.path == lock.path


def locked_blocks(states: LockStates) -> set[BlockId]:
    """Return the blocks of which a part runs with a lock held that the function acquires.

    A test at the end of a block is such a part. A callee or a context manager may acquire the lock.
    """
    function = states.function
    by_callees = {taken.span for taken in states.taken if taken.instruction is None}
    given = {one.span for one in states.given}

    def releases(each: Instruction) -> bool:
        return isinstance(each, Call | Exit | Unwind) and each.span in given

    def ends_of(each: Instruction) -> Callable[[Instruction], bool] | None:
        match each:
            case Acquire(lock=lock):
                return lambda other: ends_section(other, lock)
            case Call(span=span) | Enter(span=span) if span in by_callees:
                return releases
            case _:
                return None

    return {
        here
        for block in function.blocks.values()
        for index, each in enumerate(block.instructions)
        if (ends := ends_of(each)) is not None
        for here, held, to_end in _held(function, block.id, index, ends, all_successors)
        if held or to_end
    }


def _held(
    function: Function,
    block: BlockId,
    index: int,
    ends: Callable[[Instruction], bool],
    successors: Callable[[BasicBlock], Iterable[BlockId]],
) -> Iterator[tuple[BlockId, list[Instruction], bool]]:
    """Yield the blocks after an instruction, up to where something ``ends`` in each that it began.

    With each come the instructions before the release, and whether there is none in the block.
    """
    entered: set[BlockId] = set()
    work = deque([(block, index + 1)])
    while work:
        here, start = work.popleft()
        current = function.blocks[here]
        following = current.instructions[start:]
        held = list(takewhile(lambda each: not ends(each), following))
        to_end = len(held) == len(following)
        yield here, held, to_end
        if to_end:
            for successor in successors(current):
                if successor not in entered:
                    entered.add(successor)
                    work.append((successor, 0))
