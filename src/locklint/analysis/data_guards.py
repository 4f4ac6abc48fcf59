"""The locks that guard attributes: those that are held at nearly all accesses to one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from locklint.analysis.contracts import says_caller_holds, tests_that_lock_is_held
from locklint.analysis.guarded_data import DataAccess, DataKey, is_private
from locklint.analysis.sections import entered_after, held_after
from locklint.ir.access_path import Root
from locklint.ir.cfg import Function
from locklint.ir.event import EventKind
from locklint.ir.instruction import Acquire, Call, Enter
from locklint.ir.lock import Exactness, LockRef

if TYPE_CHECKING:
    from locklint.analysis.call_graph import CallGraph
    from locklint.analysis.events import LockStates
    from locklint.analysis.thread_tests import ThreadTests
    from locklint.core.source import SourceFile, Span

_ALONE = ("__enter__", "__aenter__", "__init_subclass__", "__set_name__")
"""Methods of an object that one thread has, or of a class that is being defined."""


class GuardedDatum(msgspec.Struct, frozen=True):
    """An attribute with a lock that is held at some of its accesses, one access for each line.

    ``accesses`` leaves out those before the object is shared, ``inside`` are those with the lock.
    """

    key: DataKey
    lock: LockRef
    accesses: tuple[DataAccess, ...]
    inside: tuple[DataAccess, ...]

    @property
    def share(self) -> float:
        """Return the share of the accesses at which the lock is held."""
        return len(self.inside) / len(self.accesses)

    @property
    def writes(self) -> tuple[DataAccess, ...]:
        """Return the writes with the lock held."""
        return tuple(one for one in self.inside if one.is_write)

    @property
    def is_tested_and_set(self) -> bool:
        """Return whether a function reads it and writes it with the lock held."""
        writing = {one.function.key for one in self.writes}
        return any(not one.is_write and one.function.key in writing for one in self.inside)

    @property
    def outside(self) -> tuple[DataAccess, ...]:
        """Return the accesses with no lock held at all."""
        return tuple(one for one in self.accesses if not one.held)

    @property
    def elsewhere(self) -> tuple[DataAccess, ...]:
        """Return the accesses with other locks held."""
        return tuple(
            one for one in self.accesses if one.held and self.lock.identity not in one.held
        )


class DataGuards:
    """The guards of a program's attributes, and the reasons why an access may need none."""

    def __init__(
        self,
        data: Mapping[DataKey, tuple[DataAccess, ...]],
        graph: CallGraph,
        sources: Mapping[str, SourceFile],
        unseen_callers: frozenset[str],
        called_by_constructors: frozenset[str],
        called_with_lock: frozenset[str],
        thread_tests: ThreadTests,
    ) -> None:
        self._data = data
        self._graph = graph
        self._sources = sources
        self._unseen_callers = unseen_callers
        self._called_by_constructors = called_by_constructors
        self._called_with_lock = called_with_lock
        self._thread_tests = thread_tests

    @cached_property
    def guarded(self) -> tuple[GuardedDatum, ...]:
        """Return the attributes that are written with a lock held, each with the likeliest lock."""
        return tuple(self._guarded())

    def _guarded(self) -> Iterator[GuardedDatum]:
        for key, accesses in self._data.items():
            if key.is_global:
                continue  # Its plain reads are no accesses, so that too little is known of it.
            shared = _by_line(one for one in accesses if not one.builds)
            lock = _most_held(shared)
            if lock is None or (key.is_of_class and lock.exactness is not Exactness.ONE):
                continue
            inside = tuple(one for one in shared if lock.identity in one.held)
            if any(one.is_write for one in inside):
                yield GuardedDatum(key, lock, tuple(shared), inside)

    def is_left_to_callers(self, function: Function) -> bool:
        """Return whether callers hold the lock of a method: it says so, or nothing calls it.

        A private method may also be called by such a method.
        """
        seen: set[str] = set()
        work = [function]
        while work:
            one = work.pop()
            if one.key in seen:
                continue
            seen.add(one.key)
            if one.key in self._called_with_lock or says_caller_holds(one, self._sources):
                return True
            if self._asks_callee(one):
                return True
            if is_private(one):
                callers = [
                    self._graph.states[edge.caller].function
                    for edge in self._graph.callers.get(one.key, ())
                ]
                if one.key in self._unseen_callers or not callers:
                    return True
                if all(caller.parent is not None for caller in callers):
                    return True  # They are given to something which may hold the lock.
                work += callers
        return False

    def _asks_callee(self, function: Function) -> bool:
        """Return whether a function calls one that raises if the lock is not held."""
        return any(
            not called.held and tests_that_lock_is_held(self._graph.function(called.target))
            for called in self._graph.states[function.key].calls
            if called.target in self._graph.states
        )

    def needs_none(self, lock: LockRef, access: DataAccess) -> bool:
        """Return whether a lock may be held at an access, or one thread alone gets there."""
        return (
            lock.identity in access.related
            or self.is_left_to_callers(access.function)
            or self._is_held_at_entry(lock, access)
            or _is_managed(self._graph.states[access.function.key], lock, access.span)
            or self._thread_tests.decide(access.function.key, access.span)
        )

    def _is_held_at_entry(self, lock: LockRef, access: DataAccess) -> bool:
        """Return whether callers hold a lock: the method releases it, or all of them hold it.

        A decorator may acquire it only if it is not held yet.
        """
        function = access.function
        states = self._graph.states[function.key]
        if any(
            one.lock.identity == lock.identity and one.span > access.span for one in states.given
        ) and all(one.lock.identity != lock.identity for one in states.taken):
            return True
        edges = self._graph.callers.get(function.key, ())
        holding = [
            edge for edge in edges if any(held.lock.identity == lock.identity for held in edge.held)
        ]
        if any(self._graph.function(edge.caller).wrapper for edge in holding):
            return True
        is_known = is_private(function) and function.key not in self._unseen_callers
        return bool(edges) and is_known and len(holding) == len(edges)

    def is_called_with(self, lock: LockRef, function: Function) -> bool:
        """Return whether a caller of a function holds the lock: it may be meant for such callers.

        A caller that does not hold it need not be one of objects that threads share.
        """
        return any(
            held.lock.identity == lock.identity
            for edge in self._graph.callers.get(function.key, ())
            for held in edge.held
        )

    def is_of_one_thread(self, access: DataAccess) -> bool:
        """Return whether no other thread has the object yet, or any more, in all likelihood.

        It is entered, or its class is being defined, or only constructors of other objects call
        the method, or the threads and executors that it had were waited for.
        """
        if access.function.name in _ALONE:
            return True
        if access.function.key in self._called_by_constructors:
            return True
        states = self._graph.states[access.function.key]
        joins = [one.span for one in states.events if one.event.kind is EventKind.JOIN]
        joins += [one.span for one in states.calls if one.target in self._joining]
        joins += [
            each.span
            for block in access.function.blocks.values()
            for each in block.instructions
            if isinstance(each, Call) and _may_join(each)
        ]
        return any(span < access.span for span in joins)

    @cached_property
    def _joining(self) -> frozenset[str]:
        """The functions that wait for a thread or executor."""
        return frozenset(
            key
            for key, states in self._graph.states.items()
            if any(one.event.kind is EventKind.JOIN for one in states.events)
        )

    def may_be_held_by_base(self, lock: LockRef, function: Function) -> bool:
        """Return whether code that is not known may call a method with a lock held.

        ``with self._lock: super().run()`` calls a class outside the program, which may call any
        method of the object.
        """
        return lock.identity in self._held_at_unknown.get(function.class_key, ())

    @cached_property
    def _held_at_unknown(self) -> dict[str, set[str]]:
        """The locks with which each class, by its key, calls methods that are not known."""
        found: dict[str, set[str]] = defaultdict(set)
        for states in self._graph.states.values():
            if states.function.class_key:
                found[states.function.class_key].update(_held_at_unknown(states))
        return found


def _may_join(call: Call) -> bool:
    """Return whether a call may wait for a thread: of an object of which nothing is known."""
    callee = call.callee
    is_unknown = not call.targets and call.external is None
    return is_unknown and callee is not None and callee.name == "join" and not call.arguments


def _is_managed(states: LockStates, lock: LockRef, place: Span) -> bool:
    """Return whether a place is in a `with` whose manager may acquire a lock of the object.

    The object gives it and it is not known, or it acquires the lock by a name of its own.
    """
    function = states.function
    acquired = {
        taken.span
        for taken in states.taken
        if taken.instruction is None and taken.lock.identity == lock.identity
    }
    for block in function.blocks.values():
        for index, each in enumerate(block.instructions):
            if not isinstance(each, Enter):
                continue
            if each.span in acquired or (each.manager is None and _is_own_result(function, each)):
                within = entered_after(function, block.id, index, each)
                if any(one.span.line == place.line for one in within):
                    return True
    return False


def _is_own_result(function: Function, enter: Enter) -> bool:
    """Return whether a manager is what a method gives to which the object leads."""
    return any(
        isinstance(each, Call)
        and each.result == enter.context
        and each.callee is not None
        and each.callee.root is Root.SELF
        and bool(each.callee.fields)
        for block in function.blocks.values()
        for each in block.instructions
    )


def _held_at_unknown(states: LockStates) -> Iterator[str]:
    for block in states.function.blocks.values():
        for index, each in enumerate(block.instructions):
            if isinstance(each, Acquire) and any(
                isinstance(one, Call) and _is_unknown(one)
                for one, _ in held_after(states.function, block.id, index, each.lock)
            ):
                yield each.lock.identity


def _is_unknown(call: Call) -> bool:
    """Return whether a call is of a method of the object that the program does not have."""
    path = call.callee
    if path is None or call.targets or call.constructs is not None:
        return False
    if path.is_of_super_call:
        return not (call.external or "").startswith("builtins.")
    return path.is_own_attribute and call.kept_in is None


def _by_line(accesses: Iterable[DataAccess]) -> list[DataAccess]:
    """Return one access for each line of a function: a write before an iteration before a read."""
    found: dict[tuple[str, int], DataAccess] = {}
    for one in accesses:
        # A call of a method of a container reads the container, too.
        place = (one.function.key, one.span.line)
        if place not in found or _rank(one) > _rank(found[place]):
            found[place] = one
    return list(found.values())


def _rank(access: DataAccess) -> int:
    return 2 * access.is_write + access.iterates


def _most_held(accesses: list[DataAccess]) -> LockRef | None:
    """Return the lock that is held at most of some accesses, if there is one."""
    counts = Counter(identity for one in accesses for identity in sorted(one.held))
    for identity, _ in counts.most_common(1):
        for one in accesses:
            for lock in one.locks:
                if lock.identity == identity:
                    return lock
    return None
