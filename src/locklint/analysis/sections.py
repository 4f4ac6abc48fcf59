"""The code that runs with a lock held, by the graph of one function."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

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
    entered: set[BlockId] = set()
    work = deque([(block, index + 1)])
    while work:
        here, start = work.popleft()
        current = function.blocks[here]
        for each in current.instructions[start:]:
            if ends_section(each, lock):
                break
            yield each, here
        else:
            for following in successors(current):
                if following not in entered:
                    entered.add(following)
                    work.append((following, 0))


def ends_section(instruction: Instruction, lock: LockRef) -> bool:
    """Return whether an instruction releases a lock, if only for a while."""
    return isinstance(instruction, Release | Wait) and instruction.lock.path == lock.path


def locked_blocks(function: Function) -> set[BlockId]:
    """Return the blocks with instructions that run with a lock held that the function acquires."""
    return {
        here
        for block in function.blocks.values()
        for index, each in enumerate(block.instructions)
        if isinstance(each, Acquire)
        for _, here in held_after(function, block.id, index, each.lock, all_successors)
    }
