"""Tests of which thread runs a function: what comes after them, only some threads do.

``if threading.current_thread() is self._thread``, ``if get_ident() != self._owner``, and a flag in
a `threading.local` or a context variable. Which threads pass such a test is known only when the
program runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TypeAlias

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.layout import layout_of
from locklint.core.source import Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath, Field, Root
from locklint.ir.cfg import BasicBlock, Function, FunctionKind
from locklint.ir.instruction import Assign, BlockId, Call, Constant, Read
from locklint.ir.means import Use
from locklint.ir.operands import condition_paths, operand_paths
from locklint.ir.terminator import Branch, Return
from locklint.models.events import TELLS_THREAD, THREAD_LOCALS

_DEPTH = 3
"""Through how many calls a test that a function makes for another one is followed."""

_OWN = (Root.LOCAL, Root.TEMP)

_Ways: TypeAlias = frozenset[tuple[BlockId, BlockId]]
"""Branches, from a block to another one. A block and itself: all ways on without an exception."""


class ThreadTests:
    """A judge of places: whether a test of the thread that runs there decides that they run.

    ``thread_locals`` are the names of variables and attributes of classes that hold what each
    thread has a value of its own of.
    """

    def __init__(self, graph: CallGraph, thread_locals: frozenset[str] = frozenset()) -> None:
        self._graph = graph
        self._thread_locals = thread_locals
        self._branches: dict[str, _Ways] = {}
        self._telling: dict[str, bool] = {}
        self._refusing: dict[str, bool] = {}
        self._blocks: dict[tuple[str, BlockId], _Ways] = {}

    def decide(self, key: str, span: Span, since: Span | None = None) -> bool:
        """Return whether a function gets to a place only if such a test has one outcome.

        With ``since``, only by tests that do not decide on that place, too.
        """
        found = self._before(key, span)
        return bool(found - self._before(key, since) if since is not None else found)

    def decide_on(self, pair: CriticalPair) -> bool:
        """Return whether such a test decides on one of the places that lead to an event."""
        return any(self.decide(link.function, link.span) for link in pair.chain())

    def guard(self, key: str, depth: int = _DEPTH) -> bool:
        """Return whether all known callers of a function call it only after such a test."""
        edges = self._graph.callers.get(key, ())
        return bool(edges) and all(
            self.decide(edge.caller, edge.span)
            or (depth > 0 and self.guard(edge.caller, depth - 1))
            for edge in edges
        )

    def _before(self, key: str, span: Span) -> _Ways:
        """Return the branches of such tests without which a place is not reached."""
        if not self._of(key):
            return frozenset()
        places = {block.id: block for block in layout_of(self._graph.states[key]).at(span)}
        every = [
            self._leading_to(key, each) | self._checks_in(key, block, span)
            for each, block in sorted(places.items())
        ]
        return frozenset.intersection(*every) if every else frozenset()

    def _checks_in(self, key: str, block: BasicBlock, span: Span) -> _Ways:
        """Return what stands for a check in a block that comes before a place in the same block."""
        for each in block.instructions:
            if each.span == span:
                break
            if isinstance(each, Call) and self._checks(key, each):
                return frozenset(((block.id, block.id),))
        return frozenset()

    def _checks(self, key: str, call: Call) -> bool:
        """Return whether a call returns only in some threads: in the others it raises."""
        is_check = call.use is Use.DISCARDED
        return is_check and any(self._refuses(each) for each in call.targets if each != key)

    def _refuses(self, key: str) -> bool:
        """Return whether tests of the thread that a function makes itself decide if it returns."""
        known = self._refusing.get(key)
        if known is None:
            function = self._graph.states[key].function if key in self._graph.states else None
            known = self._refusing[key] = function is not None and self._raises(key, function)
        return known

    def _raises(self, key: str, function: Function) -> bool:
        ways = list(_branches(function, self._dependent(key, function)))
        ends = [
            block.id for block in function.blocks.values() if isinstance(block.terminator, Return)
        ]
        return bool(ways) and all(
            any(self._is_led_to(function, end, frozenset((way,))) for way in ways) for end in ends
        )

    def _leading_to(self, key: str, block: BlockId) -> _Ways:
        known = self._blocks.get((key, block))
        if known is None:
            function = self._graph.function(key)
            ways = self._of(key)
            known = frozenset(w for w in ways if self._is_led_to(function, block, frozenset((w,))))
            self._blocks[key, block] = known
        return known

    def _of(self, key: str) -> _Ways:
        """Return the branches of a function that depend on the thread: from a block to another."""
        known = self._branches.get(key)
        if known is None:
            self._branches[key] = frozenset()  # For functions that call themselves.
            function = self._graph.function(key)
            ways = set(_branches(function, self._dependent(key, function)))
            ways.update(self._after_checks(key, function))
            known = self._branches[key] = frozenset(ways)
        return known

    def _after_checks(self, key: str, function: Function) -> Iterator[tuple[BlockId, BlockId]]:
        """Yield what stands for the way on from a block that calls what checks the thread."""
        for block in function.blocks.values():
            calls = [each for each in block.instructions if isinstance(each, Call)]
            if any(self._checks(key, each) for each in calls):
                yield block.id, block.id

    def _dependent(self, key: str, function: Function) -> set[AccessPath]:
        """Return the values of a function that are others in another thread."""
        found: set[AccessPath] = set()
        instructions = [
            (block.id, each) for block in function.blocks.values() for each in block.instructions
        ]
        size = -1
        while len(found) > size:
            size = len(found)
            ways = frozenset(_branches(function, found))
            for block, each in instructions:
                match each:
                    case Call() if each.value is not None and self._is_dependent(key, each, found):
                        found.add(each.value)
                    case Assign(target=target, value=value) if target.root in _OWN:
                        if isinstance(value, Constant):
                            depends = ways and self._is_led_to(function, block, ways)
                        else:
                            depends = any(_is_of(path, found) for path in operand_paths(value))
                            depends = depends or any(map(self._is_local, operand_paths(value)))
                        if depends:
                            found.add(target)
                    case Read(path=path) if self._is_local(path):
                        found.add(path)
                    case _:
                        pass
        return found

    def _is_dependent(self, key: str, call: Call, found: set[AccessPath]) -> bool:
        """Return whether a call gives something else in another thread."""
        if call.external in TELLS_THREAD:
            return True
        given = [path for each in call.arguments for path in operand_paths(each.value)]
        given += [call.callee] if call.callee is not None else []
        if any(_is_of(path, found) or self._is_local(path) for path in given):
            return True
        return any(self._tells(target) for target in call.targets if target != key)

    def _tells(self, key: str) -> bool:
        """Return whether a function returns what depends on the thread."""
        known = self._telling.get(key)
        if known is None:
            self._telling[key] = False
            function = self._graph.states[key].function if key in self._graph.states else None
            known = self._telling[key] = function is not None and self._returns(key, function)
        return known

    def _returns(self, key: str, function: Function) -> bool:
        found = self._dependent(key, function)
        ways = frozenset(_branches(function, found))
        return any(
            _is_of(value, found)
            if isinstance(value, AccessPath)
            else isinstance(value, Constant) and self._is_led_to(function, block.id, ways)
            for block in function.blocks.values()
            if isinstance(block.terminator, Return) and not block.terminator.implicit
            for value in (block.terminator.value,)
        )

    @staticmethod
    def _is_led_to(function: Function, block: BlockId, ways: _Ways) -> bool:
        """Return whether a block is reached only by way of some branches."""

        def goes(here: BasicBlock, to: BlockId) -> bool:
            if (here.id, to) in ways:
                return False
            return (here.id, here.id) not in ways or to not in here.successors()

        return block not in reached(function, (function.entry,), goes)

    def _is_local(self, path: AccessPath) -> bool:
        """Return whether a path is that of an attribute or method of such an object."""
        return bool(self._locals) and any(
            name in self._locals for name in (path.root_name, *path.fields)
        )

    @cached_property
    def _locals(self) -> frozenset[Field]:
        """The names of attributes and globals that are bound to what each thread has its own of."""
        found: set[Field] = set(self._thread_locals)
        for states in self._graph.states.values():
            function = states.function
            if function.name != "__init__" and function.kind is not FunctionKind.MODULE:
                continue
            instructions = [
                each for block in function.blocks.values() for each in block.instructions
            ]
            made = {
                each.result
                for each in instructions
                if isinstance(each, Call) and each.external in THREAD_LOCALS
            }
            found |= {
                each.target.last
                for each in instructions
                if isinstance(each, Assign) and each.value in made
            }
        return frozenset(found)


def _branches(function: Function, dependent: set[AccessPath]) -> Iterator[tuple[BlockId, BlockId]]:
    """Yield the branches of tests of values that depend on the thread."""
    for block in function.blocks.values() if dependent else ():
        match block.terminator:
            case Branch(condition=condition, then=then, otherwise=otherwise):
                if any(_is_of(path, dependent) for path in condition_paths(condition)):
                    yield block.id, then
                    yield block.id, otherwise
            case _:
                pass


def _is_of(path: AccessPath, dependent: set[AccessPath]) -> bool:
    """Return whether a value is one of some values, or of their attributes."""
    return any(path.starts_with(each) for each in dependent)
