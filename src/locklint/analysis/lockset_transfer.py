"""Effects of each instruction and each block on a lock state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import is_

from msgspec.structs import replace

from locklint.analysis.catching import Verdict, caught_by, pass_by, takes
from locklint.analysis.events import NOT_SHARED, Shared
from locklint.analysis.function_context import FunctionContext
from locklint.analysis.hold import (
    Cause,
    CauseKind,
    Flow,
    Grade,
    InFlight,
    LockKey,
    key_of,
)
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_assign import assign
from locklint.analysis.lockset_calls import Calls
from locklint.analysis.lockset_names import canonical_lock, split, value_of
from locklint.analysis.lockset_tests import assume
from locklint.analysis.raising import is_harmless
from locklint.analysis.recorder import Recorder
from locklint.analysis.relevance import Relevance
from locklint.analysis.state import State
from locklint.analysis.steps import FunctionSteps
from locklint.analysis.summary import Lookup
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.event import EventKind
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    BlockId,
    Call,
    Defer,
    Enter,
    Exit,
    HandOver,
    Instruction,
    Read,
    Release,
    Spawn,
    TryAcquire,
    Unwind,
    Wait,
    Yield,
)
from locklint.ir.lock import LockRole
from locklint.ir.terminator import Branch, Catch, Jump, Raise, Return
from locklint.models.calls import ends_by_raising, ends_process

_EXITS = ("SystemExit", "KeyboardInterrupt")


class Transfer(Calls):
    """The transfer functions of one function, block by block."""

    def __init__(
        self,
        function: Function,
        relevance: Relevance,
        lookup: Lookup,
        steps: FunctionSteps,
        recorder: Recorder | None = None,
        shared: Shared = NOT_SHARED,
    ) -> None:
        super().__init__(FunctionContext(function, relevance, lookup, recorder, shared))
        self._steps = steps
        self.turns: dict[tuple[BlockId, BlockId], frozenset[LockKey]] = {}

    def flow(self, block_id: BlockId, state: State) -> Iterator[tuple[BlockId, State]]:
        """The states that leave a block, each with its target."""
        block = self._context.function.blocks[block_id]
        current, raised = self._through(block, state)
        out: dict[BlockId, list[Disjunct]] = {}
        match block.terminator:
            case Jump(target):
                out[target] = current
            case Branch(condition=condition, then=then, otherwise=otherwise):
                for disjunct in current:
                    for outcome, target in ((True, then), (False, otherwise)):
                        assumed = assume(self._context, condition, outcome, disjunct)
                        if assumed is not None:
                            out.setdefault(target, []).append(assumed)
            case Catch() as terminator:
                for disjunct in current:
                    for target, caught in dispatch(terminator, disjunct):
                        out.setdefault(target, []).append(caught)
        if raised is not None and block.on_exception is not None:
            leaving = raised.disjuncts()
            if leaving:
                out.setdefault(block.on_exception, []).extend(leaving)
        for target, disjuncts in out.items():
            handed_on = self.turns.get((block_id, target))
            if handed_on is not None:
                disjuncts = [self._begin_turn(handed_on, each) for each in disjuncts]
            yield target, State(self._forget_dead(disjuncts, target))

    def record(self, block_id: BlockId, state: State) -> None:
        """Report to the recorder what happens in a block, and the exits of the function there."""
        recorder = self._context.recorder
        assert recorder is not None
        block = self._context.function.blocks[block_id]
        current, raised = self._through(block, state)
        match block.terminator:
            case Return(span=span, value=value):
                for disjunct in current:
                    for one in split((value,), disjunct):
                        recorder.returns(span, value_of(value, one), one)
        if raised is not None and block.on_exception is None:
            for disjunct in raised.disjuncts():
                recorder.raises(disjunct)

    def _through(self, block: BasicBlock, state: State) -> tuple[list[Disjunct], Raised | None]:
        """Return the state after a block's instructions, and what they and its end raise."""
        current: list[Disjunct] = list(state)
        handled = block.on_exception is not None
        # Only the recorder needs what leaves the function by exceptions.
        raised = Raised(every=not handled) if handled or self._context.recorder else None
        steps = self._steps.changing(block) if raised is None else self._steps.all(block)
        notes_awaits = self._context.recorder is not None and self._context.recorder.wants(
            EventKind.AWAIT
        )
        for instruction, hazard, acts in steps:
            if not acts:
                if (
                    notes_awaits
                    and isinstance(instruction, Await)
                    and self._steps.suspends(instruction)
                ):
                    for disjunct in current:
                        self._note_await(instruction, disjunct)
                if hazard is not None and raised is not None:
                    for disjunct in current:
                        self._may_raise(instruction, disjunct, hazard, raised)
                continue
            after: list[Disjunct] = []
            for disjunct in current:
                after += self._step(instruction, disjunct, hazard, raised)
            if len(after) > 1 and not (
                len(after) == len(current) and all(map(is_, after, current))
            ):
                after = list(State(after))
            current = after
        if raised is not None and isinstance(block.terminator, Raise):
            for disjunct in current:
                raised.add(disjunct, raised_at(block.terminator, disjunct))
        return current, raised

    def _begin_turn(self, handed_on: frozenset[LockKey], disjunct: Disjunct) -> Disjunct:
        """Return the state of handed-on locks at the start of another iteration of a loop."""
        for key in handed_on & disjunct.holds.keys():
            disjunct = disjunct.without_hold(key)
        return self._after_wait(disjunct)

    def _forget_dead(self, disjuncts: Iterable[Disjunct], block: BlockId) -> Iterator[Disjunct]:
        relevance = self._context.relevance
        keep_exception = relevance.exception_live(block)
        # Before a clean-up the exception is still needed to know that it is one.
        keep_exception = keep_exception or _is_cleanup(
            self._context.function.blocks[block].terminator
        )
        for disjunct in disjuncts:
            values, facts = disjunct.values, disjunct.facts
            if values:
                values = {k: v for k, v in values.items() if relevance.value_live(k, block)}
            if facts:
                facts = {k: v for k, v in facts.items() if relevance.fact_live(k, block)}
            if len(values) < len(disjunct.values) or len(facts) < len(disjunct.facts):
                disjunct = disjunct.with_values(values, facts)
            exception = disjunct.exception
            if exception is not None and not keep_exception and exception.grade > Grade.ACQUIRE:
                disjunct = disjunct.with_exception(None)
            yield disjunct

    def _step(
        self,
        instruction: Instruction,
        disjunct: Disjunct,
        hazard: InFlight | None,
        raised: Raised | None,
    ) -> list[Disjunct]:
        if isinstance(instruction, Call) and instruction.external is not None:
            if ends_process(instruction.external):
                if ends_by_raising(instruction.external) and raised is not None:
                    cause = Cause(CauseKind.CALL, instruction.span)
                    leaving = InFlight(Flow.EXIT, "SystemExit", Grade.CERTAIN, cause)
                    raised.add(disjunct, leaving)
                return []
        if self._context.shared.acquired and _may_wait(instruction):
            disjunct = self._after_wait(disjunct)
        if isinstance(instruction, Call) and not instruction.targets:
            # A callee that can release a lock may do so even if the call fails.
            disjunct = self._given_to_others(instruction, disjunct)
        if hazard is not None and raised is not None:
            self._may_raise(instruction, disjunct, hazard, raised)
        match instruction:
            case Acquire() | TryAcquire():
                return self._acquire(instruction, disjunct)
            case Release(span=span, lock=lock, mode=mode, how=how):
                return self._release(span, lock, mode, how, disjunct, raised)
            case Assign(target=target, value=value):
                if not disjunct.values:
                    return [assign(self._context, target, value, disjunct)]
                return [
                    assign(self._context, target, value, one) for one in split((value,), disjunct)
                ]
            case Call():
                return self._call(instruction, disjunct, raised)
            case Enter():
                return self._enter(instruction, disjunct)
            case Exit(span=span, exceptional=False) if self._steps.is_raised_in(span):
                return []
            case Exit():
                return self._exit(instruction, disjunct, raised)
            case Defer(stack=stack, lock=lock):
                return [self._defer(stack, lock, disjunct)]
            case Unwind(span=span, stack=stack):
                return self._unwind(span, stack, disjunct, raised)
            case HandOver(lock=lock):
                return [
                    self._hand_over(key_of(canonical_lock(self._context, lock, disjunct)), disjunct)
                ]
            case Spawn():
                self._spawn(instruction, disjunct)
                return [disjunct]
            case Wait(span=span, lock=lock):
                if (
                    self._context.recorder
                    and (lock.view_kind or lock.kind).role is LockRole.CONDITION
                ):
                    self._context.recorder.waits(
                        canonical_lock(self._context, lock, disjunct), span, disjunct
                    )
                return [disjunct]
            case Yield(span=span):
                if self._context.recorder:
                    self._context.recorder.yields(span, disjunct)
                return [disjunct]
            case _:
                return [disjunct]

    def _may_raise(
        self, instruction: Instruction, disjunct: Disjunct, hazard: InFlight, raised: Raised
    ) -> None:
        if _is_known_good(instruction, disjunct):
            return
        before = [disjunct]
        if isinstance(instruction, Call) and instruction.targets:
            before = list(self._apply_call(instruction, disjunct, None, fails=True))
        if isinstance(instruction, Exit):
            before = self._exit(instruction, disjunct, None)
        for one in before:
            raised.add(one, hazard)
            if self._steps.may_be_cancelled(instruction):
                raised.add(one, replace(hazard, flow=Flow.CANCEL, usual="", named=frozenset()))


def raised_at(terminator: Raise, disjunct: Disjunct) -> InFlight:
    """The exception that a `raise` puts in flight."""
    if terminator.reraise and disjunct.exception is not None:
        return disjunct.exception
    name = terminator.exception
    bare = name.rsplit(".", 1)[-1] if name else None
    flow = Flow.EXIT if bare in _EXITS else Flow.ERROR
    if bare in ("CancelledError", "GeneratorExit"):
        flow = Flow.CANCEL
    if bare == "AssertionError":
        # It states what its author knows to be true.
        likely, cause = Grade.UNLIKELY, Cause(CauseKind.OPERATOR, terminator.span)
    else:
        likely, cause = Grade.CERTAIN, Cause(CauseKind.RAISE, terminator.span, bare or "")
    known = bare if bare and bare[:1].isupper() else None
    return InFlight(flow, known, likely, cause)


def dispatch(catch: Catch, disjunct: Disjunct) -> Iterator[tuple[BlockId, Disjunct]]:
    """Return the handlers that may catch the exception in flight, or the target if none does."""
    exception = disjunct.exception
    if exception is None:
        exception = InFlight(Flow.ERROR, None, Grade.UNLIKELY, Cause(CauseKind.UNKNOWN, catch.span))
    for handler in catch.handlers:
        verdict = takes(handler, exception)
        if verdict is not Verdict.NO:
            taken = caught_by(handler, exception) if verdict is Verdict.MAYBE else exception
            # The exception that a test expects is not one that hardly ever happens.
            yield handler.target, disjunct.with_exception(None if catch.expected else taken)
        if verdict is Verdict.YES:
            return
        if verdict is Verdict.MAYBE:
            exception = pass_by(handler, exception)
    yield catch.uncaught, disjunct.with_exception(exception)


def _is_known_good(instruction: Instruction, disjunct: Disjunct) -> bool:
    """Return whether it loads what has to exist: a part of the path to a lock that is held."""
    return isinstance(instruction, Read) and any(
        hold.count > 0 and key.path.starts_with(instruction.path)
        for key, hold in disjunct.holds.items()
    )


def _may_wait(instruction: Instruction) -> bool:
    """Return whether it may wait, so that other threads continue meanwhile."""
    if isinstance(instruction, Enter):
        return not is_harmless(instruction.manager)
    return isinstance(instruction, (Acquire, Call, TryAcquire, Wait, Yield))


def _is_cleanup(terminator: object) -> bool:
    return isinstance(terminator, Catch) or (isinstance(terminator, Raise) and terminator.reraise)


__all__ = ["Transfer", "dispatch", "raised_at"]
