"""Acquires in coroutines after which a cancelled task leaves its lock in the wrong state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from locklint.analysis.acquisitions import Fate, fates
from locklint.analysis.events import LockStates
from locklint.analysis.hold import CauseKind, Flow, InFlight
from locklint.analysis.shields import Shields
from locklint.analysis.unheld import early_releases
from locklint.core.identity_enum import IdentityEnum
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.context import Context
from locklint.ir.event import EventKind
from locklint.ir.instruction import Call, HandOver, Instruction, Release
from locklint.ir.lock import LockRef
from locklint.ir.means import Means, Use
from locklint.models.spawns import spawner


class Unsafe(IdentityEnum):
    """Kinds of acquires that do not allow for a cancelled task."""

    GAP = "gap"  # an `await` between the acquire and the `try`
    TIMEOUT = "timeout"  # `wait_for(lock.acquire())`, released if it gives up, too
    THREAD = "thread"  # another thread acquires it, and goes on when the task is cancelled
    CLEAN_UP = "clean-up"  # acquires again, in a `finally`, what the caller releases


class CancelledAcquire(msgspec.Struct, frozen=True):
    """An acquire at ``span``, and the ``other`` place that it has to do with."""

    unsafe: Unsafe
    lock: LockRef
    span: Span
    other: Span


def cancelled_acquires(states: LockStates, shields: Shields) -> Iterator[CancelledAcquire]:
    """Yield the acquires of a coroutine after which a cancelled task leaves a lock behind."""
    function = states.function
    if not function.is_async:
        return
    for fate in fates(states):
        if not fate.lock.api.is_async or fate.instruction is None:
            continue
        gap = _gap(fate, shields)
        if gap is not None:
            yield CancelledAcquire(Unsafe.GAP, fate.lock, fate.span, gap)
        released = _released_before(fate, shields)
        if released is not None:
            yield CancelledAcquire(Unsafe.CLEAN_UP, fate.lock, fate.span, released)
    for early in early_releases(states):
        if not early.is_handler_only and _is_limited(early.fate):
            yield CancelledAcquire(Unsafe.TIMEOUT, early.fate.lock, early.fate.span, early.release)
    yield from _in_threads(function)


_WAITS = (EventKind.PARK, EventKind.WAIT)


def held_at_awaits(every: Iterable[LockStates]) -> frozenset[str]:
    """Return the locks, by their identities, that tasks hold while they are suspended.

    An acquire of any other one does not wait, so that no task is cancelled there.
    """
    found: set[str] = set()
    for states in every:
        waits = [each.span for each in states.events if each.event.kind in _WAITS]
        for each in states.events:
            # A wait on a condition releases its lock; of the others its own event tells.
            is_await = each.event.kind is EventKind.AWAIT
            if is_await and any(map(each.span.contains, waits)):
                continue
            if is_await or each.event.kind in _WAITS:
                found.update(held.lock.identity for held in each.held)
        for called in states.calls:
            if called.call is not None and called.call.use is Use.AWAITED:
                found.update(held.lock.identity for held in called.held)
    return frozenset(found)


def _is_await(exception: InFlight | None) -> bool:
    if exception is None:
        return False
    return exception.flow is Flow.CANCEL or exception.cause.kind is CauseKind.AWAIT


def _gap(fate: Fate, shields: Shields) -> Span | None:
    """Return the first `await` between an acquire and the `try` that releases the lock."""
    if not fate.is_gap() or not fate.is_released_here:
        return None
    shielded = shields.awaits(fate.states.function)
    return min(
        (
            exit_.span
            for exit_ in fate.leaks()
            if _is_await(exit_.exception) and exit_.span not in shielded
        ),
        default=None,
    )


def _released_before(fate: Fate, shields: Shields) -> Span | None:
    """Return the release, for a while, of a lock that a clean-up acquires again for its caller."""
    if any(given.how.means is Means.METHOD for given in fate.releases):
        return None
    if not fate.is_after_exception:
        return None
    states = fate.states
    if any(each.contains(fate.span) for each in shields.awaits(states.function)):
        return None
    # A handler may wait for the cancellation, and acquire again.
    after = (
        *[exit_.exception for exit_ in states.exceptional_exits],
        *[given.exception for given in states.given if given.how.means is Means.WITH],
    )
    if not any(
        each is not None and each.flow is Flow.CANCEL and each.cause.span.contains(fate.span)
        for each in after
    ):
        return None
    return max(
        (
            given.span
            for given in states.given
            if given.key in fate.keys and given.how.means is Means.METHOD and given.span < fate.span
        ),
        default=None,
    )


def _is_limited(fate: Fate) -> bool:
    """Return whether the acquire is awaited through `wait_for`."""
    instruction = fate.instruction
    if instruction is None or instruction.call is None or not fate.lock.api.is_async:
        return False
    return any(
        isinstance(each, Call)
        and each.result == instruction.call.result
        and each.callee is not None
        and each.callee.name == "wait_for"
        for each in _instructions(fate.states.function)
    )


def _in_threads(function: Function) -> Iterator[CancelledAcquire]:
    """Yield the awaited acquires of other threads, whose lock the coroutine releases."""
    handed = {each.span: each for each in _instructions(function) if isinstance(each, HandOver)}
    if not handed:
        return
    releases = [each for each in _instructions(function) if isinstance(each, Release)]
    for each in _instructions(function):
        if not isinstance(each, Call) or each.use is not Use.AWAITED or each.span not in handed:
            continue
        lock = handed[each.span].lock
        given = [release.span for release in releases if release.lock.path == lock.path]
        if given and _is_given_to_thread(each) and _passes_acquire(each, lock):
            yield CancelledAcquire(Unsafe.THREAD, lock, each.span, min(given))


def _is_given_to_thread(call: Call) -> bool:
    started = spawner(call.external) if call.external is not None else None
    return started is not None and started.context is Context.EXECUTOR


def _passes_acquire(call: Call, lock: LockRef) -> bool:
    paths = [each.value for each in call.arguments if isinstance(each.value, AccessPath)]
    return any(each.fields and lock.api.acquire_form(each.name) for each in paths)


def _instructions(function: Function) -> Iterator[Instruction]:
    for block in function.blocks.values():
        yield from block.instructions
