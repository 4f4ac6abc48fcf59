"""Classes whose objects are locks themselves: their `__enter__` calls their own `acquire`.

Such a class excludes other threads or processes by means that are not analysed, such as a row of a
database. Only what its `acquire` returns is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Assign,
    Await,
    BlockId,
    Call,
    Constant,
    Instruction,
    TryAcquire,
)
from locklint.ir.means import Use
from locklint.ir.operands import condition_paths, terminator_paths, used_paths
from locklint.ir.terminator import Branch, Condition, Equals, IsNone, Raise, Return, Truth


class DroppedResult(msgspec.Struct, frozen=True):
    """A call in an `__enter__` of ``callee``, which returns False where it has failed."""

    function: Function
    call: Call
    callee: Function


def dropped_results(functions: Mapping[str, Function]) -> Iterator[DroppedResult]:
    """Return the calls of `acquire` of which no `__enter__` looks at the result."""
    for function in functions.values():
        if function.name not in ("__enter__", "__aenter__") or _decides(function):
            continue
        instructions = [each for block in function.blocks.values() for each in block.instructions]
        for each in instructions:
            if not isinstance(each, Call) or len(each.targets) != 1 or each.arguments:
                continue
            callee = functions.get(each.targets[0])
            if callee is None or callee.name != "acquire":
                continue
            if _is_dropped(each, function, instructions) and _may_fail(callee):
                yield DroppedResult(function, each, callee)


def _decides(function: Function) -> bool:
    """Return whether a function tests anything, or raises an exception of its own."""
    return any(
        isinstance(block.terminator, Branch)
        or (isinstance(block.terminator, Raise) and not block.terminator.reraise)
        for block in function.blocks.values()
    )


def _is_dropped(call: Call, function: Function, instructions: list[Instruction]) -> bool:
    if call.use is not Use.AWAITED:
        return call.use is Use.DISCARDED
    used = [each for each in instructions if call.result in set(used_paths(each))]
    return all(isinstance(each, Await) for each in used) and not any(
        call.result in set(terminator_paths(block.terminator)) for block in function.blocks.values()
    )


def _may_fail(acquire: Function) -> bool:
    """Return whether a call without arguments returns True or, after some other call, False.

    Before that nothing was tried: the object may have the lock already. An exception may be that
    of a limit that the call does not have.
    """
    blocks = acquire.blocks
    known = _known_parameters(acquire)
    outcomes: dict[BlockId, bool] = {}
    for block in blocks.values():
        branch = block.terminator
        if any(isinstance(each, TryAcquire) for each in block.instructions):
            return False  # It is a wrapper of a known lock, whose states decide.
        if isinstance(branch, Branch) and not known.keys().isdisjoint(
            condition_paths(branch.condition)
        ):
            outcome = _outcome(branch.condition, known)
            if outcome is None:
                return False
            outcomes[block.id] = outcome

    def goes(block: BasicBlock, successor: BlockId) -> bool:
        branch = block.terminator
        if not isinstance(branch, Branch) or block.id not in outcomes:
            return True
        return successor == (branch.then if outcomes[block.id] else branch.otherwise)

    def goes_untried(block: BasicBlock, successor: BlockId) -> bool:
        return not _calls(block) and goes(block, successor)

    normal = BasicBlock.successors
    returned = reached(acquire, (acquire.entry,), goes, normal)
    untried = {
        each
        for each in reached(acquire, (acquire.entry,), goes_untried, normal)
        if not _calls(blocks[each])
    }
    return _returns(acquire, returned, True) and _returns(acquire, returned - untried, False)


def _known_parameters(function: Function) -> dict[AccessPath, Constant | None]:
    """The parameters that are never bound again, with their defaults where these are literals."""
    bound = {
        each.target
        for block in function.blocks.values()
        for each in block.instructions
        if isinstance(each, Assign)
    }
    names = [each.name for each in function.parameters[1:]]
    defaults = dict(function.defaults)
    paths = {AccessPath(name, (), Root.PARAMETER): defaults.get(name) for name in names}
    return {path: value for path, value in paths.items() if path not in bound}


def _outcome(condition: Condition, known: Mapping[AccessPath, Constant | None]) -> bool | None:
    """Return the outcome of a test of a parameter that has its default, or None."""
    match condition:
        case Truth(AccessPath() as path) if (value := known.get(path)) is not None:
            return bool(value.value)
        case IsNone(AccessPath() as path) if (value := known.get(path)) is not None:
            return value.value is None
        case Equals(AccessPath() as path, constant) if (value := known.get(path)) is not None:
            return value.value == constant.value
        case _:
            return None


def _calls(block: BasicBlock) -> bool:
    return any(isinstance(each, Call) for each in block.instructions)


def _returns(function: Function, blocks: Iterable[BlockId], value: bool) -> bool:
    """Return whether one of some blocks returns that value."""
    ends = [function.blocks[each].terminator for each in blocks]
    return any(
        isinstance(end, Return) and isinstance(end.value, Constant) and end.value.value is value
        for end in ends
    )
