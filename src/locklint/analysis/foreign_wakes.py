"""Tasks that another thread than that of their event loop wakes.

The primitives of asyncio may be used in the thread of the loop alone. What another thread does to
them reaches the loop only when something else wakes it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import FEW_CALLS, CriticalPair, is_vague
from locklint.analysis.events import LockStates, Manner
from locklint.analysis.loop_threads import LoopThreads, ThreadEntry
from locklint.analysis.one_worker import call_at, calls_of
from locklint.core.diagnostic import Confidence, Severity
from locklint.core.source import SourceFile, Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import BasicBlock
from locklint.ir.context import Context
from locklint.ir.event import EventKind
from locklint.ir.instruction import Call, Spawn, Wait
from locklint.ir.lock import Exactness, LockRef
from locklint.ir.means import Use
from locklint.ir.registration import Entry
from locklint.ir.terminator import Catch
from locklint.models.events import TAKES_ITEM, TELLS_LOOP, TELLS_THREAD, WAKES, WITH_TIMEOUT
from locklint.models.stdlib_asyncio import OF_ASYNCIO

_UNBOUNDED = re.compile(r"Queue\((?:maxsize=0|0|)\)")

_MAX_CALLERS = 40
"""The largest number of callers that are asked what they pass for a parameter."""


class Waiter(msgspec.Struct, frozen=True, eq=False):
    """A wait of a task, by a method.

    ``is_plain``: the coroutine is awaited where it is made; ``is_timed``: a timeout ends it.
    """

    states: LockStates
    span: Span
    method: str
    is_plain: bool
    is_timed: bool = False


class ForeignWake(msgspec.Struct, frozen=True, eq=False):
    """A use of ``lock``, a primitive of asyncio, for which the ``waiter`` waits in a task.

    It is the last of the chain of ``pair``, which begins where the thread is made, or with the
    function that the interpreter runs. ``context`` is what runs it, MAIN for a log handler.
    """

    pair: CriticalPair
    lock: LockRef
    waiter: Waiter
    context: Context
    severity: Severity
    entry: Entry | None = None

    @property
    def use(self) -> CriticalPair:
        """Return the pair of the function that contains the use."""
        *_, last = self.pair.chain()
        return last


class ForeignWakes:
    """Finds them.

    ``handlers`` are the functions that handle log records; for the others see `Program`.
    """

    def __init__(
        self,
        composition: Composition,
        graph: CallGraph,
        loops: LoopThreads,
        interrupting: Iterable[Entry],
        handlers: Collection[str],
        made: Mapping[str, tuple[str, Span]],
        sources: Mapping[str, SourceFile],
    ) -> None:
        self._composition = composition
        self._graph = graph
        self._loops = loops
        self._interrupting = interrupting
        self._handlers = handlers
        self._made = made
        self._sources = sources

    def found(self) -> Iterator[ForeignWake]:
        """Yield them, the best of each place."""
        best: dict[tuple[str, Span], ForeignWake] = {}
        for each in self._every():
            place = (each.use.function, each.use.span)
            old = best.get(place)
            if old is None or _rank(each) < _rank(old):
                best[place] = each
        yield from best.values()

    def _every(self) -> Iterator[ForeignWake]:
        for thread in self._loops.entries:
            if not self._loops.runs_loop(thread):
                for pair in self._wakes(thread.function):
                    yield from self._in_thread(thread, pair)
        for entry in self._interrupting:
            if entry.context is Context.SIGNAL and not self._is_fallback(entry):
                for pair in self._wakes(entry.function):
                    *_, last = pair.chain()
                    # If a loop has no handlers of signals, `signal.signal` gets the same.
                    if last.function not in self._run_by_loops:
                        yield from self._judged(pair, pair, Context.SIGNAL, entry)
        for key in sorted(self._handlers):
            if key in self._graph.states and self._is_logged_in_threads:
                for pair in self._wakes(key):
                    yield from self._judged(pair, pair, Context.MAIN)

    def _is_fallback(self, entry: Entry) -> bool:
        """Return whether a handler is registered where the loop cannot have handlers of signals.

        ``except NotImplementedError`` after ``loop.add_signal_handler``: then the loop wakes up at
        each signal all the same (Windows).
        """
        if entry.registration is None or entry.registrar not in self._graph.states:
            return False
        function = self._graph.function(entry.registrar)
        handlers = [
            handler.target
            for block in function.blocks.values()
            if isinstance(block.terminator, Catch)
            for handler in block.terminator.handlers
            if "NotImplementedError" in handler.types
        ]
        return any(
            each.span == entry.registration.span
            for key in reached(function, handlers, successors=BasicBlock.successors)
            for each in function.blocks[key].instructions
        )

    @cached_property
    def _run_by_loops(self) -> frozenset[str]:
        """The plain functions that event loops are given, and those that these call."""
        return frozenset(
            self._graph.led_to(
                target
                for states in self._graph.states.values()
                for block in states.function.blocks.values()
                for each in block.instructions
                if isinstance(each, Spawn) and each.context is Context.TASK
                for target in each.targets
                if target in self._graph.states and not self._graph.function(target).is_async
            )
        )

    def _wakes(self, key: str) -> Iterator[CriticalPair]:
        for pair in self._composition.pairs.get(key, ()):
            if pair.event.kind is EventKind.WAKE and not pair.is_concurrent:
                if not any(map(self._may_know_thread, pair.chain())) and not self._tells_loop(pair):
                    yield pair

    def _may_know_thread(self, pair: CriticalPair) -> bool:
        """Return whether a function looks in which thread it runs: it may be there for both."""
        function = self._graph.function(pair.function)
        return any(each.external in TELLS_THREAD for each in calls_of(function))

    def _tells_loop(self, pair: CriticalPair) -> bool:
        """Return whether the function that uses a primitive also gives its methods to the loop.

        A test decides then: there is no loop yet, or it does not run.
        """
        *_, last = pair.chain()
        lock = last.event.lock
        return lock is not None and any(
            isinstance(value := argument.value, AccessPath)
            and bool(value.fields)
            and value.parent() == lock.path
            for each in calls_of(self._graph.function(last.function))
            if each.callee is not None and each.callee.name in TELLS_LOOP
            for argument in each.arguments
        )

    def _in_thread(self, thread: ThreadEntry, pair: CriticalPair) -> Iterator[ForeignWake]:
        outer = self._composition.through(thread.made, pair)
        if outer is not None:
            yield from self._judged(pair, outer, thread.root.context)

    def _judged(
        self,
        pair: CriticalPair,
        outer: CriticalPair,
        context: Context,
        entry: Entry | None = None,
    ) -> Iterator[ForeignWake]:
        lock = outer.event.lock
        if lock is None or not lock.kind.name.startswith(OF_ASYNCIO):
            return
        if lock.confidence is Confidence.LOW:
            return  # A flag decides whether it is one of asyncio.
        if pair.event.name == TAKES_ITEM and not self._is_bounded(lock):
            return
        waits = WAKES.get(pair.event.name, ())
        own = {link.function for link in pair.chain()}
        waiters = [
            each
            for each in self._waiters.get(lock.identity, ())
            if each.method in waits and each.states.function.key not in own
            if not self._composition.is_over(each.states.function.key, each.span)
        ]
        if not waiters:
            return
        waiter = min(waiters, key=_by_length)
        is_one = _is_one_object(lock) or _is_own(pair.event.lock)
        severity = self._severity(outer, lock, waiter, context, is_one)
        yield ForeignWake(outer, lock, waiter, context, severity, entry)

    def _severity(
        self, outer: CriticalPair, lock: LockRef, waiter: Waiter, context: Context, is_one: bool
    ) -> Severity:
        if outer.depth > FEW_CALLS or waiter.is_timed:
            return Severity.INFO
        is_for_tasks = self._is_for_tasks(outer)
        if is_for_tasks and not is_one:
            return Severity.INFO  # The thread and the tasks may have objects of their own.
        is_sure = (
            context in (Context.THREAD, Context.EXECUTOR)
            and waiter.is_plain
            and outer.certain
            and not outer.requires
            and not outer.conditions
            and all(link.manner is not Manner.OVERRIDE for link in outer.chain())
            and lock.confidence is Confidence.HIGH
            and is_one
            and not is_for_tasks
        )
        return Severity.ERROR if is_sure else Severity.WARNING

    def _is_for_tasks(self, outer: CriticalPair) -> bool:
        """Return whether a coroutine calls one of the functions, too, in the thread of the loop."""
        return any(
            self._graph.function(edge.caller).is_async
            for link in outer.chain()
            if link.inner is not None
            for edge in self._graph.callers.get(link.inner.function, ())
        )

    def _is_bounded(self, queue: LockRef) -> bool:
        """Return whether a queue is made with a size, so that tasks may wait to put something."""
        path, span = self._made.get(queue.identity, ("", None))
        source = self._sources.get(path)
        return (
            source is not None
            and span is not None
            and _UNBOUNDED.search(source.line(span.line)) is None
        )

    # -- tasks that wait --------------------------------------------------------------------

    @cached_property
    def _waiters(self) -> Mapping[str, Sequence[Waiter]]:
        """The waits of coroutines, by the identities of what they wait for."""
        found: dict[str, list[Waiter]] = {}
        for states in self._graph.states.values():
            if not states.function.is_async:
                continue
            for lock, waiter in _waits_in(states):
                for identity in self._identities(states.function.key, lock):
                    found.setdefault(identity, []).append(waiter)
        return found

    def _identities(self, key: str, lock: LockRef) -> set[str]:
        """Return the names of a lock in a function and in those that pass it."""
        names = {lock.identity}
        work = [(key, lock)]
        seen: set[tuple[str, str]] = set()
        while work and len(seen) < _MAX_CALLERS:
            at, one = work.pop()
            if not one.path.is_parameter or (at, one.identity) in seen:
                continue
            seen.add((at, one.identity))
            edges = (*self._graph.callers.get(at, ()), *self._graph.spawns.get(at, ()))
            for edge in edges:
                passed = self._composition.as_called(edge, one)
                if passed is not None and not is_vague(passed):
                    names.add(passed.identity)
                    work.append((edge.caller, passed))
        return names

    @cached_property
    def _is_logged_in_threads(self) -> bool:
        """Return whether a thread that runs no event loop writes to a log."""
        return any(
            each.event.kind is EventKind.LOG
            for key in self._graph.spawns
            for other in self._loops.in_threads(key)
            for each in self._graph.states[other].events
        )


def _by_length(waiter: Waiter) -> tuple[object, ...]:
    """Return a key by which waits that nothing else ends come first."""
    function = waiter.states.function
    return waiter.is_timed, not waiter.is_plain, function.key, waiter.span


def _waits_in(states: LockStates) -> Iterator[tuple[LockRef, Waiter]]:
    """Yield the waits of a coroutine, each with what it waits for."""
    for each in states.events:
        lock = each.event.lock
        if lock is None or not lock.kind.name.startswith(OF_ASYNCIO):
            continue
        if each.event.kind is EventKind.ACQUIRE:
            yield lock, Waiter(states, each.span, "acquire", True)
        elif each.event.kind is EventKind.SUSPEND:
            call = call_at(states.function, each.span)
            if call is not None:
                yield lock, _waiter(states, call, each.event.name)
    for used in states.used:
        if isinstance(used.instruction, Wait):
            yield used.lock, _waiter(states, used.instruction.call, used.instruction.method)


def _waiter(states: LockStates, call: Call, method: str) -> Waiter:
    is_timed = any(
        each.external == WITH_TIMEOUT and any(one.value == call.result for one in each.arguments)
        for each in calls_of(states.function)
    )
    return Waiter(states, call.span, method, call.use is Use.AWAITED, is_timed)


def _is_one_object(lock: LockRef) -> bool:
    """Return whether the thread has the object for which the task waits."""
    return _is_own(lock) or lock.path.is_variable or lock.exactness is Exactness.ONE


def _is_own(lock: LockRef | None) -> bool:
    return lock is not None and lock.path.is_own_attribute


def _rank(found: ForeignWake) -> tuple[object, ...]:
    entry = "" if found.entry is None else found.entry.function
    return -found.severity, found.pair.depth, found.pair.function, found.pair.span, entry
