"""Forks: what the child goes on to do, and the locks that it inherits in a locked state.

The child of a fork has one thread, a copy of the one that forked. A lock that was held is held in
the child, too. If the thread that forked holds it, its copy may release it; if another one does,
nothing ever will.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from locklint.analysis.binding import Binding
from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.child_path import ChildPath, child_path
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair, is_known, is_vague
from locklint.analysis.events import LockStates, Manner, Occurrence
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.event import EventKind
from locklint.ir.instruction import Assign, Call, Spawn
from locklint.ir.lock import Exactness, LockRef
from locklint.models.processes import FORK_METHOD, PROCESS_START, is_lock_of_threads


class Reach(msgspec.Struct, frozen=True, eq=False):
    """A wait of a child for ``lock``, by the name that the function that forks has for it.

    ``span`` is the acquire, or the call that leads to it, in ``function``; ``inner`` then is the
    callee's pair. ``certain``: nothing else can be called along the path.
    """

    function: str
    span: Span
    lock: LockRef
    inner: CriticalPair | None = None
    certain: bool = True

    @property
    def depth(self) -> int:
        """Return the number of calls that lead to the acquire."""
        return 0 if self.inner is None else self.inner.depth + 1


class Start(msgspec.Struct, frozen=True, eq=False):
    """A function that the child of a started process runs, and what its names mean to the parent.

    ``span`` is where the process is made. ``certain``: it is this process that is started.
    """

    function: str
    span: Span
    binding: Binding
    spawn: Spawn | None = None
    certain: bool = True


class Forks:
    """The forks of a program.

    ``methods`` are those that it chooses for the start of processes.
    """

    def __init__(self, composition: Composition, graph: CallGraph, methods: frozenset[str]) -> None:
        self._composition = composition
        self._graph = graph
        self._by_fork = methods == frozenset((FORK_METHOD,))

    @cached_property
    def events(self) -> tuple[tuple[LockStates, Occurrence], ...]:
        """Return the places that fork, each with its function; a start of a process may not."""
        found: dict[tuple[str, Span], tuple[LockStates, Occurrence]] = {}
        for key, states in self._graph.states.items():
            for each in states.events:
                if each.event.kind is EventKind.FORK:
                    found.setdefault((key, each.span), (states, each))
        return tuple(found.values())

    def is_fork(self, name: str) -> bool:
        """Return whether an event of that name certainly makes a copy of this process."""
        return name != PROCESS_START or self._by_fork

    # -- what the child waits for -----------------------------------------------------------

    def waits(self, function: str, path: ChildPath) -> Iterator[Reach]:
        """Yield the waits for locks of threads on the path of a child in a function."""
        spans = {each.span for each in path.instructions}
        states = self._graph.states[function]
        for taken in states.taken:
            if taken.span in spans and taken.event.kind is EventKind.ACQUIRE:
                lock = self._graph.named(states.function, taken.lock)
                if is_lock_of_threads(lock.kind):
                    yield Reach(function, taken.span, lock, certain=_is_plain(lock))
        for edge in self._graph.calls[function]:
            if edge.span in spans and edge.manner is not Manner.CONCURRENT:
                yield from self._waits_in(edge)

    def _waits_in(self, edge: Edge) -> Iterator[Reach]:
        for pair in self._composition.pairs.get(edge.callee, ()):
            if not _is_wait(pair) or edge.manner is Manner.OVERRIDE:
                continue
            lock = pair.event.lock and self._composition.as_called(edge, pair.event.lock)
            if lock is not None:
                yield Reach(
                    edge.caller, edge.span, lock, pair, edge.certain and _is_certain(pair, lock)
                )

    def waits_of_start(self, states: LockStates, start: Occurrence) -> Iterator[Reach]:
        """Yield the waits for locks of threads of a process that is started."""
        for one in self.started(states.function, start.event.path):
            for pair in self._composition.pairs.get(one.function, ()):
                lock = pair.event.lock
                if lock is None or not _is_wait(pair):
                    continue
                here = lock if lock.exactness is Exactness.ONE else one.binding.lock(lock)
                if here is not None:
                    certain = one.certain and _is_certain(pair, here)
                    yield Reach(states.function.key, start.span, here, pair, certain)

    def started(self, function: Function, path: AccessPath | None) -> list[Start]:
        """Return what a process runs that is started as ``path.start()``."""
        if path is None:
            return []
        made = list(self._made(function, path))
        if not made and path.root is Root.SELF and len(path.fields) == 1:
            for other in self._methods.get(function.class_key, ()):
                for target in _copies(other, path):
                    made += self._made(other, target)
        if not made and path.is_variable and path.root is Root.SELF:
            made = list(self._run_of(function, function.class_key, function.span, path))
        if made:
            return made
        unsure = [
            each
            for block in function.blocks.values()
            for one in block.instructions
            if isinstance(one, Spawn) and one.is_process
            for each in self._of_spawn(function, one)
        ]
        return [msgspec.structs.replace(each, certain=False) for each in unsure]

    def _made(self, function: Function, path: AccessPath) -> Iterator[Start]:
        """Yield what the process runs that a path of a function holds, if the function makes it."""
        names = {path, *_values(function, path)}
        for block in function.blocks.values():
            for each in block.instructions:
                if isinstance(each, Spawn) and each.is_process and each.result in names:
                    yield from self._of_spawn(function, each)
                elif isinstance(each, Call) and each.constructs and each.result in names:
                    yield from self._run_of(function, each.constructs, each.span, each.result)

    def _of_spawn(self, function: Function, spawn: Spawn) -> Iterator[Start]:
        for target in spawn.targets:
            if target in self._graph.states:
                binding = Binding.of_arguments(
                    function, self._graph.function(target), spawn.arguments, spawn.receiver
                )
                yield Start(target, spawn.span, binding, spawn, len(spawn.targets) == 1)

    def _run_of(
        self, function: Function, owner: str, span: Span, receiver: AccessPath | None
    ) -> Iterator[Start]:
        key = f"{owner}.run"
        if key in self._graph.states:
            binding = Binding.of_arguments(function, self._graph.function(key), (), receiver)
            yield Start(key, span, binding)

    @cached_property
    def _methods(self) -> Mapping[str, Sequence[Function]]:
        found: dict[str, list[Function]] = defaultdict(list)
        for states in self._graph.states.values():
            if states.function.class_key:
                found[states.function.class_key].append(states.function)
        return found


def children(function: Function) -> Iterator[str]:
    """Yield the keys of the functions that processes run which a function makes."""
    for block in function.blocks.values():
        for each in block.instructions:
            if isinstance(each, Spawn) and each.is_process:
                yield from each.targets
            elif isinstance(each, Call) and each.constructs:
                yield f"{each.constructs}.run"


def ends_parent(function: Function, fork: Span) -> bool:
    """Return whether the parent ends after a fork, so that only the child goes on."""
    path = child_path(function, fork, "", is_parent=True)
    return path.ends and not path.returns


def _is_wait(pair: CriticalPair) -> bool:
    lock = pair.event.lock
    if lock is None or pair.event.kind is not EventKind.ACQUIRE or pair.is_concurrent:
        return False
    return is_lock_of_threads(lock.kind) and not pair.released and not is_vague(lock)


def _is_plain(lock: LockRef) -> bool:
    return is_known(lock) and not is_vague(lock)


def _is_certain(pair: CriticalPair, lock: LockRef) -> bool:
    return (
        pair.certain
        and pair.manner is Manner.DIRECT
        and not pair.requires
        and not pair.conditions
        and not is_vague(lock)
    )


def _values(function: Function, path: AccessPath) -> Iterator[AccessPath]:
    """Yield the paths that a function assigns to another one."""
    for block in function.blocks.values():
        for each in block.instructions:
            if isinstance(each, Assign) and each.target == path:
                if isinstance(each.value, AccessPath):
                    yield each.value


def _copies(function: Function, path: AccessPath) -> Iterator[AccessPath]:
    """Yield an attribute as a method of the same object names it."""
    if function.self_name is not None:
        yield AccessPath(function.self_name, path.fields, Root.SELF)
