"""Waits on a condition while another lock is held, which the wait does not release."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.events import Held
from locklint.analysis.released_elsewhere import ReleasedElsewhere
from locklint.analysis.signals import Signal, needed, needs
from locklint.analysis.threads import Threads
from locklint.core.diagnostic import Confidence, Severity
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.event import EventKind
from locklint.ir.instruction import Notify
from locklint.ir.lock import Exactness, LockRef, LockRole, Mode

_KNOWN = (Exactness.ONE, Exactness.PER_INSTANCE, Exactness.FRESH)


class WaitWithLock(msgspec.Struct, frozen=True, eq=False):
    """``pair`` waits with ``held`` held; ``signal`` is a notification that needs it, if one does.

    ``is_needed``: all notifications need it, as far as the program is known.
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
            if not needing and pair.inner is not None:
                continue  # To acquire a lock of the program's own is such a wait.
            yield WaitWithLock(
                pair,
                held,
                needing[0] if needing else None,
                len(needing) == len(found) and not elsewhere.is_passed_on(lock),
            )


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
