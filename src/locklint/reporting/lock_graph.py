"""Plain values for the reporters of the lock-order graph, made by the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locklint.core.source import Position
    from locklint.reporting.results import Counts


@dataclass(frozen=True, order=True)
class Place:
    """A file, as it is shown, and the place in it, as users see it."""

    path: str
    position: Position

    def __str__(self) -> str:
        return f"{self.path}:{self.position}"

    @property
    def line(self) -> str:
        """The place without its column."""
        position = self.position
        cell = f"cell {position.cell}:" if position.cell else ""
        return f"{self.path}:{cell}{position.row}"


@dataclass(frozen=True)
class GraphLock:
    """A node: its name across the program, its kind, how many objects it may be, where it is made.

    ``exactness`` is a phrase, such as ``one of each instance``; ``made`` None: not known. ``short``
    is the name that distinguishes it from the other locks of the graph, ``module`` the module of
    the lock; either may be empty.
    """

    name: str
    kind: str
    reentrant: bool
    exactness: str
    made: Place | None = None
    short: str = ""
    module: str = ""

    @property
    def label(self) -> str:
        """The short name, if it has one."""
        return self.short or self.name


@dataclass(frozen=True)
class GraphWitness:
    """A path on which one lock is acquired while another is held.

    ``place`` is the acquire, or the call that leads to it, in ``function``, which holds the first
    lock; ``via`` are the functions that are called in between, ``asked`` is the acquire itself.
    ``held`` are all locks that are certainly held there. ``waits`` is false for an acquire that
    gives up by itself.
    """

    place: Place
    function: str
    via: tuple[str, ...]
    asked: Place
    held: tuple[str, ...]
    waits: bool


@dataclass(frozen=True)
class GraphEdge:
    """``target`` is acquired while ``source`` is held, as the witnesses say, the best first."""

    source: str
    target: str
    witnesses: tuple[GraphWitness, ...]

    @property
    def waits(self) -> bool:
        """Return whether some witness waits indefinitely."""
        return any(witness.waits for witness in self.witnesses)

    @property
    def best(self) -> GraphWitness:
        """The witness that says most."""
        return self.witnesses[0]


@dataclass(frozen=True)
class LockGraph:
    """The graph of a run, in output order.

    ``cycles`` are the locks for which a thread certainly waits although it holds them, each alone,
    then those of several locks in which threads can deadlock, each from its least name.
    """

    locks: tuple[GraphLock, ...] = ()
    edges: tuple[GraphEdge, ...] = ()
    cycles: tuple[tuple[str, ...], ...] = ()
    statistics: Counts | None = field(default=None, compare=False)

    @cached_property
    def cycles_of_edges(self) -> Mapping[tuple[str, str], Sequence[int]]:
        """Return, for each edge of a cycle, the numbers of its cycles, counted from 1."""
        found: dict[tuple[str, str], list[int]] = {}
        for number, cycle in enumerate(self.cycles, start=1):
            for source, target in cycle_pairs(cycle):
                found.setdefault((source, target), []).append(number)
        return found

    @cached_property
    def locks_in_cycles(self) -> frozenset[str]:
        """The names of the locks of all cycles."""
        return frozenset(name for cycle in self.cycles for name in cycle)

    @property
    def only_cycles(self) -> LockGraph:
        """The graph without all that is in no cycle."""
        return LockGraph(
            tuple(lock for lock in self.locks if lock.name in self.locks_in_cycles),
            tuple(edge for edge in self.edges if self.is_in_cycle(edge)),
            self.cycles,
        )

    def is_in_cycle(self, edge: GraphEdge) -> bool:
        """Return whether an edge is one of a cycle's."""
        return (edge.source, edge.target) in self.cycles_of_edges


def cycle_pairs(cycle: Sequence[str]) -> list[tuple[str, str]]:
    """Return each name of a cycle with the one after it."""
    return list(zip(cycle, (*cycle[1:], cycle[0]), strict=True))


def cycle_text(cycle: Sequence[str]) -> str:
    """Return a cycle as one line that ends where it begins."""
    return " -> ".join((*cycle, cycle[0]))


def about(lock: GraphLock) -> str:
    """Return the kind of a lock, and the objects that it represents if it is not one."""
    reentrant = " (reentrant)" if lock.reentrant else ""
    several = "" if lock.exactness == "one object" else f", {lock.exactness}"
    return f"{lock.kind}{reentrant}{several}"


def way(witness: GraphWitness) -> str:
    """Return the place, the function, and the calls that lead from there."""
    via = f" via {', '.join(witness.via)}" if witness.via else ""
    return f"{witness.place} in {witness.function}{via}"
