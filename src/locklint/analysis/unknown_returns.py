"""Paths that exist only if a call returns of which nothing is known.

The last statement of a branch may be there because it does not return::

    if not lock.acquire(timeout=3):
        app.stop("busy")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from locklint.analysis.events import Given, LockStates
from locklint.analysis.hold import Why
from locklint.analysis.layout import Layout, layout_of
from locklint.core.source import Span
from locklint.dataflow.order import all_successors, reached
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import BlockId, Call, Instruction, Read, TryAcquire
from locklint.ir.means import Use
from locklint.ir.operands import bound_temporaries
from locklint.ir.terminator import Branch, Jump, Truth
from locklint.models.grades import is_log_call


def rests_on_unknown_return(states: LockStates, given: Given) -> bool:
    """Return whether a release without the lock comes only after an unknown call at a branch's end.

    The lock was released before, or could not be acquired.
    """
    where = given.before.where
    if where is None:
        return False
    layout = layout_of(states)
    starts = [*_starts(states.function, layout, where, given.before.why)]
    if not starts:
        return False
    following = [each for start in starts for each in _successors(layout, *start)]
    found = reached(states.function, following, successors=partial(_successors, layout))
    return found.isdisjoint(layout.blocks(given.span))


def _starts(
    function: Function, layout: Layout, where: Span, why: Why | None
) -> Iterator[tuple[BasicBlock, tuple[Instruction, ...]]]:
    """Yield the blocks in which the lock begins not to be held, with what follows there."""
    for block, index in layout.instructions(where):
        match block.instructions[index]:
            case TryAcquire(result=AccessPath() as result) if why is Why.TRY_FAILED:
                bound = {target for target, value in bound_temporaries(function) if value == result}
                yield from _branches_without(function, bound | {result})
            case _ if why is Why.RELEASED:
                yield block, block.instructions[index + 1 :]


def _branches_without(
    function: Function, results: Iterable[AccessPath]
) -> Iterator[tuple[BasicBlock, tuple[Instruction, ...]]]:
    """Yield the blocks to which a test of a try leads that has failed."""
    for block in function.blocks.values():
        match block.terminator:
            case Branch(condition=Truth(value=AccessPath() as value), otherwise=otherwise):
                if value in results:
                    start = function.blocks[otherwise]
                    yield start, start.instructions


def _successors(
    layout: Layout, block: BasicBlock, rest: tuple[Instruction, ...] | None = None
) -> tuple[BlockId, ...]:
    """Return the blocks that follow a block, or the ``rest`` of it, if no unknown call returns."""
    if not _ends_unknown(layout, block, block.instructions if rest is None else rest):
        return all_successors(block)
    return () if block.on_exception is None else (block.on_exception,)


def _ends_unknown(layout: Layout, block: BasicBlock, rest: tuple[Instruction, ...]) -> bool:
    """Return whether a branch ends after an unknown call whose result nothing uses."""
    match block.terminator:
        case Jump(target=target) if _joins(layout, target):
            last = next((each for each in reversed(rest) if not isinstance(each, Read)), None)
            return isinstance(last, Call) and _is_unknown(last)
        case _:
            return False


def _joins(layout: Layout, block: BlockId) -> bool:
    return len(layout.before[block]) > 1


def _is_unknown(call: Call) -> bool:
    if call.targets or call.external is not None or call.lock is not None:
        return False
    callee = call.callee
    if callee is not None and callee.fields and is_log_call(callee.name, callee.parent().name):
        return False
    return call.use is Use.DISCARDED
