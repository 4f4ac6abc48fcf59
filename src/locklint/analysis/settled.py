"""Tests of a state that have one outcome when a function has come back: calls settle them.

After ``def _ensure(self): if self._link is None: self._link = connect()`` there is a link, so that
what a later callee does without one does not happen.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.critical_pair import StateTest, TestKind
from locklint.analysis.events import Manner
from locklint.analysis.guards import comes_first
from locklint.analysis.requirements import MOST_WORK, state_tests
from locklint.core.source import Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.instruction import PROCESS_ID, Assign, BlockId, Constant, Operand, Return


class Settled:
    """Answers what the calls that a function has made before another one have settled."""

    def __init__(self, graph: CallGraph) -> None:
        self._graph = graph
        self._by_function: dict[str, tuple[StateTest, ...]] = {}
        self._before: dict[tuple[str, Span], tuple[StateTest, ...]] = {}

    def before(self, called: Edge) -> tuple[StateTest, ...]:
        """The tests that have this outcome since a call that comes before another on each path."""
        place = (called.caller, called.span)
        known = self._before.get(place)
        if known is None:
            known = self._before[place] = tuple(dict.fromkeys(self._find(called)))
        return known

    def _find(self, called: Edge) -> Iterator[StateTest]:
        states = self._graph.states[called.caller]
        for edge in self._graph.calls[called.caller]:
            if edge.span == called.span or edge.manner is not Manner.DIRECT:
                continue
            tests = self._of(edge.callee)
            if tests and comes_first(states, edge.span, called.span):
                for test in tests:
                    path = edge.binding.path(test.path)
                    if path is not None and not any(_bound(states.function, path)):
                        yield replace(test, path=path)

    def _of(self, key: str) -> tuple[StateTest, ...]:
        known = self._by_function.get(key)
        if known is None:
            function = self._graph.function(key)
            found = () if function.is_generator else tuple(_settled_by(function))
            known = self._by_function[key] = found
        return known


def _settled_by(function: Function) -> Iterator[StateTest]:
    """Yield the tests that have one outcome whenever a function returns."""
    ways: dict[StateTest, set[tuple[BlockId, BlockId]]] = {}
    for source, target, test in state_tests(function):
        ways.setdefault(test, set()).add((source, target))
    if len(ways) * len(function.blocks) > MOST_WORK:
        return
    for test, edges in ways.items():
        bound = list(_bound(function, test.path))
        if all(_settles(value, test) for _, value in bound):
            if not _returns_without(function, edges, {block for block, _ in bound}):
                yield test


def _bound(function: Function, path: AccessPath) -> Iterator[tuple[BlockId, Operand]]:
    """Yield where a function binds a path, or what leads to it, and to what."""
    for block in function.blocks.values():
        for instruction in block.instructions:
            if isinstance(instruction, Assign) and path.starts_with(instruction.target):
                yield block.id, instruction.value


def _settles(value: Operand, test: StateTest) -> bool:
    """Whether a test has its outcome after what it tests was bound to a value."""
    if isinstance(value, Constant):
        return test.answers(value.value) is True
    match test.kind:
        case TestKind.NONE:
            return not test.outcome  # A value that is bound is meant to be one.
        case TestKind.TRUTH:
            return test.outcome
        case TestKind.TEXT:
            return test.outcome and PROCESS_ID in test.text
        case _:
            return False


def _returns_without(
    function: Function, edges: set[tuple[BlockId, BlockId]], blocks: set[BlockId]
) -> bool:
    """Whether control can return without going along an edge or through a block."""
    seen = reached(
        function,
        {function.entry} - blocks,
        lambda block, successor: successor not in blocks and (block.id, successor) not in edges,
    )
    return any(isinstance(function.blocks[block].terminator, Return) for block in seen)
