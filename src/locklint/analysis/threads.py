"""Functions that may run at the same time, and locks certainly held when they are called.

A root is where a thread of control comes from: the module's own code (and what it calls), the
target of a thread, timer, task or executor, or an unknown caller, for a function that is public or
is called nowhere in the program. Two places may run in parallel if they have roots that may. The
code that starts threads runs beside them only between their start and their join.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType

import msgspec

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.events import Manner
from locklint.analysis.lifetimes import Lifetimes
from locklint.analysis.lock_name import lock_name
from locklint.analysis.one_worker import OneWorker
from locklint.core.source import Span
from locklint.dataflow.components import components
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function, FunctionKind
from locklint.ir.context import Context
from locklint.models.spawns import DRIVERS, is_test

_CONSTRUCTORS = frozenset(("__init__", "__new__", "__post_init__", "__attrs_post_init__"))

MAX_ROOTS = 12
"""The largest number of roots of one function; beyond it, it may run beside anything."""


class ThreadRoot(msgspec.Struct, frozen=True):
    """The start of a thread of control: in ``function``.

    ``spawner`` and ``span`` say where a thread is made; both are empty for the main program and for
    unknown callers. ``several``: more than one thread may be in it at the same time.
    """

    function: str
    context: Context
    several: bool
    spawner: str = ""
    span: Span | None = None

    def __str__(self) -> str:
        where = f" made at {self.spawner} {self.span}" if self.spawner else ""
        kind = "thread" if self.context.is_started else self.context.value
        return f"{kind} {self.function}{where}{' (several)' if self.several else ''}"


class Threads:
    """The roots of all functions of a program.

    ``module_calls`` are functions that the code of a module calls, whether that was lowered or not,
    ``unseen_callers`` those that other code calls which was not lowered. ``kept_executors`` are the
    modules that keep executors, each with whether all of these have one worker.
    """

    def __init__(
        self,
        graph: CallGraph,
        module_calls: frozenset[str] = frozenset(),
        unseen_callers: frozenset[str] = frozenset(),
        kept_executors: Mapping[str, bool] = MappingProxyType({}),
    ) -> None:
        self._graph = graph
        self._module_calls = module_calls
        self._unseen_callers = unseen_callers
        self._states = graph.states
        self.one_worker = OneWorker(graph, kept_executors)
        self._lifetimes: dict[str, Lifetimes] = {}
        self._reach: dict[str, frozenset[str]] = {}
        self._roots = self._find_roots()
        self._entry = self._held_on_entry()
        self._confined = self._only_while_constructed()

    # -- roots ------------------------------------------------------------------------------

    def roots(self, key: str) -> frozenset[ThreadRoot]:
        """The roots from which a function is reached."""
        return self._roots.get(key, frozenset())

    def is_alone(self, key: str) -> bool:
        """Return whether one thread that the program starts is all that runs a function."""
        roots = self.roots(key)
        return len(roots) == 1 and not any(
            root.several or not root.context.is_started for root in roots
        )

    def _find_roots(self) -> dict[str, frozenset[ThreadRoot]]:
        found: dict[str, set[ThreadRoot]] = {key: set() for key in self._states}
        for key in self._states:
            found[key].update(self._own_roots(key))
        # Callers come before callees: what reaches a function is what reaches its callers.
        order = list(components(self._states, self._graph.runs))
        for members in reversed(order):
            every = set().union(*(found[key] for key in members))
            for key in members:
                found[key] = every
                for callee in self._graph.runs(key):
                    if len(found[callee]) < MAX_ROOTS:
                        found[callee] |= every
        return {
            key: frozenset(roots)
            if len(roots) < MAX_ROOTS
            else frozenset((ThreadRoot(key, Context.UNKNOWN, True),))
            for key, roots in found.items()
        }

    def _own_roots(self, key: str) -> Iterator[ThreadRoot]:
        function = self._states[key].function
        spawns = {(edge.caller, edge.span) for edge in self._graph.spawns.get(key, ())}
        for caller, span in sorted(spawns):
            lifetimes = self._lifetimes_of(caller)
            several = len(spawns) > 1 or lifetimes.repeats(span)
            yield ThreadRoot(key, lifetimes.context(span), several, caller, span)
        if function.kind is FunctionKind.MODULE or (
            function.kind is FunctionKind.FUNCTION and key in self._module_calls
        ):
            yield ThreadRoot(key, Context.MAIN, False)
        elif key in self._unseen_callers and function.name not in _CONSTRUCTORS:
            yield ThreadRoot(key, Context.UNKNOWN, True)
        elif self._is_entered_from_outside(function, bool(spawns)):
            if function.name in DRIVERS and function.class_name is None:
                yield ThreadRoot(key, Context.MAIN, False)
            elif is_test(function.module, function.name):
                yield ThreadRoot(key, Context.TEST, False)
            else:
                yield ThreadRoot(key, Context.UNKNOWN, True)

    def _is_entered_from_outside(self, function: Function, is_spawned: bool) -> bool:
        if function.name in _CONSTRUCTORS and self._graph.callers.get(function.key):
            return False
        callers = [edge.caller for edge in self._graph.callers.get(function.key, ())]
        if all(caller == function.key for caller in callers) and not is_spawned:
            return True
        if function.key in self._graph.kept:
            return True
        if any(self._is_wrapper_of(caller, function) for caller in callers):
            return False  # Its name is that of the wrapper.
        if function.class_name is None or function.kind in (
            FunctionKind.LAMBDA,
            FunctionKind.GENERATOR_EXPRESSION,
        ):
            return False
        if is_spawned and function.name == "run":
            return False
        # Any code that has an object may call its public methods.
        return not function.name.startswith("_") or function.name.endswith("__")

    def _is_wrapper_of(self, key: str, function: Function) -> bool:
        """Return whether a decorator has put a function in front of another one."""
        caller = self._graph.function(key)
        return bool(caller.wrapper) and caller.called_name == function.called_name

    # -- parallel ---------------------------------------------------------------------------

    def may_run_in_parallel(self, one: str, at: Span, other: str, beside: Span) -> bool:
        """Return whether two places, each in a function, may be reached by two threads at once."""
        return any(
            self._parallel(left, one, at, right, other, beside)
            for left in sorted(self.roots(one), key=str)
            for right in sorted(self.roots(other), key=str)
        )

    def _parallel(
        self, left: ThreadRoot, one: str, at: Span, right: ThreadRoot, other: str, beside: Span
    ) -> bool:
        if left == right:
            return left.several and not self._is_in_turn(left)
        contexts = (left.context, right.context)
        if Context.TEST in contexts and not any(each.is_started for each in contexts):
            return False  # A test is the whole program, but for the threads that it starts.
        if Context.UNKNOWN in contexts:
            return True
        if left.context.is_started and right.context.is_started:
            if self._is_in_turn(left) and self._is_in_turn(right):
                return self._module_of(left) != self._module_of(right)
            if left.spawner != right.spawner or left.span is None or right.span is None:
                return True
            return self._lifetimes_of(left.spawner).overlap(left.span, right.span)
        if left.context is right.context is Context.MAIN:
            return False  # The modules of one program are run one after the other.
        if left.context.is_started:
            return self._beside(left, other, beside)
        return self._beside(right, one, at)

    def _is_in_turn(self, root: ThreadRoot) -> bool:
        """Return whether an executor with one worker runs it."""
        if root.context is not Context.EXECUTOR or root.span is None:
            return False
        return self.one_worker.runs(root.spawner, root.span)

    def _module_of(self, root: ThreadRoot) -> str:
        return self._states[root.spawner].function.module

    def lives_at(self, thread: ThreadRoot, key: str, place: Span) -> bool:
        """Return whether a thread that some function makes may live at a place of a function."""
        return thread.span is not None and self._beside(thread, key, place)

    def _beside(self, thread: ThreadRoot, place: str, span: Span) -> bool:
        """Return whether a place of the main program is reached while the thread lives."""
        assert thread.span is not None
        lifetimes = self._lifetimes_of(thread.spawner)
        if place == thread.spawner:
            return lifetimes.lives_at(thread.span, span)
        calls = [
            edge.span
            for edge in self._graph.calls[thread.spawner]
            if edge.manner is not Manner.CONCURRENT and place in self.reached_from(edge.callee)
        ]
        return not calls or any(lifetimes.lives_at(thread.span, each) for each in calls)

    def starts_some(self, key: str) -> bool:
        """Return whether a function starts threads."""
        return key in self.starting

    @cached_property
    def starting(self) -> frozenset[str]:
        """The functions that start threads."""
        return frozenset(edge.caller for edges in self._graph.spawns.values() for edge in edges)

    def runs_beside(
        self, key: str, spawn: Span | None, maker: str, place: Span, locks: Iterable[AccessPath]
    ) -> bool:
        """Return whether a function runs in threads beside which a place in their maker runs.

        They have the ``locks`` that the maker has made by then, if it makes each just once. The
        thread is the one made at ``spawn``; None: all threads in which the function runs.
        """
        lifetimes = self._lifetimes_of(maker)
        spawns = [spawn]
        if spawn is None:
            roots = self.roots(key)
            spawns = [root.span if root.spawner == maker else None for root in roots]
        return all(span is not None and lifetimes.lives_at(span, place) for span in spawns) and all(
            map(lifetimes.makes_once, locks)
        )

    def reached_from(self, key: str) -> frozenset[str]:
        """Return a function, and those that it leads to in its own thread."""
        known = self._reach.get(key)
        if known is None:
            known = self._reach[key] = frozenset(self._graph.led_to((key,)))
        return known

    def _lifetimes_of(self, key: str) -> Lifetimes:
        known = self._lifetimes.get(key)
        if known is None:
            known = self._lifetimes[key] = Lifetimes(self._states[key].function)
        return known

    # -- what is held on entry --------------------------------------------------------------

    def held_on_entry(self, key: str) -> frozenset[str]:
        """The locks, by name, that are held whenever the function is called: its gates."""
        return self._entry.get(key) or frozenset()

    def _held_on_entry(self) -> dict[str, frozenset[str] | None]:
        entry: dict[str, frozenset[str] | None] = {}
        for key in self._states:
            open_ = any(root.function == key for root in self._roots[key])
            entry[key] = frozenset() if open_ else None  # None: not called yet, as far as is known
        changed = True
        while changed:
            changed = False
            for key in self._states:
                if entry[key] == frozenset():
                    continue
                known: frozenset[str] | None = None
                for edge in self._graph.callers.get(key, ()):
                    above = entry.get(edge.caller)
                    if above is None:
                        continue
                    here = above | {lock_name(h.lock) for h in edge.held}
                    known = here if known is None else known & here
                if known is not None and known != entry[key]:
                    old = entry[key]
                    entry[key] = known if old is None else known & old
                    changed = changed or entry[key] != old
        return entry

    # -- objects that no other code has yet -------------------------------------------------

    def is_unshared(self, key: str, path: AccessPath) -> bool:
        """Return whether a path leads through an object that is still being made."""
        return path.root is Root.SELF and key in self._confined

    def _only_while_constructed(self) -> frozenset[str]:
        """The constructors, and the methods that only they call on the object that they make."""
        confined = {
            key
            for key, one in self._states.items()
            if one.function.name in _CONSTRUCTORS
            or (
                one.function.class_name is not None
                and self._graph.callers.get(key)
                and not self._graph.spawns.get(key)
                and one.function.name.startswith("_")
                and not one.function.name.endswith("__")
            )
        }
        changed = True
        while changed:
            changed = False
            for key in sorted(confined):
                if self._states[key].function.name in _CONSTRUCTORS:
                    continue
                for edge in self._graph.callers.get(key, ()):
                    receiver = next(iter(edge.binding.roots.values()), None)
                    own = receiver is not None and receiver.is_variable
                    own = own and receiver is not None and receiver.root is Root.SELF
                    if edge.caller not in confined or not own:
                        confined.discard(key)
                        changed = True
                        break
        return frozenset(confined)
