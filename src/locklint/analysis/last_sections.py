"""Threads that say, in their last section of a lock or after it, that they need the lock no longer.

``with self._lock: self._done = True`` at the end of a thread: code that holds the lock, and has
found that ``self._done`` is true, may wait for the thread. So may code that has waited for
``self._ready`` before, if the thread calls ``self._ready.set()`` after its last section.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from locklint.analysis.bound_values import admits
from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair, StateTest, TestKind
from locklint.analysis.events import Manner
from locklint.analysis.guards import comes_first
from locklint.analysis.layout import layout_of
from locklint.analysis.lock_name import lock_name
from locklint.analysis.state_tests import state_tests
from locklint.core.source import Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.event import EventKind
from locklint.ir.instruction import (
    Assign,
    BlockId,
    Call,
    Instruction,
    Operand,
    Release,
    Wait,
    has_timeout,
)
from locklint.ir.lock import LockRef
from locklint.ir.operands import operand_paths
from locklint.models.events import SIGNALS_FOR

_DEPTH = 4
"""The largest number of calls between the function of a thread and the binding."""

_WAIT_FOR = "wait_for"
"""The method that waits until a function says that what it waits for is so."""

_SIGNALS = frozenset(name for names in SIGNALS_FOR.values() for name in names)

_ACQUIRES = frozenset((EventKind.ACQUIRE, EventKind.WAIT, EventKind.PARK))


class LastSections:
    """A judge of what threads bind: whether it says that they need a lock no longer."""

    def __init__(self, composition: Composition, graph: CallGraph) -> None:
        self._composition = composition
        self._graph = graph

    def tell(self, key: str, lock: LockRef, pair: CriticalPair) -> bool:
        """Return whether the tests before a wait may find that a thread needs a lock no longer.

        ``key`` is the function of the thread, ``pair`` the wait.
        """
        tests = list(pair.conditions)
        for link in pair.chain():
            for wait in self._waits_before(link):
                value = wait.call.arguments[0].value
                if isinstance(value, AccessPath) and value.fields:
                    return True  # A method says what the condition waits for.
                tests += [StateTest(path, TestKind.TEXT, True) for path in operand_paths(value)]
        tests = [test for test in tests if any(map(_outlives, test.paths))]
        return bool(tests) and self._ends_by(key, lock_name(lock), tests, _DEPTH)

    def signal(self, key: str, lock: LockRef, spawn: Edge, pair: CriticalPair) -> bool:
        """Return whether a thread needs a lock no longer, because something was waited for before.

        The thread sets an event, or puts an item into a queue, after its last acquire. What makes
        the thread waits for that, or the code that waits for the thread does so before.
        """
        function, name = self._graph.function(key), lock_name(lock)
        given = {
            each.callee.parent()
            for block in function.blocks.values()
            for index, each in enumerate(block.instructions)
            if isinstance(each, Call) and each.callee is not None and each.callee.fields
            if each.callee.name in _SIGNALS and self._is_last(key, name, block, index, None)
        }
        if not given:
            return False
        here = {path for each in given if (path := spawn.binding.path(each)) is not None}
        making = self._graph.states[spawn.caller]
        if any(span > spawn.span for span in _listens(making.function, here)):
            return True
        for link in pair.chain():
            states = self._graph.states[link.function]
            own = given if states.function.class_key == function.class_key else set()
            for span in _listens(states.function, {path for path in own if path.fields}):
                if comes_first(states, span, link.span):
                    return True
        return False

    def _waits_before(self, link: CriticalPair) -> list[Wait]:
        """Return the waits of a function, until a condition is true, that a place comes after."""
        states = self._graph.states[link.function]
        layout = layout_of(states)
        waits = [
            (block.id, each)
            for block in states.function.blocks.values()
            for each in block.instructions
            if isinstance(each, Wait) and each.method == _WAIT_FOR and each.call.arguments
        ]
        here = layout.blocks(link.span) if waits else []
        return [
            each
            for block, each in waits
            if all(layout.leads_through(block, other) for other in here)
        ]

    def _ends_by(self, key: str, name: str, tests: Sequence[StateTest], depth: int) -> bool:
        """Return whether a function may let a test succeed, and then acquires a lock no more."""
        function = self._graph.function(key)
        for block in function.blocks.values():
            for index, each in enumerate(block.instructions):
                if isinstance(each, Assign) and _succeeds(each, tests):
                    if self._is_last(key, name, block, index, each):
                        return True
        if depth == 0:
            return False
        return any(
            self._ends_by(edge.callee, name, tests, depth - 1)
            and any(
                self._is_last(key, name, block, index, None)
                for block, index in layout_of(self._graph.states[key]).instructions(edge.span)
            )
            for edge in self._graph.calls[key]
            if edge.manner is not Manner.CONCURRENT and edge.callee != key
        )

    def _is_last(
        self, key: str, name: str, block: BasicBlock, index: int, bound: Assign | None
    ) -> bool:
        """Return whether a function does not acquire a lock after an instruction."""
        acquires = self._acquires(key, name)
        if any(_is_at(each, acquires) for each in block.instructions[index + 1 :]):
            return False
        function = self._graph.function(key)
        closed: set[tuple[BlockId, BlockId]] = set()
        for source, target, test in state_tests(function) if bound is not None else ():
            if bound is not None and test.path == bound.target and not admits(bound.value, test):
                closed.add((source, target))

        def goes(here: BasicBlock, following: BlockId) -> bool:
            return (here.id, following) not in closed

        starts = [each for each in block.successors() if goes(block, each)]
        after = reached(function, starts, goes, BasicBlock.successors)
        return not any(
            _is_at(each, acquires) for here in after for each in function.blocks[here].instructions
        )

    def _acquires(self, key: str, name: str) -> set[Span]:
        """Return where a function or a callee of it acquires a lock."""
        states = self._graph.states[key]
        found = {each.span for each in states.taken if lock_name(each.lock) == name}
        found |= {
            each.instruction.span
            for each in states.used
            if isinstance(each.instruction, Wait) and lock_name(each.lock) == name
        }
        found |= {
            edge.span
            for edge in self._graph.calls[key]
            if any(_is_acquire(pair, name) for pair in self._composition.pairs[edge.callee])
        }
        return found


def _listens(function: Function, paths: Set[AccessPath]) -> Iterator[Span]:
    """Yield where a function waits for one of some events or queues, however often."""
    methods = {path.field(name) for path in paths for name in SIGNALS_FOR}
    for block in function.blocks.values() if methods else ():
        for each in block.instructions:
            if isinstance(each, Call):
                is_wait = each.callee in methods and not has_timeout(each.arguments, 0)
                if is_wait or any(one.value in methods for one in each.arguments):
                    yield each.span


def _is_at(instruction: Instruction, acquires: Set[Span]) -> bool:
    """Return whether an instruction acquires; a `with` releases at the place where it acquires."""
    return instruction.span in acquires and not isinstance(instruction, Release)


def _is_acquire(pair: CriticalPair, name: str) -> bool:
    lock = pair.event.lock
    is_one = lock is not None and pair.event.kind in _ACQUIRES and not pair.is_concurrent
    return is_one and lock is not None and lock_name(lock) == name


def _outlives(path: AccessPath) -> bool:
    return bool(path.fields) or path.root is Root.GLOBAL


def _succeeds(bound: Assign, tests: Sequence[StateTest]) -> bool:
    """Return whether a binding may let one of some tests succeed.

    Attributes are compared by their names, for the thread may have another name for the object.
    """
    target = bound.target
    if not target.fields and target.root is not Root.GLOBAL:
        return False
    return any(
        _may_succeed(bound.value, target, path, test) for test in tests for path in test.paths
    )


def _may_succeed(value: Operand, target: AccessPath, path: AccessPath, test: StateTest) -> bool:
    if not target.fields:
        return path.starts_with(target) and (path != target or admits(value, test))
    if target.last not in path.fields:
        return False
    return path.last != target.last or path != test.path or admits(value, test)
