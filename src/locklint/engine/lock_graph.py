"""The lock-order graph of some files, as reporters show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from locklint.analysis.lock_name import lock_name, module_of, short_names
from locklint.analysis.lock_order import MAX_WITNESSES, holder_of
from locklint.core.config import Config
from locklint.core.source import Position
from locklint.engine.discover import Discovery
from locklint.engine.pipeline import Means, counted, solve
from locklint.engine.progress import Progress
from locklint.engine.report import InternalError, UnknownName
from locklint.ir.lock import Mode
from locklint.reporting.lock_graph import (
    GraphEdge,
    GraphLock,
    GraphWitness,
    LockGraph,
    Place,
    cycle_pairs,
)

if TYPE_CHECKING:
    from locklint.analysis.critical_pair import CriticalPair
    from locklint.analysis.lock_order import Witness
    from locklint.analysis.program import Program
    from locklint.analysis.self_deadlock import SelfDeadlock
    from locklint.core.not_analysed import NotAnalysed
    from locklint.core.source import Span
    from locklint.ir.lock import LockRef
    from locklint.reporting.results import Counts


@dataclass(frozen=True)
class GraphReport:
    """The graph, what was not analysed, and errors of locklint's own.

    ``problems`` are the files and functions among it that could not be read or parsed,
    ``unknown_names`` the names in settings that nothing in the code has.
    """

    graph: LockGraph
    problems: tuple[NotAnalysed, ...] = ()
    not_analysed: tuple[NotAnalysed, ...] = ()
    errors: tuple[InternalError, ...] = ()
    unknown_names: tuple[UnknownName, ...] = ()


def lock_graph(
    paths: Sequence[str],
    config: Config,
    *,
    progress: Progress | None = None,
    folder: str | None = None,
    discovery: Discovery | None = None,
    means: Means | None = None,
) -> GraphReport:
    """Analyse the Python files under ``paths`` and return the order in which they acquire locks.

    ``folder`` is that of the project's settings; ``discovery`` and ``means`` are those of
    `locklint.engine.pipeline.check`. Raise `locklint.engine.pipeline.UsageError` for a
    path that does not exist or holds no Python file.
    """
    solved = solve(
        paths, config, progress=progress, folder=folder, discovery=discovery, means=means
    )
    statistics, order_errors = counted(solved)
    problems, missing = solved.program.problems, solved.program.not_analysed
    errors = (*solved.errors, *order_errors)
    graph = LockGraph(statistics=statistics) if order_errors else _graph(solved.program, statistics)
    return GraphReport(graph, problems, missing, errors, solved.unknown_names)


def _graph(program: Program, statistics: Counts) -> LockGraph:
    locks = dict(program.lock_order.locks)
    # The witnesses of cycles come first among those of their edges.
    witnesses: dict[tuple[str, str], list[GraphWitness]] = defaultdict(list)
    cycles: list[tuple[str, ...]] = []
    for name, found in _certain_self_deadlocks(program).items():
        cycles.append((name,))
        locks[name] = found[0].held.lock
        witnesses[name, name] += [_alone(program, each) for each in found[:MAX_WITNESSES]]
    for cycle in program.lock_cycles:
        cycles.append(cycle.locks)
        for pair, witness in zip(cycle_pairs(cycle.locks), cycle.witnesses, strict=True):
            if not witnesses[pair]:
                witnesses[pair].append(_witness(program, witness))
    for pair, edge in program.lock_order.edges.items():
        listed = witnesses[pair]
        for shown in (_witness(program, each) for each in edge.witnesses):
            if shown not in listed and len(listed) < MAX_WITNESSES:
                listed.append(shown)
    modules = {source.key for source in program.sources.values()}
    short = short_names(locks, modules)
    return LockGraph(
        tuple(
            _lock(program, name, lock, short[name], module_of(name, modules))
            for name, lock in sorted(locks.items())
        ),
        tuple(GraphEdge(*pair, tuple(listed)) for pair, listed in sorted(witnesses.items())),
        tuple(cycles),
        statistics,
    )


def _certain_self_deadlocks(program: Program) -> Mapping[str, Sequence[SelfDeadlock]]:
    """Return the errors of LCK302 by the names of their locks, in order."""
    found: dict[str, list[SelfDeadlock]] = defaultdict(list)
    for each in program.self_deadlocks:
        if each.proven:
            found[lock_name(each.held.lock)].append(each)
    return dict(sorted(found.items()))


def _lock(program: Program, name: str, lock: LockRef, short: str, module: str) -> GraphLock:
    made = program.made.get(lock.identity)
    return GraphLock(
        name,
        lock.kind.name,
        lock.kind.reentrant,
        lock.exactness.value,
        None if made is None else _place(program, made[0], made[1]),
        short,
        module,
    )


def _alone(program: Program, found: SelfDeadlock) -> GraphWitness:
    pair = found.pair
    held = pair.all_held()
    holder = holder_of(pair, held.index(found.held))
    names = tuple(sorted({lock_name(each.lock) for each in held if each.mode is not Mode.SHARED}))
    return _shown(program, holder, names, waits=True)


def _witness(program: Program, witness: Witness) -> GraphWitness:
    held = tuple(sorted(witness.gates | {lock_name(witness.source.lock)}))
    return _shown(program, witness.holder, held, waits=witness.waits)


def _shown(
    program: Program, holder: CriticalPair, held: tuple[str, ...], *, waits: bool
) -> GraphWitness:
    """Return what the chain of calls shows that begins where the first lock is held."""
    links = list(holder.chain())
    names = [program.functions[link.function].qualname for link in links]
    return GraphWitness(
        _place(program, program.functions[holder.function].path, holder.span),
        names[0],
        tuple(names[1:]),
        _place(program, program.functions[links[-1].function].path, links[-1].span),
        held,
        waits,
    )


def _place(program: Program, path: str, span: Span) -> Place:
    source = program.sources.get(path)
    if source is None:
        return Place(path, Position(0, span.line, span.column))
    return Place(path, source.position(span.line, span.column))
