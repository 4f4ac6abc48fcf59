"""Threads that wake tasks of an event loop, or run one."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.events import Manner
from locklint.analysis.one_worker import call_at, calls_of
from locklint.analysis.threads import ThreadRoot, Threads
from locklint.ir.context import Context
from locklint.ir.event import Event, EventKind
from locklint.models.events import NEW_LOOP, RUNS_NEW_LOOP
from locklint.models.spawns import runs_elsewhere

_IN_THREAD = (Context.THREAD, Context.EXECUTOR)


class ThreadEntry(msgspec.Struct, frozen=True, eq=False):
    """The start of a thread: its function, and the call by which another one makes it."""

    root: ThreadRoot
    made: Edge

    @property
    def function(self) -> str:
        """Return the key of the function that the thread runs."""
        return self.root.function


class LoopThreads:
    """The threads of a program that lead to events which are about event loops.

    ``asked`` are the functions of which all is needed that they lead to: where these threads begin,
    and the coroutines that they run.
    """

    def __init__(self, graph: CallGraph, threads: Threads) -> None:
        self._graph = graph
        self._threads = threads
        self._waking = self._with(EventKind.WAKE)
        self.running = self._with(EventKind.RUN_LOOP)
        marked = self._waking | self.running
        self.entries = tuple(self._entries(marked)) if marked else ()
        self.asked = frozenset(self._asked())

    def _with(self, kind: EventKind) -> frozenset[str]:
        return frozenset(
            key
            for key, one in self._graph.states.items()
            if not one.function.is_async and any(each.event.kind is kind for each in one.events)
        )

    def _entries(self, marked: frozenset[str]) -> Iterator[ThreadEntry]:
        for key in self._graph.spawns:
            if marked.isdisjoint(self._threads.reached_from(key)):
                continue
            for root in sorted(self._threads.roots(key), key=str):
                if root.function != key or root.context not in _IN_THREAD:
                    continue
                made = next(
                    (
                        edge
                        for edge in self._graph.spawns[key]
                        if edge.caller == root.spawner and edge.span == root.span
                    ),
                    None,
                )
                if made is not None and not self._runs_elsewhere(made):
                    yield ThreadEntry(root, made)

    def _runs_elsewhere(self, made: Edge) -> bool:
        """Return whether the function may run in a process, or in the thread of a loop."""
        call = call_at(self._graph.function(made.caller), made.span)
        return call is not None and call.external is not None and runs_elsewhere(call.external)

    def _asked(self) -> Iterator[str]:
        if not self.entries:
            return
        yield from self.running
        for entry in self.entries:
            yield entry.function
        work = [
            edge.callee
            for key in sorted(self.running)
            for edge in self._graph.calls[key]
            if edge.manner is Manner.CONCURRENT
        ]
        seen: set[str] = set()
        while work:
            key = work.pop()
            if key not in seen and self._graph.function(key).is_async:
                seen.add(key)
                yield key
                work += self._graph.callees(key)

    def runs_loop(self, entry: ThreadEntry) -> bool:
        """Return whether a thread runs an event loop."""
        return not self.running.isdisjoint(self._threads.reached_from(entry.function))

    def in_threads(self, key: str) -> frozenset[str]:
        """Return what a function that is given to a thread runs there; nothing of other ones."""
        roots = [each for each in self._threads.roots(key) if each.function == key]
        if all(each.context not in _IN_THREAD for each in roots):
            return frozenset()
        return self._threads.reached_from(key)

    def new_loops(self, key: str) -> list[Event]:
        """Return the events of a function that run a loop which was made for that."""
        runs = [
            each.event
            for each in self._graph.states[key].events
            if each.event.kind is EventKind.RUN_LOOP
        ]
        reached = self._threads.reached_from(key)
        return [one for one in runs if one.name == RUNS_NEW_LOOP or self._makes_loop(reached)]

    def _makes_loop(self, keys: frozenset[str]) -> bool:
        return any(
            each.external == NEW_LOOP
            for key in keys
            for each in calls_of(self._graph.function(key))
        )
