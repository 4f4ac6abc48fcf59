"""Locks that are held when a process forks, and that its child waits for in vain."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import msgspec

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.child_path import ChildPath, child_path
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import FEW_CALLS, CriticalPair
from locklint.analysis.events import Held, LockStates, Manner, Occurrence, Taken
from locklint.analysis.forks import Forks, Reach, ends_parent
from locklint.analysis.one_worker import call_at
from locklint.analysis.self_deadlock import waits_for_itself
from locklint.analysis.threads import ThreadRoot, Threads
from locklint.core.diagnostic import Severity
from locklint.core.source import Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.context import Context
from locklint.ir.event import EventKind
from locklint.ir.instruction import Assign, BlockId, Call
from locklint.ir.lock import Exactness, LockRef
from locklint.ir.terminator import Branch, Opaque, is_of_process
from locklint.models.calls import ends_process
from locklint.models.pooled import is_pooled
from locklint.models.processes import PROCESS_START, is_lock_of_threads

_MAKERS = frozenset(("__init__", "__new__", "__post_init__", "__attrs_post_init__"))
_RESTORERS = _MAKERS | {"__setstate__"}
_OF_THREADS = (Context.THREAD, Context.EXECUTOR)


class Thread(msgspec.Struct, frozen=True, eq=False):
    """A thread that acquires a lock: the function that does, and where the thread is made."""

    states: LockStates
    taken: Taken
    root: ThreadRoot


class HeldFork(msgspec.Struct, frozen=True, eq=False):
    """A fork at which the thread that forks holds a lock, which its copy goes on to hold.

    ``reach`` is the child's wait for it, if one is known; ``unknown``: a call in the child of what
    only others know.
    """

    pair: CriticalPair
    held: Held
    reach: Reach | None
    unknown: Span | None
    severity: Severity


class ThreadFork(msgspec.Struct, frozen=True, eq=False):
    """A fork at which another thread may hold a lock that the child waits for."""

    states: LockStates
    fork: Occurrence
    reach: Reach
    thread: Thread
    severity: Severity


class ForkedObject(msgspec.Struct, frozen=True, eq=False):
    """A wait for the lock of an object that is made to be used on in a child.

    ``test`` is where the function looks whether it runs in the process that made the object.
    """

    states: LockStates
    taken: Taken
    lock: LockRef
    test: Span
    thread: Thread | None
    severity: Severity


class ForkFaults:
    """Finds the faults of a program.

    ``handled`` are the identities of locks that something at each fork takes care of.
    """

    def __init__(
        self,
        composition: Composition,
        graph: CallGraph,
        threads: Threads,
        forks: Forks,
        handled: frozenset[str],
    ) -> None:
        self._composition = composition
        self._graph = graph
        self._threads = threads
        self._forks = forks
        self._handled = handled

    # -- the thread that forks holds the lock -----------------------------------------------

    @cached_property
    def held(self) -> tuple[HeldFork, ...]:
        """Return the forks with a lock held, one for each place and lock."""
        found: dict[tuple[str, Span, str], HeldFork] = {}
        for key, pairs in sorted(self._composition.pairs.items()):
            forks = [
                each
                for each in pairs
                if each.event.kind is EventKind.FORK and not each.is_concurrent
            ]
            for pair in sorted(forks, key=lambda each: (each.depth, each.rank())):
                for held in pair.held:
                    place = (key, pair.span, held.lock.identity)
                    if place in found or held.key in pair.released:
                        continue
                    one = self._judged(pair, held)
                    if one is not None:
                        found[place] = one
        return tuple(found[place] for place in sorted(found))

    def _judged(self, pair: CriticalPair, held: Held) -> HeldFork | None:
        lock = held.lock
        if not is_lock_of_threads(lock.kind) or not waits_for_itself(lock):
            return None  # The child is a copy of the owner, and may acquire the lock again.
        if not self._forks.is_fork(pair.event.name) or lock.identity in self._handled:
            return None
        if pair.event.name == PROCESS_START:
            return self._judged_start(pair, held)
        reach, unknown, goes_on = self._in_child(pair, lock)
        if reach is not None:
            is_sure = reach.certain and pair.certain and pair.manner is Manner.DIRECT
            severity = Severity.ERROR if is_sure and not pair.requires else Severity.WARNING
        elif unknown is not None:
            severity = Severity.WARNING
        elif goes_on:
            severity = Severity.INFO
        else:
            return None
        return HeldFork(pair, held, reach, unknown, severity)

    def _judged_start(self, pair: CriticalPair, held: Held) -> HeldFork | None:
        """Return the fault of a process that is started with a lock held, and needs it."""
        *_, last = pair.chain()
        states = self._graph.states[last.function]
        for start in states.events:
            if start.event.kind is not EventKind.FORK or start.span != last.span:
                continue
            for reach in self._forks.waits_of_start(states, start):
                if self._is_same(reach, held.lock, last.function == pair.function):
                    is_sure = reach.certain and pair.certain and pair.manner is Manner.DIRECT
                    severity = Severity.ERROR if is_sure else Severity.WARNING
                    return HeldFork(pair, held, reach, None, severity)
        return None

    def _in_child(
        self, pair: CriticalPair, lock: LockRef
    ) -> tuple[Reach | None, Span | None, bool]:
        """Return what the child does before it releases a lock, or ends.

        That is its wait for the lock, a call of what is not known, and whether it calls anything.
        """
        unknown: Span | None = None
        goes_on, tells = False, True
        for link in reversed(list(pair.chain())):
            function = self._graph.function(link.function)
            if ends_parent(function, link.span):
                return None, None, False  # One process is left, which releases the lock.
            path = child_path(function, link.span, lock.identity, is_told=tells)
            waits = [
                reach
                for reach in self._forks.waits(link.function, path)
                if self._is_same(reach, lock, link.function == pair.function)
            ]
            if waits:
                best = min(waits, key=lambda each: (not each.certain, each.depth, each.span))
                return best, None, True
            unknown = unknown or self._unknown(link.function, path)
            goes_on = goes_on or any(
                isinstance(each, Call) and not all(map(self._only_ends, each.targets))
                for each in path.instructions
            )
            if not path.returns:
                break
            tells = path.passes_on
        return None, unknown, goes_on

    def _only_ends(self, key: str) -> bool:
        """Return whether a function ends the process, or exchanges its program, and no more."""
        states = self._graph.states.get(key)
        if states is None:
            return False
        calls = [
            each
            for block in states.function.blocks.values()
            for each in block.instructions
            if isinstance(each, Call)
        ]
        is_end = any(each.external and ends_process(each.external) for each in calls)
        return is_end and not any(each.targets for each in calls)

    @staticmethod
    def _is_same(reach: Reach, lock: LockRef, in_holder: bool) -> bool:
        if reach.lock.identity != lock.identity:
            return False
        if lock.exactness is Exactness.ONE:
            return True
        return in_holder and reach.lock.path == lock.path and not lock.path.is_vague

    def _unknown(self, key: str, path: ChildPath) -> Span | None:
        """Return where a child calls what others have passed in, directly or in its callees."""
        for each in path.instructions:
            if isinstance(each, Call):
                if _is_passed_in(each):
                    return each.span
                for target in each.targets:
                    if target in self._graph.states and self._calls_unknown(target):
                        return each.span
        return None

    def _calls_unknown(self, key: str) -> bool:
        return any(
            _is_passed_in(each)
            for callee in self._threads.reached_from(key)
            if callee in self._graph.states
            for block in self._graph.function(callee).blocks.values()
            for each in block.instructions
            if isinstance(each, Call)
        )

    # -- another thread may hold the lock ---------------------------------------------------

    @cached_property
    def by_threads(self) -> tuple[ThreadFork, ...]:
        """Return the forks beside threads that acquire a lock that the child waits for."""
        held = {(link.function, link.span) for one in self.held for link in one.pair.chain()}
        found: list[ThreadFork] = []
        for states, fork in self._forks.events:
            function = states.function
            if not self._forks.is_fork(fork.event.name) or (function.key, fork.span) in held:
                continue
            best: dict[str, ThreadFork] = {}
            for reach in sorted(self._waits_of_child(states, fork), key=lambda each: each.depth):
                lock = reach.lock
                if lock.identity in best or not _is_shared(lock) or lock.identity in self._handled:
                    continue
                if any(each.lock.identity == lock.identity for each in fork.held):
                    continue
                thread = self._thread_beside(lock, function, fork.span)
                if thread is not None:
                    far = reach.depth > FEW_CALLS
                    severity = Severity.INFO if far else Severity.WARNING
                    best[lock.identity] = ThreadFork(states, fork, reach, thread, severity)
            found += best.values()
        return tuple(found)

    def _waits_of_child(self, states: LockStates, fork: Occurrence) -> Iterator[Reach]:
        if fork.event.name == PROCESS_START:
            yield from self._forks.waits_of_start(states, fork)
        elif not ends_parent(states.function, fork.span):
            path = child_path(states.function, fork.span, "")
            yield from self._forks.waits(states.function.key, path)

    def _thread_beside(self, lock: LockRef, function: Function, fork: Span) -> Thread | None:
        """Return a thread that may hold a lock while a function forks."""
        for thread in self._takers_in_threads(lock):
            spawner = thread.root.spawner
            if self._is_ordered(spawner, function):
                if self._threads.lives_at(thread.root, function.key, fork):
                    return thread
        return None

    def _is_ordered(self, spawner: str, function: Function) -> bool:
        """Return whether a function may fork after another one has started a thread.

        It does both, or they are of one class, or one of them leads to the other.
        """
        if spawner == function.key or spawner not in self._graph.states:
            return spawner == function.key
        owner = self._graph.function(spawner).class_key
        if owner and owner == function.class_key:
            return True
        reached_from = self._threads.reached_from
        return function.key in reached_from(spawner) or spawner in reached_from(function.key)

    def _takers_in_threads(self, lock: LockRef) -> Iterator[Thread]:
        for states, taken in self._graph.takers.get(lock.identity, ()):
            for root in sorted(self._threads.roots(states.function.key), key=str):
                if root.context in _OF_THREADS and not self._is_waited_for(root):
                    yield Thread(states, taken, root)

    def _is_waited_for(self, root: ThreadRoot) -> bool:
        """Return whether the code that lets a pool run a function goes through its results.

        So the thread does not outlive the call, and only a third thread may fork beside it.
        """
        if root.spawner not in self._graph.states or root.span is None:
            return False
        call = call_at(self._graph.function(root.spawner), root.span)
        return call is not None and call.external is not None and is_pooled(call.external)

    # -- objects that are used on in a child ------------------------------------------------

    @cached_property
    def of_objects(self) -> tuple[ForkedObject, ...]:
        """Return the locks of objects that look for a fork, but keep the lock as it was."""
        found: dict[str, ForkedObject] = {}
        for states in self._graph.states.values():
            if states.function.name in _RESTORERS:
                continue
            for taken, test in self._taken_in_child(states):
                lock = self._graph.named(states.function, taken.lock)
                one = self._of_object(states, taken, lock, test)
                old = found.get(lock.identity)
                if one is not None and (old is None or old.severity < one.severity):
                    found[lock.identity] = one
        return tuple(found.values())

    def _taken_in_child(self, states: LockStates) -> Iterator[tuple[Taken, Span]]:
        """Yield the acquires that a child reaches, each with the test for the process.

        A callee may test that: then the acquire has to come before the call.
        """
        waits = [each for each in states.taken if each.event.kind is EventKind.ACQUIRE]
        if not waits:
            return
        test = _test_of_process(states.function)
        if test is not None:
            spans = _places_in_child(states.function)
            yield from ((each, test) for each in waits if each.span in spans)
            return
        for edge in self._graph.calls[states.function.key]:
            since = {held.since for held in edge.held}
            inside = [each for each in waits if each.acquisition in since]
            if inside and edge.manner is Manner.DIRECT and self._tests(edge.callee):
                yield from ((each, edge.span) for each in inside)

    def _tests(self, key: str) -> bool:
        return _test_of_process(self._graph.function(key)) is not None

    def _of_object(
        self, states: LockStates, taken: Taken, lock: LockRef, test: Span
    ) -> ForkedObject | None:
        if not is_lock_of_threads(lock.kind) or not _is_shared(lock):
            return None
        if lock.identity in states.shared.released or lock.identity in self._handled:
            return None
        if self._is_made_anew(lock, states.function):
            return None
        thread = next(self._takers_in_threads(lock), None)
        if thread is None and not self._starts_threads(states.function):
            return None
        severity = Severity.INFO if thread is None else Severity.WARNING
        return ForkedObject(states, taken, lock, test, thread, severity)

    def _starts_threads(self, function: Function) -> bool:
        """Return whether a method of the same class starts a thread."""
        return bool(function.class_key) and function.class_key in self._starting

    @cached_property
    def _starting(self) -> frozenset[str]:
        """The classes with methods that start threads."""
        return frozenset(self._graph.function(key).class_key for key in self._threads.starting)

    def _is_made_anew(self, lock: LockRef, user: Function) -> bool:
        """Return whether some function binds the lock again, other than those that make objects."""
        for states in self._graph.states.values():
            function = states.function
            if function.name in _RESTORERS or function.module != user.module:
                continue
            for block in function.blocks.values():
                for each in block.instructions:
                    if isinstance(each, Assign) and _names_lock(each.target, lock):
                        return True
        return False


def _is_shared(lock: LockRef) -> bool:
    """Return whether several functions mean the same lock: a global, or one of their object."""
    if lock.exactness is Exactness.ONE:
        return True
    return lock.exactness is Exactness.PER_INSTANCE and lock.path.is_own_attribute


def _is_passed_in(call: Call) -> bool:
    """Return whether a call is of a variable or an attribute that holds some function."""
    path = call.callee
    if call.targets or call.external is not None or call.lock is not None or path is None:
        return False
    if path.root is Root.SELF:
        return len(path.fields) == 1
    return path.is_variable and path.root in (Root.PARAMETER, Root.LOCAL)


def _names_lock(target: AccessPath, lock: LockRef) -> bool:
    if lock.path.fields:
        return bool(target.fields) and target.last == lock.path.last
    return target == lock.path


def _test_of_process(function: Function) -> Span | None:
    """Return where a function tests whether its object was made in this process."""
    return min(
        (
            block.terminator.span
            for block in function.blocks.values()
            if isinstance(block.terminator, Branch) and _is_test(block.terminator)
        ),
        default=None,
    )


def _is_test(branch: Branch) -> bool:
    condition = branch.condition
    return isinstance(condition, Opaque) and is_of_process(condition.text or "")


def _places_in_child(function: Function) -> frozenset[Span]:
    """Return the places of a function that a child reaches: no test finds the process the same."""

    def successors(block: BasicBlock) -> tuple[BlockId, ...]:
        branch = block.terminator
        if isinstance(branch, Branch) and _is_test(branch):
            return (branch.otherwise,)
        return block.successors()

    return frozenset(
        each.span
        for key in reached(function, (function.entry,), successors=successors)
        for each in function.blocks[key].instructions
    )


__all__ = ["ForkFaults", "ForkedObject", "HeldFork", "Thread", "ThreadFork"]
