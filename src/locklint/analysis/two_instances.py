"""Two locks of one name that are held at a time: of two instances of a class, of two elements.

A call with the instances exchanged acquires them in the opposite order. Code that sets an order of
its own is left out: a comparison of the two, sorting, a structure in which one is part of the
other.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair, is_vague
from locklint.analysis.events import Held
from locklint.analysis.lock_name import lock_name
from locklint.analysis.lock_order import holder_of
from locklint.analysis.threads import Threads
from locklint.core.source import Span
from locklint.ir.access_path import TAKEN_FROM, AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.event import EventKind
from locklint.ir.instruction import Call
from locklint.ir.lock import Exactness, LockRole, Mode
from locklint.ir.terminator import Branch, Opaque

_SORTING = ("sorted", "min", "max", "sort")


class TwoInstances(msgspec.Struct, frozen=True, eq=False):
    """Two locks of one name; ``holder`` is the link of the pair's chain that holds the first."""

    pair: CriticalPair
    holder: CriticalPair
    first: Held
    second: Held


def two_instances(
    composition: Composition, graph: CallGraph, threads: Threads
) -> Iterator[TwoInstances]:
    """Return all of them, one for each place and lock, by function and place."""
    found: dict[tuple[str, Span, str], TwoInstances] = {}
    gates = _gates(graph)
    for key in sorted(composition.pairs):
        for pair in composition.pairs[key]:
            for one in _of_pair(pair):
                if not _is_unordered(graph.function(key), one) or _is_lent(composition, one):
                    continue
                acting = pair.in_its_thread
                if not gates.isdisjoint(threads.held_on_entry(acting.function)):
                    continue
                if _is_unordered_below(graph, one) and threads.may_run_in_parallel(
                    acting.function, acting.span, acting.function, acting.span
                ):
                    place = (one.holder.function, one.holder.span, lock_name(one.first.lock))
                    old = found.get(place)
                    if old is None or pair.rank() < old.pair.rank():
                        found[place] = one
    yield from (found[place] for place in sorted(found))


def _gates(graph: CallGraph) -> frozenset[str]:
    """The names of the locks, each a single one, that are held in calls."""
    return frozenset(
        lock_name(held.lock)
        for edges in graph.calls.values()
        for edge in edges
        for held in edge.held
        if held.lock.exactness is Exactness.ONE and held.mode is not Mode.SHARED
    )


def _of_pair(pair: CriticalPair) -> Iterator[TwoInstances]:
    event = pair.event
    if event.kind is not EventKind.ACQUIRE or event.lock is None:
        return
    if event.lock.kind.role in (LockRole.SEMAPHORE, LockRole.EVENT, LockRole.QUEUE):
        return
    second = Held(event.lock, event.mode)
    for index, first in enumerate(pair.all_held()):
        if first.lock.identity != second.lock.identity or _are_readers(first, second):
            continue
        if any(_is_gate(other, first) for other in pair.all_held()):
            continue
        if _through_two_roots(first, second) or _of_two_elements(pair, first, second):
            yield TwoInstances(pair, holder_of(pair, index), first, second)


def _is_lent(composition: Composition, one: TwoInstances) -> bool:
    """Return whether one of the two objects has only been given a lock, perhaps by the other."""
    last = list(one.pair.chain())[-1]
    asked, held = last.event.lock, [each.lock for each in one.holder.held]
    is_own = composition.receivers.is_own
    return (
        asked is not None
        and asked.path.root is Root.SELF
        and not is_own(last, asked)
        and any(lock.identity == asked.identity and is_own(one.holder, lock) for lock in held)
    )


def _are_readers(first: Held, second: Held) -> bool:
    return first.mode is second.mode is Mode.SHARED


def _is_gate(other: Held, first: Held) -> bool:
    """Return whether another lock is held too, so that only one thread can acquire the two."""
    return (
        lock_name(other.lock) != lock_name(first.lock)
        and other.lock.exactness is Exactness.ONE
        and other.mode is not Mode.SHARED
    )


def _through_two_roots(first: Held, second: Held) -> bool:
    """Return whether both are the same attribute of two things that the caller has chosen."""
    one, other = first.lock, second.lock
    if one.exactness is not Exactness.PER_INSTANCE or is_vague(one) or is_vague(other):
        return False
    if TAKEN_FROM in one.path.fields:
        return False  # Two bound methods may have the same receiver.
    return _are_of_two_roots(one.path, other.path)


def _are_of_two_roots(one: AccessPath, other: AccessPath) -> bool:
    roots = (Root.SELF, Root.PARAMETER)
    return (
        one.root in roots
        and other.root in roots
        and one.root_name != other.root_name
        and one.fields == other.fields
        and bool(one.fields)
    )


def _of_two_elements(pair: CriticalPair, first: Held, second: Held) -> bool:
    one, other = first.lock, second.lock
    if one.exactness is not Exactness.ELEMENT or other.exactness is not Exactness.ELEMENT:
        return False
    if lock_name(one) != one.identity or lock_name(other) != other.identity:
        return False  # Literal keys are locks of their own.
    if _is_kept(one.path) or _is_kept(other.path):
        # A registry hands out its locks by name, and ``self._lock = locks.get("config")`` keeps
        # one: that is a fixed one of its class.
        return _are_of_two_roots(one.path, other.path)
    if is_vague(one) or is_vague(other):
        # The two may be one element, which is no fault if its owner may acquire it again.
        return not one.kind.reentrant and is_vague(one) is not is_vague(other)
    return one.path != other.path


def _is_kept(path: AccessPath) -> bool:
    if path.has_element or path.is_called:
        return False
    return path.root is Root.GLOBAL or bool(path.fields)


def _is_unordered_below(graph: CallGraph, one: TwoInstances) -> bool:
    return all(_is_unordered(graph.function(link.function), one) for link in one.pair.chain())


def _is_unordered(function: Function, one: TwoInstances) -> bool:
    """Return whether nothing in the function compares the two."""
    elements = one.first.lock.exactness is Exactness.ELEMENT
    wanted = {one.first.lock.path.root_name, one.second.lock.path.root_name}
    for block in function.blocks.values():
        for instruction in block.instructions:
            if isinstance(instruction, Call) and instruction.callee is not None:
                if instruction.callee.name in _SORTING and elements:
                    return False
        condition = block.terminator
        if isinstance(condition, Branch) and isinstance(condition.condition, Opaque):
            roots = {path.root_name for path in condition.condition.mentions}
            text = condition.condition.text or ""
            if wanted <= roots or (elements and (" < " in text or " > " in text)):
                return False
    return True
