"""The lock-order graph: locks that are acquired while others are held, with witnesses.

A node is a lock by its class-equal name, an edge says that a thread that holds the one acquires the
other. Every edge keeps its witnesses, best first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import msgspec
from msgspec.structs import replace

from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair, is_known, is_vague
from locklint.analysis.events import Held
from locklint.analysis.lock_name import lock_name
from locklint.analysis.threads import Threads
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.event import EventKind
from locklint.ir.lock import Exactness, LockRef, Mode

MAX_WITNESSES = 8
"""The largest number of witnesses of one edge that are kept."""


class Witness(msgspec.Struct, frozen=True, eq=False):
    """A path on which one lock is acquired while another is held.

    ``pair`` is a critical pair of the function in which the steps begin. ``holder`` is the link of
    its chain that acquires the first lock, itself or by a call that returns holding it: it is the
    place of the finding. ``gates`` are all locks that are held at that moment, the first among
    them, and those held whenever the function is called; shared ones are left out.
    """

    pair: CriticalPair
    holder: CriticalPair
    source: Held
    target: Held
    waits: bool
    gates: frozenset[str]

    @property
    def own_locks(self) -> tuple[AccessPath, ...]:
        """Return the locks that the function itself has made, which only its threads share."""
        if self.pair.is_concurrent:
            return ()
        locks = (self.source.lock, self.target.lock)
        return tuple([lock.path for lock in locks if lock.exactness is Exactness.FRESH])

    @property
    def function(self) -> str:
        """Return the key of the function of the finding."""
        return self.holder.function

    @property
    def span(self) -> Span:
        """The acquire, or the call that leads to it, in that function."""
        return self.holder.span

    def rank(self) -> tuple[object, ...]:
        """The smaller, the better."""
        return (not self.waits, *self.pair.rank(), self.function, len(self.gates))


class LockOrderEdge(msgspec.Struct, frozen=True, eq=False):
    """An edge: one lock is acquired while another is held; ``witnesses`` are best first."""

    source: str
    target: str
    witnesses: tuple[Witness, ...]

    @property
    def waits(self) -> bool:
        """Return whether some witness waits indefinitely."""
        return any(witness.waits for witness in self.witnesses)


class LockOrderGraph(msgspec.Struct, frozen=True, dict=True):
    """All edges by source and target; ``locks`` gives one reference for each name."""

    edges: Mapping[tuple[str, str], LockOrderEdge] = msgspec.field(default_factory=dict)
    locks: Mapping[str, LockRef] = msgspec.field(default_factory=dict)

    @cached_property
    def successors(self) -> Mapping[str, tuple[str, ...]]:
        """The locks that are waited for under each lock, sorted."""
        found: dict[str, list[str]] = defaultdict(list)
        for (source, target), edge in sorted(self.edges.items()):
            if edge.waits and source != target:
                found[source].append(target)
        return {source: tuple(targets) for source, targets in found.items()}


def lock_order(
    composition: Composition, threads: Threads, *, with_possible: bool = False
) -> LockOrderGraph:
    """The graph of a program; ``with_possible``: see `witnesses`."""
    found: dict[tuple[str, str], dict[tuple[object, ...], Witness]] = defaultdict(dict)
    locks: dict[str, LockRef] = {}
    for key in sorted(composition.pairs):
        for pair in composition.pairs[key]:
            for witness in witnesses(pair, threads, composition, with_possible=with_possible):
                source = lock_name(witness.source.lock)
                target = lock_name(witness.target.lock)
                locks.setdefault(source, witness.source.lock)
                locks.setdefault(target, witness.target.lock)
                place = (
                    witness.function,
                    witness.span,
                    witness.gates,
                    witness.waits,
                    witness.source.holder,
                    witness.target.holder,
                    witness.pair.in_its_thread.function,
                )
                known = found[source, target].get(place)
                if known is None or witness.rank() < known.rank():
                    found[source, target][place] = witness
    edges = {
        (source, target): LockOrderEdge(source, target, _best(every.values()))
        for (source, target), every in sorted(found.items())
    }
    return LockOrderGraph(edges, dict(sorted(locks.items())))


def _best(every: Iterable[Witness]) -> tuple[Witness, ...]:
    return tuple(sorted(every, key=Witness.rank)[:MAX_WITNESSES])


_TAKING = (EventKind.ACQUIRE, EventKind.TRY, EventKind.WAIT)


def witnesses(
    pair: CriticalPair, threads: Threads, composition: Composition, *, with_possible: bool = False
) -> Iterator[Witness]:
    """The edges that a pair shows, as far as no callee's pair has shown them already.

    ``with_possible``: a re-entrant lock by another path is one of another object. The two may have
    been given one lock.
    """
    event = pair.event
    if event.lock is None or event.kind not in _TAKING:
        return
    if not _has_name(pair, event.lock, threads) or threads.is_unshared(
        pair.function, event.lock.path
    ):
        return
    receivers = composition.receivers
    told = receivers.holder(pair, event.lock, event.holder)
    target = Held(event.lock, event.mode, holder=told)
    held = pair.all_held()
    is_same = _is_same_path if with_possible else _is_same
    if event.lock.kind.reentrant and any(is_same(one, target) for one in held):
        return  # It is held already, and nothing is waited for.
    inner = _inner_held(pair)
    gates = frozenset(lock_name(one.lock) for one in held if one.mode is not Mode.SHARED)
    for index, one in enumerate(held):
        if not _has_name(pair, one.lock, threads) or threads.is_unshared(
            pair.function, one.lock.path
        ):
            continue
        if index >= len(pair.held):
            below = inner[index - len(pair.held)]
            if not _says_more(pair, one, below):
                continue
        holder = holder_of(pair, index)
        yield Witness(
            pair,
            holder,
            replace(one, holder=receivers.holder(pair, one.lock, one.holder)),
            target,
            event.kind is not EventKind.TRY,
            gates | threads.held_on_entry(pair.in_its_thread.function),
        )


def _has_name(pair: CriticalPair, lock: LockRef, threads: Threads) -> bool:
    """Return whether others can mean the same lock: also the threads that a function starts."""
    if is_known(lock) or lock.exactness is not Exactness.FRESH:
        return is_known(lock)
    return pair.is_concurrent or threads.starts_some(pair.function)


def _is_same(one: Held, other: Held) -> bool:
    return lock_name(one.lock) == lock_name(other.lock)


def _is_same_path(one: Held, other: Held) -> bool:
    if not _is_same(one, other):
        return False
    locks = (one.lock, other.lock)
    is_other = one.lock.path != other.lock.path and all(each.path.fields for each in locks)
    return not is_other or any(is_vague(each) or each.path.is_cut for each in locks)


def _inner_held(pair: CriticalPair) -> tuple[Held, ...]:
    return () if pair.inner is None else pair.inner.all_held()


def _says_more(pair: CriticalPair, here: Held, below: Held) -> bool:
    """Return whether this function can name the two locks and the callee could not."""
    inner = pair.inner
    if inner is None or inner.event.lock is None or pair.event.lock is None:
        return False
    known = is_known(below.lock) and is_known(inner.event.lock)
    return not known or (
        lock_name(below.lock) != lock_name(here.lock)
        or lock_name(inner.event.lock) != lock_name(pair.event.lock)
    )


def holder_of(pair: CriticalPair, index: int) -> CriticalPair:
    """The link of the chain that holds the lock with that index itself."""
    for link in pair.chain():
        if index < len(link.held):
            return link
        index -= len(link.held)
    return pair
