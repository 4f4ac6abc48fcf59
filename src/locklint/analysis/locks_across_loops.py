"""Locks of asyncio that tasks of several event loops acquire.

Such a lock belongs to the first loop in which a task has to wait for it. A thread that runs a loop
of its own, with a lock that others have too, makes it one of several loops.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair, is_vague
from locklint.analysis.events import Manner
from locklint.analysis.lifetimes import Lifetimes
from locklint.analysis.loop_threads import LoopThreads, ThreadEntry
from locklint.analysis.one_worker import call_at, calls_of
from locklint.analysis.threads import Threads
from locklint.dataflow.order import loops
from locklint.ir.access_path import AccessPath, Root, parted_global
from locklint.ir.cfg import Function, FunctionKind
from locklint.ir.event import EventKind
from locklint.ir.instruction import Assign, Constant
from locklint.ir.lock import Exactness, LockRef, Mode
from locklint.ir.means import Use
from locklint.ir.operands import defined_path
from locklint.models.events import NAMES_THREAD
from locklint.models.stdlib_asyncio import OF_ASYNCIO

_OLDER = (Root.SELF, Root.GLOBAL, Root.CLOSURE, Root.PARAMETER)
_CONSTRUCTORS = ("__init__", "__new__", "__post_init__", "__attrs_post_init__")


class LoopUse(msgspec.Struct, frozen=True, eq=False):
    """A path to an acquire of ``lock`` in the loop that a function runs, the one of ``runner``.

    ``pair`` begins where the thread is made, or at the runner if that is no thread. ``several``:
    there is more than one such thread at a time.
    """

    pair: CriticalPair
    lock: LockRef
    runner: CriticalPair
    several: bool

    def rank(self) -> tuple[object, ...]:
        """Return a key for a fixed order."""
        pair = self.pair
        return pair.depth, pair.function, pair.span, self.runner.function, self.runner.span


class LockAcrossLoops(msgspec.Struct, frozen=True, eq=False):
    """A lock of several loops: a thread's, and ``other``, None for threads of the same place."""

    lock: LockRef
    use: LoopUse
    other: LoopUse | None


def locks_across_loops(
    composition: Composition, graph: CallGraph, threads: Threads, runners: LoopThreads
) -> Iterator[LockAcrossLoops]:
    """Yield the locks of asyncio that several event loops use, once each."""
    finder = _Finder(composition, graph, threads, runners)
    found: dict[object, list[LoopUse]] = defaultdict(list)
    for entry in runners.entries:
        for use in finder.in_thread(entry):
            found[_key(use)].append(use)
    seen: set[str] = set()
    for uses in found.values():
        first = min(uses, key=lambda each: (not each.several, each.rank()))
        lock = first.lock
        if lock.identity in seen or finder.is_made_again(lock):
            continue
        others = [each for each in uses if finder.overlap(first, each)]
        if not others and lock.exactness is Exactness.ONE:
            others = list(finder.beside(first))
        if first.several or others:
            seen.add(lock.identity)
            other = None if first.several else min(others, key=LoopUse.rank)
            yield LockAcrossLoops(lock, first, other)


def _key(use: LoopUse) -> object:
    """Return the same for uses of the same object."""
    lock = use.lock
    if lock.exactness is Exactness.ONE:
        return lock.identity
    return use.pair.function, lock.identity, lock.path


class _Finder:
    def __init__(
        self, composition: Composition, graph: CallGraph, threads: Threads, loops: LoopThreads
    ) -> None:
        self._composition = composition
        self._graph = graph
        self._threads = threads
        self._loops = loops

    def in_thread(self, entry: ThreadEntry) -> Iterator[LoopUse]:
        """Yield the acquires in loops that a thread runs, of locks that it has not made."""
        for pair in self._composition.pairs.get(entry.function, ()):
            runner = self._runner(pair)
            if runner is None or self._is_in_turn(runner) or self._knows_thread(pair):
                continue
            outer = self._composition.through(entry.made, pair)
            lock = None if outer is None else outer.event.lock
            if outer is None or lock is None or not self._is_shared(entry, lock):
                continue
            yield LoopUse(outer, lock, runner, self._is_several(outer))

    def beside(self, use: LoopUse) -> Iterator[LoopUse]:
        """Yield other loops with the same lock that run while the thread of a use may live.

        The functions that run them start the thread, or are started by its maker.
        """
        maker = use.pair.function
        for key in sorted(self._loops.running):
            for pair in self._composition.pairs.get(key, ()):
                lock, runner = pair.event.lock, self._runner(pair)
                if lock is None or runner is not pair or lock.identity != use.lock.identity:
                    continue
                if key == use.runner.function or not self._lives_at(use, pair):
                    continue
                if self._leads_to(key, maker) or self._leads_to(maker, key):
                    yield LoopUse(pair, lock, pair, False)

    def _lives_at(self, use: LoopUse, place: CriticalPair) -> bool:
        """Return whether the thread of a use may live while another function runs a loop."""
        made, starts = use.pair, use.pair.inner
        return starts is not None and any(
            root.spawner == made.function
            and root.span == made.span
            and self._threads.lives_at(root, place.function, place.span)
            for root in self._threads.roots(starts.function)
        )

    def overlap(self, one: LoopUse, other: LoopUse) -> bool:
        """Return whether one function makes the threads of both, and both may run at a time."""
        here, there = one.pair, other.pair
        if here.function != there.function or here.span == there.span:
            return False
        if self._is_awaited(here) and self._is_awaited(there):
            return False
        return self._lifetimes(here.function).overlap(here.span, there.span)

    def _is_awaited(self, made: CriticalPair) -> bool:
        call = call_at(self._graph.function(made.function), made.span)
        return call is not None and call.use is Use.AWAITED

    def _lifetimes(self, key: str) -> Lifetimes:
        return Lifetimes(self._graph.function(key))

    def _leads_to(self, key: str, other: str) -> bool:
        """Return whether a function runs another one, or starts it in a thread or task."""
        seen: set[str] = set()
        work = [key]
        while work:
            each = work.pop()
            if each == other:
                return True
            if each not in seen:
                seen.add(each)
                work += self._graph.callees(each)
        return False

    def _runner(self, pair: CriticalPair) -> CriticalPair | None:
        """Return the link of a pair that runs a new loop, in whose tasks the acquire happens.

        What leads there is in one thread.
        """
        lock = pair.event.lock
        if lock is None or pair.event.kind is not EventKind.ACQUIRE or not pair.is_concurrent:
            return None
        if not lock.kind.name.startswith(OF_ASYNCIO):
            return None
        for link in pair.chain():
            if link.inner is None:
                return None
            edge = next(
                (
                    edge
                    for edge in self._graph.calls[link.function]
                    if edge.span == link.span and edge.callee == link.inner.function
                ),
                None,
            )
            if edge is None:
                return None
            if edge.manner is Manner.CONCURRENT:
                return link if self._runs(link) else None
        return None

    def _runs(self, link: CriticalPair) -> bool:
        """Return whether the coroutine that is called at a link is run in a new loop."""
        function = self._graph.function(link.function)
        call = call_at(function, link.span)
        if function.is_async or call is None:
            return False
        return any(each.path == call.result for each in self._loops.new_loops(link.function))

    def _is_several(self, made: CriticalPair) -> bool:
        """Return whether several threads that are made at a place live at the same time."""
        if self._is_awaited(made) or self._threads.one_worker.runs(made.function, made.span):
            return False
        return self._lifetimes(made.function).repeats(made.span)

    def _is_in_turn(self, runner: CriticalPair) -> bool:
        """Return whether a lock of threads is held while a link runs its loop: one at a time."""
        function = self._graph.function(runner.function)
        call = call_at(function, runner.span)
        return call is not None and any(
            held.blocks_threads and held.mode is Mode.EXCLUSIVE
            for each in self._graph.states[runner.function].events
            if each.event.kind is EventKind.RUN_LOOP and each.event.path == call.result
            for held in each.held
        )

    def _knows_thread(self, pair: CriticalPair) -> bool:
        """Return whether a function of the chain looks in which thread it runs."""
        return any(
            each.external in NAMES_THREAD
            for link in pair.chain()
            for each in calls_of(self._graph.function(link.function))
        )

    def _is_shared(self, entry: ThreadEntry, lock: LockRef) -> bool:
        """Return whether all threads that are made at a place get the same object."""
        if lock.exactness is Exactness.ONE:
            return True
        path = lock.path
        if lock.exactness is not Exactness.PER_INSTANCE or is_vague(lock):
            return False
        if path.root in _OLDER:
            return True
        return _is_bound_once(
            self._graph.function(entry.made.caller), AccessPath(path.root_name, (), path.root)
        )

    def is_made_again(self, lock: LockRef) -> bool:
        """Return whether a lock is also bound elsewhere than where its holder is made."""
        return any(
            isinstance(each, Assign)
            and each.value != Constant(None)
            and _may_be(each.target, lock, states.function)
            for states in self._graph.states.values()
            if not _makes_holder(states.function)
            for block in states.function.blocks.values()
            for each in block.instructions
        )


def _is_bound_once(function: Function, variable: AccessPath) -> bool:
    """Return whether a variable is bound in no loop of a function."""
    in_loops = frozenset[int]().union(*loops(function).values())
    return all(
        defined_path(each) != variable
        for key in in_loops
        for each in function.blocks[key].instructions
    )


def _may_be(path: AccessPath, lock: LockRef, function: Function) -> bool:
    """Return whether a path of a function may be the attribute or global that has a lock."""
    owner, _, name = lock.identity.rpartition(".")
    if not path.fields:
        return path.root is Root.GLOBAL and parted_global(path.root_name)[1] == name
    if path.root is Root.SELF and len(path.fields) == 1:
        return path.name == name and owner == f"{function.module}.{function.class_name}"
    return path.name == name


def _makes_holder(function: Function) -> bool:
    return function.kind is FunctionKind.MODULE or function.name in _CONSTRUCTORS
