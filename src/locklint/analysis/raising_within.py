"""Causes of exceptions in calls of the program: the place in a callee that raises first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from locklint.analysis.catching import Verdict, is_excluded, pass_by, takes
from locklint.analysis.hold import Cause, CauseKind, Flow, Grade, InFlight
from locklint.analysis.layout import layout_in
from locklint.analysis.named_errors import is_caught
from locklint.analysis.raising import run_by
from locklint.analysis.steps import FunctionSteps
from locklint.analysis.summary import Lookup
from locklint.core.source import Span
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import Await, BlockId, Call, Enter, Instruction, Manager
from locklint.ir.terminator import Catch, Jump, Raise

_DEPTH = 8
"""The largest number of calls in a row that are followed."""


class RaisedAt(NamedTuple):
    """The function that raises, and the instruction that does so."""

    function: Function
    cause: Cause


def place_of(function: Function, cause: Cause, lookup: Lookup) -> Cause:
    """Return the place that raises: within an expression that a call runs, that in its body."""
    for instruction in _calls_at(function, cause.span):
        for key in run_by(instruction) if isinstance(instruction, Call) else ():
            found = min(_hazards(key, lookup), key=lambda each: -each.grade, default=None)
            if found is not None and found.grade > Grade.ACQUIRE:
                return found.cause
    return cause


def _hazards(key: str, lookup: Lookup) -> Iterator[InFlight]:
    known = lookup(key)
    if known is not None:
        steps = FunctionSteps(known[0], lookup)
        for block in known[0].blocks.values():
            yield from (each.hazard for each in steps.all(block) if each.hazard is not None)


def _calls_at(function: Function, span: Span) -> Iterator[Call | Enter]:
    for block, index in layout_in(function).instructions(span):
        instruction = block.instructions[index]
        if isinstance(instruction, Call | Enter):
            yield instruction


def raised_within(function: Function, exception: InFlight, lookup: Lookup) -> RaisedAt | None:
    """Return what raises in a callee of the call that an exception comes from.

    None if no function of the program is called there, or if nothing in it is likely to raise on
    its own, past its handlers and those that have not caught the exception. A task is cancelled at
    an `await`.
    """
    cancels = exception.flow is Flow.CANCEL
    for instruction in _calls_at(function, exception.cause.span):
        for key in _runs(instruction, lookup):
            if cancels:
                found = _suspending(key, lookup, _DEPTH)
            else:
                found = _first(key, lookup, exception.excluded, _DEPTH)
            if found is not None:
                return found
    return None


def is_found(function: Function, exception: InFlight, lookup: Lookup) -> bool:
    """Return whether the place is known that raises: here, or in a function that is called."""
    runs = [
        key
        for instruction in _calls_at(function, exception.cause.span)
        for key in _runs(instruction, lookup)
    ]
    return not runs or raised_within(function, exception, lookup) is not None


def _first(key: str, lookup: Lookup, caught: frozenset[str], depth: int) -> RaisedAt | None:
    """The likeliest place at which an exception may leave a function, the first of several."""
    known = lookup(key)
    if known is None or not depth or known[1].raises < Grade.POSSIBLE:
        return None
    function = known[0]
    found = sorted(_causes(function, lookup), key=lambda each: (-each[0], each[1].span))
    for _, cause, instruction in found:
        if instruction is None:
            if is_excluded(cause.name, caught):
                continue
            return RaisedAt(function, cause)
        keys = tuple(_runs(instruction, lookup))
        if not keys:
            return RaisedAt(function, cause)
        for called in keys:
            within = _first(called, lookup, caught, depth - 1)
            if within is not None:
                return within
    return None


def _suspending(key: str, lookup: Lookup, depth: int) -> RaisedAt | None:
    """The first place at which a coroutine may suspend itself, and so be cancelled."""
    known = lookup(key)
    if known is None or not depth or not known[0].is_async:
        return None
    function = known[0]
    steps = FunctionSteps(function, lookup)
    for block in function.blocks.values():
        for instruction in block.instructions:
            if isinstance(instruction, Await):
                if steps.suspends(instruction):
                    return RaisedAt(function, Cause(CauseKind.AWAIT, instruction.span))
            elif steps.may_be_cancelled(instruction):
                for called in _runs(instruction, lookup):
                    found = _suspending(called, lookup, depth - 1)
                    if found is not None:
                        return found
    return None


def _causes(
    function: Function, lookup: Lookup
) -> Iterator[tuple[Grade, Cause, Instruction | None]]:
    steps = FunctionSteps(function, lookup)
    for block in function.blocks.values():
        for step in steps.all(block):
            hazard = None if step.hazard is None else _past_handlers(step.hazard, block, function)
            if hazard is not None and hazard.grade >= Grade.POSSIBLE:
                yield hazard.grade, hazard.cause, step.instruction
        raised = block.terminator
        if isinstance(raised, Raise) and not raised.reraise and not is_caught(block, function):
            name = (raised.exception or "").rsplit(".", 1)[-1]
            if name == "AssertionError":
                continue  # It states what its author knows to be true.
            yield Grade.CERTAIN, Cause(CauseKind.RAISE, raised.span, name), None


def _past_handlers(hazard: InFlight, block: BasicBlock, function: Function) -> InFlight | None:
    """Return an exception as it leaves the handlers around its block. Return None if none does."""
    here = block.on_exception
    seen: set[BlockId] = set()
    while here is not None and here not in seen:
        seen.add(here)  # Only an exception ends some clean-ups.
        handler = function.blocks[here]
        match handler.terminator:
            case Catch(handlers=handlers, uncaught=uncaught):
                for each in handlers:
                    if takes(each, hazard) is Verdict.YES:
                        return None
                    hazard = pass_by(each, hazard)
                here = uncaught
            case Jump(target):
                here = target
            case Raise(reraise=True):
                here = handler.on_exception
            case _:
                return None
    return hazard


def _runs(instruction: Instruction, lookup: Lookup) -> Iterator[str]:
    """Yield the keys of the functions whose bodies run in a call, or in entering a `with`."""
    match instruction:
        case Call(targets=targets):
            yield from run_by(instruction)
            for key in targets:
                known = lookup(key)
                if known is None or not known[0].is_generator:
                    yield key
        case Enter(manager=Manager(enter=str() as enter)):
            yield enter
