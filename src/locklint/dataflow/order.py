"""Orders and reachability over the blocks of one function."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial

from locklint.dataflow.components import Node, components
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import BlockId, Instruction
from locklint.ir.terminator import Branch


def all_successors(block: BasicBlock) -> tuple[BlockId, ...]:
    """The blocks that control may reach next, the exception target included."""
    if block.on_exception is None:
        return block.successors()
    return (*block.successors(), block.on_exception)


def reverse_postorder(
    function: Function,
    successors: Callable[[BasicBlock], Iterable[BlockId]] = all_successors,
) -> list[BlockId]:
    """The blocks reachable from the entry, each before its successors but for back edges.

    Iterative, for generated code nests deeper than Python's recursion limit.
    """
    seen = {function.entry}
    postorder: list[BlockId] = []
    stack = [(function.entry, iter(successors(function.blocks[function.entry])))]
    while stack:
        block, rest = stack[-1]
        for successor in rest:
            if successor not in seen:
                seen.add(successor)
                stack.append((successor, iter(successors(function.blocks[successor]))))
                break
        else:
            postorder.append(block)
            stack.pop()
    postorder.reverse()
    return postorder


def instructions_after(
    function: Function,
    starts: Callable[[Instruction], bool],
    stops: Callable[[Instruction], bool],
    successors: Callable[[BasicBlock], Iterable[BlockId]] = all_successors,
) -> Iterator[Instruction]:
    """Yield the instructions on all paths from those that ``starts`` is true of.

    A path ends before the first instruction that ``stops`` is true of.
    """
    work = deque(
        (block.id, index + 1)
        for block in function.blocks.values()
        for index, each in enumerate(block.instructions)
        if starts(each)
    )
    entered: set[BlockId] = set()
    while work:
        block_id, index = work.popleft()
        if index == 0:
            if block_id in entered:
                continue
            entered.add(block_id)
        block = function.blocks[block_id]
        for each in block.instructions[index:]:
            if stops(each):
                break
            yield each
        else:
            work.extend((successor, 0) for successor in successors(block))


def predecessors(
    function: Function,
    successors: Callable[[BasicBlock], Iterable[BlockId]] = all_successors,
) -> dict[BlockId, set[BlockId]]:
    """Return, for each block, its direct predecessors."""
    result: dict[BlockId, set[BlockId]] = {block: set() for block in function.blocks}
    for block in function.blocks.values():
        for successor in successors(block):
            result[successor].add(block.id)
    return result


def reaching(sources: Iterable[Node], before: Mapping[Node, Iterable[Node]]) -> set[Node]:
    """All nodes, such as blocks, from which one of ``sources`` can be reached, these included."""
    seen = set(sources)
    work = list(seen)
    while work:
        for block in before[work.pop()]:
            if block not in seen:
                seen.add(block)
                work.append(block)
    return seen


def looping(before: Mapping[BlockId, Collection[BlockId]]) -> set[BlockId]:
    """All blocks that may be executed again after themselves, from the predecessors of each."""
    found: set[BlockId] = set()
    for members in components(before, lambda block: before[block]):
        if len(members) > 1 or members[0] in before[members[0]]:
            found.update(members)
    return found


def reached(
    function: Function,
    sources: Iterable[BlockId],
    goes: Callable[[BasicBlock, BlockId], bool] = lambda block, successor: True,
    successors: Callable[[BasicBlock], Iterable[BlockId]] = all_successors,
) -> set[BlockId]:
    """All blocks that ``sources`` lead to, these included, by steps for which ``goes`` holds."""
    seen = set(sources)
    work = list(seen)
    while work:
        block = function.blocks[work.pop()]
        for successor in successors(block):
            if successor not in seen and goes(block, successor):
                seen.add(successor)
                work.append(successor)
    return seen


def loops(function: Function) -> dict[BlockId, set[BlockId]]:
    """The blocks of each loop by the block at which its turns begin, inner loops first."""
    rank = {block: i for i, block in enumerate(reverse_postorder(function))}
    before = predecessors(function)
    found: dict[BlockId, set[BlockId]] = {}
    for block in rank:
        for head in all_successors(function.blocks[block]):
            if rank[head] <= rank[block]:
                body = found.setdefault(head, {head})
                body |= reaching({block} - body, {**before, head: ()}) & rank.keys()
    return dict(sorted(found.items(), key=lambda item: (len(item[1]), item[0])))


def blocks_of_loop_before(function: Function, after: BlockId) -> set[BlockId]:
    """The blocks of the loops, such as that of a comprehension, that go on at a block when done."""
    found: set[BlockId] = set()
    for head in function.blocks.values():
        end = head.terminator
        if isinstance(end, Branch) and end.otherwise == after:
            outside = {head.id, after}
            turn = reached(function, [end.then], partial(_stays, outside), BasicBlock.successors)
            if any(head.id in function.blocks[each].successors() for each in turn):
                found |= turn
    return found


def _stays(outside: Collection[BlockId], _: BasicBlock, following: BlockId) -> bool:
    return following not in outside
