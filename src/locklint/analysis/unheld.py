"""Releases on paths where the lock is not held."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from locklint.analysis.acquisitions import Fate, fates
from locklint.analysis.events import Given, LockStates
from locklint.analysis.expected import is_expected
from locklint.analysis.guards import guards_release, is_taken_again
from locklint.analysis.hold import (
    Cause,
    Flow,
    Grade,
    InFlight,
    LockKey,
    Why,
)
from locklint.analysis.layout import layout_of
from locklint.analysis.results import ignored_results, ignored_tries
from locklint.analysis.unknown_returns import rests_on_unknown_return
from locklint.core.diagnostic import Confidence, Severity
from locklint.core.identity_enum import IdentityEnum
from locklint.core.source import Span
from locklint.dataflow.order import loops
from locklint.ir.api_use import UseKind, not_done
from locklint.ir.lock import LockRef, LockRole
from locklint.ir.lock import UnheldRelease as Unheld
from locklint.ir.terminator import Branch

EXPECTED = frozenset(
    {"RuntimeError", "ThreadError", "error", "ValueError", "AssertionError", "LockError"}
)


class NotHeld(IdentityEnum):
    """Reasons why a lock is not held where it is released."""

    RELEASED = "released"
    TRY_FAILED = "try failed"
    BYPASSED = "bypassed"  # the acquire is on another path
    NEVER_TAKEN = "never taken"
    NEVER_LEFT = "never left"  # held, by the functions that acquire it
    SWAPPED = "swapped"  # the same lock of another object is acquired instead
    MANAGED = "managed"  # a `with` or a stack releases it once more at its end


class UnheldRelease(msgspec.Struct, frozen=True):
    """A release where the lock is certainly not held on some paths, or on all (then an error).

    ``before`` is where it was released, or could not be acquired, the `with` if it is MANAGED.
    ``acquires`` are those that other paths to the release go through; ``exception`` is in flight.
    """

    span: Span
    key: LockKey
    lock: LockRef
    severity: Severity
    why: NotHeld
    before: Span | None
    acquires: tuple[Span, ...] = ()
    exception: InFlight | None = None


class EarlyRelease(msgspec.Struct, frozen=True):
    """A release in a clean-up that also runs where the acquisition has not happened.

    ``cause`` is what raises before it; the acquisition itself, where nothing else does.
    ``is_handler_only``: the release is on no path without an exception.
    """

    fate: Fate
    release: Span
    cause: Cause
    grade: Grade
    is_handler_only: bool


def unheld_releases(states: LockStates) -> list[UnheldRelease]:
    """Return releases of locks that this function released, or failed to acquire, before."""
    ignored = {*ignored_tries(states), *ignored_results(states)}
    untaken = not_done(states.function.api_uses)
    by_place: dict[tuple[Span, LockKey], list[Given]] = defaultdict(list)
    for given in states.given:
        by_place[given.span, given.key].append(given)
    result: dict[tuple[Span, LockKey], UnheldRelease] = {}
    for (span, key), events in sorted(
        by_place.items(), key=lambda item: (item[0][0], str(item[0][1]))
    ):
        bad = [
            given
            for given in events
            if (is_bad(given) or _is_one_too_many(states, given))
            and given.before.where not in ignored
            and not _is_lent(states, given)
        ]
        if not bad and _is_held_on_one_way_only(states, events):
            bad = [given for given in events if given.before.count == 0]
        if events[0].lock.identity in untaken:
            continue
        if not bad or is_expected(states.function, span, EXPECTED):
            continue
        lock = bad[0].lock
        if _is_found_held(states, span, lock):
            continue
        proven = [given for given in bad if _is_proof(given)]
        certain = bool(proven) and not lock.kind.reentrant
        certain = certain and lock.confidence > Confidence.LOW
        if certain and len(bad) < len(events):
            certain = not all(rests_on_unknown_return(states, given) for given in proven)
        severity = Severity.ERROR if certain else Severity.WARNING
        witness = min(bad, key=_by_plainness)
        why, before = _why(witness), witness.before.where
        place = span
        if witness.how.means.is_context and before is not None:
            # The `with` is right; what is wrong is the release inside it.
            place, before, why = before, span, NotHeld.MANAGED
        acquires = {a.span for given in events for a in given.before.acquisitions()}
        result.setdefault(
            (place, key),
            UnheldRelease(
                place, key, lock, severity, why, before, tuple(sorted(acquires)), witness.exception
            ),
        )
    return list(result.values())


def releases_of_others(states: LockStates) -> list[Given]:
    """Releases after a test that shows that another thread or task holds the lock, one a place."""
    found: dict[tuple[Span, LockKey], Given] = {}
    for given in states.given:
        if not given.before.forgotten or given.before.why is not Why.OF_OTHERS:
            continue
        if given.lock.kind.role is LockRole.SEMAPHORE:
            continue
        if not is_expected(states.function, given.span, EXPECTED):
            found.setdefault((given.span, given.key), given)
    return [found[place] for place in sorted(found, key=lambda each: (each[0], str(each[1])))]


def _is_found_held(states: LockStates, release: Span, lock: LockRef) -> bool:
    """Return whether a release is reached only if a test has found its lock held."""
    blocks, layout = states.function.blocks, layout_of(states)
    tests = [
        blocks[use.branch].terminator
        for use in states.function.api_uses
        if use.kind is UseKind.LOCKED_TESTED
        and use.branch is not None
        and use.lock is not None
        and use.lock.identity == lock.identity
    ]
    held = [each.then for each in tests if isinstance(each, Branch)]
    return bool(held) and all(
        any(layout.leads_through(then, block.id) for then in held) for block in layout.at(release)
    )


def _by_plainness(given: Given) -> tuple[bool, bool, Span]:
    where = given.before.where
    return (not _is_proof(given), where is None, where or given.span)


def _why(given: Given) -> NotHeld:
    match given.before.why:
        case Why.RELEASED:
            return NotHeld.RELEASED
        case Why.TRY_FAILED:
            return NotHeld.TRY_FAILED
        case _:
            return NotHeld.NEVER_TAKEN if given.before.is_free else NotHeld.BYPASSED


def is_bad(given: Given) -> bool:
    """Return whether the same function has released, or not acquired, the lock before a release."""
    lock = given.lock
    if lock.kind.role is LockRole.SEMAPHORE or lock.kind.unheld_release is Unheld.IGNORED:
        return False
    before = given.before
    if before.forgotten or before.handed_over or before.count > 0:
        return False
    if given.exception is not None and given.exception.is_improbable:
        # An acquire that itself fails is reported by `early_releases`.
        return False
    if before.is_free:
        return True
    return lock.kind.reentrant and before.count == 0 and before.why is Why.RELEASED


def _is_one_too_many(states: LockStates, given: Given) -> bool:
    """Return whether a function releases a bounded semaphore more often than it acquires it.

    One loop may acquire many slots, and another one release them.
    """
    lock, before = given.lock, given.before
    if lock.kind.role is not LockRole.SEMAPHORE or lock.kind.unheld_release is Unheld.IGNORED:
        return False
    if before.forgotten or before.handed_over or before.count != 0:
        return False
    if before.why is not Why.RELEASED or before.where is None:
        return False
    if given.exception is not None and given.exception.is_improbable:
        return False
    taken = [each.acquisition.span for each in states.taken if each.key == given.key]
    layout = layout_of(states)
    places = [
        {block.id for block in layout.at(each)} for each in (given.span, before.where, *taken)
    ]
    around = loops(states.function).values()
    return bool(taken) and all(len({each <= loop for each in places}) == 1 for loop in around)


def _is_lent(states: LockStates, given: Given) -> bool:
    """Return whether a `with` ends by an exception while its body has lent the lock to others.

    If nothing raises, the body acquires the lock again before the `with` ends.
    """
    where = given.before.where
    if not given.how.means.is_context or given.exception is None or where is None:
        return False
    return is_taken_again(states, where, given.lock)


def lends(states: LockStates) -> bool:
    """Return whether a function that releases a lock of its caller's acquires it again.

    An exception before that leaves the caller without the lock, as one in a body that lends it.
    """
    given = [each for each in states.given if each.exception is None]
    return bool(given) and all(is_taken_again(states, each.span, each.lock) for each in given)


def _is_proof(given: Given) -> bool:
    """Return whether the path to the release is one that programs take in practice."""
    likely = given.exception is None or given.exception.grade >= Grade.POSSIBLE
    return likely and given.before.is_free


def _is_held_on_one_way_only(states: LockStates, events: list[Given]) -> bool:
    """Return whether a plain release follows both an acquire and a path around that acquire."""
    lock = events[0].lock
    if lock.kind.role is LockRole.SEMAPHORE or lock.kind.unheld_release is Unheld.IGNORED:
        return False
    if lock.kind.reentrant and lock.identity in states.shared.acquired:
        return False  # The caller may hold it once more, acquired by another function.
    plain = [given for given in events if given.exception is None]
    here = [given for given in plain if given.before.count > 0 and given.before.levels]
    untouched = [
        given
        for given in plain
        if given.before.count == 0
        and given.before.why is None
        and not given.before.forgotten
        and not given.before.handed_over
        and not given.before.is_free
        and not given.before.is_held
    ]
    if not here or not untouched or _leaves_held(states, events[0].key):
        return False
    return not guards_release(states, events[0].span)


def _leaves_held(states: LockStates, key: LockKey) -> bool:
    """Return whether a function returns with a lock held, so that its next call may release it."""
    holds = [exit_.holds.get(key) for exit_ in states.normal_exits]
    return any(hold is not None and hold.count > 0 for hold in holds)


def early_releases(states: LockStates) -> list[EarlyRelease]:
    """Clean-ups that release what may not have been acquired, one for each acquisition."""
    result: list[EarlyRelease] = []
    at: dict[tuple[LockKey, Span], list[Given]] = defaultdict(list)
    for given in states.given:
        at[given.key, given.span].append(given)
    for fate in fates(states):
        # Little is known about why an acquire in a callee may fail.
        least = Grade.POSSIBLE if fate.instruction is None else Grade.ACQUIRE
        normal = {given.span for given in fate.releases if given.exception is None}
        early = [
            given
            for place in fate.release_spans
            for key in sorted(fate.keys, key=str)
            for given in at[key, place]
            if given.before.count == 0
            and not given.before.forgotten
            and not given.before.is_held  # Acquired again, after a release for a caller.
            and given.before.why is None
            and given.exception is not None
            and given.exception.flow is not Flow.EXIT
            and given.exception.grade >= least
            and given.exception.cause.span <= fate.span < given.span
        ]
        if not early or is_expected(states.function, early[0].span, EXPECTED):
            continue
        early = [g for g in early if not guards_release(states, g.span)]
        if not early:
            continue
        worst = min(early, key=_by_conviction)
        assert worst.exception is not None
        result.append(
            EarlyRelease(
                fate,
                worst.span,
                worst.exception.cause,
                worst.exception.grade,
                worst.span not in normal,
            )
        )
    return result


def _by_conviction(given: Given) -> tuple[int, Cause]:
    assert given.exception is not None
    return (-given.exception.grade, given.exception.cause)
