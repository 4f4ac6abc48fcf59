"""Data that is tested without a lock, and made with it.

Two threads may both find that it is missing. The second one waits for the lock, and makes it again
unless it tests again. And what the first one binds is found by all others from then on, complete or
not.

The conclusions hold for tests of one function. After the acquire, everything that may be another
test of the same data ends the search: any branch that depends on data of others, any call that may
read the datum, and any method of the object that is not known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from locklint.analysis.guarded_data import CONSTRUCTION
from locklint.analysis.presence import Absence, Datum, Presence, is_nothing
from locklint.analysis.sections import ends_section, held_after, locked_blocks
from locklint.analysis.tested_data import TestedData
from locklint.core.identity_enum import IdentityEnum
from locklint.core.source import Span
from locklint.dataflow.order import all_successors, reached
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function, FunctionKind
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    BlockId,
    Call,
    Constant,
    Display,
    Enter,
    Instruction,
    Operand,
    Read,
)
from locklint.ir.lock import Exactness, LockRef
from locklint.ir.operands import condition_paths, terminator_paths, used_paths
from locklint.ir.terminator import Branch, Condition, Opaque
from locklint.models.changes import changes_container, makes_constant

if TYPE_CHECKING:
    from locklint.analysis.call_graph import CallGraph
    from locklint.analysis.events import LockStates
    from locklint.analysis.threads import Threads
    from locklint.core.source import SourceFile

_CONTAINERS = frozenset(f"builtins.{name}" for name in "bytearray dict list set".split()) | {
    "collections.defaultdict",
    "collections.deque",
}

_MOST_CALLS = 3
"""The depth of calls in which another test of the datum is searched for."""


class Made(IdentityEnum):
    """Kinds of values that are bound to what was missing."""

    OBJECT = "object"  # a new one each time, of a class or a display
    RESULT = "result"  # of some call: it may be the same each time
    FLAG = "flag"  # a constant
    VALUE = "value"  # a new one that nothing changes: it does not matter which one is kept
    OTHER = "other"  # it was there before the lock was acquired


class DoubleCheck(msgspec.Struct, frozen=True):
    """A test without a lock, an acquire, and what is bound with the lock held.

    ``again``: it is tested again with the lock held. ``late`` is the place that completes what was
    bound, if others can see it earlier; ``late_name`` the data that is bound there. ``used``: a
    thread that finds the datum uses it, and does not only return or raise. ``of_others``: the lock
    belongs to more than the object whose data it is, so it does not say that threads share that.
    """

    function: Function
    test: Absence
    lock: LockRef
    acquire: Span
    target: AccessPath
    bound: Span
    made: Made
    again: bool
    used: bool
    of_others: bool
    late: Span | None = None
    late_name: str = ""


class _Point(msgspec.Struct, frozen=True):
    """An instruction in its block."""

    block: BlockId
    index: int


class DoubleChecks:
    """The double-checked sections of a program.

    ``at_import`` are functions that the code of their own module calls: no other thread can import
    the module before that has ended, and then the data exists, but for elements by other keys.
    """

    def __init__(
        self,
        graph: CallGraph,
        threads: Threads,
        functions: Mapping[str, Function],
        sources: Mapping[str, SourceFile],
        at_import: Collection[str],
    ) -> None:
        self._graph = graph
        self._threads = threads
        self._at_import = at_import
        self.functions = functions
        self.data = TestedData(functions, sources)

    def found(self) -> Iterator[DoubleCheck]:
        """Yield those that are at fault, by function and place."""
        for key, states in self._graph.states.items():
            if (
                any(taken.waits for taken in states.taken)
                and not self._is_called_holding(key)
                and not self._threads.is_alone(key)
            ):
                for each in _Sections(self, states).found():
                    if key not in self._at_import or each.target.has_element:
                        yield each

    def _is_called_holding(self, key: str) -> bool:
        """Return whether a caller holds a lock: the first test may be made with it."""
        return any(edge.held for edge in self._graph.callers.get(key, ()))

    def may_read(self, key: str, name: str, depth: int = _MOST_CALLS) -> bool:
        """Return whether a function, or what it calls, may read data of that name."""
        function = self.functions.get(key)
        if function is None:
            return name in self.data.read_by(key)
        for block in function.blocks.values():
            paths = [*terminator_paths(block.terminator)]
            for each in block.instructions:
                paths += used_paths(each)
            if any(_mentions(path, name) for path in paths):
                return True
            if depth and any(
                self.may_read(target, name, depth - 1)
                for each in block.instructions
                if isinstance(each, Call)
                for target in (*each.targets, *each.overrides)
            ):
                return True
        return False


class _Sections:
    """The sections of one function."""

    def __init__(self, program: DoubleChecks, states: LockStates) -> None:
        self._program = program
        self._states = states
        self._function = states.function
        self._presence = Presence(states.function)

    def found(self) -> Iterator[DoubleCheck]:
        """Yield those that are at fault."""
        for point, acquire in self._acquires:
            if acquire.lock.exactness is Exactness.FRESH or acquire.gives_up:
                continue
            data = sorted({each.datum for each in self._presence.absences}, key=str)
            for datum in data:
                tests = self._tests(datum, point, acquire)
                if tests:
                    yield from self._judge(datum, tests, point, acquire)

    @cached_property
    def _acquires(self) -> list[tuple[_Point, Acquire]]:
        return [
            (_Point(block.id, index), each)
            for block in self._function.blocks.values()
            for index, each in enumerate(block.instructions)
            if isinstance(each, Acquire)
        ]

    def _tests(self, datum: Datum, point: _Point, acquire: Acquire) -> tuple[Absence, ...]:
        """Return the tests that lead to an acquire with no lock held, if there are any."""
        if self._is_not_shared(datum):
            return ()
        tests = self._presence.decides(datum, point.block)
        return () if any(each.read_in in self._locked for each in tests) else tests

    @cached_property
    def _locked(self) -> set[BlockId]:
        return locked_blocks(self._states)

    def _is_not_shared(self, datum: Datum) -> bool:
        """Return whether the object of the method is still being made, or is the thread's own."""
        function = self._function
        if self._presence.is_of_call(datum):
            return True
        return (
            datum.is_attribute
            and function.kind is FunctionKind.METHOD
            and function.name in CONSTRUCTION
        )

    def _is_of_object(self, datum: Datum) -> bool:
        """Return whether a datum is an attribute of the method's own object, not of its class."""
        function = self._function
        return (
            datum.is_attribute
            and function.kind is FunctionKind.METHOD
            and self._program.data.is_bound_by(f"{function.class_key}.__init__", datum.name)
        )

    def _judge(
        self, datum: Datum, tests: tuple[Absence, ...], point: _Point, acquire: Acquire
    ) -> Iterator[DoubleCheck]:
        seen: set[Span] = set()
        for where, assign, again in self._bindings(datum, point, acquire):
            if assign.span in seen:
                continue
            seen.add(assign.span)
            made = self._made(assign.value, where, point)
            is_async = acquire.lock.api.is_async
            if not again and is_async and not self._awaits(point, where):
                continue  # No other task runs in between.
            test = min(tests, key=lambda each: each.span)
            found = DoubleCheck(
                self._function,
                test,
                acquire.lock,
                acquire.span,
                test.path,
                assign.span,
                made,
                again,
                self._is_used(datum, tests),
                acquire.lock.exactness is Exactness.ONE and self._is_of_object(datum),
            )
            if not again:
                is_reread = made is Made.RESULT and self._is_tried_first(datum, where, acquire)
                if made is not Made.OTHER and not is_reread:
                    yield found
                continue
            late = self._late(datum, tests, where, assign, acquire)
            if late is not None and not self._asks_more(datum, tests, point):
                span, name = late
                yield msgspec.structs.replace(found, late=span, late_name=name)

    def _bindings(
        self, datum: Datum, point: _Point, acquire: Acquire
    ) -> Iterator[tuple[_Point, Assign, bool]]:
        """Yield the bindings of a datum in a section, and whether something may test it before."""
        found: dict[_Point, tuple[Assign, bool]] = {}
        entered: dict[BlockId, bool] = {}
        work: deque[tuple[BlockId, int, bool]] = deque([(point.block, point.index + 1, False)])
        while work:
            here, start, again = work.popleft()
            block = self._function.blocks[here]
            for index, each in enumerate(block.instructions[start:], start):
                if ends_section(each, acquire.lock):
                    break
                if isinstance(each, Assign) and self._binds(each, datum, here):
                    where = _Point(here, index)
                    found[where] = each, again or (where in found and found[where][1])
                    break
                again = again or self._may_test(each, datum, block.instructions[index + 1 :])
            else:
                again = again or self._branches(block, datum)
                for following in all_successors(block):
                    if following not in entered or (again and not entered[following]):
                        entered[following] = again
                        work.append((following, 0, again))
        for where, (assign, again) in sorted(
            found.items(), key=lambda item: (item[1][0].span, item[0].block)
        ):
            yield where, assign, again

    def _binds(self, assign: Assign, datum: Datum, block: BlockId) -> bool:
        path = self._presence.bound_by(assign, block)
        return self._presence.datum(path) == datum and not is_nothing(assign.value)

    def _may_test(
        self, each: Instruction, datum: Datum, following: tuple[Instruction, ...]
    ) -> bool:
        """Return whether an instruction may find out if a datum is there by now."""
        match each, following[:1]:
            case Read(path=path), (Assign(target=target),) if target.fields:
                if path == target.parent():
                    return False  # It leads to the element that is bound.
        if any(_mentions(path, datum.name) for path in used_paths(each)):
            return True
        if not isinstance(each, Call):
            return isinstance(each, Enter) and each.manager is not None
        callee = each.callee
        targets = (*each.targets, *each.overrides)
        if any(self._program.may_read(target, datum.name) for target in targets):
            return True
        if any(
            isinstance(one.value, Constant) and one.value.value == datum.name
            for one in each.arguments
        ):
            return True
        is_own = callee is not None and callee.root is Root.SELF and len(callee.fields) == 1
        return is_own and not targets and each.external is None and each.constructs is None

    def _branches(self, block: BasicBlock, datum: Datum) -> bool:
        """Return whether a block ends in a test that may be about the same as the datum."""
        terminator = block.terminator
        return isinstance(terminator, Branch) and not self._is_of_arguments(
            terminator.condition, block.id
        )

    def _is_of_arguments(self, condition: Condition, block: BlockId) -> bool:
        """Return whether a condition depends on what was passed alone."""
        if isinstance(condition, Opaque) and condition.text is None:
            return False
        return all(
            self._presence.value(path, block)[0].is_parameter for path in condition_paths(condition)
        )

    def _is_tried_first(self, datum: Datum, where: _Point, acquire: Acquire) -> bool:
        """Return whether a section tests what it has bound, and binds something else if need be.

        ``key = stored(); if key is None: key = new()`` reads again what others may have stored.
        """
        after = list(held_after(self._function, where.block, where.index, acquire.lock))
        blocks = {where.block, *(block for _, block in after)}
        is_tested = any(
            each.datum == datum and each.read_in in blocks for each in self._presence.absences
        )
        return is_tested and any(
            isinstance(each, Assign) and self._binds(each, datum, block) for each, block in after
        )

    def _made(self, value: Operand, where: _Point, point: _Point) -> Made:
        """Return the kind of a value that is bound in a section that begins at ``point``."""
        if isinstance(value, Constant):
            return Made.FLAG
        if isinstance(value, Display):
            return Made.OBJECT
        maker = self._maker(value, where)
        if maker is None:
            return Made.OTHER
        instruction, block = maker
        if not self._is_within(instruction, block, point):
            return Made.OTHER
        if isinstance(instruction, Call):
            if instruction.external is not None and makes_constant(instruction.external):
                return Made.VALUE
            return Made.OBJECT if _makes_object(instruction) else Made.RESULT
        if isinstance(instruction, Assign) and isinstance(instruction.value, Display):
            return Made.OBJECT
        return Made.RESULT

    def _maker(self, value: Operand, where: _Point) -> tuple[Instruction, BlockId] | None:
        """Return the instruction that has made a value, and its block."""
        block, before = where.block, self._function.blocks[where.block].instructions[where.index]
        found: tuple[Instruction, BlockId] | None = None
        while isinstance(value, AccessPath) and value.is_variable:
            if value.root not in (Root.LOCAL, Root.TEMP):
                return None
            found = self._presence.binding(value, block, before)
            if found is None or not isinstance(found[0], Assign):
                return found
            before, block = found
            assert isinstance(before, Assign)
            value = before.value
        return found if isinstance(value, Display) else None

    def _is_within(self, instruction: Instruction, block: BlockId, point: _Point) -> bool:
        """Return whether an instruction comes after the acquire at a point."""
        if block == point.block:
            instructions = self._function.blocks[block].instructions
            return any(each is instruction for each in instructions[point.index + 1 :])
        return block in reached(self._function, (point.block,))

    def _awaits(self, point: _Point, where: _Point) -> bool:
        """Return whether a task is suspended between an acquire and a binding."""
        after = reached(self._function, (point.block,))
        return any(
            isinstance(each, Await)
            for block in after
            for index, each in enumerate(self._function.blocks[block].instructions)
            if block != where.block or index < where.index
            if block != point.block or index > point.index
        )

    def _late(
        self,
        datum: Datum,
        tests: tuple[Absence, ...],
        where: _Point,
        assign: Assign,
        acquire: Acquire,
    ) -> tuple[Span, str] | None:
        """Return the place that completes a datum after others can see it, if they use it.

        Other tasks see it where this one is suspended in between.
        """
        is_seen = not acquire.lock.api.is_async
        used = self._used_by_others(datum, tests)
        names = self._names(assign, where)
        maker = self._maker(assign.value, where)
        is_known = isinstance(assign.value, Display) or (
            maker is not None and (not isinstance(maker[0], Call) or _makes_object(maker[0]))
        )
        for each, block in held_after(self._function, where.block, where.index, acquire.lock):
            is_seen = is_seen or isinstance(each, Await)
            if isinstance(each, Assign):
                other = self._presence.datum(self._presence.bound_by(each, block))
                if other == datum:
                    return None
                if is_seen and other is not None and other in used:
                    return each.span, str(each.target)
            if is_seen and datum in used and is_known and self._completes(each, names):
                return each.span, ""
        return None

    def _names(self, assign: Assign, where: _Point) -> set[AccessPath]:
        """Return the paths by which a section knows what it has bound."""
        names = {assign.target}
        if isinstance(assign.value, AccessPath) and assign.value.is_variable:
            names.add(assign.value)
            for each in self._function.blocks[where.block].instructions:
                if isinstance(each, Assign) and each.value in names:
                    names.add(each.target)
        return names

    def _completes(self, each: Instruction, names: set[AccessPath]) -> bool:
        """Return whether an instruction changes the object that has one of some names."""
        match each:
            case Assign(target=target) if target.fields and target.parent() in names:
                return True
            case Call(callee=AccessPath() as callee) if callee.fields and callee.parent() in names:
                if each.external is not None:
                    return changes_container(each.external)
                # The method of an object from `super().__new__` is one of this class.
                targets = each.targets or (f"{self._function.class_key}.{callee.name}",)
                return any(self._program.data.sets_attributes(target) for target in targets)
            case _:
                return False

    def _asks_more(self, datum: Datum, tests: tuple[Absence, ...], point: _Point) -> bool:
        """Return whether a thread that finds a datum asks it first, and else acquires the lock too.

        ``if worker is not None and worker.is_alive(): return`` finds a thread that has started.
        """
        starts = [each.present for each in tests if each.present is not None]
        for block in reached(self._function, starts) if starts else ():
            here = self._function.blocks[block]
            if block == point.block or not isinstance(here.terminator, Branch):
                continue
            ways = (here.terminator.then, here.terminator.otherwise)
            locking = [point.block in reached(self._function, (way,)) for way in ways]
            if locking in ([True, False], [False, True]) and any(
                datum in self._leading(path, block)
                for path in self._asked(here, here.terminator.condition)
            ):
                return True
        return False

    def _asked(self, block: BasicBlock, condition: Condition) -> Iterator[AccessPath]:
        """Yield the paths that a test depends on: those it reads, and receivers of its calls."""
        paths = set(condition_paths(condition))
        yield from paths
        for each in block.instructions:
            if isinstance(each, Call) and each.result in paths and each.callee is not None:
                yield each.callee

    def _is_used(self, datum: Datum, tests: tuple[Absence, ...]) -> bool:
        """Return whether a thread uses the datum that it finds: a failing access does so."""
        return any(each.present is None for each in tests) or datum in self._used_by_others(
            datum, tests
        )

    def _used_by_others(self, datum: Datum, tests: tuple[Absence, ...]) -> set[Datum]:
        """Return the data that a thread uses that finds the datum present, without the lock."""
        locked = {point.block for point, _ in self._acquires}
        starts = [
            each.present
            for each in tests
            if each.present is not None and each.present not in locked
        ]
        free = reached(self._function, starts, lambda block, following: following not in locked)
        found: set[Datum] = set()
        for block in free - locked:
            here = self._function.blocks[block]
            for each in here.instructions:
                if isinstance(each, Read | Call):
                    for path in used_paths(each):
                        found |= self._leading(path, block)
            if not isinstance(here.terminator, Branch):
                for path in terminator_paths(here.terminator):
                    found |= self._leading(path, block)
        tested = {each.datum for each in self._presence.absences} - {datum}
        return found - tested

    def _leading(self, path: AccessPath, block: BlockId) -> set[Datum]:
        """Return the data that a path is, or leads through."""
        found: set[Datum | None] = set()
        for each in self._presence.all_values(path, block):
            found.add(self._presence.datum(each))
            while each.fields:
                each = each.parent()
                found.add(self._presence.datum(each))
        return {each for each in found if each is not None}


def _mentions(path: AccessPath, name: str) -> bool:
    """Return whether a path leads through data of that name."""
    return name in path.fields or (path.root_name == name and path.root is not Root.SELF)


def _makes_object(call: Call) -> bool:
    """Return whether a call makes a new object of a class."""
    if call.constructs is not None:
        return True
    if call.external is not None:
        name = call.external.rpartition(".")[2]
        return name[:1].isupper() or name in ("__new__", "__call__") or call.external in _CONTAINERS
    callee = call.callee
    return callee is not None and callee.root is Root.SELF and not callee.fields
