"""Locks that are made for a key when it has none yet, with no lock held.

Two threads that need the lock of a new key at the same time get two. One of them is lost when the
other one is stored, but its thread goes on to use it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from locklint.analysis.contracts import says_caller_holds
from locklint.analysis.guarded_data import CONSTRUCTION
from locklint.analysis.presence import Datum, Presence
from locklint.analysis.sections import locked_blocks
from locklint.core.source import SourceFile, Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function, FunctionKind
from locklint.ir.instruction import Assign, BlockId, Call
from locklint.ir.means import Use
from locklint.ir.terminator import Branch, IsNone, Truth
from locklint.models.table import default_table

if TYPE_CHECKING:
    from locklint.analysis.call_graph import CallGraph
    from locklint.analysis.events import LockStates
    from locklint.analysis.thread_tests import ThreadTests
    from locklint.analysis.threads import Threads


class RacyInsertion(msgspec.Struct, frozen=True):
    """An insertion of a new lock, after a test that found none. ``target`` is what keeps it."""

    function: Function
    test: Span
    made: Span
    insertion: Span
    target: AccessPath


class _Maker(msgspec.Struct, frozen=True):
    """A call that makes a lock of threads, its block, and the names that the lock gets."""

    call: Call
    block: BlockId
    names: frozenset[AccessPath]


def racy_insertions(
    graph: CallGraph,
    threads: Threads,
    tests: ThreadTests,
    sources: Mapping[str, SourceFile],
    called_with_lock: Collection[str],
    at_import: Collection[str],
) -> Iterator[RacyInsertion]:
    """Yield the insertions without a lock, by function and place.

    ``called_with_lock`` are the methods that need none, see `Program`, ``at_import`` are functions
    that the code of their own module calls, and nothing that was not lowered.
    """
    for key, states in graph.states.items():
        function = states.function
        # A coroutine that awaits nothing in between is alone.
        if function.is_async or function.kind is FunctionKind.MODULE:
            continue
        callers = graph.callers.get(key, ())
        if any(edge.held for edge in callers) or key in called_with_lock:
            continue
        insertions = [
            each for each in _Registry(states).insertions() if not tests.decide(key, each.insertion)
        ]
        if not insertions or says_caller_holds(function, sources) or threads.is_alone(key):
            continue
        if key not in at_import or any(
            graph.function(edge.caller).kind is not FunctionKind.MODULE for edge in callers
        ):
            yield from insertions


class _Registry:
    """The insertions of one function."""

    def __init__(self, states: LockStates) -> None:
        self._states = states
        self._function = states.function

    def insertions(self) -> Iterator[RacyInsertion]:
        """Yield them by place."""
        seen: set[Span] = set()
        for maker in self._makers():
            if maker.block in self._locked:
                continue
            for found in (*self._stored(maker), *self._handed_to_own_method(maker)):
                if found.insertion not in seen:
                    seen.add(found.insertion)
                    yield found

    def _makers(self) -> Iterator[_Maker]:
        table = default_table()
        for block in self._function.blocks.values():
            for each in block.instructions:
                if isinstance(each, Call) and each.external is not None and each.result is not None:
                    kind = table.kind_for_constructor(each.external)
                    if kind is not None and not kind.is_async and kind.acquire_forms:
                        yield _Maker(each, block.id, self._names(each.result))

    def _names(self, made: AccessPath) -> frozenset[AccessPath]:
        """Return the variables that a value may be bound to."""
        names = {made}
        size = 0
        while size != len(names):
            size = len(names)
            for block in self._function.blocks.values():
                for each in block.instructions:
                    if isinstance(each, Assign) and each.value in names and not each.target.fields:
                        names.add(each.target)
        return frozenset(names)

    def _stored(self, maker: _Maker) -> Iterator[RacyInsertion]:
        """Yield the assignments of a new lock to the element that was missing."""
        for block in reached(self._function, (maker.block,)) - self._locked:
            for each in self._function.blocks[block].instructions:
                if not isinstance(each, Assign) or each.value not in maker.names:
                    continue
                path = self._presence.bound_by(each, block)
                datum = self._presence.datum(path)
                if datum is None or datum.key is None or self._is_being_made(datum):
                    continue
                if self._presence.is_of_call(datum):
                    continue
                tests = self._presence.decides(datum, maker.block)
                if tests and not any(test.read_in in self._locked for test in tests):
                    yield RacyInsertion(
                        self._function, tests[0].span, maker.call.span, each.span, path
                    )

    def _handed_to_own_method(self, maker: _Maker) -> Iterator[RacyInsertion]:
        """Yield the calls that store a new lock, after another method has found none.

        ``lock = self.get(key)``, and if it is None, ``self.put(key, lock)``.
        """
        for test, variable in self._tests():
            branch = self._function.blocks[test].terminator
            found = self._presence.binding(variable, test)
            if not isinstance(branch, Branch) or found is None:
                continue
            while isinstance(found[0], Assign) and isinstance(found[0].value, AccessPath):
                following = self._presence.binding(found[0].value, found[1], found[0])
                if following is None:
                    break
                found = following
            asked = found[0]
            if not isinstance(asked, Call) or found[1] in self._locked or not asked.arguments:
                continue
            missing = branch.then if isinstance(branch.condition, IsNone) else branch.otherwise
            if maker.block not in reached(self._function, (missing,)) or missing == test:
                continue
            for each in self._function.blocks[maker.block].instructions:
                if isinstance(each, Call) and self._stores(each, asked, maker):
                    assert each.callee is not None
                    yield RacyInsertion(
                        self._function, branch.span, maker.call.span, each.span, each.callee
                    )

    def _tests(self) -> Iterator[tuple[BlockId, AccessPath]]:
        """Yield the blocks that end in a test of a variable."""
        for block in self._function.blocks.values():
            match block.terminator:
                case Branch(condition=IsNone(AccessPath() as path) | Truth(AccessPath() as path)):
                    if path.is_variable and path.root in (Root.LOCAL, Root.TEMP):
                        yield block.id, path

    @staticmethod
    def _stores(call: Call, asked: Call, maker: _Maker) -> bool:
        """Return whether a call stores a new lock for the key that another call got."""
        one, other = call.callee, asked.callee
        return (
            one is not None
            and other is not None
            and one.root is Root.SELF
            and len(one.fields) == len(other.fields) == 1
            and one.parent() == other.parent()
            and bool(call.targets and asked.targets)
            and call.use is Use.DISCARDED
            and call.arguments[:1] == asked.arguments[:1]
            and any(each.value in maker.names for each in call.arguments[1:])
        )

    def _is_being_made(self, datum: Datum) -> bool:
        """Return whether a datum is of an object that no other thread has yet."""
        return datum.is_attribute and self._function.name in CONSTRUCTION

    @cached_property
    def _presence(self) -> Presence:
        return Presence(self._function)

    @cached_property
    def _locked(self) -> set[BlockId]:
        return locked_blocks(self._states)
