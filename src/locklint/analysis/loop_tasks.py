"""Tasks of one event loop: which of them may run while another one is suspended.

A coroutine that is given to `asyncio.run`, or to `run_until_complete`, is the one task of its loop,
but for those that it starts itself. A function that only threads run blocks no event loop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import TypeAlias

from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.events import Held, Manner, Taken
from locklint.analysis.lock_name import lock_name
from locklint.analysis.one_worker import call_at, calls_of
from locklint.analysis.threads import ThreadRoot, Threads
from locklint.dataflow.order import all_successors, looping, predecessors
from locklint.ir.access_path import Root, parted_closure
from locklint.ir.acquire_call import argument_value
from locklint.ir.cfg import split_key
from locklint.ir.context import Context
from locklint.ir.event import EventKind
from locklint.ir.instruction import Call, Constant, TryAcquire
from locklint.ir.lock import LockRef, LockRole, Mode
from locklint.ir.operands import used_paths
from locklint.models.events import WITH_TIMEOUT, event_of, event_of_method
from locklint.models.spawns import STARTS_TASKS

_ONE_TASK = (Context.MAIN, Context.TEST)
"""Contexts that cannot await a coroutine: they run a loop for it."""


_Wait: TypeAlias = tuple[str, frozenset[str]]
"""A function that waits, and the locks of tasks that it holds there."""

_LONG = 1.0
"""The shortest wait, in seconds, that is long for an event loop."""


class LoopTasks:
    """The tasks of the event loops of a program."""

    def __init__(self, graph: CallGraph, threads: Threads) -> None:
        self._graph = graph
        self._threads = threads
        self._roots: dict[str, frozenset[ThreadRoot]] = {}
        self._started: dict[str, frozenset[str]] = {}

    @cached_property
    def _waits(self) -> dict[str, dict[_Wait, None]]:
        """Return the waits for each lock that may take long, by its identity."""
        found: dict[str, dict[_Wait, None]] = defaultdict(dict)
        for key, states in self._graph.states.items():
            for taken in states.taken:
                if taken.waits and not _ends_soon(taken):
                    found[taken.lock.identity][key, self._gates(key, taken.held)] = None
        return found

    def _gates(self, key: str, held: Iterable[Held]) -> frozenset[str]:
        """Return the locks that keep other tasks out where a function holds some locks."""
        own = {lock_name(each.lock) for each in held if _excludes_tasks(each)}
        return (self._threads.held_on_entry(key) & self._of_tasks) | own

    @cached_property
    def _of_tasks(self) -> frozenset[str]:
        """Return the names of the locks of tasks."""
        return frozenset(
            lock_name(taken.lock)
            for states in self._graph.states.values()
            for taken in states.taken
            if taken.lock.kind.is_async and taken.lock.kind.role is not LockRole.SEMAPHORE
        )

    def waiting(self, suspended: str, lock: LockRef, held: Iterable[Held]) -> list[str]:
        """Return the functions that may block the loop in a wait for a lock of a suspended task.

        The coroutine holds the lock, and others: of tasks that need one of these, none gets there.
        """
        gates = self._gates(suspended, held)
        waits = [
            wait for name in self._names(suspended, lock) for wait in self._waits.get(name, ())
        ]
        return [
            key
            for key, closed in waits
            if gates.isdisjoint(closed) and self.may_meet(suspended, key)
            if key != suspended or not self._is_of_one_task(suspended, lock)
        ]

    def _is_of_one_task(self, suspended: str, lock: LockRef) -> bool:
        """Return whether each call of the function around a coroutine has its own lock and task.

        The lock is a variable of that function, which names the coroutine once, and in no loop.
        """
        inner = self._graph.function(suspended)
        outer = self._graph.states.get(f"{split_key(suspended)[0]}:{inner.parent}")
        if lock.path.root is not Root.CLOSURE or outer is None:
            return False
        owner, _ = parted_closure(lock.path.root_name)
        blocks = outer.function.blocks
        named = [
            block.id
            for block in blocks.values()
            for each in block.instructions
            if any(path.root_name == inner.name for path in used_paths(each))
        ]
        return (
            owner in ("", outer.function.qualname)
            and len(named) == 1
            and named[0] not in looping(predecessors(outer.function, all_successors))
        )

    def _names(self, key: str, lock: LockRef) -> list[str]:
        """Return the names of a lock: that for others, and those that a function has for it."""
        states = self._graph.states[key]
        own = [
            taken.lock.identity
            for taken in states.taken
            if taken.lock.identity != lock.identity
            and self._graph.named(states.function, taken.lock).identity == lock.identity
        ]
        return [lock.identity, *dict.fromkeys(own)]

    def are_apart(
        self, suspended: str, held: Iterable[Held], other: str, held_there: Iterable[Held]
    ) -> bool:
        """Return whether no task runs a function while another one is suspended in a coroutine.

        A lock of tasks that both hold keeps them apart, too.
        """
        gates = self._gates(suspended, held) & self._gates(other, held_there)
        return bool(gates) or not self.may_meet(suspended, other)

    def may_meet(self, suspended: str, other: str) -> bool:
        """Return whether a task may run a function while a coroutine of the same loop is suspended.

        If no caller of a coroutine is known, any task may run it.
        """
        roots, others = self._in_loops(suspended), self._in_loops(other)
        if not others:
            return not self._graph.function(other).is_async and not roots
        if self._are_run_alone(roots):
            return any(other in self._tasks_of(root.function) for root in roots)
        if self._are_run_alone(others):
            return any(suspended in self._tasks_of(root.function) for root in others)
        return True

    def is_alone(self, key: str) -> bool:
        """Return whether a coroutine is the one task of its loop whenever it runs."""
        roots = self._in_loops(key)
        return self._are_run_alone(roots) and not any(
            _starts_tasks(call)
            for root in roots
            for each in self._threads.reached_from(root.function)
            for call in calls_of(self._graph.function(each))
        )

    def _in_loops(self, key: str) -> frozenset[ThreadRoot]:
        """Return the roots of the tasks in which a function runs, or of the coroutines above it."""
        known = self._roots.get(key)
        if known is None:
            known = self._roots[key] = frozenset(self._find_in_loops(key))
        return known

    def _find_in_loops(self, key: str) -> set[ThreadRoot]:
        found: set[ThreadRoot] = set()
        seen: set[str] = set()
        work = [key]
        while work:
            each = work.pop()
            if each in seen:
                continue
            seen.add(each)
            roots = self._threads.roots(each)
            if self._graph.function(each).is_async:
                found.update(root for root in roots if not self._is_known_otherwise(root))
            else:
                found.update(
                    root for root in roots if root.context is Context.TASK and root.function == each
                )
                work += [edge.caller for edge in self._graph.callers.get(each, ())]
        return found

    def _is_known_otherwise(self, root: ThreadRoot) -> bool:
        """Return whether a coroutine that others may call is called within the program."""
        called = self._graph.callers.get(root.function) or self._graph.spawns.get(root.function)
        return root.context is Context.UNKNOWN and bool(called)

    def _are_run_alone(self, roots: frozenset[ThreadRoot]) -> bool:
        return bool(roots) and all(map(self._is_run_alone, roots))

    def _is_run_alone(self, root: ThreadRoot) -> bool:
        """Return whether a root is a coroutine that is given to what runs a loop until its end."""
        if root.span is None:
            return root.context in _ONE_TASK
        return any(
            edge.caller == root.spawner and edge.span == root.span and self._is_run(edge)
            for edge in self._graph.spawns.get(root.function, ())
        )

    def _is_run(self, edge: Edge) -> bool:
        """Return whether a coroutine is run where it is made."""
        function = self._graph.function(edge.caller)
        call = call_at(function, edge.span)
        results = set() if call is None else {call.result}
        calls = list(calls_of(function))
        for each in calls:
            if not results.isdisjoint(argument.value for argument in each.arguments):
                if _runs_loop(each):
                    return True
                if each.external == WITH_TIMEOUT:
                    results.add(each.result)
        return False

    def _tasks_of(self, key: str) -> frozenset[str]:
        """Return the functions to which the tasks lead that a coroutine starts in its loop."""
        known = self._started.get(key)
        if known is None:
            known = self._started[key] = frozenset(self._find_tasks(key))
        return known

    def _find_tasks(self, key: str) -> set[str]:
        found: set[str] = set()
        work = [*self._threads.reached_from(key)]
        seen: set[str] = set()
        while work:
            each = work.pop()
            if each in seen:
                continue
            seen.add(each)
            for edge in self._graph.calls[each]:
                if edge.manner is Manner.CONCURRENT and self._is_task(edge):
                    reached = self._threads.reached_from(edge.callee)
                    found |= reached
                    work += reached
        return found

    def _is_task(self, edge: Edge) -> bool:
        """Return whether a call starts a task, rather than a thread, a process or another loop."""
        if self._graph.function(edge.callee).is_async:
            return not self._is_run(edge)
        return any(
            root.context is Context.TASK and root.function == edge.callee
            for root in self._threads.roots(edge.callee)
        )


def _runs_loop(call: Call) -> bool:
    """Return whether a call runs an event loop."""
    if call.external is not None:
        event = event_of(call.external)
    else:
        event = event_of_method(call.callee.name) if call.callee is not None else None
    return event is not None and event.kind is EventKind.RUN_LOOP


def _starts_tasks(call: Call) -> bool:
    """Return whether a call lets coroutines run in tasks of their own."""
    if call.external is not None:
        return call.external.rpartition(".")[2] in STARTS_TASKS
    return call.callee is not None and call.callee.name in STARTS_TASKS


def _ends_soon(taken: Taken) -> bool:
    """Return whether a wait has a timeout that is short, or not known."""
    tried = taken.instruction
    if not isinstance(tried, TryAcquire) or not tried.timed:
        return False
    given = None
    if tried.call is not None and tried.form is not None:
        given = argument_value(tried.call, tried.form.timeout)
    value = given.value if isinstance(given, Constant) else None
    return not isinstance(value, int | float) or value < _LONG


def _excludes_tasks(held: Held) -> bool:
    """Return whether no other task gets past a held lock."""
    lock = held.lock
    is_exclusive = lock.kind.role is not LockRole.SEMAPHORE or lock.has_one_slot
    return lock.kind.is_async and is_exclusive and held.mode is not Mode.SHARED
