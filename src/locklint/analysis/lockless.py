"""The states of functions that neither acquire nor release a lock, nor do their callees.

Most functions are of this kind. Later stages need only their calls with the arguments, whether they
return, and how likely they raise. So nothing is held in their states, which differ only in the
aliases of variables, and in the kind of exception that is in flight. The cause of an exception is
of no interest: of equal exceptions only the likeliest is followed. Exit paths are not noted, only
whether there are any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from operator import is_
from typing import NamedTuple

from locklint.analysis.function_context import FunctionContext
from locklint.analysis.hold import Cause, CauseKind, Flow, Grade, InFlight
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_assign import assign
from locklint.analysis.lockset_calls import never_comes_back
from locklint.analysis.lockset_managers import open_stack, stack_of
from locklint.analysis.lockset_tests import evaluate
from locklint.analysis.lockset_transfer import (
    dispatch,
    forget_dead,
    raised_at,
    raised_by_ending,
)
from locklint.analysis.raising import decided_by_arguments
from locklint.analysis.recorder import Recorder
from locklint.analysis.state import State
from locklint.core.source import Span
from locklint.ir.cfg import BasicBlock
from locklint.ir.instruction import (
    Assign,
    Await,
    BlockId,
    Call,
    Enter,
    Exit,
    Instruction,
    Operate,
    Read,
    Spawn,
)
from locklint.ir.terminator import Branch, Catch, Jump, Raise, Return, Terminator
from locklint.models.endings import ending_of

_SOMETHING = Cause(CauseKind.UNKNOWN, Span(1, 1, 1, 1))
_HAZARDS = {
    (flow, likely): InFlight(flow, None, likely, _SOMETHING)
    for flow in (Flow.ERROR, Flow.CANCEL)
    for likely in Grade
}

_Hazards = tuple[tuple[InFlight, ...], ...]


class _Plan(NamedTuple):
    """The effects of a block in all states.

    ``steps`` are the instructions that give a variable another name, each with the exceptions that
    may be raised before it; at the end of the block there may be None instead. ``noted`` are those
    and the calls, as far as they are reached; ``stops`` says that the block's end is not.
    ``targets`` are where it goes on, but for exceptions. ``likeliest`` is how likely the block lets
    an exception out of the function, ``for_literals`` the same without what is decided by the
    arguments; in other blocks, both are `NEVER`.
    """

    steps: tuple[tuple[_Hazards, Assign | Enter | None], ...]
    noted: tuple[Instruction, ...]
    stops: bool
    likeliest: Grade
    for_literals: Grade
    targets: tuple[BlockId, ...]


class Lockless:
    """The transfer functions of a function that touches no lock."""

    def __init__(self, context: FunctionContext) -> None:
        self._context = context
        self._plans: dict[BlockId, _Plan] = {}

    def flow(self, block_id: BlockId, state: State) -> Iterator[tuple[BlockId, State]]:
        """The states that leave a block, each with its target."""
        block = self._context.function.blocks[block_id]
        plan = self._plan(block)
        current: list[Disjunct] = list(state)
        raised = None if block.on_exception is None else Raised()
        for hazards, instruction in plan.steps:
            if raised is not None:
                for group in hazards:
                    for disjunct in current:
                        for hazard in group:
                            raised.add(disjunct, hazard)
            if instruction is not None:
                current = _change(self._context, instruction, current)
        if plan.stops:
            current = []
        out: dict[BlockId, list[Disjunct]] = {}
        if current:
            for target in plan.targets:
                out[target] = current
        match block.terminator:
            case Catch() as terminator:
                for disjunct in current:
                    for target, caught in dispatch(terminator, disjunct):
                        out.setdefault(target, []).append(caught)
            case Raise() as terminator if raised is not None:
                for disjunct in current:
                    raised.add(disjunct, raised_at(terminator, disjunct))
        if raised is not None and block.on_exception is not None:
            leaving = raised.disjuncts()
            if leaving:
                out[block.on_exception] = [*out.get(block.on_exception, ()), *leaving]
        for target, disjuncts in out.items():
            if len(disjuncts) == 1 and disjuncts[0].exception is None and not disjuncts[0].values:
                # There is nothing that could be forgotten along the path.
                yield target, state if [*state] == disjuncts else State(disjuncts)
            else:
                yield target, State(forget_dead(self._context, disjuncts, target))

    def record(self, recorder: Recorder, before: Iterable[tuple[BlockId, State]]) -> None:
        """Report to the recorder what happens in each block, and the exits of the function."""
        for block_id, state in before:
            self._record(recorder, block_id, state)

    def _record(self, recorder: Recorder, block_id: BlockId, state: State) -> None:
        current: list[Disjunct] = list(state)
        if not current:
            return
        block = self._context.function.blocks[block_id]
        plan = self._plan(block)
        if recorder.notes_accesses:
            for each in block.instructions:
                if isinstance(each, (Assign, Read, Operate)):
                    for disjunct in current:
                        recorder.accesses(each, disjunct)
        for instruction in plan.noted:
            for disjunct in current:
                _note(self._context, recorder, instruction, disjunct)
            if isinstance(instruction, (Assign, Enter)):
                current = _change(self._context, instruction, current)
        if block.on_exception is None:
            recorder.may_raise(plan.likeliest, plan.for_literals)
        if plan.stops:
            return
        match block.terminator:
            case Return():
                # With an exception in flight it is a path that no program takes in practice.
                if any(disjunct.exception is None for disjunct in current):
                    recorder.may_return()
            case Raise() as terminator if block.on_exception is None:
                for disjunct in current:
                    recorder.lets_out(raised_at(terminator, disjunct))

    def _plan(self, block: BasicBlock) -> _Plan:
        plan = self._plans.get(block.id)
        if plan is None:
            plan = self._plans[block.id] = self._make_plan(block)
        return plan

    def _make_plan(self, block: BasicBlock) -> _Plan:
        steps: list[tuple[_Hazards, Assign | Enter | None]] = []
        noted: list[Instruction] = []
        before: list[tuple[InFlight, ...]] = []
        likeliest = for_literals = Grade.NEVER
        stops = False
        is_exit = block.on_exception is None
        for instruction, likely in self._context.steps.graded(block):
            if isinstance(instruction, Call) and instruction.external is not None:
                ending = ending_of(instruction.external)
                if ending is not None:
                    if ending.raises is not None and not is_exit:
                        before.append((raised_by_ending(ending, instruction.span),))
                    stops = True
                    break
            if likely is Grade.NEVER:
                pass
            elif is_exit:
                likeliest = max(likeliest, likely)
                if likely > for_literals and instruction.span not in self._decided:
                    for_literals = likely
            else:
                error = _HAZARDS[Flow.ERROR, likely]
                hazards: tuple[InFlight, ...] = (
                    self._context.steps.expected(error, instruction, block),
                )
                if self._context.steps.may_be_cancelled(instruction):
                    hazards = (*hazards, _HAZARDS[Flow.CANCEL, likely])
                before.append(hazards)
            match instruction:
                case Call():
                    noted.append(instruction)
                    if never_comes_back(self._context, instruction):
                        stops = True
                        break
                case Assign() if self._context.relevance.renames:
                    noted.append(instruction)
                    steps.append((_likeliest(before), instruction))
                    before = []
                case Enter() if stack_of(instruction) is not None:
                    noted.append(instruction)
                    steps.append((_likeliest(before), instruction))
                    before = []
                case Await() | Enter() | Exit() | Spawn():
                    noted.append(instruction)
        if before:
            steps.append((_likeliest(before), None))
        targets = _targets(block.terminator)
        return _Plan(tuple(steps), tuple(noted), stops, likeliest, for_literals, targets)

    @cached_property
    def _decided(self) -> frozenset[Span]:
        return decided_by_arguments(self._context.function)


def _change(
    context: FunctionContext, instruction: Assign | Enter, current: list[Disjunct]
) -> list[Disjunct]:
    after: list[Disjunct] = []
    for disjunct in current:
        if isinstance(instruction, Assign):
            after.append(assign(context, instruction.target, instruction.value, disjunct))
        else:
            after.append(open_stack(context, instruction, disjunct))
    if len(after) > 1 and not all(map(is_, after, current)):
        return list(State(after))
    return after


def _note(
    context: FunctionContext, recorder: Recorder, instruction: Instruction, disjunct: Disjunct
) -> None:
    match instruction:
        case Call():
            recorder.calls(context, instruction, disjunct)
        case Await():
            recorder.awaits(context, instruction, disjunct)
        case Enter():
            recorder.enters(context, instruction, open_stack(context, instruction, disjunct))
        case Exit():
            recorder.leaves(context, instruction, disjunct)
        case Spawn():
            recorder.spawns(context, instruction, disjunct)


def _targets(terminator: Terminator) -> tuple[BlockId, ...]:
    match terminator:
        case Jump(target):
            return (target,)
        case Branch(condition=condition, then=then, otherwise=otherwise):
            # Constants and outcomes are not tracked, so that no state knows more than this.
            outcome = evaluate(condition, _NOTHING_KNOWN)
            both = dict.fromkeys((then, otherwise))
            return tuple(both) if outcome is None else (then if outcome else otherwise,)
        case _:
            return ()


def _likeliest(groups: Iterable[tuple[InFlight, ...]]) -> _Hazards:
    """Return the likeliest of the exceptions that are raised in one state and behave alike."""
    best: dict[object, InFlight] = {}
    kept: list[tuple[InFlight, ...]] = []
    for group in groups:
        if any(hazard.identity() not in best for hazard in group):
            kept.append(group)
        for hazard in group:
            old = best.get(hazard.identity(), hazard)
            best[hazard.identity()] = old.better(hazard)
    return tuple([tuple([best[hazard.identity()] for hazard in group]) for group in kept])


_NOTHING_KNOWN = Disjunct({}, {}, {}, {})
