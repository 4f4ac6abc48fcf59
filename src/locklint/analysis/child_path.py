"""The path of a child process from a fork on: the tests of the result, and where it ends."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from locklint.core.source import Span
from locklint.dataflow.order import instructions_after, reached
from locklint.ir.access_path import AccessPath, ElementField, Field
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Assign,
    BlockId,
    Call,
    Constant,
    Instruction,
    Operate,
    Release,
)
from locklint.ir.means import OperateKind
from locklint.ir.terminator import Branch, Equals, Opaque, Return, Truth
from locklint.models.calls import ends_process
from locklint.models.processes import FORKS

_SIGNS = {">": False, "<": False, ">=": True, "<=": True}
"""The outcomes of comparisons of the result with 0, in the child."""


class ChildPath(msgspec.Struct, frozen=True):
    """The instructions that a child runs in one function, after a fork in it.

    ``ends``: some path ends the process, or exchanges its program. ``returns``: some path returns
    to the caller; ``passes_on``: it returns the result of the fork. ``releases``: some path
    releases the lock that is asked about.
    """

    instructions: tuple[Instruction, ...]
    ends: bool
    returns: bool
    passes_on: bool
    releases: bool


def child_path(
    function: Function, fork: Span, lock: str, *, is_parent: bool = False, is_told: bool = True
) -> ChildPath:
    """Return the path of the child, or of the parent, from a call that forks to its end.

    It ends where the process does, and at a release of ``lock``, an identity. ``is_told``: the
    result of the call is that of the fork.
    """
    names = _results(function, fork) if is_told else frozenset[AccessPath]()
    ends: list[Instruction] = []

    def starts(each: Instruction) -> bool:
        return isinstance(each, Call) and each.span == fork

    def stops(each: Instruction) -> bool:
        is_end = _ends_process(each) or _releases(each, lock)
        if is_end:
            ends.append(each)
        return is_end

    def successors(block: BasicBlock) -> tuple[BlockId, ...]:
        branch = block.terminator
        outcome = _outcome(block, branch, names) if isinstance(branch, Branch) else None
        if outcome is None or not isinstance(branch, Branch):
            return block.successors()
        if is_parent and not _tells(block, branch):
            return block.successors()
        return (branch.then if outcome is not is_parent else branch.otherwise,)

    instructions = tuple(instructions_after(function, starts, stops, successors))
    returned = _returns(function, starts, stops, successors)
    return ChildPath(
        instructions,
        any(map(_ends_process, ends)),
        bool(returned),
        any(each.value in names for each in returned),
        any(_releases(each, lock) for each in ends),
    )


def only_in_child(function: Function, since: Span, place: Span) -> bool:
    """Return whether only the child of a fork gets from one instruction to another.

    What the parent holds at the fork is a copy in the child, which may have been exchanged by then.
    """
    for block in function.blocks.values():
        for each in block.instructions:
            if isinstance(each, Call) and each.external in FORKS:
                child, parent = [
                    {
                        one.span
                        for one in child_path(function, each.span, "", is_parent=side).instructions
                    }
                    for side in (False, True)
                ]
                if place in child and place not in parent and since not in child:
                    return True
    return False


def _returns(
    function: Function,
    starts: Callable[[Instruction], bool],
    stops: Callable[[Instruction], bool],
    successors: Callable[[BasicBlock], tuple[BlockId, ...]],
) -> list[Return]:
    """Return the ends of the function that are reached without a stop."""

    def goes(block: BasicBlock, successor: BlockId) -> bool:
        return not any(map(stops, block.instructions))

    first: list[BlockId] = []
    found: list[Return] = []
    for block in function.blocks.values():
        places = [i for i, each in enumerate(block.instructions) if starts(each)]
        if places and not any(map(stops, block.instructions[places[0] + 1 :])):
            first += successors(block)
            if isinstance(block.terminator, Return):
                found.append(block.terminator)
    for key in sorted(reached(function, first, goes, successors)):
        block = function.blocks[key]
        if isinstance(block.terminator, Return) and not any(map(stops, block.instructions)):
            found.append(block.terminator)
    return found


def _results(function: Function, fork: Span) -> frozenset[AccessPath]:
    """Return the paths that hold the result of a fork, or the first part of it."""
    found: set[AccessPath] = set()
    for block in function.blocks.values():
        for each in block.instructions:
            if isinstance(each, Call) and each.span == fork and each.result is not None:
                found.add(each.result)
    for block in function.blocks.values():
        for each in block.instructions:
            if isinstance(each, Assign) and isinstance(each.value, AccessPath):
                of_pair = each.value.fields and each.value.parent() in found
                if each.value in found or (of_pair and _is_first(each.value.last)):
                    found.add(each.target)
    return frozenset(found)


def _is_first(field: Field) -> bool:
    return isinstance(field, ElementField) and field.literal == "0"


def _outcome(block: BasicBlock, branch: Branch, names: frozenset[AccessPath]) -> bool | None:
    """Return the outcome of a test in the child, where the result is 0; None for other tests."""
    match branch.condition:
        case Equals(value=AccessPath() as path, constant=Constant(value=int() as number)):
            return number == 0 if path in names else None
        case Truth(value=AccessPath() as path):
            return False if path in names else None
        case Opaque():
            compared = _compared(block, branch)
            if compared is None or compared.values[0] not in names:
                return None
            return _SIGNS.get(compared.what)
        case _:
            return None


def _compared(block: BasicBlock, branch: Branch) -> Operate | None:
    """Return the comparison with 0 that a branch tests."""
    for each in block.instructions:
        if isinstance(each, Operate) and each.span == branch.span and len(each.values) == 2:
            if each.kind is OperateKind.OPERATOR and each.values[1] == Constant(0):
                return each
    return None


def _tells(block: BasicBlock, branch: Branch) -> bool:
    """Return whether a test tells the parent from the child: it is not one for an error."""
    if isinstance(branch.condition, Equals):
        return branch.condition.constant.value == 0
    compared = _compared(block, branch)
    return compared is None or compared.what in (">", "<=")


def _ends_process(each: Instruction) -> bool:
    return isinstance(each, Call) and each.external is not None and ends_process(each.external)


def _releases(each: Instruction, lock: str) -> bool:
    return isinstance(each, Release) and each.lock.identity == lock
