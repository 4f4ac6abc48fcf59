"""Effects of calls on one disjunct."""

from __future__ import annotations

from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.events import TriedByCallee
from locklint.analysis.function_context import FunctionContext
from locklint.analysis.handed_on import locks_handed_on, runs_later
from locklint.analysis.hold import FORGOTTEN, Why, is_exclusive, key_of
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_assign import made_anew, set_value
from locklint.analysis.lockset_effects import Execution, shift, shift_by_test, summary_for_call
from locklint.analysis.lockset_names import canonical_lock
from locklint.analysis.lockset_release import hand_over
from locklint.analysis.summary import Deltas, Effect, Summary
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.instruction import Call, Constant
from locklint.ir.lock import LockRef
from locklint.ir.means import Use


def call(
    context: FunctionContext, instruction: Call, disjunct: Disjunct, raised: Raised | None
) -> list[Disjunct]:
    """Return the executions in which a call returns."""
    context.observer.calls(context, instruction, disjunct)
    lock, callee, result = instruction.lock, instruction.callee, instruction.result
    if result is not None:
        disjunct = made_anew(context, result, disjunct)
    if lock is not None and result is not None and callee is not None:
        return _ask_if_held(context, lock, callee.name, result, disjunct)
    if not instruction.targets:
        return [disjunct]
    if never_comes_back(context, instruction):
        return []
    return _apply(context, instruction, disjunct, raised)


def failed_call(context: FunctionContext, instruction: Call, disjunct: Disjunct) -> list[Disjunct]:
    """Return the executions in which a call of the program's functions raises."""
    return _apply(context, instruction, disjunct, None, failed=True)


def never_comes_back(context: FunctionContext, instruction: Call) -> bool:
    """Return whether no function that is called ever returns."""
    if instruction.lock is not None:
        if instruction.result is not None and instruction.callee is not None:
            return False  # It tests a lock for its state.
    if not instruction.targets or instruction.use is Use.PASSED:
        return False
    is_awaited = instruction.use is Use.AWAITED
    return all(_never_returns(context, target, is_awaited) for target in instruction.targets)


def _never_returns(context: FunctionContext, key: str, is_awaited: bool) -> bool:
    found = context.lookup(key)
    if found is None or found[0].is_generator or (found[0].is_async and not is_awaited):
        return False
    return not found[1].returns


def _ask_if_held(
    context: FunctionContext, lock: LockRef, method: str, result: AccessPath, disjunct: Disjunct
) -> list[Disjunct]:
    """Return the executions after a test of whether a lock is held.

    If the function has released it, another thread holds it, or none does.
    """
    if not lock.api.tells_if_held(method):
        return [disjunct]
    key = key_of(canonical_lock(context, lock, disjunct))
    hold = disjunct.hold(key)
    if hold.count > 0:
        return [set_value(context, result, Constant(True), disjunct)]
    known = hold.is_free or hold.why is Why.RELEASED
    if not known or hold.forgotten or result not in context.relevance.tracked:
        return [disjunct]
    free = set_value(context, result, Constant(False), disjunct)
    if hold.is_free and method != lock.api.locked_method:
        return [free]
    of_others = replace(FORGOTTEN, why=Why.OF_OTHERS, where=hold.where)
    taken = disjunct.with_hold(key, of_others)
    return [free, set_value(context, result, Constant(True), taken)]


def _apply(
    context: FunctionContext,
    instruction: Call,
    disjunct: Disjunct,
    raised: Raised | None,
    failed: bool = False,
) -> list[Disjunct]:
    """Apply the summaries of a call's targets, where it returns or has ``failed``."""
    found = context.lookup(instruction.targets[0])
    if found is None:
        return [disjunct]
    callee, summary = found
    binding = Binding(context.function, callee, instruction, None)
    if runs_later(callee, instruction):
        return [_released_later(context, binding, summary, disjunct)]
    result, is_sure = instruction.result, len(instruction.targets) == 1
    if summary.asks is not None and not failed:
        lock = binding.lock(summary.asks[0])
        if lock is not None and result is not None and is_sure:
            return _ask_if_held(context, lock, summary.asks[1], result, disjunct)
    handed_on = locks_handed_on(binding, summary)
    if instruction.use is Use.ENTERED and result is not None and context.function.kept:
        followed = context.function.kept_by(result)  # Its methods show what becomes of these.
        handed_on = (lock for lock in handed_on if lock.path not in followed)
    disjunct = hand_over(context, handed_on, disjunct)
    summary = summary_for_call(context, callee, summary, instruction, disjunct)
    execution = Execution(context, callee, binding, instruction.span, raised)
    if failed:
        return _failed(execution, instruction, summary, disjunct)
    if any(effect.correlated for effect in summary.effects):
        return [
            one
            for truth in (True, False)
            for one in _returned(execution, instruction, summary, truth, disjunct)
        ]
    deltas = tuple([effect.normal for effect in summary.effects])
    after = _shifted(execution, summary, deltas, is_sure, [disjunct])
    if result is None or instruction.constructs or len(summary.returned) != 1 or not is_sure:
        return after
    return [set_value(context, result, summary.returned[0], one) for one in after]


def _failed(
    execution: Execution, instruction: Call, summary: Summary, disjunct: Disjunct
) -> list[Disjunct]:
    """Return the executions in which a callee raises, by what that leaves behind."""
    is_sure = len(instruction.targets) == 1
    outcomes = [
        tuple(
            [
                # No code gets the object whose constructor raised, nor the locks in it.
                0 if instruction.constructs and effect.lock.path.root is Root.SELF else delta
                for effect, delta in zip(summary.effects, deltas, strict=True)
            ]
        )
        for deltas in summary.raised
    ]
    execution = execution._replace(failed=True)
    return [
        one
        for deltas in dict.fromkeys(outcomes)
        for one in _shifted(execution, summary, deltas, is_sure, [disjunct])
    ]


def _returned(
    execution: Execution, instruction: Call, summary: Summary, truth: bool, disjunct: Disjunct
) -> list[Disjunct]:
    """Return the executions in which the result, true or not, tells what a callee has done."""
    context, result = execution.context, instruction.result
    some = [disjunct]
    for effect in summary.effects:
        if effect.tries and not truth:
            some = _given_up(execution, instruction, summary, effect, disjunct, some)
    deltas = tuple([effect.given(truth) for effect in summary.effects])
    some = _shifted(execution, summary, deltas, len(instruction.targets) == 1, some)
    if result is None:
        return some
    return [set_value(context, result, summary.literal(truth), one) for one in some]


def _shifted(
    execution: Execution,
    summary: Summary,
    deltas: Deltas,
    is_sure: bool,
    disjuncts: list[Disjunct],
) -> list[Disjunct]:
    for effect, delta in zip(summary.effects, deltas, strict=True):
        if effect.decided is not None and is_sure and not execution.failed:
            disjuncts = [
                one
                for each in disjuncts
                for one in shift_by_test(execution, effect, effect.decided, each)
            ]
            continue
        delta = delta if is_sure or delta == 0 else None
        failed = execution.failed and delta != effect.normal
        one = execution if failed is execution.failed else execution._replace(failed=failed)
        disjuncts = shift(one, effect.lock, effect.mode, delta, disjuncts)
    return disjuncts


def _given_up(
    execution: Execution,
    instruction: Call,
    summary: Summary,
    effect: Effect,
    before: Disjunct,
    disjuncts: list[Disjunct],
) -> list[Disjunct]:
    """Return the executions after a callee has tried and failed: the lock was not available."""
    context, callee = execution.context, execution.callee
    here = execution.binding.lock(effect.lock)
    if here is None:
        return disjuncts
    tried = canonical_lock(context, here, before)
    context.observer.tries(
        TriedByCallee(
            instruction, callee.name, tried, effect.certain, effect.limited, summary.sets_flags
        )
    )
    if not is_exclusive(here):
        return disjuncts
    result: list[Disjunct] = []
    for disjunct in disjuncts:
        key = key_of(canonical_lock(context, here, disjunct), effect.mode)
        hold = disjunct.hold(key)
        if not hold.forgotten and hold.count == 0 and not hold.is_held:
            shown = replace(hold, free_at=0, why=Why.TRY_FAILED, where=execution.span)
            disjunct = disjunct.with_hold(key, shown)
        result.append(disjunct)
    return result


def given_to_others(context: FunctionContext, instruction: Call, disjunct: Disjunct) -> Disjunct:
    """Return the disjunct after code that is not known has got functions, to call them some time.

    What follows a function may be what it will be called with: ``submit(finish, lock)``.
    """
    if not any(hold.count > 0 for hold in disjunct.holds.values()):
        return disjunct
    for position, argument in enumerate(instruction.arguments, start=1):
        for key in argument.functions:
            found = context.lookup(key)
            if found is not None:
                callee, summary = found
                rest, receiver = instruction.arguments[position:], argument.receiver
                binding = Binding.of_arguments(context.function, callee, rest, receiver)
                disjunct = _released_later(context, binding, summary, disjunct)
    return disjunct


def _released_later(
    context: FunctionContext, binding: Binding, summary: Summary, disjunct: Disjunct
) -> Disjunct:
    """Return the disjunct after an object was made that may release locks when it runs."""
    effects = (e for e in summary.effects if e.normal is None or e.normal < 0)
    locks = [lock for effect in effects if (lock := binding.lock(effect.lock)) is not None]
    return hand_over(context, (*locks, *locks_handed_on(binding, summary)), disjunct)
