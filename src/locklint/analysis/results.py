"""Uses of the results of try-acquires."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container

from locklint.analysis.events import LockStates, TriedByCallee
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Instruction,
    Operand,
    Read,
    Release,
    TryAcquire,
)
from locklint.ir.lock import Owner
from locklint.ir.means import Use
from locklint.ir.operands import terminator_paths, used_paths
from locklint.ir.terminator import Jump, Return, Terminator


class Uses:
    """The uses of the values of a function's variables."""

    def __init__(self, function: Function) -> None:
        self._copies: dict[Operand, set[AccessPath]] = defaultdict(set)
        self._used: set[AccessPath] = set()
        for block in function.blocks.values():
            for instruction in block.instructions:
                if isinstance(instruction, Assign) and instruction.target.is_variable:
                    self._copies[instruction.value].add(instruction.target)
                    # A plain copy is no use in itself; the copy is looked for instead.
                    if isinstance(instruction.value, AccessPath):
                        continue
                self._used.update(used_paths(instruction))
            self._used.update(terminator_paths(block.terminator))

    def is_used(self, path: AccessPath) -> bool:
        """Return whether a value is tested, returned, passed on or stored, or a copy of it is."""
        names = {path}
        work = [path]
        while work:
            name = work.pop()
            if name in self._used:
                return True
            new = self._copies.get(name, set()) - names
            names |= new
            work += new
        return False


def ignored_results(states: LockStates) -> dict[Span, TriedByCallee]:
    """Return the calls that try to acquire a lock and whose result is not used, by place."""
    if not states.tried:
        return {}
    uses = Uses(states.function)
    return {
        span: tried
        for span, tried in states.tried.items()
        if tried.call.result is None or not uses.is_used(tried.call.result)
    }


def ignored_tries(states: LockStates) -> dict[Span, TryAcquire]:
    """Return the try-acquires whose result is not used, by place."""
    if not states.names_locks:
        return {}
    function = states.function
    tries = [
        instruction
        for block in function.blocks.values()
        for instruction in block.instructions
        if isinstance(instruction, TryAcquire) and not _is_kept(instruction)
    ]
    if not tries:
        return {}
    uses = Uses(function)
    return {
        each.span: each for each in tries if each.result is None or not uses.is_used(each.result)
    }


def is_held_either_way(function: Function, attempt: TryAcquire, latches: Container[str]) -> bool:
    """Return whether nothing is asked of a try but that the lock is held, by any thread.

    Next comes the release of what anyone may release, or an acquire that waits: no section is in
    between. Or the function ends, and the lock is one of ``latches``, by their identities.
    """
    if attempt.timed or attempt.lock.kind.owner is not Owner.ANYONE:
        return False
    for block in function.blocks.values():
        if attempt in block.instructions:
            match _following(function, block.id, block.instructions.index(attempt) + 1):
                case Acquire(lock=lock) | TryAcquire(lock=lock) | Release(lock=lock):
                    return lock.path == attempt.lock.path
                case Return(implicit=True):
                    return attempt.lock.identity in latches
                case _:
                    return False
    return False


def _following(function: Function, block: BlockId, index: int) -> Instruction | Terminator:
    """Return what is executed next but reads and jumps."""
    seen: set[BlockId] = set()
    while True:
        here = function.blocks[block]
        for each in here.instructions[index:]:
            if not isinstance(each, Read):
                return each
        seen.add(block)
        if not isinstance(here.terminator, Jump) or here.terminator.target in seen:
            return here.terminator
        block, index = here.terminator.target, 0


def _is_kept(instruction: TryAcquire) -> bool:
    """Return whether the result goes into what is made of it, such as a list of results."""
    return instruction.call is not None and instruction.call.use is Use.PASSED
