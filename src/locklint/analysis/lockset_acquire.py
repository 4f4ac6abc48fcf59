"""Effects of acquires on one disjunct."""

from __future__ import annotations

from msgspec.structs import replace

from locklint.analysis.function_context import FunctionContext
from locklint.analysis.hold import (
    FORGOTTEN,
    MAX_COUNT,
    Acquisition,
    Hold,
    LockKey,
    Why,
    is_exclusive,
    key_of,
)
from locklint.analysis.lockset import Disjunct
from locklint.analysis.lockset_assign import set_value
from locklint.analysis.lockset_names import canonical, canonical_lock, value_of
from locklint.analysis.lockset_tests import exists
from locklint.ir.access_path import AccessPath
from locklint.ir.acquire_call import read_acquire
from locklint.ir.instruction import Acquire, Constant, TryAcquire, acquired_names
from locklint.ir.lock import LockRef, LockRole
from locklint.ir.means import Use


def acquire(
    context: FunctionContext, instruction: Acquire | TryAcquire, disjunct: Disjunct
) -> list[Disjunct]:
    """Return the executions after an acquire: in which it succeeds, and in which it gives up."""
    lock = canonical_lock(context, instruction.lock, disjunct)
    if lock.path in context.no_locks:
        return [disjunct]  # ``lock if wanted else nothing``, and it is nothing.
    key = key_of(lock, instruction.mode)
    acquisition = Acquisition(instruction.span, instruction.how, instruction.lock.path)
    if isinstance(instruction, TryAcquire) and not instruction.certain:
        instruction = _read_again(instruction, disjunct)
    taken = take(context, key, lock, acquisition, disjunct, instruction)
    names = acquired_names(instruction)
    for path in names | {canonical(name, disjunct) for name in names}:
        taken = [exists(context, path, one) for one in taken]
    if isinstance(instruction, Acquire):
        result = instruction.call.result if instruction.call is not None else None
        return _with_result(context, result, True, taken)
    return _tried(context, instruction, key, lock, disjunct, taken)


def _tried(
    context: FunctionContext,
    instruction: TryAcquire,
    key: LockKey,
    lock: LockRef,
    disjunct: Disjunct,
    taken: list[Disjunct],
) -> list[Disjunct]:
    """Return the executions after a try: ``taken``, if it can succeed, and those without the lock.

    Its result tells which one happened.
    """
    hold = disjunct.hold(key)
    if (
        is_exclusive(lock)
        and (hold.count > 0 or hold.is_held)
        and not hold.forgotten
        and not _may_be_lost(context, lock, hold)
    ):
        taken = []
    certain = hold.count > 0 or hold.taken_last
    if lock.kind.reentrant and certain and taken and lock.kind.role is LockRole.LOCK:
        # The holder of a re-entrant lock can acquire it again.
        return _with_result(context, instruction.result, True, taken)
    failed = disjunct
    if not hold.forgotten and hold.count == 0 and not hold.is_held:
        # A re-entrant lock that was not available may still be held by the caller: not known.
        surely = not lock.kind.reentrant and lock.kind.role is not LockRole.SEMAPHORE
        free_at = 0 if surely else hold.free_at
        shown = replace(hold, free_at=free_at, why=Why.TRY_FAILED, where=instruction.span)
        failed = disjunct.with_hold(key, shown)
    outcome, call = instruction.result, instruction.call
    if call is not None and call.use is Use.PASSED and outcome not in context.relevance.tracked:
        # Other code tests the result, and may continue only for one outcome.
        return [disjunct.with_hold(key, FORGOTTEN)]
    return [
        *_with_result(context, outcome, True, taken),
        *_with_result(context, outcome, False, [failed]),
    ]


def _with_result(
    context: FunctionContext, result: AccessPath | None, outcome: bool, disjuncts: list[Disjunct]
) -> list[Disjunct]:
    if result is None:
        return disjuncts
    return [set_value(context, result, Constant(outcome), one) for one in disjuncts]


def _read_again(instruction: TryAcquire, disjunct: Disjunct) -> Acquire | TryAcquire:
    """Return a try as the kind of acquire that the known values of its arguments make it."""
    call, form = instruction.call, instruction.form
    if call is None or form is None:
        return instruction
    arguments = tuple(
        [replace(each, value=value_of(each.value, disjunct)) for each in call.arguments]
    )
    read = read_acquire(replace(call, arguments=arguments), form)
    if not read.tries:
        own = instruction
        return Acquire(own.span, own.lock, own.how, own.mode, form, call)
    return replace(instruction, timed=read.timed, certain=read.certain)


def take(
    context: FunctionContext,
    key: LockKey,
    lock: LockRef,
    acquisition: Acquisition,
    disjunct: Disjunct,
    instruction: Acquire | TryAcquire | None = None,
) -> list[Disjunct]:
    """Return the executions in which a lock was acquired, by an instruction or by a callee."""
    context.identities[key] = lock.identity
    hold = FORGOTTEN if key.path.is_vague else disjunct.hold(key)
    if key.path.is_called and hold.count != 0:
        hold = FORGOTTEN
        disjunct = disjunct.with_hold(key, hold)
    if _may_be_lost(context, lock, hold):
        # Another thread has released it: otherwise this would not return.
        hold = replace(hold, count=hold.count - 1, levels=hold.levels[:-1])
        disjunct = disjunct.with_hold(key, hold)
    context.observer.acquires(key, lock, acquisition, disjunct, instruction)
    if hold.forgotten or hold.count >= MAX_COUNT:
        # It is held, but how often is no longer known.
        surely = lock.kind.reentrant and not key.path.is_vague
        return [disjunct.with_hold(key, replace(FORGOTTEN, taken_last=surely))]
    exclusive = is_exclusive(lock)
    if exclusive and (hold.count > 0 or hold.is_held) and not hold.handed_over:
        # It waits for itself: nothing after this place is reached.
        return []
    levels = (*hold.levels, frozenset({acquisition})) if hold.count >= 0 else hold.levels
    after = Hold(
        count=hold.count + 1,
        levels=levels,
        free_at=hold.count if exclusive else hold.free_at,
        handed_over=hold.handed_over,
        taken_last=lock.kind.reentrant and hold.count <= 0,
    )
    return [disjunct.with_hold(key, after)]


def _may_be_lost(context: FunctionContext, lock: LockRef, hold: Hold) -> bool:
    """Return whether other code may release a lock that this function has acquired."""
    return (
        lock.identity in context.shared.released
        and is_exclusive(lock)
        and hold.count > 0
        and not hold.forgotten
        and all(not one.how.means.is_context for one in hold.levels[-1])
    )
