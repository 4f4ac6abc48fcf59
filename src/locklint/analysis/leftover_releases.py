"""Releases of locks that are not held: each function that acquires them releases them itself.

A function that only releases a lock is assumed to do so for a caller, or for a function that
acquires it and leaves it held. If there is neither, the release is a leftover.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from locklint.analysis.acquisitions import fates
from locklint.analysis.call_graph import CallGraph
from locklint.analysis.events import Given, LockStates
from locklint.analysis.expected import is_expected
from locklint.analysis.guards import guards_release, is_taken_again
from locklint.analysis.hand_off import is_given_to_others, is_own_release
from locklint.analysis.released_elsewhere import ReleasedElsewhere
from locklint.analysis.unheld import EXPECTED
from locklint.core.diagnostic import Confidence
from locklint.core.source import SourceFile
from locklint.ir.access_path import Root
from locklint.ir.lock import ENTERING, Exactness, LockRole, UnheldRelease
from locklint.ir.means import Means

_USED = re.compile(r"\.\w+|\s*(?::[^=\n]+)?=\s*[\w.]+\(")
"""Uses after a name: a method, or the call that makes what it is bound to."""

_STATEMENT = re.compile(r"\s*(?:(?:async\s+)?with|global|from|import)\b")


def leftover_releases(
    every: Collection[LockStates],
    graph: CallGraph,
    elsewhere: ReleasedElsewhere,
    sources: Mapping[str, SourceFile],
) -> Iterator[tuple[LockStates, Given]]:
    """Return them with their functions; ``every`` are the states of all functions."""
    solved = [states for states in every if states.complete]
    found: dict[str, list[tuple[LockStates, Given]]] = defaultdict(list)
    for states in solved:
        for given in states.given:
            if _is_alone(states, given):
                found[given.lock.identity].append((states, given))
    for identity, releases in found.items():
        users = [
            each for each in solved if identity in {taken.lock.identity for taken in each.taken}
        ]
        lock = releases[0][1].lock
        if not users or elsewhere.is_passed_on(lock):
            continue
        if not all(_releases_itself(each, identity) for each in users):
            continue
        paths = {states.function.path for states in (*users, *(one for one, _ in releases))}
        if lock.path.last[0] != "_":
            paths |= sources.keys()
        if any(not states.complete and states.function.path in paths for states in every):
            continue
        if not all(_is_only_used(lock.path.last, sources[path].text) for path in paths):
            continue
        for states, given in releases:
            if not _is_called_with(states.function.key, identity, graph):
                yield states, given


def _is_alone(states: LockStates, given: Given) -> bool:
    """Return whether a function releases a lock that it has not acquired, in any case."""
    lock, before, function = given.lock, given.before, states.function
    if lock.kind.role not in (LockRole.LOCK, LockRole.CONDITION) or lock.kind.cross_process:
        return False
    if lock.kind.unheld_release is UnheldRelease.IGNORED or lock.confidence < Confidence.HIGH:
        return False
    of_self = lock.exactness is Exactness.PER_INSTANCE and len(lock.path.fields) == 1
    if lock.exactness is not Exactness.ONE and not (of_self and lock.path.root is Root.SELF):
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


def _releases_itself(states: LockStates, identity: str) -> bool:
    """Return whether a function releases on each path what it acquires of a lock."""
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
        if fate.lock.identity == identity
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
    for each in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text):
        line = text.rfind("\n", 0, each.start()) + 1
        if not _USED.match(text, each.end()) and not _STATEMENT.match(text, line):
            return False
    return True
