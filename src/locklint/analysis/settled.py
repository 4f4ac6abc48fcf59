"""Tests of a state that have one outcome at a call, for the caller has settled them before.

After ``self._link = connect()`` there is a link, so that what a later callee does without one does
not happen. So it is after a call of ``def _ensure(self): if self._link is None: self._link = …``.
A constructor settles the attributes that it binds to constants, until something binds them again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import TypeAlias

from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.critical_pair import StateTest, TestKind
from locklint.analysis.events import Manner
from locklint.analysis.guards import comes_first
from locklint.analysis.layout import Layout, layout_of
from locklint.analysis.outcomes import NamedConstant
from locklint.analysis.requirements import MOST_WORK
from locklint.analysis.state_tests import state_tests
from locklint.core.source import Span
from locklint.dataflow.order import all_successors, reached
from locklint.ir.access_path import AccessPath, Field, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import Assign, BlockId, Call, Constant, Display, FunctionRef, Operand
from locklint.ir.terminator import Branch, Equals, IsNone, Raise, Return, Truth, is_of_process

_MOST_CALLEES = 200
"""The largest number of functions in which a binding of an attribute is searched for."""

_MAY_GIVE_NONE = frozenset("find first get getattr match next pop search".split())
"""Functions and methods that give None on purpose; what others make is meant to be something."""

_Ways: TypeAlias = frozenset[tuple[BlockId, BlockId]]
"""Branches from one block to another."""


class Settled:
    """Values that a function has settled before a call, by binding them or by other calls."""

    def __init__(self, graph: CallGraph) -> None:
        self._graph = graph
        self._by_function: dict[tuple[str, _Ways], tuple[StateTest, ...]] = {}
        self._before: dict[tuple[str, Span], tuple[StateTest, ...]] = {}
        self._values: dict[str, Values] = {}
        self._constants: dict[str, tuple[StateTest, ...]] = {}
        self._bound_from: dict[tuple[str, bool], frozenset[Field] | None] = {}

    def rules_out(self, test: StateTest, called: Edge) -> bool:
        """Return whether a test's path, as the caller names it, rules out its outcome."""
        values = self._values.get(called.caller)
        if values is None:
            states = self._graph.states[called.caller]
            values = self._values[called.caller] = Values(states.function, layout_of(states))
        if values.rules_out(test, called.span):
            return True
        place = (called.caller, called.span)
        known = self._before.get(place)
        if known is None:
            known = self._before[place] = tuple(dict.fromkeys(self._by_calls(called)))
        return any(map(test.excludes, known))

    def _by_calls(self, called: Edge) -> Iterator[StateTest]:
        states = self._graph.states[called.caller]
        for edge in self._graph.calls[called.caller]:
            if edge.span == called.span or edge.manner is not Manner.DIRECT:
                continue
            tests = self._of(edge)
            if self._graph.function(edge.callee).name == "__init__":
                tests += self._of_constructor(edge, called.caller)
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
        place = (edge.callee, frozenset(_closed_by(function, edge.binding)))
        known = self._by_function.get(place)
        if known is None:
            known = self._by_function[place] = tuple(_settled_by(function, place[1]))
        return known

    def _of_constructor(self, made: Edge, caller: str) -> tuple[StateTest, ...]:
        """Return the constants of a new object's attributes that nothing binds which is called."""
        known = self._constants.get(made.callee)
        if known is None:
            found = tuple(_constants(self._graph.function(made.callee)))
            known = self._without_bound(found, made.callee, None)
            self._constants[made.callee] = known
        cls = f"{made.callee.rpartition('.')[0]}."
        calls = self._graph.states[caller].calls if known else ()
        if any(
            one.target.startswith(cls) and one.target not in self._graph.states for one in calls
        ):
            return ()  # A method of the object that was not lowered may bind them.
        return self._without_bound(known, caller, made)

    def _without_bound(
        self, tests: tuple[StateTest, ...], caller: str, made: Edge | None
    ) -> tuple[StateTest, ...]:
        """Return the tests of attributes that no call in a function may bind.

        ``made`` is the call of the constructor; None: the function is the constructor itself, which
        may call that of a base class.
        """
        kept = tests
        for edge in self._graph.calls[caller] if tests else ():
            if edge is not made:
                bound = self._bound_by(edge.callee, with_constructors=made is None)
                if bound is None:
                    return ()
                kept = tuple([test for test in kept if test.path.last not in bound])
        return kept

    def _bound_by(self, key: str, *, with_constructors: bool) -> frozenset[Field] | None:
        """Return the attributes that a function or its callees bind; None if these are too many."""
        place = (key, with_constructors)
        if place not in self._bound_from:
            seen = {key}
            work = [key]
            names: set[Field] = set()
            while work and len(seen) <= _MOST_CALLEES:
                function = self._graph.function(work.pop())
                if function.name != "__init__" or with_constructors:
                    names |= _bound_attributes(function)
                for edge in self._graph.calls[function.key]:
                    if edge.callee not in seen:
                        seen.add(edge.callee)
                        work.append(edge.callee)
            self._bound_from[place] = None if work else frozenset(names)
        return self._bound_from[place]


class Values:
    """Outcomes of a test that are ruled out by what a function has bound and tested."""

    def __init__(self, function: Function, layout: Layout) -> None:
        self._function = function
        self._layout = layout
        self._asked = _asked(function)
        self._made: set[AccessPath] = set()
        self._bound: dict[AccessPath, list[tuple[BlockId, int, Operand]]] = defaultdict(list)
        for block in function.blocks.values():
            for index, each in enumerate(block.instructions):
                match each:
                    case Call(result=AccessPath() as result, callee=AccessPath() as callee):
                        if callee.name not in _MAY_GIVE_NONE:
                            self._made.add(result)
                    case Assign(target=target, value=value):
                        self._bound[target].append((block.id, index, value))

    def rules_out(self, test: StateTest, span: Span, *, by_tests: bool = False) -> bool:
        """Return whether a test of a path cannot have its outcome at an instruction.

        ``by_tests``: consider a test of what the function does not bind itself, too. Other code
        may bind it meanwhile.
        """
        if not by_tests and test.path not in self._bound:
            return False
        last: dict[BlockId, list[tuple[int, bool]]] = defaultdict(list)
        for path, bindings in self._bound.items():
            if not test.path.starts_with(path):
                continue
            # Nothing is known about an attribute of what is bound again.
            for block, index, value in bindings:
                last[block].append((index, path != test.path or self._admits(value, test)))
        for each in last.values():
            each.sort()
        admitting = self._admitting(test, {block: each[-1][1] for block, each in last.items()})
        return not any(
            _last_before(last.get(block.id, ()), index, block.id in admitting)
            for block, index in self._layout.instructions(span)
        )

    def _admits(self, value: Operand, test: StateTest) -> bool:
        """Return whether a test may have its outcome once a value is bound to what it tests."""
        if value not in self._made:
            return admits(value, test)
        told = [StateTest(test.path, TestKind.NONE, False)]
        if test.path.fields or test.path in self._asked:
            told.append(StateTest(test.path, TestKind.TRUTH, True))
        return not any(map(test.excludes, told))

    def _admitting(self, test: StateTest, last: Mapping[BlockId, bool]) -> set[BlockId]:
        """Return the blocks at whose begin a test may have its outcome.

        ``last`` says of the blocks that bind what it tests what the last binding admits.
        """
        function = self._function
        closed = {
            (block, target)
            for block, target, told in self._asked.get(test.path, ())
            if test.excludes(told)
        }

        def goes(block: BasicBlock, successor: BlockId) -> bool:
            # An exception may come before the binding.
            return (last.get(block.id, True) or successor == block.on_exception) and (
                block.id,
                successor,
            ) not in closed

        sources = {function.entry}
        for block, admits in last.items():
            if admits:
                sources |= set(all_successors(function.blocks[block]))
        return reached(function, sources, goes)


def admits(value: Operand, test: StateTest) -> bool:
    """Return whether a test may have its outcome once a value is bound to what it tests."""
    match value:
        case Constant():
            return test.answers(value.value) is not False
        case Display() | FunctionRef():
            return not test.excludes(StateTest(test.path, TestKind.NONE, False))
        case AccessPath(root=Root.GLOBAL):
            return test.answers(NamedConstant(str(value))) is not False
        case _:
            return True


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
            and values.rules_out(here, span, by_tests=True)
        )
        if raising and raising.isdisjoint(_reached_without(function, closed)):
            return True
    return False


def _reached_without(function: Function, closed: _Ways) -> set[BlockId]:
    """Return the blocks that a function reaches without some branches."""
    return reached(
        function, (function.entry,), lambda block, following: (block.id, following) not in closed
    )


def _last_before(bindings: Iterable[tuple[int, bool]], index: int, at_begin: bool) -> bool:
    """Return what holds before an index in a block, given what holds after its bindings."""
    holds = at_begin
    for at, behind in bindings:
        if at < index:
            holds = behind
    return holds


def _asked(function: Function) -> dict[AccessPath, list[tuple[BlockId, BlockId, StateTest]]]:
    """Return each branch of each plain test of a path: its block, its target, the test."""
    found: dict[AccessPath, list[tuple[BlockId, BlockId, StateTest]]] = defaultdict(list)
    for block in function.blocks.values():
        match block.terminator:
            case Branch(condition=Truth(value=AccessPath() as path)) as branch:
                test = StateTest(path, TestKind.TRUTH, True)
            case Branch(condition=IsNone(value=AccessPath() as path)) as branch:
                test = StateTest(path, TestKind.NONE, True)
            case Branch(condition=Equals(AccessPath() as path, constant)) as branch:
                test = StateTest(path, TestKind.EQUALS, True, constant)
            case _:
                continue
        if branch.then != branch.otherwise:
            found[path].append((block.id, branch.then, test))
            found[path].append((block.id, branch.otherwise, replace(test, outcome=False)))
    return found


def _closed_by(function: Function, binding: Binding) -> Iterator[tuple[BlockId, BlockId]]:
    """Yield the branches that a call does not take, because of the literals that it passes."""
    for path, branches in _asked(function).items():
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


def _constants(constructor: Function) -> Iterator[StateTest]:
    """Yield the constants to which a constructor binds attributes of its object on each path."""
    values: dict[AccessPath, set[Operand]] = defaultdict(set)
    for block in constructor.blocks.values():
        for each in block.instructions:
            if isinstance(each, Assign) and each.target.root is Root.SELF:
                values[each.target].add(each.value)
    for path, bound in values.items():
        (value, *others) = bound
        if len(path.fields) == 1 and isinstance(value, Constant) and not others:
            blocks = {block for block, _ in _bound(constructor, path)}
            if not _returns_without(constructor, set(), blocks):
                yield StateTest(path, TestKind.EQUALS, True, value)


def _bound_attributes(function: Function) -> set[Field]:
    return {
        each.target.last
        for block in function.blocks.values()
        for each in block.instructions
        if isinstance(each, Assign) and each.target.fields
    }


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
