"""Waits, with a lock held, for a thread, a future or an executor that needs the lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair, is_known, is_vague
from locklint.analysis.events import Held, Manner
from locklint.analysis.lock_name import lock_name
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function, split_key
from locklint.ir.event import EventKind
from locklint.ir.instruction import Assign, Call, Spawn
from locklint.ir.lock import Exactness, Mode


class WaitingForHolder(msgspec.Struct, frozen=True, eq=False):
    """``pair`` waits with ``held`` held, ``needs`` is the pair of the awaited thread.

    ``spawn`` is where that thread is made. ``proven``: the lock is one certain object.
    """

    pair: CriticalPair
    held: Held
    spawn: Edge
    needs: CriticalPair
    proven: bool


def waiting_for_holders(composition: Composition, graph: CallGraph) -> Iterator[WaitingForHolder]:
    """Return all of them, one for each waiting place and lock, by function and place."""
    places = _Places(graph)
    for key in sorted(composition.pairs):
        found: dict[tuple[Span, str], WaitingForHolder] = {}
        for pair in composition.pairs[key]:
            if pair.event.kind is not EventKind.JOIN or not pair.held:
                continue
            *_, last = pair.chain()
            for spawn in places.waited_for(last):
                for one in _needed(pair, spawn, composition):
                    place = (pair.span, lock_name(one.held.lock))
                    old = found.get(place)
                    if old is None or one.proven > old.proven:
                        found[place] = one
        yield from (found[place] for place in sorted(found))


def _needed(
    pair: CriticalPair, spawn: Edge, composition: Composition
) -> Iterator[WaitingForHolder]:
    for needs in composition.pairs.get(spawn.callee, ()):
        lock = needs.event.lock
        if needs.event.kind is not EventKind.ACQUIRE or lock is None or needs.is_concurrent:
            continue
        for held in pair.held:
            if not is_known(held.lock) or lock_name(held.lock) != lock_name(lock):
                continue
            if held.mode is needs.event.mode is Mode.SHARED:
                continue
            yield WaitingForHolder(pair, held, spawn, needs, _is_same(pair, held, spawn, needs))


def _is_same(pair: CriticalPair, held: Held, spawn: Edge, needs: CriticalPair) -> bool:
    """Return whether both are one object: a global, or an attribute of the thread's maker."""
    lock = needs.event.lock
    assert lock is not None
    sure = pair.certain and needs.certain and not needs.requires
    sure = sure and Manner.OVERRIDE not in (pair.manner, needs.manner)
    if not sure or is_vague(held.lock) or is_vague(lock):
        return False
    if held.lock.exactness is Exactness.ONE:
        return True
    passed = spawn.binding.path(lock.path)
    return passed is not None and passed == held.lock.path and passed.root is Root.SELF


class _Places:
    """The places of threads, futures and executors, by a name that is valid across functions."""

    def __init__(self, graph: CallGraph) -> None:
        self._graph = graph
        self._spawns: dict[str, list[Edge]] = defaultdict(list)
        for edges in graph.spawns.values():
            for edge in edges:
                for name in self._kept_in(edge):
                    self._spawns[name].append(edge)

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
                        if callee.fields and callee.last == "submit":
                            paths.add(callee.parent())
                    case Assign(target=target, value=AccessPath() as value):
                        copies[value].add(target)
        work = list(paths)
        while work:
            for copy in copies.get(work.pop(), ()):
                if copy not in paths:
                    paths.add(copy)
                    work.append(copy)
        names = {_name(function, path) for path in paths}
        return {name for name in names if name is not None}


def _name(function: Function, path: AccessPath) -> str | None:
    """The name of a place: of a class's attribute, a global or a function's own variable."""
    module = split_key(function.key)[0]
    if any(field[0] in "[(*" for field in path.fields):
        return None
    fields = ".".join(path.fields)
    match path.root:
        case Root.SELF if function.class_name and fields:
            return f"{module}.{function.class_name}.{fields}"
        case Root.GLOBAL:
            return f"{module}.{path}"
        case Root.LOCAL | Root.TEMP:
            return f"{function.key}: {path}"
        case _:
            return None
