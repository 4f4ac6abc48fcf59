"""Threads that wait for themselves: a lock is held, and acquired again on the same path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from locklint.analysis.acquisitions import fates
from locklint.analysis.call_graph import CallGraph
from locklint.analysis.child_path import only_in_child
from locklint.analysis.composition import Composition, same_lock
from locklint.analysis.critical_pair import CriticalPair, TestKind, is_vague
from locklint.analysis.events import Held, LockStates, Manner
from locklint.analysis.expected import is_expected
from locklint.analysis.guards import can_be_passed_by
from locklint.analysis.hand_off import may_be_lost
from locklint.analysis.thread_tests import ThreadTests
from locklint.core.diagnostic import Confidence
from locklint.core.source import Span
from locklint.ir.access_path import TAKEN_FROM, Root
from locklint.ir.event import EventKind
from locklint.ir.lock import Exactness, LockRef, LockRole, Mode
from locklint.ir.terminator import is_of_process


class SelfDeadlock(msgspec.Struct, frozen=True, eq=False):
    """A lock that a thread waits for although it holds it.

    ``proven``: it is the same object, and nothing else can be called along the path.
    ``by_logging``: `logging` holds it, for it is the lock of the handler that handles a record.
    ``in_child``: only the child of a fork waits for it.
    """

    pair: CriticalPair
    held: Held
    proven: bool
    by_logging: bool = False
    in_child: bool = False


def self_deadlocks(
    composition: Composition,
    graph: CallGraph,
    back_references: frozenset[tuple[str, str]],
    tests: ThreadTests,
) -> Iterator[SelfDeadlock]:
    """Return all of them, by function and place; one for each place and lock."""
    for key in sorted(composition.pairs):
        found: dict[tuple[Span, str], SelfDeadlock] = {}
        for pair in composition.pairs[key]:
            held = held_again(pair)
            same = held is not None
            if held is None:
                held = _held_by_the_maker(pair, back_references)
            if held is None or _comes_back_changed(pair, graph) or _may_be_lost(pair, held, graph):
                continue
            function, since = graph.function(key), held.since
            if is_expected(function, pair.span, ()):
                continue  # Some locks raise where others deadlock.
            if _is_for_others(pair, held, tests):
                continue
            proven = (
                same
                and pair.certain
                and pair.manner is Manner.DIRECT
                and held.lock.confidence is Confidence.HIGH
                and not _is_passed_to_all(pair)
            )
            if not proven and _is_first_in_process(pair):
                continue
            place = (pair.span, held.lock.identity)
            old = found.get(place)
            if old is None or pair.rank() < old.pair.rank():
                in_child = since is not None and only_in_child(function, since.span, pair.span)
                found[place] = SelfDeadlock(pair, held, proven, in_child=in_child)
        yield from (found[place] for place in sorted(found))


def handler_deadlocks(composition: Composition, handlers: frozenset[str]) -> Iterator[SelfDeadlock]:
    """Return the acquires of a log handler's lock that is not re-entrant.

    ``handlers`` are the functions that `logging` calls with a lock of the program's own held.
    """
    for key in sorted(handlers & composition.pairs.keys()):
        found: dict[Span, SelfDeadlock] = {}
        for pair in composition.pairs[key]:
            lock = pair.event.lock
            if pair.event.kind is not EventKind.ACQUIRE or lock is None or pair.is_concurrent:
                continue
            if lock.path.root is not Root.SELF or lock.path.fields != ("lock",):
                continue
            if not waits_for_itself(lock) or pair.released or held_again(pair) is not None:
                continue
            proven = pair.certain and lock.confidence is Confidence.HIGH
            held = Held(lock, pair.event.mode)
            found.setdefault(pair.span, SelfDeadlock(pair, held, proven, by_logging=True))
        yield from (found[place] for place in sorted(found))


def _is_first_in_process(pair: CriticalPair) -> bool:
    """Return whether the chain is possible only where an object is first used in a process.

    Then other objects that the chain has to reach are as new, and what they do is not certain.
    """
    return any(
        not test.outcome and test.kind is TestKind.TEXT and is_of_process(test.text)
        for link in pair.chain()
        for test in link.state
    )


def _is_passed_to_all(pair: CriticalPair) -> bool:
    """Return whether the lock is one object because all known calls of a constructor pass it."""
    lock = pair.event.lock
    return (
        lock is not None
        and lock.exactness is Exactness.ONE
        and lock.confidence is not Confidence.HIGH
    )


def is_of_one_thread(pairs: Sequence[CriticalPair], alone: SelfDeadlock) -> bool:
    """Return whether critical pairs are parts of the path on which a thread waits for itself."""
    places = {
        (link.function, place)
        for link in alone.pair.chain()
        for place in (link.span, *[held.since.span for held in link.held if held.since])
    }
    return all((link.function, link.span) in places for pair in pairs for link in pair.chain())


def held_again(pair: CriticalPair) -> Held | None:
    """Return the held lock for which the pair's event waits in vain, or None."""
    event = pair.event
    if event.kind is not EventKind.ACQUIRE or event.lock is None:
        return None
    if not waits_for_itself(event.lock):
        return None
    asked = Held(event.lock, event.mode)
    below = () if pair.inner is None else pair.inner.all_held()
    for index, held in enumerate(pair.all_held()):
        if held.mode is Mode.SHARED or not same_lock(held, asked):
            continue
        inner = pair.inner
        if index >= len(pair.held) and inner is not None and inner.event.lock is not None:
            # If the callee has the same knowledge, it is reported there.
            if same_lock(below[index - len(pair.held)], Held(inner.event.lock, event.mode)):
                continue
        return held
    return None


def _may_be_lost(pair: CriticalPair, held: Held, graph: CallGraph) -> bool:
    """Return whether the lock is a signal that another thread gives: then the wait for it ends."""
    index = pair.all_held().index(held)
    for link in pair.chain():
        if index < len(link.held):
            states, since = graph.states[link.function], link.held[index].since
            if held.lock.has_one_slot and not _is_used_as_lock(states, held):
                return True
            return may_be_lost(states, since)
        index -= len(link.held)
    return False


def _is_for_others(pair: CriticalPair, held: Held, tests: ThreadTests) -> bool:
    """Return whether a test of the thread, passed with the lock held, decides on the acquire.

    The thread that holds the lock may be another one than those that pass it.
    """
    index = pair.all_held().index(held)
    links = pair.chain()
    for link in links:
        if index < len(link.held):
            since = link.held[index].since
            if tests.decide(link.function, link.span, None if since is None else since.span):
                return True
            break
        index -= len(link.held)
    return any(tests.decide(link.function, link.span) for link in links)


def _is_used_as_lock(states: LockStates, held: Held) -> bool:
    """Return whether a function releases the semaphore that it holds, and no other one does."""
    if held.since is None or held.lock.identity in states.shared.released:
        return False
    by_hand = (fate for fate in fates(states) if fate.acquisition == held.since)
    return all(fate.is_released_here for fate in by_hand)


def _comes_back_changed(pair: CriticalPair, graph: CallGraph) -> bool:
    """Return whether a function returns to an acquire that it does not always make.

    ``if not self.ready: with self._lock: self.prepare()``, and `prepare` tests the same, which is
    true by then: the second time, the acquire is skipped.
    """
    links = list(pair.chain())
    last = links[-1]
    if all(link.function != last.function for link in links[:-1]):
        return False
    return can_be_passed_by(graph.function(last.function), last.span)


def _held_by_the_maker(
    pair: CriticalPair, back_references: frozenset[tuple[str, str]]
) -> Held | None:
    """Return the held lock of an object that is acquired by a path back to the object."""
    event = pair.event
    if event.kind is not EventKind.ACQUIRE or event.lock is None or pair.inner is None:
        return None
    path = event.lock.path
    if not waits_for_itself(event.lock) or path.root is Root.PARAMETER:
        return None
    if not leads_back(event.lock, back_references):
        return None
    for held in pair.held:
        own = held.lock.path
        if held.lock.identity == event.lock.identity and len(own.fields) == 1:
            if own.root is Root.SELF and held.mode is not Mode.SHARED:
                return held
    return None


def leads_back(lock: LockRef, back_references: frozenset[tuple[str, str]]) -> bool:
    """Return whether a path to a lock goes back to the object that made the one before."""
    fields = lock.path.fields
    if len(fields) < 2:
        return False
    holder = fields[-2]
    if holder == TAKEN_FROM and len(fields) > 2:
        holder = f"{fields[-3]}.{TAKEN_FROM}"
    return (holder, lock.identity.rpartition(".")[0]) in back_references


def waits_for_itself(lock: LockRef) -> bool:
    """Return whether an exclusive holder of the lock cannot acquire it again."""
    if lock.kind.role not in (LockRole.LOCK, LockRole.READ_WRITE):
        return lock.has_one_slot
    return not lock.kind.reentrant


def upgrades(composition: Composition) -> Iterator[SelfDeadlock]:
    """Return the places where a thread that holds the read lock acquires the write lock."""
    for key in sorted(composition.pairs):
        found: dict[tuple[Span, str], SelfDeadlock] = {}
        for pair in composition.pairs[key]:
            held = _read_before_write(pair)
            if held is None:
                continue
            proven = pair.certain and pair.manner is Manner.DIRECT
            proven = proven and held.lock.confidence is Confidence.HIGH
            place = (pair.span, held.lock.identity)
            old = found.get(place)
            if old is None or pair.rank() < old.pair.rank():
                found[place] = SelfDeadlock(pair, held, proven)
        yield from (found[place] for place in sorted(found))


def _read_before_write(pair: CriticalPair) -> Held | None:
    event = pair.event
    if event.kind is not EventKind.ACQUIRE or event.lock is None or event.mode is Mode.SHARED:
        return None
    if event.lock.kind.role is not LockRole.READ_WRITE:
        return None
    for held in pair.held:
        if held.mode is not Mode.SHARED or is_vague(held.lock):
            continue
        if held.lock.identity != event.lock.identity or held.lock.path != event.lock.path:
            continue
        # A writer may acquire either side again.
        if not any(one.mode is not Mode.SHARED and one.lock == held.lock for one in pair.held):
            return held
    return None
