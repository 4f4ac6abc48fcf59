"""Tests of a state that have one outcome at a call, for the caller has settled them before.

After ``self._link = connect()`` there is a link, so that what a later callee does without one does
not happen. So it is after a call of ``def _ensure(self): if self._link is None: self._link = …``.
A constructor settles the attributes that it binds, as its caller passes it their values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from functools import partial
from typing import TypeAlias

from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.bound_values import Asked, Effect, Values
from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.critical_pair import StateTest, TestKind
from locklint.analysis.events import Manner
from locklint.analysis.guards import comes_first
from locklint.analysis.layout import layout_of
from locklint.analysis.requirements import MOST_WORK
from locklint.analysis.state_tests import outlives, state_tests
from locklint.core.source import Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath, Field
from locklint.ir.cfg import Function
from locklint.ir.instruction import Assign, BlockId, Constant, Operand
from locklint.ir.terminator import Raise, Return, is_of_process

_MOST_CALLS = 2
"""The largest depth of calls in which a binding is searched for."""

_Ways: TypeAlias = frozenset[tuple[BlockId, BlockId]]
"""Branches from one block to another."""


class Settled:
    """Values that a function has settled before a call, by binding them or by other calls."""

    def __init__(self, graph: CallGraph) -> None:
        self._graph = graph
        self._by_function: dict[tuple[str, _Ways], tuple[StateTest, ...]] = {}
        self._before: dict[tuple[str, Span], tuple[StateTest, ...]] = {}
        self._needed: dict[tuple[str, Span], tuple[StateTest, ...]] = {}
        self._values: dict[str, Values] = {}
        self._names: dict[tuple[str, int], frozenset[object]] = {}
        self._afterwards: dict[tuple[str, Span, str, StateTest], bool | None] = {}

    def at(self, test: StateTest, called: Edge) -> bool | None:
        """Return whether a test may have its outcome at a call, because of the caller.

        Return None if it may because it had it when the caller began.
        """
        more = list(self._effects(called.caller, test, called.span))
        made_by = partial(self._made, called.caller)
        found = self._values_of(called.caller).at(test, called.span, more, made_by)
        if found is False:
            return False
        place = (called.caller, called.span)
        known = self._before.get(place)
        if known is None:
            known = self._before[place] = tuple(dict.fromkeys(self._by_calls(called)))
        return False if any(map(test.excludes, known)) else found

    def as_passed(self, test: StateTest, called: Edge) -> StateTest | None:
        """Return a test at a call as one of the parameter that its path has been bound to before.

        Return None if there is none. After ``self.state = state`` its callers pass the state.
        """
        if test.others or test.kind is TestKind.HELD:
            return None
        bound = self._values_of(called.caller).parameter(test.path)
        states = self._graph.states[called.caller]
        if bound is None or not comes_first(states, bound[1], called.span):
            return None
        if any(True for _ in self._effects(called.caller, test, called.span)):
            return None  # Another callee may bind it as well.
        return replace(test, path=bound[0])

    def behind_getters(self, tests: Iterable[StateTest], caller: str) -> Iterator[StateTest]:
        """Yield what tests of properties say about the attributes that these return."""
        getters: dict[Field, list[Edge]] | None = None
        for test in tests:
            if test.others or not test.path.fields:
                continue
            if getters is None:
                getters = defaultdict(list)
                for edge in self._graph.calls[caller]:
                    if edge.implicit is not None:
                        getters[self._graph.function(edge.callee).name].append(edge)
            for edge in getters.get(test.path.last, ()):
                function = self._graph.function(edge.callee)
                returned = {
                    block.terminator.value
                    for block in function.blocks.values()
                    if isinstance(block.terminator, Return)
                }
                path = returned.pop() if len(returned) == 1 else None
                if isinstance(path, AccessPath) and path.is_own_attribute:
                    here = edge.binding.path(path)
                    if here is not None and here.parent() == test.path.parent():
                        yield replace(test, path=here)

    def _values_of(self, key: str) -> Values:
        values = self._values.get(key)
        if values is None:
            states = self._graph.states[key]
            values = self._values[key] = Values(states.function, layout_of(states))
        return values

    def _effects(
        self, caller: str, test: StateTest, but: Span | None = None, depth: int = 0
    ) -> Iterator[Effect]:
        """Yield the effects of a function's calls on what is tested, the call at ``but`` left out.

        What several functions may do that one call runs counts if all of them agree.
        """
        if test.others or test.kind is TestKind.HELD or depth > _MOST_CALLS:
            return
        found: dict[Span, list[bool | None]] = {}
        for edge in self._graph.calls[caller]:
            if edge.span != but and edge.manner is Manner.DIRECT:
                if test.path.last in self._names_of(edge.callee, depth):
                    found.setdefault(edge.span, []).append(self._after(edge, test, depth))
        layout = layout_of(self._graph.states[caller]) if found else None
        for span, admits in found.items():
            first = admits[0]
            if layout is not None and first is not None and all(each is first for each in admits):
                for block, index in layout.instructions(span):
                    yield block.id, index, first

    def _names_of(self, key: str, depth: int) -> frozenset[object]:
        """Return the last names of all that a function and its callees bind or change."""
        known = self._names.get((key, depth))
        if known is None:
            known = self._values_of(key).names
            if depth < _MOST_CALLS:
                below = [self._names_of(e.callee, depth + 1) for e in self._graph.calls[key]]
                known = known.union(*below)
            self._names[key, depth] = known
        return known

    def _after(self, edge: Edge, test: StateTest, depth: int) -> bool | None:
        """Return what a test in the caller may find after a call, see `Values.at_return`."""
        function = self._graph.function(edge.callee)
        if function.is_generator:
            return None
        place = (edge.caller, edge.span, edge.callee, test)
        if place not in self._afterwards:
            found = [
                self._values_of(edge.callee).at_return(
                    inner,
                    self._effects(edge.callee, inner, depth=depth + 1),
                    edge.binding,
                    partial(self._made, edge.callee),
                )
                for path in edge.binding.inner(test.path)
                if (inner := replace(test, path=path))
            ]
            told = [each for each in found if each is not None]
            self._afterwards[place] = any(told) if told else None
        return self._afterwards[place]

    def _made(self, caller: str, made: AccessPath, test: StateTest) -> bool | None:
        """Return whether a test of a new object may have its outcome, see `MadeBy`."""
        for edge in self._graph.calls[caller]:
            function = self._graph.function(edge.callee)
            if function.name == "__init__" and function.self_name:
                if edge.binding.roots.get(function.self_name) == made:
                    return self._after(edge, test, 0)
        return None

    def needed(self, key: str, span: Span) -> tuple[StateTest, ...]:
        """Return what a function must have found for an instruction to run, by its callees before.

        After ``self._check_open()`` it is open, and was so when the function was called.
        """
        place = (key, span)
        known = self._needed.get(place)
        if known is None:
            known = self._needed[place] = tuple(dict.fromkeys(self._needed_at(key, span)))
        return known

    def _needed_at(self, key: str, span: Span) -> Iterator[StateTest]:
        states = self._graph.states[key]
        for edge in self._graph.calls[key]:
            if edge.span >= span or edge.manner is not Manner.DIRECT:
                continue
            tests = self._of(edge)
            if not tests or not comes_first(states, edge.span, span):
                continue
            callee = self._graph.function(edge.callee)
            for test in tests:
                here = test.named(edge.binding.path)
                if here is None or not all(map(outlives, here.paths)):
                    continue
                if not any(any(_bound(callee, path)) for path in test.paths) and not any(
                    any(_bound(states.function, path)) for path in here.paths
                ):
                    yield here

    def _by_calls(self, called: Edge) -> Iterator[StateTest]:
        states = self._graph.states[called.caller]
        for edge in self._graph.calls[called.caller]:
            if edge.span == called.span or edge.manner is not Manner.DIRECT:
                continue
            tests = self._of(edge)
            if tests and comes_first(states, edge.span, called.span):
                for test in tests:
                    here = test.named(edge.binding.path)
                    if here is not None and not any(
                        any(_bound(states.function, path)) for path in here.paths
                    ):
                        yield here

    def _of(self, edge: Edge) -> tuple[StateTest, ...]:
        function = self._graph.function(edge.callee)
        if function.is_generator:
            return ()
        tests = self._values_of(edge.callee).asked
        place = (edge.callee, frozenset(_closed_by(function, edge.binding, tests)))
        known = self._by_function.get(place)
        if known is None:
            known = self._by_function[place] = tuple(_settled_by(function, place[1]))
        return known


def is_contradicted(graph: CallGraph, caller: str, span: Span, callee: str, place: Span) -> bool:
    """Return whether the tests that lead to a `raise` in a callee contradict those of its caller.

    ``span`` is that of the call, and ``place`` that of the `raise`. The caller tests ``if
    self._items:``, and the callee raises ``if not self._items:``.
    """
    function, states = graph.function(callee), graph.states[caller]
    raising = {
        block.id
        for block in function.blocks.values()
        if isinstance(block.terminator, Raise) and block.terminator.span == place
    }
    values = Values(states.function, layout_of(states))
    for edge in graph.calls[caller]:
        if edge.span != span or edge.callee != callee or edge.manner is not Manner.DIRECT:
            continue
        closed = frozenset(
            (block, target)
            for block, target, test in state_tests(function)
            if (here := test.named(edge.binding.path)) is not None
            and not any(any(_bound(function, path)) for path in test.paths)
            and values.rules_out(here, span)
        )
        if raising and raising.isdisjoint(_reached_without(function, closed)):
            return True
    return False


def _reached_without(function: Function, closed: _Ways) -> set[BlockId]:
    """Return the blocks that a function reaches without some branches."""
    return reached(
        function, (function.entry,), lambda block, following: (block.id, following) not in closed
    )


def _closed_by(
    function: Function, binding: Binding, asked: Asked
) -> Iterator[tuple[BlockId, BlockId]]:
    """Yield the branches that a call does not take, because of the literals that it passes."""
    for path, branches in asked.items():
        value = binding.constant(path.root_name) if path.is_parameter else None
        if value is not None and not any(_bound(function, path)):
            for block, target, test in branches:
                if test.answers(value.value) is False:
                    yield block, target


def _settled_by(function: Function, closed: _Ways) -> Iterator[StateTest]:
    """Yield the tests that have one outcome whenever a function returns.

    ``closed`` are branches that it does not take.
    """
    ways: dict[StateTest, set[tuple[BlockId, BlockId]]] = {}
    for source, target, test in state_tests(function):
        ways.setdefault(test, set()).add((source, target))
    if len(ways) * len(function.blocks) > MOST_WORK:
        return
    for test, edges in ways.items():
        if any(any(_bound(function, path)) for path in test.others):
            continue
        bound = list(_bound(function, test.path))
        if all(_settles(value, test) for _, value in bound):
            if not _returns_without(function, edges | closed, {block for block, _ in bound}):
                yield test


def _bound(function: Function, path: AccessPath) -> Iterator[tuple[BlockId, Operand]]:
    """Yield where a function binds a path, or what leads to it, and to what."""
    for block in function.blocks.values():
        for instruction in block.instructions:
            if isinstance(instruction, Assign) and path.starts_with(instruction.target):
                yield block.id, instruction.value


def _settles(value: Operand, test: StateTest) -> bool:
    """Return whether a test has its outcome after what it tests was bound to a value."""
    if isinstance(value, Constant):
        return test.answers(value.value) is True
    match test.kind:
        case TestKind.NONE:
            return not test.outcome  # A value that is bound is meant to be one.
        case TestKind.TRUTH:
            return test.outcome
        case TestKind.TEXT:
            return test.outcome and is_of_process(test.text)
        case _:
            return False


def _returns_without(
    function: Function, edges: Set[tuple[BlockId, BlockId]], blocks: Set[BlockId]
) -> bool:
    """Return whether control can return without going along an edge or through a block."""
    seen = reached(
        function,
        {function.entry} - blocks,
        lambda block, successor: successor not in blocks and (block.id, successor) not in edges,
    )
    return any(isinstance(function.blocks[block].terminator, Return) for block in seen)
