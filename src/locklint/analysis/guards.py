"""Conditions around releases that may belong to conditions around acquires."""

from __future__ import annotations

from locklint.analysis.acquisitions import Fate
from locklint.analysis.events import LockStates
from locklint.core.source import Span
from locklint.dataflow.order import all_successors, predecessors
from locklint.ir.access_path import Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    BlockId,
    Branch,
    Call,
    Instruction,
    Jump,
    Raise,
    Read,
    Release,
    Return,
)
from locklint.ir.lock import LockRef
from locklint.ir.operands import condition_paths


def is_guarded_release(fate: Fate) -> bool:
    """Whether each release stands alone under a test past which the function goes on.

    ``if flag: lock.release()`` says that whether the lock is held depends on something that is not
    understood here. It is not the same as a way out that forgets the release.
    """
    function = fate.states.function
    spans = set(fate.release_spans)
    return (
        bool(spans)
        and all(guards_release(function, span) for span in spans)
        and not all(comes_first(function, fate.span, span) for span in spans)
    )


def comes_first(function: Function, first: Span, then: Span) -> bool:
    """Whether each way from the entry to the instruction at ``then`` goes through ``first``."""
    around = {block.id for block in function.blocks.values() if _holds(block, first)}
    if function.entry in around:
        return True
    seen = {function.entry}
    work = [function.entry]
    while work:
        block = function.blocks[work.pop()]
        if _holds(block, then):
            return False
        for successor in all_successors(block):
            if successor not in seen and successor not in around:
                seen.add(successor)
                work.append(successor)
    return True


def next_after(function: Function, block: BlockId, index: int) -> Instruction | None:
    """The instruction that follows one of a block on every path; attribute reads do not count."""
    for _ in range(4):
        here = function.blocks[block]
        for instruction in here.instructions[index + 1 :]:
            if not isinstance(instruction, Read):
                return instruction
        if not isinstance(here.terminator, Jump):
            return None
        block, index = here.terminator.target, -1
    return None


def is_released_at_once(function: Function, acquire: Acquire) -> bool:
    """Whether a lock is released as soon as it is acquired: a gate that all have to pass."""
    return any(
        isinstance(follower := next_after(function, block.id, index), Release)
        and follower.lock.path == acquire.lock.path
        for block in function.blocks.values()
        for index, instruction in enumerate(block.instructions)
        if instruction == acquire
    )


def is_taken_again(states: LockStates, release: Span, lock: LockRef) -> bool:
    """Whether each way on from a release takes the lock again: it is lent, not given back."""
    function = states.function
    takes = {t.acquisition.span for t in states.taken if t.lock.identity == lock.identity}
    if not takes:
        return False
    work: list[tuple[BlockId, int]] = [
        (block.id, index + 1)
        for block in function.blocks.values()
        for index, instruction in enumerate(block.instructions)
        if instruction.span == release
    ]
    seen: set[BlockId] = set()
    while work:
        block_id, first = work.pop()
        block = function.blocks[block_id]
        spans = (instruction.span for instruction in block.instructions[first:])
        met = next((span for span in spans if span == release or span in takes), None)
        if met is not None and met != release:
            continue
        if met is not None or isinstance(block.terminator, (Return, Raise)):
            return False
        for successor in block.successors():
            if successor not in seen:
                seen.add(successor)
                work.append((successor, 0))
    return True


def depends_on_shared(function: Function, span: Span) -> bool:
    """Whether the test before the release at ``span`` asks for what other threads can change."""
    before = predecessors(function, lambda block: block.successors())
    for block in function.blocks.values():
        if not any(_releases_at(each, span) for each in block.instructions):
            continue
        for test in before[block.id]:
            branch = function.blocks[test].terminator
            if isinstance(branch, Branch) and any(
                path.root not in (Root.LOCAL, Root.PARAMETER, Root.TEMP) or path.fields
                for path in condition_paths(branch.condition)
            ):
                return True
    return False


def can_be_passed_by(function: Function, span: Span) -> bool:
    """Whether some way through the function returns without coming to the place."""
    around = {block.id for block in function.blocks.values() if _holds(block, span)}
    seen = {function.entry} - around
    work = list(seen)
    while work:
        block = function.blocks[work.pop()]
        if isinstance(block.terminator, Return):
            return True
        for successor in block.successors():
            if successor not in seen and successor not in around:
                seen.add(successor)
                work.append(successor)
    return False


def _holds(block: BasicBlock, span: Span) -> bool:
    return any(instruction.span == span for instruction in block.instructions)


def guards_release(function: Function, span: Span) -> bool:
    """Whether the release at ``span`` stands under a test past which the function goes on."""
    before = predecessors(function, lambda block: block.successors())
    found = False
    for block in function.blocks.values():
        if not any(_releases_at(i, span) for i in block.instructions):
            continue
        found = True
        tests = before[block.id]
        if not tests:
            return False
        for test in tests:
            if not _skips(function, test, block.id):
                return False
    return found


def _releases_at(instruction: object, span: Span) -> bool:
    return isinstance(instruction, (Release, Call)) and instruction.span == span


def _skips(function: Function, test: BlockId, release: BlockId) -> bool:
    """Whether the other side of the test goes where the release goes next."""
    branch = function.blocks[test].terminator
    if not isinstance(branch, Branch):
        return False
    other = branch.otherwise if branch.then == release else branch.then
    after = _following(function, release)
    return bool(after & ({other} | _following(function, other)))


def _following(function: Function, block: BlockId) -> set[BlockId]:
    """The blocks that come next, through empty ones."""
    seen: set[BlockId] = set()
    work = list(function.blocks[block].successors())
    while work:
        successor = work.pop()
        if successor in seen:
            continue
        seen.add(successor)
        if not function.blocks[successor].instructions:
            work.extend(function.blocks[successor].successors())
    return seen
