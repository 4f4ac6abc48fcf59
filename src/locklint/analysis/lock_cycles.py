"""Cycles of the lock-order graph that threads can run into together.

A cycle alone is no deadlock. Each of its edges needs a thread of its own, and all of them must be
able to be there at the same time: they may run in parallel, and no lock is held by two of them
(Infer's condition on critical pairs, for any number of threads).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from itertools import islice, product
from typing import TypeAlias

import msgspec

from locklint.analysis.events import Manner
from locklint.analysis.lock_order import LockOrderEdge, LockOrderGraph, Witness
from locklint.analysis.threads import Threads
from locklint.dataflow.components import components
from locklint.ir.lock import Exactness, Mode

MAX_COMPONENT = 12
"""Up to so many locks that lead to each other all simple cycles are looked at."""

IsAlone: TypeAlias = "Callable[[Sequence[Witness]], bool]"
"""A test of whether a thread on the path of all witnesses waits for itself: that is LCK302."""

MAX_CYCLES = 300
MAX_CHOICES = 500


class LockCycle(msgspec.Struct, frozen=True, eq=False):
    """A cycle of locks, the least name first, with a witness for each step to the next one."""

    locks: tuple[str, ...]
    witnesses: tuple[Witness, ...]

    @property
    def is_exact(self) -> bool:
        """Return whether each lock is one certain object, and each call can call nothing else."""
        return all(
            witness.source.lock.exactness is Exactness.ONE
            and witness.pair.certain
            and witness.pair.manner is not Manner.OVERRIDE
            for witness in self.witnesses
        )


class ObstacleKind(Enum):
    """Reasons why the threads of a cycle do not wait for each other."""

    READERS = "readers do not wait for readers"
    OTHER_OBJECT = "no object is of both classes"
    OLDER = "each step leads to an older object"
    GATE = "both are behind one lock"
    NOT_PARALLEL = "they do not run at the same time"
    FREED = "no other thread holds a lock of an object that is freed"
    ONE_THREAD = "one thread goes there and waits for itself"


class Obstacle(msgspec.Struct, frozen=True, eq=False):
    """An obstacle between two witnesses of a cycle."""

    kind: ObstacleKind
    one: Witness
    other: Witness


def find_cycles(
    graph: LockOrderGraph, threads: Threads, is_alone: IsAlone
) -> tuple[LockCycle, ...]:
    """Return the cycles that threads can run into, short ones first; one for each set of locks.

    Of cycles over the same locks only the shortest are returned: breaking them mostly breaks the
    longer ones too, and the next run shows the rest.
    """
    found: list[LockCycle] = []
    for ring in rings(graph):
        if any(set(known.locks) <= set(ring) for known in found):
            continue
        witnesses = _together(ring_edges(graph, ring), threads, is_alone)
        if witnesses is not None:
            found.append(LockCycle(ring, witnesses))
    return tuple(found)


def rings(graph: LockOrderGraph) -> list[tuple[str, ...]]:
    """Return the cycles of locks to look at, possible or not, short ones first.

    Each begins with its least name.
    """
    return sorted(set(_rings(graph)), key=lambda ring: (len(ring), ring))


def ring_edges(graph: LockOrderGraph, ring: Sequence[str]) -> list[LockOrderEdge]:
    """Return the edges of a cycle, in its order."""
    return [
        graph.edges[lock, ring[(position + 1) % len(ring)]] for position, lock in enumerate(ring)
    ]


def _rings(graph: LockOrderGraph) -> Iterator[tuple[str, ...]]:
    successors = graph.successors
    nodes = sorted({node for pair in graph.edges for node in pair})
    for members in components(nodes, lambda node: successors.get(node, ())):
        if len(members) < 2:
            continue
        inside = frozenset(members)
        if len(members) <= MAX_COMPONENT:
            yield from islice(_simple_rings(members, inside, graph), MAX_CYCLES)
        else:
            yield from _short_rings(members, inside, graph)


def _simple_rings(
    members: Sequence[str], inside: frozenset[str], graph: LockOrderGraph
) -> Iterator[tuple[str, ...]]:
    """Return all simple cycles, those of two locks first, each from its least lock.

    This is a search of our own, because its bound has to cut at the same place in every run.
    """
    for length in range(2, len(members) + 1):
        for start in members:
            work: list[tuple[str, ...]] = [(start,)]
            while work:
                path = work.pop()
                for other in reversed(graph.successors.get(path[-1], ())):
                    if other == start and len(path) == length:
                        yield path
                    elif other > start and other in inside and len(path) < length:
                        if other not in path:
                            work.append((*path, other))


def _short_rings(
    members: Sequence[str], inside: frozenset[str], graph: LockOrderGraph
) -> Iterator[tuple[str, ...]]:
    """Return a shortest cycle through each edge of a large component."""
    import networkx

    digraph = networkx.DiGraph()
    for node in members:
        for other in graph.successors.get(node, ()):
            if other in inside:
                digraph.add_edge(node, other)
    for source, target in sorted(digraph.edges):
        yield normalised(networkx.shortest_path(digraph, target, source))


def normalised(ring: Sequence[str]) -> tuple[str, ...]:
    """Return a cycle rotated so that the least name comes first."""
    start = min(range(len(ring)), key=lambda position: ring[position])
    return (*ring[start:], *ring[:start])


def _together(
    edges: Sequence[LockOrderEdge], threads: Threads, is_alone: IsAlone
) -> tuple[Witness, ...] | None:
    """A witness for each edge such that all of them can wait for each other; the best ones."""
    choices = [[witness for witness in edge.witnesses if witness.waits] for edge in edges]
    for chosen in islice(product(*choices), MAX_CHOICES):
        if obstacle(chosen, threads, is_alone) is None:
            return chosen
    return None


def obstacle(chosen: Sequence[Witness], threads: Threads, is_alone: IsAlone) -> Obstacle | None:
    """Return what prevents threads from waiting for each other so. Return None if nothing does.

    ``chosen`` has a witness for each edge of a cycle, in its order.
    """
    if _leads_to_older(chosen):
        return Obstacle(ObstacleKind.OLDER, chosen[0], chosen[-1])
    for position, witness in enumerate(chosen):
        following = chosen[(position + 1) % len(chosen)]
        if witness.target.mode is following.source.mode is Mode.SHARED:
            return Obstacle(ObstacleKind.READERS, witness, following)
        if witness.pair.is_of_freed:
            return Obstacle(ObstacleKind.FREED, witness, following)
        waited, held = witness.target.holder, following.source.holder
        if waited is not None and held is not None and waited.is_other_than(held):
            return Obstacle(ObstacleKind.OTHER_OBJECT, witness, following)
        for other in chosen:
            if other is not witness and not _shares_locks(witness, other, threads):
                return Obstacle(ObstacleKind.NOT_PARALLEL, witness, other)
        for other in chosen[position + 1 :]:
            if not witness.gates.isdisjoint(other.gates):
                return Obstacle(ObstacleKind.GATE, witness, other)
            one, two = witness.pair.in_its_thread, other.pair.in_its_thread
            if not threads.may_run_in_parallel(one.function, one.span, two.function, two.span):
                return Obstacle(ObstacleKind.NOT_PARALLEL, witness, other)
    return Obstacle(ObstacleKind.ONE_THREAD, chosen[0], chosen[-1]) if is_alone(chosen) else None


def _shares_locks(maker: Witness, other: Witness, threads: Threads) -> bool:
    """Return whether the other one runs in a thread that has the locks that a function makes."""
    if not maker.own_locks:
        return True
    own, pair = maker.pair, other.pair
    passed_at = pair.span if pair.is_concurrent and pair.function == own.function else None
    thread = pair.in_its_thread.function
    return threads.runs_beside(thread, passed_at, own.function, own.span, maker.own_locks)


def _leads_to_older(chosen: Sequence[Witness]) -> bool:
    """Return whether each lock of a cycle belongs to the previous lock's object or an older one."""
    steps: list[int] = []
    for witness in chosen:
        source, target = witness.source.holder, witness.target.holder
        if source is None or target is None or source.age is None or target.age is None:
            return False
        steps.append(target.age - source.age)
    return min(steps) >= 0 and max(steps) > 0
