"""Conditions around releases that may belong to conditions around acquires."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Set

from locklint.analysis.acquisitions import Fate
from locklint.analysis.events import LockStates
from locklint.analysis.layout import Layout, layout_in, layout_of
from locklint.core.source import Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    Instruction,
    Read,
    Release,
    TryAcquire,
    acquired_names,
)
from locklint.ir.lock import LockRef
from locklint.ir.operands import condition_paths, operand_paths
from locklint.ir.terminator import Branch, Condition, Jump, Raise, Return


def is_guarded_release(fate: Fate) -> bool:
    """Return whether each release is alone under a test after which the function continues.

    ``if flag: lock.release()`` says that whether the lock is held depends on something that is not
    understood here. It is not the same as an exit path that forgets the release.
    """
    states, spans = fate.states, set(fate.release_spans)
    return (
        bool(spans)
        and all(guards_release(states, span) for span in spans)
        and not all(comes_first(states, fate.span, span) for span in spans)
    )


def flagged_releases(function: Function) -> frozenset[Span]:
    """The releases under a test of a flag that the function sets when it acquires the same lock.

    ``if self._locked: self._lock.release()``, where ``self._locked`` outlives the call: where the
    function has not acquired, an earlier call may have.
    """
    instructions = [each for block in function.blocks.values() for each in block.instructions]
    assigned = [
        each
        for each in instructions
        if isinstance(each, Assign) and (each.target.fields or each.target.root is Root.GLOBAL)
    ]
    # A counter is no flag.
    counters = {each.target for each in assigned if each.target in operand_paths(each.value)}
    flags = {each.target for each in assigned} - counters
    acquired = {each.lock.path for each in instructions if isinstance(each, (Acquire, TryAcquire))}
    if not flags or not acquired:
        return frozenset()
    found: set[Span] = set()
    layout = Layout(function)
    for each in instructions:
        if isinstance(each, Release) and each.lock.path in acquired:
            tests = _tests_before(function, layout, each.span)
            if tests and all(
                goes_on and not flags.isdisjoint(condition_paths(branch.condition))
                for branch, goes_on in tests
            ):
                found.add(each.span)
    return frozenset(found)


def comes_first(states: LockStates, first: Span, then: Span) -> bool:
    """Return whether each path from the entry to ``then`` goes through ``first``."""
    function, layout = states.function, layout_of(states)
    around = {block.id for block in layout.at(first)}
    if function.entry in around:
        return True
    if len(around) == 1:
        (only,) = around
        return all(layout.leads_through(only, block.id) for block in layout.at(then))
    seen = reached(function, (function.entry,), lambda _, successor: successor not in around)
    return seen.isdisjoint(block.id for block in layout.at(then))


def next_after(function: Function, block: BlockId, index: int) -> Instruction | None:
    """Return what comes on every path after an acquire, reads that lead to its lock left out."""
    acquire = function.blocks[block].instructions[index]
    names = acquired_names(acquire) if isinstance(acquire, Acquire | TryAcquire) else frozenset()
    for _ in range(4):
        here = function.blocks[block]
        for instruction in here.instructions[index + 1 :]:
            if not isinstance(instruction, Read) or not any(
                name.starts_with(instruction.path) for name in names
            ):
                return instruction
        if not isinstance(here.terminator, Jump):
            return None
        block, index = here.terminator.target, -1
    return None


def is_released_at_once(states: LockStates, acquire: Acquire) -> bool:
    """Return whether a lock is released as soon as it is acquired: a gate that all have to pass."""
    return any(
        isinstance(follower := next_after(states.function, block.id, index), Release)
        and follower.lock.path == acquire.lock.path
        for block, index in layout_of(states).instructions(acquire.span)
        if block.instructions[index] == acquire
    )


def is_taken_again(states: LockStates, release: Span, lock: LockRef) -> bool:
    """Return whether each path from a release acquires the lock again: it is only lent."""
    function = states.function
    takes = {t.acquisition.span for t in states.taken if t.lock.identity == lock.identity}
    if not takes:
        return False
    work: list[tuple[BlockId, int]] = [
        (block.id, index + 1) for block, index in layout_of(states).instructions(release)
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


def depends_on_shared(states: LockStates, span: Span) -> bool:
    """Return whether a test before the release at ``span`` depends on shared state."""
    return any(
        path.root not in (Root.LOCAL, Root.PARAMETER, Root.TEMP) or path.fields
        for branch, _ in _tests_at(states, span)
        for path in condition_paths(branch.condition)
    )


def can_be_passed_by(function: Function, span: Span) -> bool:
    """Return whether some path through the function returns without reaching the place."""
    around = {block.id for block in function.blocks.values() if _holds(block, span)}
    seen = reached(
        function,
        {function.entry} - around,
        lambda _, successor: successor not in around,
        BasicBlock.successors,
    )
    return any(isinstance(function.blocks[block].terminator, Return) for block in seen)


def _holds(block: BasicBlock, span: Span) -> bool:
    return any(instruction.span == span for instruction in block.instructions)


def conditions_before(function: Function, span: Span) -> list[Condition]:
    """Return the conditions of the branches that lead directly to a `raise` at ``span``."""
    before = layout_in(function).before
    branches = [
        function.blocks[each].terminator
        for block in function.blocks.values()
        if isinstance(block.terminator, Raise) and block.terminator.span == span
        for each in before[block.id]
    ]
    return [each.condition for each in branches if isinstance(each, Branch)]


def guards_release(states: LockStates, span: Span) -> bool:
    """Return whether the release at ``span`` is under a test after which the function continues."""
    tests = _tests_at(states, span)
    return bool(tests) and all(goes_on for _, goes_on in tests)


def _tests_at(states: LockStates, span: Span) -> list[tuple[Branch, bool]]:
    """Return `_tests_before` a release; many acquires may have the same one."""
    found: dict[Span, list[tuple[Branch, bool]]] = states.derived.setdefault("tests", {})
    if span not in found:
        found[span] = _tests_before(states.function, layout_of(states), span)
    return found[span]


def _tests_before(function: Function, layout: Layout, span: Span) -> list[tuple[Branch, bool]]:
    """Return the innermost tests that can skip the release at ``span``, in all its copies.

    Each comes with whether that path continues after the release. Return nothing if some path to
    the release has no such test.
    """
    found: list[tuple[Branch, bool]] = []
    for block in layout.at(span):
        here = (block.instructions[i] for at, i in layout.instructions(span) if at is block)
        if any(isinstance(each, (Release, Call)) for each in here):
            tests = _tests_of(function, block, layout.before)
            if not tests:
                return []
            found += tests
    return found


def _tests_of(
    function: Function, release: BasicBlock, before: Mapping[BlockId, Iterable[BlockId]]
) -> list[tuple[Branch, bool]]:
    found: list[tuple[Branch, bool]] = []
    seen = {release.id}
    work = [release.id]
    while work:
        block = work.pop()
        if block == function.entry or not before[block]:
            return []
        for test in set(before[block]) - seen:
            seen.add(test)
            branch = function.blocks[test].terminator
            if isinstance(branch, Branch):
                without = {release.id, test}
                passing = _Reached(function, (branch.then, branch.otherwise), without)
                after = _Reached(function, release.successors(), {test})
                if passing.meets(after):
                    found.append((branch, True))
                    continue
                if any(not function.blocks[each].successors() for each in passing.seen):
                    found.append((branch, False))
                    continue
            elif not isinstance(branch, Jump):
                return []
            work.append(test)
    return found


class _Reached:
    """The blocks that control reaches from some, these included, except through others.

    They are looked for step by step: where two sets meet, they mostly do so nearby.
    """

    def __init__(
        self, function: Function, blocks: Iterable[BlockId], without: Set[BlockId]
    ) -> None:
        self._function = function
        self._without = without
        self.seen = set(blocks) - without
        self._work = deque(self.seen)

    def meets(self, other: _Reached) -> bool:
        """Return whether some block is in both; if not, all of both are in ``seen``."""
        if not self.seen.isdisjoint(other.seen):
            return True
        while self._work or other._work:
            if self._step(other.seen) or other._step(self.seen):
                return True
        return False

    def _step(self, wanted: Set[BlockId]) -> bool:
        """Visit one more block; return whether that finds one that is wanted."""
        if not self._work:
            return False
        new = set(self._function.blocks[self._work.popleft()].successors())
        new = {each for each in new if each not in self.seen and each not in self._without}
        self.seen |= new
        self._work += new
        return not new.isdisjoint(wanted)
