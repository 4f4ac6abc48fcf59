"""Waits, with a lock held, for an event or a queue that others serve only after they got the lock.

Nothing is known of an event that is passed on, for other code may set it. So all that is written
about it, by its name, has to be calls that were seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.events import Held, LockStates
from locklint.analysis.guards import comes_first
from locklint.analysis.hold import LockKey
from locklint.analysis.lock_name import lock_name
from locklint.analysis.mentions import binds_variable, declares_class, mentions
from locklint.analysis.paths import tested_paths
from locklint.analysis.threads import Threads
from locklint.core.source import SourceFile, Span
from locklint.ir.access_path import AccessPath
from locklint.ir.event import EventKind
from locklint.ir.instruction import Assign
from locklint.ir.lock import Exactness, LockRef, LockRole
from locklint.models.events import ENDS_OF_WAITS, METHODS_OF_SIGNALS

_KNOWN = (Exactness.ONE, Exactness.PER_INSTANCE, Exactness.FRESH)


class Signal(msgspec.Struct, frozen=True, eq=False):
    """A call that lets a wait for an event or a queue end, and the locks that it needs.

    ``needs`` are the paths of locks that its function holds there, or has acquired before, by name;
    ``holds`` names those that are still held.
    """

    function: str
    span: Span
    name: str
    path: AccessPath
    needs: Mapping[str, AccessPath | None]
    holds: frozenset[str] = frozenset()


class WaitingForSignal(msgspec.Struct, frozen=True, eq=False):
    """``pair`` waits with ``held`` held, which each ``signal`` needs."""

    pair: CriticalPair
    held: Held
    signal: Signal


def waiting_for_signals(
    composition: Composition,
    graph: CallGraph,
    threads: Threads,
    sources: Mapping[str, SourceFile],
) -> Iterator[WaitingForSignal]:
    """Return all of them, one for each waiting place, by function and place."""
    waits = [
        pair
        for key in sorted(composition.pairs)
        for pair in composition.pairs[key]
        if pair.event.kind is EventKind.LISTEN and pair.held and not pair.is_concurrent
    ]
    if not waits:
        return
    signals = _signals(graph, threads)
    seen: set[tuple[str, Span]] = set()
    for pair in waits:
        lock = pair.event.lock
        place = (pair.function, pair.span)
        if lock is None or lock.exactness not in _KNOWN or place in seen:
            continue
        methods = ENDS_OF_WAITS[pair.event.name]
        found = [each for each in signals[lock.identity] if each.name in methods]
        own = threads.reached_from(pair.function)
        if not found or any(each.function in own for each in found):
            continue  # The thread may have set it itself.
        if any(_sets_what_was_tested(graph, each.function, pair) for each in found):
            continue  # So `self._count` may say that an item is there.
        for held in pair.held:
            if all(needs(each, held, lock) for each in found) and _are_all(
                lock,
                methods,
                len({(each.function, each.span) for each in found}),
                {graph.function(key).path for key in (pair.function, *(f.function for f in found))},
                sources,
            ):
                seen.add(place)
                yield WaitingForSignal(pair, held, found[0])
                break


def _sets_what_was_tested(graph: CallGraph, key: str, pair: CriticalPair) -> bool:
    """Return whether a function sets an attribute that was tested before the event of a pair."""
    paths = [path for test in pair.conditions for path in test.paths]
    for link in pair.chain():
        paths += tested_paths(graph.function(link.function), link.span)
    tested = {path.last for path in paths if path.fields}
    return bool(tested) and any(
        isinstance(each, Assign) and each.target.fields and each.target.last in tested
        for block in graph.function(key).blocks.values()
        for each in block.instructions
    )


def is_counted(graph: CallGraph, pair: CriticalPair) -> bool:
    """Return whether a semaphore counts the items of the queue from which a pair takes one.

    The function acquires it before and never releases it: that is for those who put an item there.
    """
    return any(
        taken.lock.kind.role is LockRole.SEMAPHORE
        and taken.acquisition.span != link.span
        and comes_first(states, taken.acquisition.span, link.span)
        and all(given.lock.identity != taken.lock.identity for given in states.given)
        for link in pair.chain()
        for states in (graph.states[link.function],)
        for taken in states.taken
    ) and _is_of_queue(pair)


def _is_of_queue(pair: CriticalPair) -> bool:
    *_, last = pair.chain()
    return last.event.kind is EventKind.LISTEN and last.event.name == _TAKES


_TAKES = "get"


def ends_wait_first(graph: CallGraph, key: str, acquire: Span, pair: CriticalPair) -> bool:
    """Return whether a function, or all its callers, sets the event of a wait before an acquire.

    So a lock that is held during the wait says that the thread runs, and its end comes first.
    """
    *_, last = pair.chain()
    lock = last.event.lock
    if lock is None or last.event.kind is not EventKind.LISTEN or last.event.name == _TAKES:
        return False

    def sets(states: LockStates, before: Span) -> bool:
        return any(
            each.event.kind is EventKind.SIGNAL
            and each.event.lock is not None
            and each.event.lock.identity == lock.identity
            and each.event.name in ENDS_OF_WAITS[last.event.name]
            and comes_first(states, each.span, before)
            for each in states.events
        )

    if sets(graph.states[key], acquire):
        return True
    callers = graph.callers.get(key, ())
    return bool(callers) and all(sets(graph.states[each.caller], each.span) for each in callers)


def _signals(graph: CallGraph, threads: Threads) -> Mapping[str, Sequence[Signal]]:
    found: dict[str, list[Signal]] = defaultdict(list)
    for key, states in graph.states.items():
        for one in states.events:
            event = one.event
            if event.kind is EventKind.SIGNAL and event.lock is not None:
                names: dict[str, AccessPath | None] = dict.fromkeys(threads.held_on_entry(key))
                names |= needed(states, one.held, one.free)
                lock = event.lock
                found[lock.identity].append(Signal(key, one.span, event.name, lock.path, names))
    return found


def needed(
    states: LockStates, held: tuple[Held, ...], free: tuple[LockKey, ...]
) -> dict[str, AccessPath | None]:
    """Return the paths of locks that a function holds at a place, or has acquired before."""
    locks = [one.lock for one in held]
    locks += [states.locks[key] for key in free if key in states.locks]
    return {lock_name(lock): lock.path for lock in locks}


def needs(signal: Signal, held: Held, waited: LockRef) -> bool:
    """Return whether a signal needs the held lock, if both are attributes, of the same object."""
    lock = held.lock
    name = lock_name(lock)
    if lock.kind.role is LockRole.SEMAPHORE or name not in signal.needs:
        return False
    if lock.exactness is Exactness.ONE:
        return True
    path = signal.needs[name]
    return (
        path is not None
        and _holder(lock.path) == _holder(waited.path)
        and (_holder(path) == _holder(signal.path))
    )


def _holder(path: AccessPath) -> AccessPath | None:
    return path.parent() if path.fields else None


def _are_all(
    lock: LockRef,
    methods: Sequence[str],
    known: int,
    own_files: Collection[str],
    sources: Mapping[str, SourceFile],
) -> bool:
    """Return whether nothing else is written about an event than its binding and known calls.

    ``own_files`` are those of the wait and of the ``known`` calls. A file that has a class of the
    same name writes about that one, as does one that has a variable of that name beside theirs, and
    no other file knows a local variable.
    """
    *_, owner, name = lock.identity.split(".")
    is_local = lock.exactness is Exactness.FRESH or owner == "<locals>"
    is_attribute = lock.exactness is Exactness.PER_INSTANCE and not is_local
    is_own_variable = not is_attribute and any(
        path in sources and binds_variable(name, sources[path].text) for path in own_files
    )
    count = 0
    for path, source in sources.items():
        is_own = path in own_files
        if not is_own and (is_local or (is_own_variable and binds_variable(name, source.text))):
            continue
        is_foreign = is_attribute and (
            owner not in source.text or (not is_own and declares_class(owner, source.text))
        )
        for each in mentions(name, source.text):
            if is_attribute and (not each.owner or (is_foreign and each.owner == "self")):
                continue  # It is a variable, or an attribute of another class.
            if not (each.is_called or each.is_bound):
                return False
            if each.member in methods:
                count += 1
            elif each.member and each.member not in METHODS_OF_SIGNALS:
                return False  # Without a member it is a method of that name, of another class.
    return count == known
