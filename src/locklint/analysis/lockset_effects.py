"""Net effects of the program's functions, by their summaries, on the states of their callers."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.decided_effects import for_caller
from locklint.analysis.function_context import FunctionContext
from locklint.analysis.hold import FORGOTTEN, UNTOUCHED, Acquisition, Hold, Why, key_of
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_acquire import take
from locklint.analysis.lockset_names import canonical_lock, known_arguments
from locklint.analysis.lockset_release import release
from locklint.analysis.lockset_tests import assume, exists
from locklint.analysis.summary import Decided, Effect, Summary
from locklint.core.source import Span
from locklint.ir.access_path import TAKEN_FROM
from locklint.ir.cfg import Function
from locklint.ir.instruction import Call
from locklint.ir.lock import LockRef, Mode
from locklint.ir.means import How, Means


class Execution(NamedTuple):
    """An execution of a callee, at a place of its caller; what a release raises goes to ``raised``.

    ``failed``: the callee raises, and behaves otherwise if it does not.
    """

    context: FunctionContext
    callee: Function
    binding: Binding
    span: Span
    raised: Raised | None
    failed: bool = False


def shift(
    execution: Execution, lock: LockRef, mode: Mode, delta: int | None, disjuncts: list[Disjunct]
) -> list[Disjunct]:
    """Return the executions after a callee has acquired, or released, one of its locks."""
    if delta == 0:
        return disjuncts
    here = execution.binding.lock(lock)
    if here is None or TAKEN_FROM in here.path.fields:
        # Nothing shows whether another bound method has the same receiver.
        return disjuncts
    result: list[Disjunct] = []
    for disjunct in disjuncts:
        result += _shift(execution, here, mode, delta, disjunct)
    return result


def shift_by_test(
    execution: Execution, effect: Effect, decided: Decided, disjunct: Disjunct
) -> list[Disjunct]:
    """Return the executions after a callee has acquired or released a lock for one outcome.

    Acquires and releases under one test belong together. Nothing is concluded of a lock that is
    held where the test says that it is not, or the other way round.
    """
    context, lock, mode = execution.context, effect.lock, effect.mode
    here = execution.binding.lock(lock)
    test = for_caller(execution.binding, decided.test)
    if here is None or test is None or not context.relevance.follows(test):
        return shift(execution, lock, mode, None, [disjunct])
    key = key_of(canonical_lock(context, here, disjunct), mode)
    hold = disjunct.hold(key)
    outcomes = [
        (outcome, one)
        for outcome in (True, False)
        if (one := assume(context, test, outcome, disjunct)) is not None
    ]
    if len(outcomes) > 1 and not _may_begin(context, decided, hold):
        return shift(execution, lock, mode, None, [disjunct])
    result: list[Disjunct] = []
    for outcome, one in outcomes:
        delta = decided.given(outcome)
        fits = not decided.may_release or _fits(context, delta, hold)
        if delta == 0 and not decided.may_release and hold.count == 0 and not hold.forgotten:
            # A release is not for this acquire: the test says that no lock is needed.
            unsure = replace(hold, free_at=None, why=Why.NOT_WANTED, where=None)
            one = one.with_hold(key, unsure)
        after = shift(execution, lock, mode, delta if fits else None, [one])
        # The lock exists, because it was acquired.
        result += [exists(context, here.path, each) for each in after] if delta > 0 else after
    return result


def _may_begin(context: FunctionContext, decided: Decided, hold: Hold) -> bool:
    """Return whether the outcomes of a test may part here, where none is known before.

    A release without its acquire tells only callers something.
    """
    if decided.may_release:
        return bool(context.relevance.kept) and hold == UNTOUCHED
    return hold.count == 0 and not hold.forgotten and not hold.is_held


def _fits(context: FunctionContext, delta: int, hold: Hold) -> bool:
    """Return whether a release under a test belongs to the acquire, or to one of the caller's."""
    if delta == 0:
        return hold.count <= 0
    return hold.count > 0 or hold.is_free or bool(context.relevance.kept)


def _shift(
    execution: Execution, written: LockRef, mode: Mode, delta: int | None, disjunct: Disjunct
) -> list[Disjunct]:
    context, callee, _, span, raised, failed = execution
    lock = canonical_lock(context, written, disjunct)
    key = key_of(lock, mode)
    if delta is None:
        context.observer.varies(key, lock)
        return [disjunct.with_hold(key, FORGOTTEN)]
    current = [disjunct]
    how = How(callee.name, Means.CALL)
    acquisition = Acquisition(span, how, written.path, failed)
    for _ in range(abs(delta)):
        following: list[Disjunct] = []
        for one in current:
            if delta > 0:
                following += take(context, key, lock, acquisition, one)
            else:
                following += release(context, span, lock, mode, how, one, raised)
        current = following
    return current


def summary_for_call(
    context: FunctionContext, callee: Function, summary: Summary, call: Call, disjunct: Disjunct
) -> Summary:
    """Return the summary of a callee for what one call passes."""
    if not summary.decided_by:
        return summary
    known = replace(call, arguments=known_arguments(context, call.arguments, disjunct))
    passed = Binding(context.function, callee, known, None).passed(summary.decided_by)
    found = context.lookup(callee.key, passed)
    return summary if found is None else found[1]
