"""Effects of each instruction and each block on the lock states of a function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import is_

from msgspec.structs import replace

from locklint.analysis.catching import Verdict, caught_by, pass_by, takes
from locklint.analysis.checks import checked
from locklint.analysis.function_context import FunctionContext
from locklint.analysis.hold import Cause, CauseKind, Flow, Grade, InFlight, LockKey
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_acquire import acquire
from locklint.analysis.lockset_assign import assign
from locklint.analysis.lockset_calls import call, failed_call, given_to_others
from locklint.analysis.lockset_managers import enter, leave
from locklint.analysis.lockset_names import split, value_of
from locklint.analysis.lockset_release import defer, hand_over, release, unwind
from locklint.analysis.lockset_tests import assume, forget_tied
from locklint.analysis.raising import is_harmless
from locklint.analysis.recorder import Recorder
from locklint.analysis.state import State
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    BlockId,
    Call,
    Constant,
    Defer,
    Enter,
    Exit,
    HandOver,
    Instruction,
    Notify,
    Operate,
    Read,
    Release,
    Spawn,
    TryAcquire,
    Unwind,
    Wait,
    Yield,
)
from locklint.ir.lock import LockRef
from locklint.ir.terminator import Branch, Catch, Jump, Raise, Return
from locklint.models.endings import Ending, ending_of

_EXITS = ("SystemExit", "KeyboardInterrupt")


def flow(
    context: FunctionContext, block_id: BlockId, state: State
) -> Iterator[tuple[BlockId, State]]:
    """The states that leave a block, each with its target."""
    block = context.function.blocks[block_id]
    raised = None if block.on_exception is None else Raised()
    current = through(context, block, state, raised)
    out: dict[BlockId, list[Disjunct]] = {}
    match block.terminator:
        case Jump(target):
            out[target] = current
        case Branch(condition=condition, then=then, otherwise=otherwise):
            context.at_tests[block_id] = current
            tied = context.ties.get(block_id)
            for disjunct in current:
                for outcome, target in ((True, then), (False, otherwise)):
                    one = disjunct
                    if tied:
                        one = forget_tied(context, condition, outcome, tied, disjunct)
                    assumed = assume(context, condition, outcome, one)
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
        handed_on = context.turns.get((block_id, target))
        if handed_on is not None:
            disjuncts = [_begin_turn(context, handed_on, each) for each in disjuncts]
        yield target, State(forget_dead(context, disjuncts, target))


def record(
    context: FunctionContext, recorder: Recorder, before: Iterable[tuple[BlockId, State]]
) -> None:
    """Report to the recorder what happens in each block, and the exits of the function."""
    context = context.observed_by(recorder)
    for block_id, state in before:
        block = context.function.blocks[block_id]
        is_exit = block.on_exception is None
        raised = Raised(every=is_exit)
        current = through(context, block, state, raised)
        match block.terminator:
            case Return(span=span, value=value):
                for disjunct in current:
                    for one in split((value,), disjunct):
                        recorder.returns(span, value_of(value, one), one)
        if is_exit:
            for disjunct in raised.disjuncts():
                recorder.raises(disjunct)


def through(
    context: FunctionContext, block: BasicBlock, state: State, raised: Raised | None
) -> list[Disjunct]:
    """Return the state after a block's instructions; what they and its end raise is added."""
    current: list[Disjunct] = list(state)
    steps = context.steps.changing(block) if raised is None else context.steps.all(block)
    for instruction, hazard, acts in steps:
        if not acts:
            if hazard is not None and raised is not None:
                for disjunct in current:
                    _may_raise(context, instruction, disjunct, hazard, raised)
            continue
        after: list[Disjunct] = []
        for disjunct in current:
            after += _step(context, instruction, disjunct, hazard, raised)
        if len(after) > 1 and not (len(after) == len(current) and all(map(is_, after, current))):
            after = list(State(after))
        current = after
    if raised is not None and isinstance(block.terminator, Raise):
        for disjunct in current:
            raised.add(disjunct, raised_at(block.terminator, disjunct))
    return current


def _step(
    context: FunctionContext,
    instruction: Instruction,
    disjunct: Disjunct,
    hazard: InFlight | None,
    raised: Raised | None,
) -> list[Disjunct]:
    """Return the executions after an instruction, and add those in which it raises."""
    if isinstance(instruction, Call) and instruction.external is not None:
        ending = ending_of(instruction.external)
        if ending is not None:
            if ending.raises is not None and raised is not None:
                raised.add(disjunct, raised_by_ending(ending, instruction.span))
            return []
    if context.shared.acquired and _may_wait(instruction):
        disjunct = _after_wait(context, disjunct)
    if isinstance(instruction, Call) and not instruction.targets:
        # A callee that can release a lock may do so even if the call fails.
        disjunct = given_to_others(context, instruction, disjunct)
    returns = True
    check = context.checks.get(instruction.result) if isinstance(instruction, Call) else None
    if check is not None:
        disjunct, raises, returns = checked(context, check, disjunct)
        hazard = hazard if raises else None
    if hazard is not None and raised is not None:
        _may_raise(context, instruction, disjunct, hazard, raised)
    return [] if not returns else _execute(context, instruction, disjunct, raised)


def _execute(
    context: FunctionContext, instruction: Instruction, disjunct: Disjunct, raised: Raised | None
) -> list[Disjunct]:
    """Return the executions in which an instruction does not raise, and tell the observer."""
    match instruction:
        case Acquire() | TryAcquire():
            return acquire(context, instruction, disjunct)
        case Release(call=Call() as written, lock=lock) if _is_another(written, lock, disjunct):
            return [hand_over(context, (lock,), disjunct)]
        case Release(span=span, lock=lock, mode=mode, how=how):
            return release(context, span, lock, mode, how, disjunct, raised)
        case Assign(target=target, value=value):
            context.observer.accesses(instruction, disjunct)
            if not disjunct.values:
                return [assign(context, target, value, disjunct)]
            return [assign(context, target, value, one) for one in split((value,), disjunct)]
        case Call():
            return call(context, instruction, disjunct, raised)
        case Enter():
            return enter(context, instruction, disjunct)
        case Exit(span=span, exceptional=False) if context.steps.is_raised_in(span):
            return []
        case Exit():
            return leave(context, instruction, disjunct, raised)
        case Defer(stack=stack, lock=lock):
            return [defer(context, stack, lock, disjunct)]
        case Unwind(span=span, stack=stack):
            return unwind(context, span, stack, disjunct, raised)
        case HandOver(lock=lock, is_entered=is_entered):
            return [hand_over(context, (lock,), disjunct, is_entered)]
        case Spawn():
            context.observer.spawns(context, instruction, disjunct)
        case Wait() | Notify():
            context.observer.uses(context, instruction, disjunct)
        case Await():
            context.observer.awaits(context, instruction, disjunct)
        case Yield():
            context.observer.yields(instruction, disjunct)
        case Read() | Operate():
            context.observer.accesses(instruction, disjunct)
    return [disjunct]


def _is_another(call: Call, lock: LockRef, disjunct: Disjunct) -> bool:
    """Return whether the variable that a call names may not be the lock's method in this state."""
    callee = call.callee
    if callee is None or not callee.is_variable or callee.root is not Root.LOCAL:
        return False
    value = value_of(callee, disjunct)
    if isinstance(value, AccessPath):
        is_bound = value != callee and value.root is not Root.TEMP
        return is_bound and lock.api.release_form(value.name) is None
    return isinstance(value, Constant)


def _may_raise(
    context: FunctionContext,
    instruction: Instruction,
    disjunct: Disjunct,
    hazard: InFlight,
    raised: Raised,
) -> None:
    if _is_known_good(instruction, disjunct):
        return
    before = [disjunct]
    if isinstance(instruction, Call) and instruction.targets:
        before = failed_call(context, instruction, disjunct)
    if isinstance(instruction, Exit):
        before = leave(context, instruction, disjunct, None)
    for one in before:
        raised.add(one, hazard)
        if context.steps.may_be_cancelled(instruction):
            raised.add(one, replace(hazard, flow=Flow.CANCEL, usual="", named=frozenset()))


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


def _after_wait(context: FunctionContext, disjunct: Disjunct) -> Disjunct:
    """Return the disjunct after a wait: others may have acquired the released locks."""
    acquired = context.shared.acquired
    for key, hold in disjunct.holds.items():
        if hold.is_free and context.identities.get(key) in acquired:
            unsure = replace(hold, free_at=None, why=None, where=None)
            disjunct = disjunct.with_hold(key, unsure)
    return disjunct


def _begin_turn(
    context: FunctionContext, handed_on: frozenset[LockKey], disjunct: Disjunct
) -> Disjunct:
    """Return the state of handed-on locks at the start of another iteration of a loop."""
    for key in handed_on & disjunct.holds.keys():
        disjunct = disjunct.without_hold(key)
    return _after_wait(context, disjunct)


def forget_dead(
    context: FunctionContext, disjuncts: Iterable[Disjunct], block: BlockId
) -> Iterator[Disjunct]:
    """Yield the disjuncts without what is needed on no path from a block."""
    relevance = context.relevance
    keep_exception = relevance.exception_live(block)
    # Before a clean-up the exception is still needed to know that it is one.
    keep_exception = keep_exception or _is_cleanup(context.function.blocks[block].terminator)
    for disjunct in disjuncts:
        values, facts = disjunct.values, disjunct.facts
        dead = [key for key in values if not relevance.value_live(key, block)]
        over = [fact for fact in facts if not relevance.fact_live(fact, block)]
        if dead or over:
            # Most states keep all or nearly all.
            values, facts = {**values}, {**facts}
            for key in dead:
                del values[key]
            for fact in over:
                del facts[fact]
            disjunct = disjunct.with_values(values, facts)
        exception = disjunct.exception
        if exception is not None and not keep_exception and not exception.is_improbable:
            disjunct = disjunct.with_exception(None)
        yield disjunct


def _is_cleanup(terminator: object) -> bool:
    return isinstance(terminator, Catch) or (isinstance(terminator, Raise) and terminator.reraise)


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


def raised_by_ending(ending: Ending, span: Span) -> InFlight:
    """Return the exception that a call of a library puts in flight instead of returning."""
    cause = Cause(CauseKind.CALL, span)
    name = ending.raises or None
    flow = Flow.EXIT if name in _EXITS or name == "BaseException" else Flow.ERROR
    return InFlight(flow, name, Grade.UNLIKELY if ending.is_failure else Grade.CERTAIN, cause)


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
