"""Tests of a function that decide what happens to its locks.

A test does not decide if the same comes next on both sides: the same acquire or release, or the
same binding of a variable that another such test uses. After Amtoft's weak slices (Slicing for
modern program structures, 2008), in which each test has at most one next observable. Exceptions are
free to happen or not: no test decides that.
"""

from __future__ import annotations

from collections.abc import Set

from locklint.analysis.summary import Lookup
from locklint.dataflow.order import reverse_postorder
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    Defer,
    Enter,
    Exit,
    HandOver,
    Instruction,
    Notify,
    Release,
    TryAcquire,
    Unwind,
    Wait,
    Yield,
)
from locklint.ir.operands import condition_paths
from locklint.ir.terminator import Branch, Raise
from locklint.models.endings import ending_of

_LEFT = -1
"""The end of the function, in place of a block."""


class Deciding:
    """The tests that decide about locks: ``tests`` are the blocks that end in one."""

    def __init__(self, function: Function, lookup: Lookup) -> None:
        self._lookup = lookup
        acting = {
            block.id
            for block in function.blocks.values()
            if any(map(self.acts, block.instructions))
        }
        while True:
            self.tests: Set[BlockId] = _deciding(function, acting)
            asked = {
                path
                for test in self.tests
                if isinstance(branch := function.blocks[test].terminator, Branch)
                for path in condition_paths(branch.condition)
            }
            binding = _binding(function, asked)
            if binding <= acting:
                break
            acting |= binding

    def acts(self, instruction: Instruction) -> bool:
        """Return whether an instruction changes what is held, or ends the path."""
        match instruction:
            case Acquire() | TryAcquire() | Release() | HandOver() | Defer() | Unwind() | Yield():
                return True
            case Wait() | Notify():  # What is held there is noted.
                return True
            case Call(external=str() as name) if ending_of(name) is not None:
                return True
            case Call(targets=targets):
                return any(map(self._has_effect, targets))
            case Enter(manager=manager) | Exit(manager=manager) if manager is not None:
                keys = (manager.enter, manager.exit, manager.generator)
                return manager.external is not None or any(
                    self._has_effect(key) for key in keys if key is not None
                )
            case _:
                return False

    def _has_effect(self, key: str) -> bool:
        found = self._lookup(key)
        if found is None:
            return False
        summary = found[1]
        if not summary.is_neutral or summary.given_away:
            return True
        return bool(summary.effects) or not summary.returns


def _binding(function: Function, asked: Set[AccessPath]) -> set[BlockId]:
    """The blocks in which one of some paths is bound, or what is bound to it before."""
    # The paths, and those with which they begin.
    begun: set[AccessPath] = set()

    def ask(path: AccessPath) -> None:
        while path not in begun:
            begun.add(path)
            if not path.fields:
                break
            path = path.parent()

    for path in asked:
        ask(path)
    found: set[BlockId] = set()
    size = -1
    while size != len(begun) + len(found):
        size = len(begun) + len(found)
        for block in function.blocks.values():
            for instruction in block.instructions:
                if isinstance(instruction, Assign) and instruction.target in begun:
                    found.add(block.id)
                    if isinstance(instruction.value, AccessPath):
                        ask(instruction.value)
    return found


def _deciding(function: Function, acting: Set[BlockId]) -> set[BlockId]:
    """Return the tests after whose outcomes different acting blocks, or deciding tests, follow."""
    order = reverse_postorder(function)
    order.reverse()
    following: dict[BlockId, BlockId] = {}
    tests: set[BlockId] = set()
    changed = True
    while changed:
        changed = False
        for block_id in order:
            block = function.blocks[block_id]
            after = _successors(block) or (_LEFT,)
            sides = {_LEFT if each == _LEFT else following.get(each) for each in after} - {None}
            if len(sides) > 1:
                tests.add(block_id)
            if block_id in acting or block_id in tests:
                first: BlockId | None = block_id
            else:
                first = next(iter(sides), None)
            if first is not None and following.get(block_id) != first:
                following[block_id] = first
                changed = True
    return tests


def _successors(block: BasicBlock) -> tuple[BlockId, ...]:
    """Return the successors of a block, without those by exceptions that may be raised."""
    if isinstance(block.terminator, Raise) and block.on_exception is not None:
        return (block.on_exception,)
    return block.successors()
