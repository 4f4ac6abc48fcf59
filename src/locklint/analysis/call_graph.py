"""The calls between the functions of a program, with their arguments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec
from msgspec.structs import replace

from locklint.analysis.acquisitions import fates
from locklint.analysis.binding import Binding
from locklint.analysis.events import Called, Held, LockStates, Manner, Taken
from locklint.analysis.guards import depends_on_shared, is_guarded_release
from locklint.analysis.hold import Acquisition, LockKey
from locklint.analysis.iterated import runs_at_once
from locklint.analysis.new_futures import adds_to_new
from locklint.analysis.raising import is_context_manager
from locklint.analysis.summary import Summary
from locklint.analysis.wrapped_locks import named_by_holder, wrapped_locks
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root, parted_global
from locklint.ir.cfg import Function, split_key
from locklint.ir.hierarchy import Field
from locklint.ir.instruction import Assign
from locklint.ir.lock import LockRef
from locklint.ir.means import BY_FUTURE, BY_MANAGER, Implicit, Means, Use

_MOST_CHOICES = 4
"""The largest number of functions of which a call chooses one by a name in data."""


class Edge(msgspec.Struct, frozen=True, eq=False):
    """A call: by ``caller``, of ``callee`` (keys), with its binding and the locks held there.

    ``receiver_classes`` and ``excluded_classes``: see `Call`. ``dispatched``: the class of the
    receiver decides what is called, which is not so for ``super().close()`` and
    ``Base.close(self)``. ``parameter`` is the one that holds what is called, if one does.
    ``limited``: see `Call`.
    """

    caller: str
    callee: str
    span: Span
    binding: Binding
    held: tuple[Held, ...]
    released: tuple[LockKey, ...]
    free: tuple[LockKey, ...]
    manner: Manner
    certain: bool
    implicit: Implicit | None
    receiver_classes: tuple[str, ...]
    excluded_classes: tuple[str, ...]
    dispatched: bool
    parameter: str
    limited: bool = False


class CallGraph:
    """The calls between those functions of a program that were analysed to their end.

    ``kept`` are generators that some call only makes, for others to run. ``given``: see `Fields`.
    ``with_possible``: the calls that are only guessed are among them.
    """

    def __init__(
        self,
        states: Mapping[str, LockStates],
        summaries: Mapping[str, Summary],
        given: Mapping[Field, Mapping[str, LockRef]],
        *,
        with_possible: bool = False,
    ) -> None:
        self._given = given
        self._with_possible = with_possible
        self.states = {key: states[key] for key in sorted(states) if states[key].complete}
        self._wrapped = wrapped_locks(self.states, summaries)
        self.kept: set[str] = set()
        self.calls: dict[str, tuple[Edge, ...]] = {}
        for key, one in self.states.items():
            self.calls[key] = tuple(self._edges(one))

    def _edges(self, states: LockStates) -> Iterator[Edge]:
        doubtful = doubtful_holds(states)
        possible = states.possible if self._with_possible else ()
        for called in (*states.calls, *possible):
            callee = self.states.get(called.target)
            if callee is None:
                continue
            if called.implicit == BY_FUTURE and adds_to_new(states.function, called.span):
                continue
            manner = _manner(states, called, callee.function)
            if manner is None:
                if not is_context_manager(callee.function):
                    self.kept.add(called.target)
                continue
            held = called.held
            if manner is Manner.CONCURRENT or _is_one_of_many(states.function, called):
                held = ()
            elif held:
                held = self.held(states.function, held, doubtful)
            yield Edge(
                states.function.key,
                called.target,
                called.span,
                _binding(states.function, callee.function, called),
                held,
                called.released,
                called.free,
                manner,
                called.certain,
                called.implicit,
                called.receiver_classes,
                called.call.excluded_classes if called.call is not None else (),
                _is_dispatched(called),
                _parameter(called),
                called.call is not None and called.call.limited,
            )

    def held(
        self,
        function: Function,
        held: tuple[Held, ...],
        doubtful: frozenset[Acquisition],
    ) -> tuple[Held, ...]:
        """Return the locks that a function certainly holds, by the names that they have for others.

        A lock that a failed call has left behind is a finding of its own.
        """
        return tuple(
            [
                replace(one, lock=self.named(function, one.lock))
                for one in held
                if one.since not in doubtful and not (one.since and one.since.failed)
            ]
        )

    def named(self, function: Function, lock: LockRef) -> LockRef:
        """A lock of a function by the name that it has for others."""
        given = self._as_given(function, lock) if self._given else None
        if given is not None:
            return given
        return named_by_holder(lock, function, self._wrapped) if self._wrapped else lock

    def _as_given(self, function: Function, lock: LockRef) -> LockRef | None:
        """Return the lock that the holder of a lock was given by what made it."""
        path = lock.path
        if path.root is Root.SELF and len(path.fields) == 2:
            locks = self._given.get((function.class_key, path.parent().name))
        elif path.root is Root.GLOBAL and len(path.fields) == 1:
            module, name = parted_global(path.root_name)
            locks = self._given.get((f"{module or split_key(function.key)[0]}:", name))
        else:
            return None
        given = None if locks is None else locks.get(path.name)
        if given is None:
            return None
        if given.path.root is Root.SELF:
            given = replace(given, path=replace(given.path, root_name=path.root_name))
        return replace(given, mode=lock.mode)

    def function(self, key: str) -> Function:
        """The function with that key."""
        return self.states[key].function

    def callees(self, key: str) -> Iterator[str]:
        """The functions that a function calls or starts, in the order of its calls."""
        yield from dict.fromkeys(edge.callee for edge in self.calls[key])

    def runs(self, key: str) -> Iterator[str]:
        """The functions that a function calls in its own thread."""
        yield from dict.fromkeys(
            edge.callee for edge in self.calls[key] if edge.manner is not Manner.CONCURRENT
        )

    def led_to(self, keys: Iterable[str]) -> set[str]:
        """Return some functions, and those that they lead to in their own thread."""
        found: set[str] = set()
        work = [*keys]
        while work:
            key = work.pop()
            if key not in found:
                found.add(key)
                work += self.runs(key)
        return found

    @cached_property
    def callers(self) -> Mapping[str, Sequence[Edge]]:
        """The calls of each function in the caller's thread."""
        found: dict[str, list[Edge]] = defaultdict(list)
        for edges in self.calls.values():
            for edge in edges:
                if edge.manner is not Manner.CONCURRENT:
                    found[edge.callee].append(edge)
        return found

    @cached_property
    def spawns(self) -> Mapping[str, Sequence[Edge]]:
        """Return the places where each function is started in a thread or task of its own."""
        found: dict[str, list[Edge]] = defaultdict(list)
        for edges in self.calls.values():
            for edge in edges:
                if edge.manner is Manner.CONCURRENT:
                    found[edge.callee].append(edge)
        return found

    @cached_property
    def takers(self) -> Mapping[str, Sequence[tuple[LockStates, Taken]]]:
        """The functions that acquire each lock, by its identity."""
        found: dict[str, list[tuple[LockStates, Taken]]] = defaultdict(list)
        for states in self.states.values():
            for taken in states.taken:
                lock = self.named(states.function, taken.lock)
                found[lock.identity].append((states, taken))
        return found


def _manner(states: LockStates, called: Called, callee: Function) -> Manner | None:
    """Return how the callee runs. Return None if the call only makes an object (a generator)."""
    if callee.is_generator and not (called.implicit == BY_MANAGER and is_context_manager(callee)):
        return called.manner if runs_at_once(states, called) else None
    if called.manner is Manner.CONCURRENT or called.implicit == BY_MANAGER:
        return called.manner
    if callee.is_async and called.call is not None and called.call.use is not Use.AWAITED:
        return Manner.CONCURRENT
    return called.manner


def _parameter(called: Called) -> str:
    path = called.call.callee if called.call is not None else None
    return path.root_name if path and path.is_parameter else ""


def _is_one_of_many(function: Function, called: Called) -> bool:
    """Return whether a call chooses one of many functions, as from a table of commands.

    Which of them can come next is decided by tests of the data that chose it. A loop over functions
    calls them all.
    """
    call = called.call
    if call is None or call.callee is None or len(call.targets) <= _MOST_CHOICES:
        return False
    path = call.callee
    if not path.is_variable:
        return path.is_element and not path.is_vague
    return not any(
        isinstance(each, Assign)
        and each.target == path
        and isinstance(each.value, AccessPath)
        and each.value.is_vague
        for block in function.blocks.values()
        for each in block.instructions
    )


def _is_dispatched(called: Called) -> bool:
    call = called.call
    if call is None or call.callee is None:
        return called.receiver is not None
    return call.bound and not call.callee.is_of_super


def _binding(caller: Function, callee: Function, called: Called) -> Binding:
    if called.call is None and called.manner is Manner.CONCURRENT:
        return Binding.of_arguments(
            caller, callee, called.arguments, called.receiver, called.closure
        )
    return Binding(caller, callee, called.call, called.receiver, called.closure)


def doubtful_holds(states: LockStates) -> frozenset[Acquisition]:
    """Return acquisitions that belong to a group of threads, not to the one that made them.

    ``if readers == 1: resource.acquire()`` and later ``if readers == 0: resource.release()``: the
    first one acquires the lock, the last one releases it. In between no particular thread holds it,
    and a thread that reaches the test meanwhile does not acquire it.
    """
    if all(taken.acquisition.how.means is Means.WITH for taken in states.taken):
        return frozenset()
    # A test that is followed leaves the release of a lock of which nothing is known any more.
    forgotten: dict[LockKey, set[Span]] = defaultdict(set)
    for given in states.given:
        if given.before.forgotten:
            forgotten[given.key].add(given.span)
    return frozenset(
        fate.acquisition
        for fate in fates(states)
        if is_guarded_release(fate) or fate.key in forgotten
        if any(
            depends_on_shared(states, span)
            for span in {*fate.release_spans, *forgotten.get(fate.key, ())}
        )
    )
