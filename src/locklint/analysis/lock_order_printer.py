"""The lock-order graph as text: what `locklint debug graph` and tests show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

from locklint.analysis.critical_pair import key_text
from locklint.analysis.lock_cycles import (
    MAX_CHOICES,
    Obstacle,
    ObstacleKind,
    obstacle,
    ring_edges,
    rings,
)
from locklint.analysis.lock_name import lock_name
from locklint.analysis.lock_order import LockOrderEdge, Witness
from locklint.analysis.program import Program
from locklint.ir.lock import LockRef


def print_lock_order(program: Program) -> str:
    """Return all locks, edges and witnesses, then the cycles, then the excluded ones and why.

    Edges that only guesses show are marked as possible.
    """
    return "".join(f"{line}\n" for line in _lines(program))


def _lines(program: Program) -> Iterator[str]:
    graph, possible = program.lock_order, program.possible_order
    for name, lock in sorted({**possible.locks, **graph.locks}.items()):
        yield f"lock {name}: {_about(program, lock)}"
    for prefix, edges in (("", graph.edges), ("possible ", possible.edges)):
        for edge in edges.values():
            waits = "" if edge.waits else "  (does not wait)"
            yield f"{prefix}{edge.source} -> {edge.target}{waits}"
            for witness in edge.witnesses:
                yield f"  {print_witness(witness)}"
    found = {cycle.locks for cycle in program.lock_cycles}
    for cycle in program.lock_cycles:
        exact = "" if cycle.is_exact else "  (of classes or by uncertain calls)"
        yield f"cycle {_ring(cycle.locks)}{exact}"
        for witness in cycle.witnesses:
            yield f"  {print_witness(witness)}"
    for ring in rings(graph):
        if ring not in found:
            yield f"set aside {_ring(ring)}"
            for reason in _reasons(program, ring):
                yield f"  {reason}"


def print_witness(witness: Witness) -> str:
    """Return a witness as one line: its place, its calls, its mode and its gates."""
    via = [f"by {link.inner.function}" for link in witness.pair.chain() if link.inner is not None]
    way = ", ".join([f"{witness.pair.function} {witness.pair.span}", *via])
    if witness.holder is not witness.pair:
        way += f", holder {witness.function} {witness.span}"
    clauses = [
        way,
        f"{key_text(witness.source.lock, witness.source.mode)} then"
        f" {key_text(witness.target.lock, witness.target.mode)}",
    ]
    if witness.gates:
        clauses.append(f"gates {', '.join(sorted(witness.gates))}")
    if not witness.waits:
        clauses.append("does not wait")
    return "; ".join(clauses)


def _about(program: Program, lock: LockRef) -> str:
    place = program.made.get(lock.identity)
    made = f", made at {place[0]}:{place[1].line}" if place is not None else ""
    return f"{lock.kind.name}, {lock.exactness.value}{made}"


def _ring(ring: Sequence[str]) -> str:
    return " -> ".join((*ring, ring[0]))


def _reasons(program: Program, ring: tuple[str, ...]) -> list[str]:
    """Return why no thread can deadlock in a cycle: all obstacles to some choice of witnesses."""
    shorter = [cycle.locks for cycle in program.lock_cycles if set(cycle.locks) <= set(ring)]
    if shorter:
        return [f"it goes around the cycle {_ring(shorter[0])}"]
    choices = [_waiting(edge) for edge in ring_edges(program.lock_order, ring)]
    found: dict[str, None] = {}
    for chosen in islice(product(*choices), MAX_CHOICES):
        hindrance = obstacle(chosen, program.threads, program.is_of_one_thread)
        if hindrance is not None:
            found.setdefault(_reason(hindrance))
    return list(found)


def _waiting(edge: LockOrderEdge) -> list[Witness]:
    return [witness for witness in edge.witnesses if witness.waits]


def _reason(hindrance: Obstacle) -> str:
    one, other = hindrance.one, hindrance.other
    places = [f"{each.pair.function} {each.pair.span}" for each in (one, other)]
    if hindrance.kind is ObstacleKind.READERS:
        text = f"{hindrance.kind.value}, of {lock_name(one.target.lock)}"
    elif hindrance.kind is ObstacleKind.GATE:
        gates = ", ".join(sorted(one.gates & other.gates))
        text = f"{hindrance.kind.value}, {gates}"
    else:
        text = hindrance.kind.value
    return f"{text}: {places[0]} and {places[1]}"
