"""Releases of locks that are not held: each function that acquires them releases them itself.

A function that only releases a lock is assumed to do so for a caller, or for a function that
acquires it and leaves it held. If there is neither, the release is a leftover.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

import msgspec

from locklint.analysis.acquisitions import Fate, fates
from locklint.analysis.call_graph import CallGraph
from locklint.analysis.events import Given, LockStates
from locklint.analysis.expected import is_expected
from locklint.analysis.guards import comes_first, guards_release, is_taken_again
from locklint.analysis.hand_off import is_given_to_others, is_own_release
from locklint.analysis.mentions import declares_class, mentions
from locklint.analysis.released_elsewhere import ReleasedElsewhere
from locklint.analysis.unheld import EXPECTED
from locklint.core.diagnostic import Confidence
from locklint.core.source import SourceFile
from locklint.ir.access_path import Root
from locklint.ir.lock import ENTERING, Exactness, LockRef, LockRole, UnheldRelease
from locklint.ir.means import Means


class Leftover(msgspec.Struct, frozen=True):
    """A release; ``instead`` is what the function acquires, and keeps, of another object."""

    states: LockStates
    given: Given
    instead: Fate | None


def leftover_releases(
    every: Collection[LockStates],
    graph: CallGraph,
    elsewhere: ReleasedElsewhere,
    sources: Mapping[str, SourceFile],
) -> Iterator[Leftover]:
    """Return them by lock; ``every`` are the states of all functions."""
    solved = [states for states in every if states.complete]
    found: dict[str, list[Leftover]] = defaultdict(list)
    for states in solved:
        for given in states.given:
            if _is_alone(states, given):
                instead = _acquired_instead(states, given)
                if instead is not None or _is_one_lock(given.lock):
                    found[given.lock.identity].append(Leftover(states, given, instead))
    for identity, releases in found.items():
        users = [
            each for each in solved if identity in {taken.lock.identity for taken in each.taken}
        ]
        lock = releases[0].given.lock
        if not users or elsewhere.is_passed_on(lock):
            continue
        # Two functions of which each acquires one lock and releases another take turns.
        swapped = [each.instead for each in releases if each.instead is not None]
        if swapped and len(releases) > 1:
            continue
        if not all(_releases_itself(each, identity, swapped) for each in users):
            continue
        paths = {states.function.path for states in (*users, *(one.states for one in releases))}
        if not lock.path.name.startswith("_"):
            holder = identity.rpartition(".")[0].rpartition(".")[2]
            paths |= {
                path
                for path, source in sources.items()
                if holder in source.text and not declares_class(holder, source.text)
            }
        if any(not states.complete and states.function.path in paths for states in every):
            continue
        if not all(_is_only_used(lock.path.name, sources[path].text) for path in sorted(paths)):
            continue
        for each in releases:
            if not _is_called_with(each.states.function.key, identity, graph):
                yield each


def _is_one_lock(lock: LockRef) -> bool:
    """Return whether there is one lock, or one for the object whose method releases it."""
    of_self = lock.exactness is Exactness.PER_INSTANCE and len(lock.path.fields) == 1
    return lock.exactness is Exactness.ONE or (of_self and lock.path.root is Root.SELF)


def _acquired_instead(states: LockStates, given: Given) -> Fate | None:
    """Return what a function acquires of one of its arguments, and releases of another one."""
    path = given.lock.path
    for fate in fates(states):
        own = fate.lock.path
        if (
            fate.lock.identity == given.lock.identity
            and fate.lock.exactness is Exactness.PER_INSTANCE
            and (own.fields, len(own.fields)) == (path.fields, 1)
            and own.root_name != path.root_name
            and own.root is Root.PARAMETER  # That a lock of its own is kept is LCK104.
            and path.root in (Root.SELF, Root.PARAMETER)
            and fate.kept
            and not fate.releases
            and comes_first(states, fate.span, given.span)
        ):
            return fate
    return None


def _is_alone(states: LockStates, given: Given) -> bool:
    """Return whether a function releases a lock that it has not acquired, in any case."""
    lock, before, function = given.lock, given.before, states.function
    if lock.kind.role not in (LockRole.LOCK, LockRole.CONDITION) or lock.kind.cross_process:
        return False
    if lock.kind.unheld_release is UnheldRelease.IGNORED or lock.confidence < Confidence.HIGH:
        return False
    if given.how.means is not Means.METHOD or given.exception is not None or before.why is not None:
        return False
    if before.count != 0 or before.handed_over or not is_own_release(given):
        return False
    if function.name in ENTERING or any(
        use.lock is not None and use.lock.identity == lock.identity for use in function.api_uses
    ):
        return False
    return not (
        guards_release(states, given.span)
        or is_taken_again(states, given.span, lock)
        or is_expected(function, given.span, EXPECTED)
    )


def _releases_itself(states: LockStates, identity: str, swapped: list[Fate]) -> bool:
    """Return whether a function releases on each path what it acquires, but for ``swapped``."""
    for taken in states.taken:
        if taken.lock.identity == identity:
            by_itself = taken.acquisition.how.means in (Means.METHOD, Means.WITH)
            if not by_itself or taken.before.forgotten or taken.before.count > 0:
                return False
    return all(
        fate.releases
        and not fate.outlives_function
        and not fate.kept
        and not is_given_to_others(fate)
        and all(given.how.means is Means.METHOD for given in fate.releases)
        for fate in fates(states)
        if fate.lock.identity == identity and all(fate is not one for one in swapped)
    )


def _is_called_with(key: str, identity: str, graph: CallGraph) -> bool:
    """Return whether a function is called with a lock held, directly or through others."""
    seen = {key}
    work = [key]
    while work:
        for edge in graph.callers.get(work.pop(), ()):
            if any(held.lock.identity == identity for held in edge.held):
                return True
            if edge.caller not in seen:
                seen.add(edge.caller)
                work.append(edge.caller)
    return False


def _is_only_used(name: str, text: str) -> bool:
    """Return whether a text only makes and uses what has a name, and passes it to nothing."""
    return all(each.member or each.is_bound or each.is_entered for each in mentions(name, text))
