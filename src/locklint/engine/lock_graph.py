"""The lock-order graph of some files, as reporters show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from locklint.core.config import Config
from locklint.core.source import Position
from locklint.engine.discover import Discovery
from locklint.engine.pipeline import Means, counted, solve
from locklint.engine.progress import Progress
from locklint.engine.report import InternalError
from locklint.reporting.lock_graph import (
    GraphEdge,
    GraphLock,
    GraphWitness,
    LockGraph,
    Place,
    ring_pairs,
)

if TYPE_CHECKING:
    from locklint.analysis.lock_order import Witness
    from locklint.analysis.program import Program
    from locklint.core.not_analysed import NotAnalysed
    from locklint.core.source import Span
    from locklint.ir.lock import LockRef


@dataclass(frozen=True)
class GraphReport:
    """The graph, what was not analysed, and errors of locklint's own.

    ``problems`` are the files and functions among it that could not be read or parsed.
    """

    graph: LockGraph
    problems: tuple[NotAnalysed, ...] = ()
    not_analysed: tuple[NotAnalysed, ...] = ()
    errors: tuple[InternalError, ...] = ()


def lock_graph(
    paths: Sequence[str],
    config: Config,
    *,
    progress: Progress | None = None,
    folder: str | None = None,
    discovery: Discovery | None = None,
    means: Means | None = None,
) -> GraphReport:
    """Analyse the Python files under ``paths`` and say in which order locks are asked for.

    ``folder`` is that of the project's settings; ``discovery`` and ``means`` are those of
    `locklint.engine.pipeline.check`. Raises `locklint.engine.pipeline.UsageError` for a
    path that does not exist or holds no Python file.
    """
    solved = solve(
        paths, config, progress=progress, folder=folder, discovery=discovery, means=means
    )
    statistics, order_errors = counted(solved)
    problems, missing = solved.program.problems, solved.program.not_analysed
    errors = (*solved.errors, *order_errors)
    if order_errors:
        return GraphReport(LockGraph(statistics=statistics), problems, missing, errors)
    program = solved.program
    order = program.lock_order
    cycles = program.lock_cycles
    # What a cycle is made of comes first among the witnesses of its edges.
    chosen: dict[tuple[str, str], Witness] = {}
    for cycle in cycles:
        for pair, witness in zip(ring_pairs(cycle.locks), cycle.witnesses, strict=True):
            chosen.setdefault(pair, witness)
    edges: list[GraphEdge] = []
    for (source, target), edge in sorted(order.edges.items()):
        witnesses = list(edge.witnesses)
        first = chosen.get((source, target))
        if first is not None:
            witnesses.sort(key=lambda witness: witness is not first)
        edges.append(
            GraphEdge(source, target, tuple(_witness(program, each) for each in witnesses))
        )
    graph = LockGraph(
        tuple(_lock(program, name, lock) for name, lock in sorted(order.locks.items())),
        tuple(edges),
        tuple(cycle.locks for cycle in cycles),
        statistics,
    )
    return GraphReport(graph, problems, missing, errors)


def _lock(program: Program, name: str, lock: LockRef) -> GraphLock:
    made = program.made.get(lock.identity)
    return GraphLock(
        name,
        lock.kind.name,
        lock.kind.reentrant,
        lock.exactness.value,
        None if made is None else _place(program, made[0], made[1]),
    )


def _witness(program: Program, witness: Witness) -> GraphWitness:
    links = list(witness.holder.chain())
    functions: Mapping[str, str] = {
        link.function: program.functions[link.function].qualname for link in links
    }
    asked = links[-1]
    return GraphWitness(
        _place(program, program.functions[witness.function].path, witness.span),
        functions[witness.function],
        tuple(functions[link.function] for link in links[1:]),
        _place(program, program.functions[asked.function].path, asked.span),
        tuple(sorted(witness.gates | {_source_name(witness)})),
        witness.waits,
    )


def _source_name(witness: Witness) -> str:
    from locklint.analysis.lock_name import lock_name

    return lock_name(witness.source.lock)


def _place(program: Program, path: str, span: Span) -> Place:
    source = program.sources.get(path)
    if source is None:
        return Place(path, Position(0, span.line, span.column))
    return Place(path, source.position(span.line, span.column))
