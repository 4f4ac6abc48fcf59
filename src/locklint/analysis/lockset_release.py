"""Effects of releases on one disjunct, and of what leaves releases to others."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from locklint.analysis.function_context import FunctionContext
from locklint.analysis.hold import (
    FORGOTTEN,
    MAX_COUNT,
    UNTOUCHED,
    Cause,
    CauseKind,
    Flow,
    Grade,
    Hold,
    InFlight,
    LockKey,
    Why,
    is_exclusive,
    key_of,
)
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_names import canonical, canonical_lock
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.lock import Exactness, LockRef, LockRole, Mode, UnheldRelease
from locklint.ir.means import BY_STACK, How, Means


def release(
    context: FunctionContext,
    span: Span,
    lock: LockRef,
    mode: Mode | None,
    how: How,
    disjunct: Disjunct,
    raised: Raised | None,
) -> list[Disjunct]:
    """Return the executions after a release, by an instruction or by a callee.

    If it fails, that is added to ``raised``.
    """
    lock = canonical_lock(context, lock, disjunct)
    if lock.path in context.no_locks:
        return [disjunct]
    key = key_of(lock, mode)
    if mode is None and lock.mode is None:
        shared = LockKey(key.path, Mode.SHARED)
        if disjunct.hold(shared).count > 0 and disjunct.hold(key).count <= 0:
            key = shared
    if how.means is Means.WITH and disjunct.hold(key).count <= 0:
        key, lock = _entered(context, span, key, lock, disjunct)
    hold = FORGOTTEN if key.path.is_vague else disjunct.hold(key)
    if hold == UNTOUCHED and (same := _of_same_object(context, key, lock, disjunct)) is not None:
        return [disjunct.with_hold(same, FORGOTTEN)]
    other = as_others_left_it(context, span, key, lock, hold)
    if other is not None:
        hold, disjunct = other, disjunct.with_hold(key, other)
    context.identities[key] = lock.identity
    context.observer.releases(key, lock, span, how, disjunct)
    return _released(context, span, key, lock, hold, disjunct, raised)


def _entered(
    context: FunctionContext, span: Span, key: LockKey, lock: LockRef, disjunct: Disjunct
) -> tuple[LockKey, LockRef]:
    """Return the lock that the `with` at a place has acquired, by the name that it has now.

    The body may have bound the variables of its path to something else.
    """
    for each, hold in disjunct.holds.items():
        if hold.count > 0 and any(
            one.span == span and one.how.means is Means.WITH for one in hold.levels[-1]
        ):
            identity = context.identities.get(each, lock.identity)
            return each, replace(lock, path=each.path, identity=identity)
    return key, lock


def _of_same_object(
    context: FunctionContext, key: LockKey, lock: LockRef, disjunct: Disjunct
) -> LockKey | None:
    """Return a held lock that may be the one that is released, or None.

    The object of a method may be one that a global variable holds: ``self.lock`` and ``box.lock``.
    """
    roots = {Root.SELF, Root.GLOBAL}
    if key.path.root not in roots or len(key.path.fields) != 1:
        return None
    for other, hold in disjunct.holds.items():
        path = other.path
        if (
            {path.root, key.path.root} == roots
            and path.fields == key.path.fields
            and hold.count > 0
            and context.identities.get(other) == lock.identity
            and not any(one.how.means is Means.WITH for one in hold.acquisitions())
        ):
            return other
    return None


def as_others_left_it(
    context: FunctionContext, span: Span, key: LockKey, lock: LockRef, hold: Hold
) -> Hold | None:
    """Return the state before a use of a lock that other code may have acquired, or cannot.

    Return None if nothing more is known than ``hold``.
    """
    untouched = hold == UNTOUCHED
    if key.path.is_called and hold.count <= 0 and not untouched:
        return FORGOTTEN
    if untouched and key.path in context.perhaps_given_acquired:
        return FORGOTTEN
    if (
        untouched
        and lock.exactness is Exactness.FRESH
        and lock.path.root in (Root.LOCAL, Root.TEMP)
        and not lock.kind.reentrant
        and lock.identity not in context.shared.acquired
    ):
        # It was made in this function, and no other code has seen it.
        return replace(hold, free_at=0)
    if hold.count <= 0 and not hold.is_free and span in context.flagged_releases:
        return FORGOTTEN
    return None


def _released(
    context: FunctionContext,
    span: Span,
    key: LockKey,
    lock: LockRef,
    hold: Hold,
    disjunct: Disjunct,
    raised: Raised | None,
) -> list[Disjunct]:
    if hold.forgotten or (hold.handed_over and hold.count == 0):
        return [disjunct.with_hold(key, FORGOTTEN)]
    if hold.count > 0:
        # Of a re-entrant lock, the same thread may hold more levels, from another function.
        is_shared = lock.kind.reentrant and lock.identity in context.shared.acquired
        free = hold.count == 1 and not is_shared
        after = Hold(
            count=hold.count - 1,
            levels=hold.levels[:-1],
            free_at=hold.free_at,
            why=Why.RELEASED if free else None,
            where=span if free else None,
        )
        return [disjunct.with_hold(key, after)]
    if hold.is_free and lock.kind.role is not LockRole.SEMAPHORE:
        if lock.kind.unheld_release is not UnheldRelease.RAISES:
            return [disjunct]
        if raised is not None:
            cause = Cause(CauseKind.CALL, span)
            raised.add(disjunct, InFlight(Flow.ERROR, "RuntimeError", Grade.ACQUIRE, cause))
        return []
    if hold.count <= -MAX_COUNT:
        return [disjunct.with_hold(key, FORGOTTEN)]
    # A lock that was released already, and is again, was acquired by another thread in between.
    exclusive = is_exclusive(lock)
    count = hold.count - 1 if hold.count == 0 or not exclusive else hold.count
    free_at = count if exclusive else None
    after = Hold(count=count, free_at=free_at, why=Why.RELEASED, where=span)
    return [disjunct.with_hold(key, after)]


def hand_over(
    context: FunctionContext,
    locks: Iterable[LockRef],
    disjunct: Disjunct,
    is_entered: bool = False,
) -> Disjunct:
    """Return the disjunct after some locks were passed to others, which may release them.

    ``is_entered``: within the `with` that follows, so that they may do so for a while only.
    """
    for lock in locks:
        key = key_of(canonical_lock(context, lock, disjunct))
        if is_entered and disjunct.hold(key).count > 0:
            disjunct = disjunct.with_hold(key, FORGOTTEN)
        else:
            disjunct = _hand_over(context, key, disjunct)
    return disjunct


def _hand_over(context: FunctionContext, key: LockKey, disjunct: Disjunct) -> Disjunct:
    hold = disjunct.hold(key)
    if hold.forgotten:
        return disjunct
    if hold.count > 0:
        if all(one.how.means is Means.WITH for one in hold.acquisitions()):
            return disjunct  # The end of the `with` releases it, so that no other code may.
        context.observer.hands_over(key)
        return disjunct.with_hold(key, FORGOTTEN)
    return disjunct.with_hold(key, replace(hold, handed_over=True, free_at=None))


def defer(
    context: FunctionContext, stack: AccessPath, lock: LockRef | None, disjunct: Disjunct
) -> Disjunct:
    """Return the disjunct after a release was left to a stack, or the stack to other code."""
    stack = canonical(stack, disjunct)
    waiting = disjunct.deferred.get(stack, ())
    if lock is None:
        for key in waiting:
            disjunct = _hand_over(context, key, disjunct)
        return _without_stack(stack, disjunct)
    key = key_of(canonical_lock(context, lock, disjunct), lock.mode)
    context.deferred[key] = lock
    if len(waiting) > MAX_COUNT:
        return _hand_over(context, key, disjunct)
    return disjunct.with_deferred({**disjunct.deferred, stack: (*waiting, key)})


def unwind(
    context: FunctionContext,
    span: Span,
    stack: AccessPath,
    disjunct: Disjunct,
    raised: Raised | None,
) -> list[Disjunct]:
    """Return the executions after all releases that were left to a stack, the last one first."""
    stack = canonical(stack, disjunct)
    waiting = disjunct.deferred.get(stack, ())
    current = [_without_stack(stack, disjunct)]
    for key in reversed(waiting):
        lock = context.deferred[key]
        following: list[Disjunct] = []
        for one in current:
            following += release(context, span, lock, key.mode, BY_STACK, one, raised)
        current = following
    return current


def _without_stack(stack: AccessPath, disjunct: Disjunct) -> Disjunct:
    return disjunct.with_deferred({k: v for k, v in disjunct.deferred.items() if k != stack})
