"""Locks of threads that a parent and its child process, or several children, use as one lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from locklint.analysis.binding import Binding
from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair, is_vague
from locklint.analysis.events import LockStates, Taken
from locklint.analysis.forks import Forks
from locklint.analysis.lifetimes import Lifetimes
from locklint.analysis.threads import Threads
from locklint.core.diagnostic import Severity
from locklint.core.source import Span
from locklint.ir.access_path import Root
from locklint.ir.cfg import Function
from locklint.ir.event import EventKind
from locklint.ir.instruction import Assign, Spawn
from locklint.ir.lock import Exactness, LockRef
from locklint.models.processes import is_lock_of_threads

_ACQUIRING = (EventKind.ACQUIRE, EventKind.TRY)


class Place(msgspec.Struct, frozen=True, eq=False):
    """An acquire of the lock, in a function."""

    function: str
    span: Span


class SharedWithProcess(msgspec.Struct, frozen=True, eq=False):
    """A process that gets, or finds, a copy of a lock of threads.

    ``maker`` makes the process at ``span``. ``child`` is its acquire; ``other`` that of another
    process, the parent or a second child, or None if only one child is known. ``is_passed``: the
    lock is among the arguments; ``is_of_object``: it belongs to the object that is the process.
    """

    maker: Function
    span: Span
    run: str
    lock: LockRef
    child: Place
    other: Place | None
    is_passed: bool
    severity: Severity
    is_of_object: bool = False


class ProcessLocks:
    """Finds the faults of a program."""

    def __init__(
        self, composition: Composition, graph: CallGraph, threads: Threads, forks: Forks
    ) -> None:
        self._composition = composition
        self._graph = graph
        self._threads = threads
        self._forks = forks

    def faults(
        self, runs: Iterable[str], made: Mapping[str, tuple[str, Span]]
    ) -> Iterator[SharedWithProcess]:
        """Yield them, one for each lock and function.

        ``runs`` are the methods that classes of processes run, ``made`` where locks are made.
        """
        for states in self._graph.states.values():
            seen: set[str] = set()
            for spawn in _processes(states.function):
                for one in self._of_spawn(states, spawn):
                    if one.lock.identity not in seen:
                        seen.add(one.lock.identity)
                        yield one
        for key in sorted(runs):
            if key in self._graph.states:
                yield from self._of_object(self._graph.function(key), made)

    def _of_spawn(self, states: LockStates, spawn: Spawn) -> Iterator[SharedWithProcess]:
        if len(spawn.targets) != 1 or spawn.targets[0] not in self._graph.states:
            return
        (target,) = spawn.targets
        child = self._graph.function(target)
        for pair in self._composition.pairs.get(target, ()):
            lock = pair.event.lock
            if lock is None or pair.event.kind not in _ACQUIRING or pair.is_concurrent:
                continue
            if not is_lock_of_threads(lock.kind) or is_vague(lock):
                continue
            found: SharedWithProcess | None = None
            if lock.path.is_parameter:
                found = self._passed(states.function, spawn, child, pair, lock)
            elif lock.path.root is Root.CLOSURE or lock.exactness is Exactness.ONE:
                found = self._found(states, spawn, child, pair, lock)
            if found is not None:
                yield found

    # -- a lock among the arguments ---------------------------------------------------------

    def _passed(
        self, maker: Function, spawn: Spawn, child: Function, pair: CriticalPair, lock: LockRef
    ) -> SharedWithProcess | None:
        binding = Binding.of_arguments(maker, child, spawn.arguments, spawn.receiver)
        name = lock.path.root_name
        given = binding.locks.get(name)
        is_passed = given is not None
        if given is None and not binding.is_passed(name):
            given = lock  # The default is made once, and each process has a copy of it.
        if given is None or not is_lock_of_threads(given.kind):
            return None
        other = self._elsewhere(given, child.key) or self._again(maker, spawn, given, pair)
        severity = Severity.WARNING if other is None else Severity.ERROR
        place = _last(pair)
        return SharedWithProcess(
            maker, spawn.span, child.key, given, place, other, is_passed, severity
        )

    def _elsewhere(self, lock: LockRef, run: str) -> Place | None:
        """Return an acquire of a lock by a function that the child does not run."""
        in_child = self._threads.reached_from(run)
        for states, taken in self._graph.takers.get(lock.identity, ()):
            if states.function.key not in in_child:
                return Place(states.function.key, taken.span)
        return None

    def _again(
        self, maker: Function, spawn: Spawn, lock: LockRef, pair: CriticalPair
    ) -> Place | None:
        """Return the acquire of a second process that the function makes, if it makes another."""
        if spawn.result is not None and not Lifetimes(maker).makes_once(spawn.result):
            return _last(pair)
        for each in _processes(maker):
            passed = [one.lock.identity for one in each.arguments if one.lock is not None]
            is_default = lock.path.is_parameter and each.targets == spawn.targets
            if each.span != spawn.span and (is_default or lock.identity in passed):
                return _last(pair)
        return None

    # -- a lock of the object that is the process -------------------------------------------

    def _of_object(
        self, run: Function, made: Mapping[str, tuple[str, Span]]
    ) -> Iterator[SharedWithProcess]:
        in_child = self._threads.reached_from(run.key)
        if any(map(self._threads.starts_some, in_child)):
            return  # The child uses its locks among its own threads.
        seen: set[str] = set()
        for pair in self._composition.pairs.get(run.key, ()):
            lock = pair.event.lock
            if lock is None or pair.event.kind not in _ACQUIRING or pair.is_concurrent:
                continue
            if not is_lock_of_threads(lock.kind) or not lock.path.is_own_attribute:
                continue
            if (
                lock.exactness is Exactness.ONE
                or lock.identity in seen
                or self._makes(in_child, lock)
            ):
                continue
            seen.add(lock.identity)
            for states, taken in self._graph.takers.get(lock.identity, ()):
                sure = self._runs_in_parent(states.function, run, in_child)
                path, span = made.get(lock.identity, ("", pair.span))
                if sure is None or path != run.path:
                    continue
                maker = self._graph.states.get(f"{run.class_key}.__init__")
                place, other = _last(pair), Place(states.function.key, taken.span)
                # A helper may be written for the parent's threads, too.
                severity = Severity.WARNING if pair.depth or not sure else Severity.ERROR
                function = maker.function if maker is not None else run
                yield SharedWithProcess(
                    function, span, run.key, lock, place, other, False, severity, True
                )
                break

    def _runs_in_parent(
        self, method: Function, run: Function, in_child: frozenset[str]
    ) -> bool | None:
        """Return whether the parent certainly calls a method of a process; None: it may not.

        One that has no known callers is there for the parent, unless it is private.
        """
        if method.key in in_child or method.class_key != run.class_key:
            return None
        callers = self._graph.callers.get(method.key, ())
        if any(edge.caller not in in_child for edge in callers):
            return True
        return None if callers or method.name.startswith("_") else False

    def _makes(self, keys: frozenset[str], lock: LockRef) -> bool:
        """Return whether one of some functions binds the attribute of a lock."""
        return any(
            isinstance(each, Assign) and each.target.fields and each.target.last == lock.path.last
            for key in keys
            if key in self._graph.states
            for block in self._graph.function(key).blocks.values()
            for each in block.instructions
        )

    # -- a lock that both find by its name --------------------------------------------------

    def _found(
        self,
        states: LockStates,
        spawn: Spawn,
        child: Function,
        pair: CriticalPair,
        lock: LockRef,
    ) -> SharedWithProcess | None:
        """Return the fault of a global lock that only processes use: no thread can meet another.

        All acquires are in the child, or in the function that makes it, and neither starts threads.
        """
        in_child = self._threads.reached_from(child.key)
        maker = states.function
        if any(map(self._threads.starts_some, (*in_child, maker.key))):
            return None
        own: Taken | None = None
        for taker, taken in self._graph.takers.get(lock.identity, ()):
            if taker.function.key == maker.key:
                own = taken
            elif taker.function.key not in in_child or self._runs_in_threads(taker):
                return None
        other = Place(maker.key, own.span) if own is not None else self._twice(maker, spawn, pair)
        if other is None:
            return None
        place = _last(pair)
        # A library may use its locks in the threads of each process.
        is_near = self._graph.function(place.function).path == maker.path
        severity = Severity.WARNING if is_near else Severity.INFO
        return SharedWithProcess(maker, spawn.span, child.key, lock, place, other, False, severity)

    def _runs_in_threads(self, states: LockStates) -> bool:
        roots = self._threads.roots(states.function.key)
        return any(root.context.is_started for root in roots)

    @staticmethod
    def _twice(maker: Function, spawn: Spawn, pair: CriticalPair) -> Place | None:
        if spawn.result is not None and not Lifetimes(maker).makes_once(spawn.result):
            return _last(pair)
        others = [each for each in _processes(maker) if each.span != spawn.span]
        return _last(pair) if any(each.targets == spawn.targets for each in others) else None


def _processes(function: Function) -> list[Spawn]:
    """Return the processes that a function makes."""
    return [
        each
        for block in function.blocks.values()
        for each in block.instructions
        if isinstance(each, Spawn) and each.is_process
    ]


def _last(pair: CriticalPair) -> Place:
    *_, last = pair.chain()
    return Place(last.function, last.span)
