"""Functions that the interpreter runs in between, and the code that they interrupt.

A signal handler runs in the main thread, between any two of its instructions. A finalizer runs in
any thread, where the last reference to an object is dropped, or where the collector runs. What they
interrupt keeps its locks, and cannot go on before they have ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.events import LockStates, Taken
from locklint.analysis.registered import Registered, Setters, instructions
from locklint.analysis.threads import Threads
from locklint.core.source import Span
from locklint.ir.access_path import Root
from locklint.ir.cfg import Function
from locklint.ir.context import Context
from locklint.ir.instruction import Call
from locklint.ir.lock import LockRef
from locklint.ir.registration import Entry
from locklint.models.registrations import REMOVES_CALLBACK, STOPS_CALLBACKS

_RANKS = {Context.MAIN: 0, Context.UNKNOWN: 1, Context.THREAD: 2, Context.SIGNAL: 3}


class Holder(msgspec.Struct, frozen=True, eq=False):
    """A function that may be interrupted while it holds a lock, and its acquire.

    ``context`` MAIN: in the main thread, UNKNOWN: in any; SIGNAL: it is run by the interruption.
    """

    states: LockStates
    taken: Taken
    context: Context

    @property
    def function(self) -> Function:
        """Return the function itself."""
        return self.states.function

    @property
    def span(self) -> Span:
        """Return the place of the acquire."""
        return self.taken.acquisition.span

    @property
    def is_short(self) -> bool:
        """Return whether no function of the program is called while the lock is held."""
        acquisition = self.taken.acquisition
        return not any(
            held.since == acquisition for called in self.states.calls for held in called.held
        )


class Interruptions:
    """The interruptions of a program, by the entries that were found in it."""

    def __init__(self, graph: CallGraph, threads: Threads, entries: Iterable[Entry]) -> None:
        self._graph = graph
        self._threads = threads
        self.entries = tuple([each for each in entries if each.function in graph.states])
        self._keys = frozenset(each.function for each in self.entries)
        self._setters = Setters(graph, threads)
        self._registered: dict[Entry, Registered] = {}

    @cached_property
    def _reaching(self) -> Mapping[str, Sequence[Entry]]:
        found: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            for key in self._threads.reached_from(entry.function):
                found[key].append(entry)
        return found

    def roots(self, key: str) -> Sequence[Entry]:
        """The entries from which a function is reached."""
        return self._reaching.get(key, ())

    def holders(self, lock: LockRef, entry: Entry) -> list[Holder]:
        """Return the functions that acquire a lock, by its identity, once for each acquire.

        The best examples come first: those that take long, and that the entry does not run itself.
        """
        own = self._threads.reached_from(entry.function)
        found = [
            Holder(states, taken, self._context(states.function.key))
            for states, taken in self._graph.takers.get(lock.identity, ())
            # If another function releases the lock, it is a signal.
            if taken.lock.identity not in states.shared.released
        ]

        def rank(holder: Holder) -> tuple[object, ...]:
            key = holder.function.key
            # A method that acquires the lock of its own object is the easiest to believe.
            is_other = holder.taken.lock.path.root not in (Root.SELF, Root.GLOBAL)
            likely = (is_other, holder.is_short, key in own)
            return _RANKS[holder.context], *likely, key, holder.span

        return sorted(found, key=rank)

    def reached_from(self, key: str) -> frozenset[str]:
        """Return a function, and those that it leads to in its own thread."""
        return self._threads.reached_from(key)

    def registered(self, entry: Entry) -> Registered:
        """Return what the main thread runs while the handler of an entry is registered."""
        known = self._registered.get(entry)
        if known is None:
            known = Registered(self._graph, self._threads, self._setters, entry)
            self._registered[entry] = known
        return known

    def is_of_main_program(self, key: str) -> bool:
        """Return whether the main program runs a function, by its own code."""
        return any(each.context is Context.MAIN for each in self._threads.roots(key))

    def stops_collector(self, key: str) -> bool:
        """Return whether a function, or what it calls, ends the callbacks of the collector."""
        return not self._stopping.keys().isdisjoint(self._threads.reached_from(key))

    def removes_callbacks(self, path: str) -> bool:
        """Return whether a file removes callbacks of the collector, so that they end."""
        return any(
            REMOVES_CALLBACK in calls and self._graph.function(key).path == path
            for key, calls in self._stopping.items()
        )

    @cached_property
    def _stopping(self) -> Mapping[str, frozenset[str]]:
        """Return the calls that end callbacks of the collector, by the functions that make them."""
        found = {
            key: frozenset(
                each.external
                for each in instructions(states.function)
                if isinstance(each, Call) and each.external in STOPS_CALLBACKS
            )
            for key, states in self._graph.states.items()
        }
        return {key: calls for key, calls in found.items() if calls}

    def _context(self, key: str) -> Context:
        """Return the context in which a function runs, but for its interruptions."""
        roots = [each for each in self._threads.roots(key) if each.function not in self._keys]
        contexts = {each.context for each in roots}
        if Context.MAIN in contexts:
            return Context.MAIN
        if Context.TASK in contexts or Context.TEST in contexts:
            return Context.UNKNOWN
        is_started = any(each.is_started for each in contexts)
        for each in roots:
            # A public method with known callers has no others, as far as anyone knows.
            if each.context is Context.UNKNOWN and not (is_started and each.function == key):
                return Context.UNKNOWN
        return Context.THREAD if is_started else Context.SIGNAL
