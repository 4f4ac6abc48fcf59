"""Waits on a condition while another lock is held, which the wait does not release."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.events import Held, Manner
from locklint.analysis.lock_name import lock_name
from locklint.analysis.mentions import mentions
from locklint.analysis.released_elsewhere import ReleasedElsewhere
from locklint.analysis.signals import Signal, needed, needs
from locklint.analysis.threads import Threads
from locklint.core.diagnostic import Confidence, Severity
from locklint.core.source import SourceFile, Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.event import EventKind
from locklint.ir.instruction import Notify
from locklint.ir.lock import Exactness, LockRef, LockRole, Mode

_KNOWN = (Exactness.ONE, Exactness.PER_INSTANCE, Exactness.FRESH)


class WaitWithLock(msgspec.Struct, frozen=True, eq=False):
    """``pair`` waits with ``held`` held; ``signal`` is a notification that needs it, if one does.

    It may be the call that leads to one. ``is_needed``: all notifications need it, as far as the
    program is known.
    """

    pair: CriticalPair
    held: Held
    signal: Signal | None
    is_needed: bool

    @property
    def severity(self) -> Severity:
        """Return how much is certain."""
        if self.signal is None:
            return Severity.INFO
        return Severity.ERROR if self.is_needed else Severity.WARNING


def waits_with_locks(
    composition: Composition,
    graph: CallGraph,
    threads: Threads,
    elsewhere: ReleasedElsewhere,
    sources: Mapping[str, SourceFile],
) -> Iterator[WaitWithLock]:
    """Yield one for each waiting place, by function and place."""
    signals: Mapping[str, Sequence[tuple[LockRef, Signal]]] | None = None
    for key in sorted(composition.pairs):
        seen: set[Span] = set()
        for pair in composition.pairs[key]:
            lock = pair.event.lock
            if pair.event.kind is not EventKind.PARK or lock is None or pair.is_concurrent:
                continue
            # A lock of the same name may be the condition's own by another path.
            others = (each for each in reversed(pair.held) if each.lock.identity != lock.identity)
            held = next(filter(_counts, others), None)
            if held is None or pair.span in seen or any(map(_counts, pair.inside)):
                continue
            if lock.confidence < Confidence.HIGH or lock.exactness not in _KNOWN:
                continue
            seen.add(pair.span)
            if signals is None:
                signals = _signals(graph, threads)
            # A thread that waits here notifies no more, and no other one gets as far.
            own = {each.function for each in pair.chain()}
            found = [
                signal
                for condition, signal in signals.get(lock.identity, ())
                if condition.may_wake(lock) and signal.function not in own
            ]
            needing = [each for each in found if needs(each, held, lock)]
            is_needed = len(needing) == len(found) and not elsewhere.is_passed_on(lock)
            if not needing:
                outer = _all_in_callers(found, held, lock, composition, graph, sources)
                needing = [each for each in outer if each.function not in own]
                is_needed = False
            if not needing and pair.inner is not None:
                continue  # To acquire a lock of the program's own is such a wait.
            yield WaitWithLock(pair, held, needing[0] if needing else None, is_needed)


def _counts(held: Held) -> bool:
    """Return whether others wait for a lock that is held."""
    lock = held.lock
    if lock.kind.role is LockRole.SEMAPHORE or lock.confidence < Confidence.HIGH:
        return False
    return held.mode is Mode.EXCLUSIVE and lock.exactness in _KNOWN


def _signals(graph: CallGraph, threads: Threads) -> Mapping[str, Sequence[tuple[LockRef, Signal]]]:
    """Return the notifications of conditions, by the identities of their locks."""
    found: dict[str, dict[tuple[str, Span], tuple[LockRef, Signal]]] = defaultdict(dict)
    for key, states in graph.states.items():
        for used in states.used:
            if isinstance(used.instruction, Notify):
                names: dict[str, AccessPath | None] = dict.fromkeys(threads.held_on_entry(key))
                names |= needed(states, used.held, ())
                held = frozenset(names)
                names |= needed(states, used.held, used.free)
                method, lock = used.instruction.method, used.lock
                found[lock.identity].setdefault(
                    (key, used.span),
                    (lock, Signal(key, used.span, method, lock.path, names, held)),
                )
    return {identity: list(signals.values()) for identity, signals in found.items()}


def _all_in_callers(
    signals: Sequence[Signal],
    held: Held,
    waited: LockRef,
    composition: Composition,
    graph: CallGraph,
    sources: Mapping[str, SourceFile],
) -> list[Signal]:
    """Return the calls that lead to notifications, if all that are written have the held lock.

    The notifying method is that of another object, which the holder of the lock keeps.
    """
    found: list[Signal] = []
    for signal in signals:
        edges = graph.callers.get(signal.function, ())
        name = graph.function(signal.function).name
        if not edges or not _are_all_calls(name, len({(e.caller, e.span) for e in edges}), sources):
            return []
        for edge in edges:
            states = graph.states[edge.caller]
            used = next(u for u in graph.states[signal.function].used if u.span == signal.span)
            lock = composition.as_called(edge, used.lock)
            if lock is None or edge.manner is not Manner.DIRECT:
                return []
            locks = needed(states, edge.held, ())
            outer = Signal(edge.caller, edge.span, signal.name, lock.path, locks, frozenset(locks))
            if not _is_same(outer, held.lock, waited):
                return []
            found.append(outer)
    return found


def _are_all_calls(name: str, known: int, sources: Mapping[str, SourceFile]) -> bool:
    """Return whether a method is only mentioned where it is called, in so many places."""
    calls = 0
    for source in sources.values():
        for each in mentions(name, source.text):
            if not each.is_called or each.member:
                return False
            calls += bool(each.owner)
    return calls == known


def _is_same(signal: Signal, lock: LockRef, waited: LockRef) -> bool:
    """Return whether a signal needs the held lock, and its condition is the one that is waited for.

    Both functions are methods of the object that has the lock, and that leads to the condition.
    """
    if signal.path != waited.path or lock.exactness is not Exactness.PER_INSTANCE:
        return False
    is_own = lock.path.root is Root.SELF and waited.path.root is Root.SELF
    return is_own and signal.needs.get(lock_name(lock)) == lock.path
