"""Waits, with a lock held, for a thread, a future or an executor that needs the lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from locklint.analysis.binding import Binding
from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair, is_known, is_vague
from locklint.analysis.events import Held, Manner
from locklint.analysis.last_sections import LastSections
from locklint.analysis.lock_name import lock_name
from locklint.analysis.one_worker import call_at
from locklint.analysis.self_deadlock import leads_back
from locklint.analysis.thread_tests import ThreadTests
from locklint.core.source import Span
from locklint.ir.access_path import (
    RESULT,
    TAKEN_FROM,
    AccessPath,
    ElementField,
    Field,
    ResultField,
    Root,
)
from locklint.ir.cfg import Function, split_key
from locklint.ir.event import EventKind
from locklint.ir.instruction import Assign, Call, Enter, Spawn
from locklint.ir.lock import Exactness, LockRef, LockRole, Mode
from locklint.ir.terminator import Branch, Opaque
from locklint.models.events import PROCESS_JOIN
from locklint.models.spawns import RUN_BY_POOL, RUNS_COROUTINE, is_of_processes

_KINDS = (EventKind.JOIN, EventKind.GATHER)

_DEPTH = 4
"""Through how many variables and calls the object that is waited for is followed."""


class WaitingForHolder(msgspec.Struct, frozen=True, eq=False):
    """``pair`` waits with ``held`` held, ``needs`` is the pair of the awaited thread.

    ``spawn`` is where that thread is made, if that was seen. ``proven``: the lock is one certain
    object.
    """

    pair: CriticalPair
    held: Held
    spawn: Edge | None
    needs: CriticalPair
    proven: bool


def waiting_for_holders(
    composition: Composition,
    graph: CallGraph,
    tests: ThreadTests,
    back_references: frozenset[tuple[str, str]],
) -> Iterator[WaitingForHolder]:
    """Return all of them, one for each waiting place and lock, by function and place."""
    places = _Places(graph, back_references)
    last = LastSections(composition, graph)
    for key in sorted(composition.pairs):
        found: dict[tuple[Span, str], WaitingForHolder] = {}
        for pair in composition.pairs[key]:
            if pair.event.kind not in _KINDS or not pair.held:
                continue
            for one in _awaited(pair, places, composition, last):
                if tests.decide_on(one.needs):
                    continue  # The awaited thread may be the one that needs no lock.
                place = (pair.span, lock_name(one.held.lock))
                old = found.get(place)
                if old is None or one.proven > old.proven:
                    found[place] = one
        yield from (found[place] for place in sorted(found))


def _awaited(
    pair: CriticalPair, places: _Places, composition: Composition, last: LastSections
) -> Iterator[WaitingForHolder]:
    """The locks that are held in a wait and that what is waited for needs."""
    for key, spawn, is_named in places.awaited(pair):
        for needs, lock, held in _needed(pair, key, spawn, places, composition):
            if last.tell(key, lock, pair):
                continue
            if spawn is not None and (
                last.signal(key, lock, spawn, pair)
                or places.exclude(pair, spawn, needs)
                or places.is_of_other(pair, held, spawn, lock)
                or (not is_named and places.is_told_apart(pair, spawn))
            ):
                continue
            if pair.event.kind is EventKind.GATHER:
                yield from _awaited_in_task(pair, held, spawn, needs, lock, places, composition)
                continue
            is_same = is_named and _is_same(held.lock, lock)
            is_passed = spawn is not None and places.is_passed(pair, held, spawn, lock)
            if not is_passed:
                if not is_known(lock) or lock_name(held.lock) != lock_name(lock):
                    continue
                if not is_same and not places.is_of_holder(pair, held, needs):
                    if spawn is None or not places.leads_back(pair, held, spawn, lock):
                        continue
            proven = (is_same or (is_named and is_passed)) and _is_sure(pair, needs)
            yield WaitingForHolder(pair, held, spawn, needs, proven)


def _awaited_in_task(
    pair: CriticalPair,
    held: Held,
    spawn: Edge | None,
    needs: CriticalPair,
    lock: LockRef,
    places: _Places,
    composition: Composition,
) -> Iterator[WaitingForHolder]:
    """The wait in a task for another one that needs the held lock, if the lock is one object.

    ``lock`` is what the other task acquires, as the function that makes it names it. If it was made
    before the lock was acquired, it may have acquired the lock before.
    """
    if spawn is None or not held.lock.kind.is_async:
        return
    *_, last = pair.chain()
    here = places.named_by_first(pair, lock, composition) if spawn.caller == last.function else None
    if here is None or is_vague(here) or is_vague(held.lock):
        return
    if _is_same(held.lock, here) or here.path == held.lock.path:
        since = held.since
        is_later = pair.inner is not None or (since is not None and since.span < spawn.span)
        proven = is_later and is_known(here) and _is_sure(pair, needs)
        yield WaitingForHolder(pair, held, spawn, needs, proven)


def _needed(
    pair: CriticalPair,
    key: str,
    spawn: Edge | None,
    places: _Places,
    composition: Composition,
) -> Iterator[tuple[CriticalPair, LockRef, Held]]:
    """The acquires of a function of a thread, its lock as the maker names it, and a held lock."""
    is_process = pair.event.name == PROCESS_JOIN or places.runs_in_process(spawn)
    for needs in composition.pairs.get(key, ()):
        lock = needs.event.lock
        if needs.event.kind is not EventKind.ACQUIRE or lock is None or needs.is_concurrent:
            continue
        if lock.kind.role is LockRole.SEMAPHORE:
            continue  # It may have another permit.
        if is_process and not lock.kind.cross_process:
            continue  # The process has its own.
        here = None if spawn is None else composition.as_called(spawn, lock)
        for held in pair.held:
            if not held.mode is needs.event.mode is Mode.SHARED:
                yield needs, here or lock, held


def _is_sure(pair: CriticalPair, needs: CriticalPair) -> bool:
    """Return whether the calls to the wait, and those to the acquire, can be no others."""
    sure = pair.certain and needs.certain and not needs.requires
    return sure and Manner.OVERRIDE not in (pair.manner, needs.manner)


def _is_same(held: LockRef, lock: LockRef) -> bool:
    """Return whether both are one object: a global, or an attribute of the thread's maker."""
    if is_vague(held) or is_vague(lock):
        return False
    if held.exactness is Exactness.ONE:
        return held.identity == lock.identity
    return lock.path == held.path and lock.path.root is Root.SELF


class _Places:
    """The places of threads, futures and executors, by a name that is valid across functions."""

    def __init__(self, graph: CallGraph, back_references: frozenset[tuple[str, str]]) -> None:
        self._graph = graph
        self._back_references = back_references
        self._taken: dict[str, dict[AccessPath, set[AccessPath]]] = {}
        self._spawns: dict[str, list[Edge]] = defaultdict(list)
        for edges in graph.spawns.values():
            for edge in edges:
                for name in self._kept_in(edge):
                    self._spawns[name].append(edge)

    def awaited(self, pair: CriticalPair) -> Iterator[tuple[str, Edge | None, bool]]:
        """Return the functions that run in what a pair waits for, with the place that starts them.

        The last value says whether that place keeps the thread under the name that is waited for.
        """
        *_, last = pair.chain()
        named = {spawn.callee: spawn for spawn in self.waited_for(last)}
        for key, spawn in named.items():
            yield key, spawn, True
        for key in dict.fromkeys(pair.event.awaited):
            if key not in named:
                for each in self._graph.spawns.get(key) or self.processes.get(key) or (None,):
                    yield key, each, False

    def named_by_first(
        self, pair: CriticalPair, lock: LockRef, composition: Composition
    ) -> LockRef | None:
        """Return a lock of the last function of a chain as the first one names it, or None."""
        links = list(pair.chain())
        for caller, callee in zip(links[-2::-1], links[:0:-1], strict=True):
            calls = [
                edge
                for edge in self._graph.calls[caller.function]
                if edge.callee == callee.function and edge.span == caller.span
            ]
            named = composition.as_called(calls[0], lock) if calls else None
            if named is None:
                return None
            lock = named
        return lock

    def exclude(self, pair: CriticalPair, spawn: Edge, needs: CriticalPair) -> bool:
        """Return whether attributes that only constructors bind rule out the wait or the need."""
        waiting, making = self._graph.function(pair.function), self._graph.function(spawn.caller)
        if not pair.state or waiting.class_key != making.class_key:
            return False
        for test in needs.state:
            here = test.named(spawn.binding.path)
            if here is not None and here.path.is_own_attribute:
                if any(map(here.excludes, pair.state)) and self._is_fixed(here.path):
                    return True
        return False

    def runs_in_process(self, spawn: Edge | None) -> bool:
        """Return whether a pool of processes runs what is started there."""
        if spawn is None:
            return False
        call = call_at(self._graph.function(spawn.caller), spawn.span)
        return call is not None and call.external is not None and is_of_processes(call.external)

    def is_of_other(self, pair: CriticalPair, held: Held, spawn: Edge, lock: LockRef) -> bool:
        """Return whether a lock belongs to an object that the holder of the held one has.

        ``lock`` is what the thread acquires, as the function that makes it names it.
        """
        waiting, making = self._graph.function(pair.function), self._graph.function(spawn.caller)
        own, other = held.lock.path, lock.path
        return (
            waiting.class_key == making.class_key
            and own.is_own_attribute
            and other.root is Root.SELF
            and len(other.fields) > 1
            and not is_vague(lock)
        )

    def is_told_apart(self, pair: CriticalPair, spawn: Edge) -> bool:
        """Return whether a function that waits for one of several compares it with a thread."""
        *_, last = pair.chain()
        function = self._graph.function(last.function)
        compared = {
            name
            for block in function.blocks.values()
            if isinstance(block.terminator, Branch)
            and isinstance(block.terminator.condition, Opaque)
            for path in block.terminator.condition.mentions
            if (name := _name(function, path)) is not None
        }
        return bool(compared) and not compared.isdisjoint(self._kept_in(spawn))

    def _is_fixed(self, path: AccessPath) -> bool:
        """Return whether nothing but constructors binds attributes of that name."""
        return not any(
            isinstance(each, Assign) and each.target.fields and each.target.last == path.last
            for states in self._graph.states.values()
            if states.function.name != "__init__"
            for block in states.function.blocks.values()
            for each in block.instructions
        )

    @cached_property
    def processes(self) -> Mapping[str, Sequence[Edge]]:
        """The places where each function is started in a process of its own."""
        found: dict[str, list[Edge]] = defaultdict(list)
        for caller, states in self._graph.states.items():
            for block in states.function.blocks.values():
                for each in block.instructions:
                    if isinstance(each, Spawn) and each.is_process:
                        for callee in each.targets:
                            if callee in self._graph.states:
                                found[callee].append(self._of_process(caller, callee, each))
        return found

    def _of_process(self, caller: str, callee: str, spawn: Spawn) -> Edge:
        functions = self._graph.function(caller), self._graph.function(callee)
        binding = Binding.of_arguments(*functions, spawn.arguments, spawn.receiver)
        manner = Manner.CONCURRENT
        return Edge(
            caller, callee, spawn.span, binding, (), (), (), manner, True, None, (), (), False, ""
        )

    def is_passed(self, pair: CriticalPair, held: Held, spawn: Edge, lock: LockRef) -> bool:
        """Return whether the function that waits has given the held lock to the thread.

        ``lock`` is what the thread acquires, as the function that makes it names it.
        """
        if pair.function != spawn.caller or is_vague(lock) or is_vague(held.lock):
            return False
        return held.lock.path in self._origins(pair.function, lock.path)

    def is_of_holder(self, pair: CriticalPair, held: Held, needs: CriticalPair) -> bool:
        """Return whether what is waited for belongs to the object whose attribute the lock is.

        It is in one of its attributes, or in a container there. The lock of the thread's own object
        belongs to the object that is waited for.
        """
        path, lock = pair.event.path, needs.event.lock
        if held.lock.exactness is Exactness.ONE:
            return True
        if path is None or lock is None or not held.lock.path.fields:
            return False
        *_, path = self._origins(pair.function, path)
        holder = held.lock.path.parent()
        if not path.starts_with(holder):
            return False
        rest = path.fields[len(holder.fields) :]
        if self._is_of_thread(lock, needs.function, pair.function):
            return not rest
        # A method, such as `pop`, leads no further.
        return sum(map(_is_kept, rest, (*rest[1:], None))) <= 1

    def leads_back(self, pair: CriticalPair, held: Held, spawn: Edge, lock: LockRef) -> bool:
        """Return whether an object that the holder keeps waits for a thread which needs its maker.

        ``lock`` is what the thread acquires, as the object that makes it names it.
        """
        *_, last = pair.chain()
        own, path, waited = held.lock.path, pair.event.path, last.event.path
        if path is None or waited is None or not own.is_own_attribute or is_vague(lock):
            return False
        waiting, making = self._graph.function(last.function), self._graph.function(spawn.caller)
        *_, path = self._origins(pair.function, path)
        return (
            waited.is_own_attribute
            and waiting.class_key
            == making.class_key
            != self._graph.function(pair.function).class_key
            and lock.path.root is Root.SELF
            and sum(name != TAKEN_FROM for name in lock.path.fields) == 2
            and leads_back(lock, self._back_references)
            and path.starts_with(own.parent())
            and sum(map(_is_kept, path.fields, (*path.fields[1:], None))) == 2
        )

    def _is_of_thread(self, lock: LockRef, run: str, waiting: str) -> bool:
        """Return whether a lock is an attribute of a thread's own object, not passed to it."""
        function = self._graph.function(run)
        owner = function.class_key
        if function.name != "run" or not owner:
            return False
        if lock.path.root is not Root.SELF or len(lock.path.fields) > 1:
            return False
        owners = (self._graph.function(waiting).class_key, lock.identity.rpartition(".")[0])
        return owner in owners or owner.replace(":", ".") in owners

    def _origins(self, key: str, path: AccessPath) -> Iterator[AccessPath]:
        """Yield a path of a function, and the places from which it was taken, one by one.

        ``worker = self._workers.pop()`` takes it from ``self._workers.pop()``.
        """
        yield path
        for _ in range(_DEPTH):
            root = AccessPath(path.root_name, (), path.root)
            sources = self._sources(key).get(root, ())
            if root.root not in (Root.LOCAL, Root.TEMP) or len(sources) != 1:
                return
            path = path.replace_prefix(root, *sources)
            yield path

    def _sources(self, key: str) -> Mapping[AccessPath, set[AccessPath]]:
        """The places from which the variables of a function are bound."""
        known = self._taken.get(key)
        if known is None:
            known = self._taken[key] = defaultdict(set)
            for block in self._graph.function(key).blocks.values():
                for instruction in block.instructions:
                    match instruction:
                        case Assign(target=target, value=AccessPath() as value):
                            known[target].add(value)
                        case Call(result=AccessPath() as result, callee=AccessPath() as callee):
                            known[result].add(callee.field(RESULT))
        return known

    def waited_for(self, link: CriticalPair) -> list[Edge]:
        """The threads that the place at which a pair waits may be waiting for."""
        path = link.event.path
        name = None if path is None else _name(self._graph.function(link.function), path)
        return [] if name is None else self._spawns.get(name, [])

    def _kept_in(self, edge: Edge) -> set[str]:
        """The names of the places that hold the thread that is made, or what runs it."""
        function = self._graph.function(edge.caller)
        paths: set[AccessPath] = set()
        copies: dict[AccessPath, set[AccessPath]] = defaultdict(set)
        for block in function.blocks.values():
            for instruction in block.instructions:
                match instruction:
                    case Spawn(span=span, result=AccessPath() as result) if span == edge.span:
                        paths.add(result)
                    case Call(span=span, callee=AccessPath() as callee) if span == edge.span:
                        if callee.fields and callee.name in RUN_BY_POOL:
                            paths.add(callee.parent())
                        if instruction.result is not None and instruction.targets:
                            paths.add(instruction.result)  # A coroutine.
                    case Call(external=external, result=AccessPath() as result) if (
                        external == RUNS_COROUTINE and instruction.arguments
                    ):
                        value = instruction.arguments[0].value
                        if isinstance(value, AccessPath):
                            copies[value].add(result)
                    case Assign(target=target, value=AccessPath() as value):
                        copies[value].add(target)
                    case Enter(context=AccessPath() as context, result=AccessPath() as result):
                        copies[context].add(result)
                        copies[result].add(context)
        work = list(paths)
        while work:
            for copy in copies.get(work.pop(), ()):
                if copy not in paths:
                    paths.add(copy)
                    work.append(copy)
        names = {_name(function, path) for path in paths}
        return {name for name in names if name is not None}


def _is_kept(field: Field, following: Field | None) -> bool:
    """Return whether a field is an attribute, and no method that is called."""
    is_attribute = not isinstance(field, ElementField | ResultField)
    return is_attribute and not isinstance(following, ResultField)


def _name(function: Function, path: AccessPath) -> str | None:
    """The name of a place: of a class's attribute, a global or a function's own variable."""
    module = split_key(function.key)[0]
    if not path.is_plain:
        return None
    fields = ".".join(map(str, path.fields))
    match path.root:
        case Root.SELF if function.class_name and fields:
            return f"{module}.{function.class_name}.{fields}"
        case Root.GLOBAL:
            return f"{module}.{path}"
        case Root.LOCAL | Root.TEMP | Root.PARAMETER:
            return f"{function.key}: {path}"
        case _:
            return None
