"""The code that runs with a lock held, by the graph of one function."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile

from locklint.dataflow.order import all_successors
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import Acquire, BlockId, Instruction, Release, Wait
from locklint.ir.lock import LockRef


def held_after(
    function: Function,
    block: BlockId,
    index: int,
    lock: LockRef,
    successors: Callable[[BasicBlock], Iterable[BlockId]] = BasicBlock.successors,
) -> Iterator[tuple[Instruction, BlockId]]:
    """Yield what comes after an instruction until a lock is released, and the blocks."""
    for here, held, _ in _held(function, block, index, lock, successors):
        for each in held:
            yield each, here


def ends_section(instruction: Instruction, lock: LockRef) -> bool:
    """Return whether an instruction releases a lock, if only for a while."""
    return isinstance(instruction, Release | Wait) and instruction.lock.path == lock.path


def locked_blocks(function: Function) -> set[BlockId]:
    """Return the blocks of which a part runs with a lock held that the function acquires.

    A test at the end of a block is such a part.
    """
    return {
        here
        for block in function.blocks.values()
        for index, each in enumerate(block.instructions)
        if isinstance(each, Acquire)
        for here, held, to_end in _held(function, block.id, index, each.lock, all_successors)
        if held or to_end
    }


def _held(
    function: Function,
    block: BlockId,
    index: int,
    lock: LockRef,
    successors: Callable[[BasicBlock], Iterable[BlockId]],
) -> Iterator[tuple[BlockId, list[Instruction], bool]]:
    """Yield the blocks after an instruction, up to where a lock is released in each.

    With each come the instructions before the release, and whether there is none in the block.
    """
    entered: set[BlockId] = set()
    work = deque([(block, index + 1)])
    while work:
        here, start = work.popleft()
        current = function.blocks[here]
        following = current.instructions[start:]
        held = list(takewhile(lambda each: not ends_section(each, lock), following))
        to_end = len(held) == len(following)
        yield here, held, to_end
        if to_end:
            for successor in successors(current):
                if successor not in entered:
                    entered.add(successor)
                    work.append((successor, 0))
