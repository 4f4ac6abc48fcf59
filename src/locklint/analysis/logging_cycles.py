"""Deadlocks with the locks that every handler of `logging` has.

A handler formats and emits a record with its own lock held. A lock that it acquires meanwhile, in
``emit`` or in the ``__str__`` of a logged value, is acquired under that lock. If another thread
logs while it holds that very lock, the two deadlock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair, is_known
from locklint.analysis.events import Held
from locklint.analysis.lock_name import lock_name
from locklint.analysis.threads import Threads
from locklint.ir.access_path import Root
from locklint.ir.event import EventKind
from locklint.ir.hierarchy import LogHandlers
from locklint.ir.lock import Mode
from locklint.ir.means import BY_LOG


class LoggingCycle(msgspec.Struct, frozen=True, eq=False):
    """``logs`` logs with ``held`` held; ``asks`` acquires it under a handler's lock.

    ``others`` is the number of further places that log with it held.
    """

    logs: CriticalPair
    held: Held
    asks: CriticalPair
    others: int = 0


def logging_cycles(
    composition: Composition, graph: CallGraph, threads: Threads, log_handlers: LogHandlers
) -> Iterator[LoggingCycle]:
    """Return one for each lock and function that acquires it, with the shortest chain of calls.

    A program may log in many places of a section, and one change fixes them all.
    """
    handlers = log_handlers.functions
    asking = _asking(composition, handlers)
    if not asking:
        return
    found: dict[tuple[str, str], list[LoggingCycle]] = defaultdict(list)
    for key in sorted(composition.pairs):
        if key in handlers:
            continue  # In the handler's own thread its lock is re-entrant.
        for pair in composition.pairs[key]:
            if pair.event.kind is not EventKind.LOG:
                continue
            for held in pair.held:
                if not is_known(held.lock) or held.mode is Mode.SHARED:
                    continue
                name = lock_name(held.lock)
                for asks in asking.get(name, ()):
                    asked = asks.event.lock
                    if asked is None or not composition.receivers.have_one_object(
                        pair, held, asks, asked
                    ):
                        continue
                    is_run = asks.function not in log_handlers.attached or _runs(graph, pair, asks)
                    if is_run and _may_meet(pair, asks, threads):
                        *_, last = asks.chain()
                        found[name, last.function].append(LoggingCycle(pair, held, asks))
                        break
    for cycles in found.values():
        places = {(cycle.logs.function, cycle.logs.span): None for cycle in cycles}
        best = min(cycles, key=lambda each: (each.logs.depth, each.logs.function, each.logs.span))
        yield replace(best, others=len(places) - 1)


def _runs(graph: CallGraph, logs: CriticalPair, asks: CriticalPair) -> bool:
    """Return whether the logger of a call has the handler whose method acquires the lock."""
    *_, last = logs.chain()
    return any(
        edge.callee == asks.function and edge.span == last.span
        for edge in graph.calls[last.function]
    )


def _may_meet(logs: CriticalPair, asks: CriticalPair, threads: Threads) -> bool:
    common = {lock_name(h.lock) for h in logs.all_held()} & {
        lock_name(h.lock) for h in asks.all_held()
    }
    return not common and threads.may_run_in_parallel(
        logs.function, logs.span, asks.function, asks.span
    )


def _asking(composition: Composition, handlers: frozenset[str]) -> dict[str, list[CriticalPair]]:
    """Return, by lock, the pairs that acquire it while a handler's lock is held, best first."""
    found: dict[str, list[CriticalPair]] = defaultdict(list)
    for key in sorted(composition.pairs):
        for pair in composition.pairs[key]:
            lock = pair.event.lock
            if pair.event.kind is not EventKind.ACQUIRE or lock is None or not is_known(lock):
                continue
            if key in handlers and lock.path.root is Root.SELF and lock.path.fields == ("lock",):
                continue  # `logging` holds the handler's own lock already.
            if key in handlers or (pair.implicit == BY_LOG and pair.inner is not None):
                found[lock_name(lock)].append(pair)
    for pairs in found.values():
        pairs.sort(key=lambda pair: (tuple(map(str, pair.rank())), pair.function))
    return found
