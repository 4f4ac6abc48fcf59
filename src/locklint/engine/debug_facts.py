"""All facts of the analysis about a program's locks, as plain data for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from locklint.core.config import Config
from locklint.engine.lock_places import LockPlaces
from locklint.engine.pipeline import Solved, solve
from locklint.ir.lock import without_elements

if TYPE_CHECKING:
    from locklint.analysis.program import Program
    from locklint.ir.lock import LockRef


def program_facts(paths: Sequence[str], config: Config, folder: str | None = None) -> Any:
    """Return the facts of all files under some paths as lists, dictionaries, strings and numbers.

    Lines are 1-based, lists sorted. Raise `locklint.engine.pipeline.UsageError` for a path that
    does not exist or holds no Python file.
    """
    solved = solve(paths, config, folder=folder, guesses=True)
    program = solved.program
    places = LockPlaces(file.index for file in solved.files.files.values())
    return {
        "locks": {
            identity: {
                "kind": lock.kind.name,
                "exactness": lock.exactness.value,
                "made": [list(place) for place in _made(identity, program, places)],
            }
            for identity, lock in sorted(_locks(program).items())
        },
        "acquires": _sorted(_acquires(program)),
        "edges": _sorted(
            (graph.locks[source].identity, graph.locks[target].identity)
            for graph in (program.lock_order, program.possible_order)
            for source, target in graph.edges
        ),
        "taken": _sorted(_taken(program)),
        "calls": _sorted(_calls(solved)),
        "interruptions": _sorted(
            (each.context.value, each.function, each.path, each.registration.span.line)
            if each.registration is not None
            else (each.context.value, each.function, program.functions[each.function].path, 0)
            for each in program.interruptions.entries
        ),
        "cycles": [list(cycle.locks) for cycle in program.lock_cycles],
        "errors": [f"{error.path}: {error.message}" for error in solved.errors],
        "incomplete": [
            " ".join(
                filter(None, (f"{each.path}:{each.span.line}", each.function, each.reason.value))
            )
            for each in program.not_analysed
        ],
    }


def _sorted(rows: Iterator[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(row) for row in sorted(set(rows))]


def _locks(program: Program) -> dict[str, LockRef]:
    """The locks that are acquired, waited on or part of the lock-order graph, by identity."""
    from locklint.ir.instruction import Acquire, TryAcquire, Wait

    found: dict[str, LockRef] = {}
    for function in program.ordered_functions:
        for block in function.blocks.values():
            for one in block.instructions:
                if isinstance(one, Acquire | TryAcquire | Wait):
                    found.setdefault(one.lock.identity, one.lock)
    for states in program.states.values():
        for taken in states.taken:
            found.setdefault(taken.lock.identity, taken.lock)
    for lock in program.lock_order.locks.values():
        found.setdefault(lock.identity, lock)
    return found


def _made(identity: str, program: Program, places: LockPlaces) -> list[tuple[str, int]]:
    """The places that bind a lock: those of its own class or module, and the one that is shown."""
    found = {(anchor.path, anchor.span.line) for anchor in places.of(without_elements(identity))}
    shown = program.made.get(identity)
    if shown is not None:
        found.add((shown[0], shown[1].line))
    return sorted(found)


def _acquires(program: Program) -> Iterator[tuple[str, int, str, str, str]]:
    """Each acquire, try-acquire and wait: file, line, lock, form, function."""
    from locklint.ir.instruction import Acquire, TryAcquire, Wait

    for function in program.functions.values():
        for block in function.blocks.values():
            for one in block.instructions:
                if isinstance(one, Acquire | TryAcquire | Wait):
                    form = type(one).__name__
                    yield function.path, one.span.line, one.lock.identity, form, function.qualname
    for states in program.states.values():
        for taken in states.taken:
            line = taken.acquisition.span.line
            where = states.function
            yield where.path, line, taken.lock.identity, "Taken", where.qualname


def _calls(solved: Solved) -> Iterator[tuple[str, int, str, str, bool]]:
    """Each call: file, line, the callee's file and bare name, and whether a lock is held."""
    from locklint.ir.cfg import split_key

    paths = {file.index.key: path for path, file in solved.files.files.items()}
    for states in solved.program.states.values():
        for called in (*states.calls, *states.possible):
            module, qualname = split_key(called.target)
            name = qualname.rpartition(".")[2].partition("@")[0]
            held = bool(called.held)
            yield states.function.path, called.span.line, paths.get(module, "?"), name, held


def _taken(program: Program) -> Iterator[tuple[str, str, str, int, str, int]]:
    """Return each witness of an edge: held lock, awaited lock, and the place of each acquire.

    A lock that an unknown caller acquires has the line 0.
    """
    from locklint.analysis.lock_order import witnesses

    certain = (
        each
        for pairs in program.composition.pairs.values()
        for pair in pairs
        for each in witnesses(pair, program.threads, program.composition)
    )
    possible = (each for edge in program.possible_order.edges.values() for each in edge.witnesses)
    for each in (*certain, *possible):
        last = list(each.holder.chain())[-1]
        since = each.source.since
        yield (
            each.source.lock.identity,
            each.target.lock.identity,
            program.functions[each.function].path,
            since.span.line if since else 0,
            program.functions[last.function].path,
            last.span.line,
        )
