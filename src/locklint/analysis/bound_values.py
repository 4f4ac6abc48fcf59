"""Outcomes of tests that are ruled out by what a function has bound, changed and tested before.

After ``self._jobs.clear()`` there are none, after ``self._paused += 1`` the number is not 0, and
after ``self._rows[key] = row`` the key is there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.critical_pair import StateTest, TestKind
from locklint.analysis.layout import Layout
from locklint.analysis.outcomes import NamedConstant, Sized
from locklint.analysis.state_tests import CHANGING_METHODS, Change, test_of_path
from locklint.core.source import Span
from locklint.dataflow.order import all_successors, reached
from locklint.ir.access_path import AccessPath, ElementField, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Assign,
    BlockId,
    Call,
    Constant,
    Display,
    FunctionRef,
    Instruction,
    Operand,
    Operate,
)
from locklint.ir.means import OperateKind
from locklint.ir.terminator import Branch, Return

Effect: TypeAlias = tuple[BlockId, int, bool]
"""A block, an index in it, and whether a test may have its outcome after the instruction there."""

Asked: TypeAlias = dict[AccessPath, list[tuple[BlockId, BlockId, StateTest]]]
"""The tests of each path: the block that ends in one, the one that it leads to, and the test."""

MadeBy: TypeAlias = Callable[[AccessPath, StateTest], bool | None]
"""A function that returns what a constructor's result admits; None: it is no such result."""

_MAY_GIVE_NONE = frozenset("find first get getattr match next pop search".split())
"""Functions and methods that give None on purpose; what others make is meant to be something."""

_EMPTY = frozenset(
    f"builtins.{name}" for name in "bytearray bytes dict frozenset list set str tuple".split()
) | frozenset(f"collections.{name}" for name in "Counter OrderedDict deque".split())
"""Classes whose calls without arguments give something empty."""

_ABOUT_ITEMS = (TestKind.ITEMS, TestKind.TEXT, TestKind.TRUTH)

_MEMBER = re.compile(r"\((§0|'[^']*'|-?\d+) in (§[01])\)")


class _Changed(msgspec.Struct, frozen=True):
    """A change, with the text of the key or of the other value that takes part, if it is known."""

    kind: Change
    key: str | None = None


class Values:
    """Outcomes of a test that are ruled out by what a function has bound and tested."""

    def __init__(self, function: Function, layout: Layout) -> None:
        self._function = function
        self._layout = layout
        self.asked = _asked(function)
        self._made: set[AccessPath] = set()
        self._empty: set[AccessPath] = set()
        self._effects: dict[AccessPath, list[tuple[BlockId, int, Operand | _Changed]]]
        self._effects = defaultdict(list)
        for block in function.blocks.values():
            for index, each in enumerate(block.instructions):
                for path, effect in self._read(block, index):
                    self._effects[path].append((block.id, index, effect))
                match each:
                    case Call(result=AccessPath() as result, callee=AccessPath() as callee):
                        if each.external in _EMPTY and not each.arguments:
                            self._empty.add(result)
                        elif callee.name not in _MAY_GIVE_NONE:
                            self._made.add(result)

    @property
    def names(self) -> frozenset[object]:
        """Return the last names of all that the function binds or changes."""
        return frozenset(path.last for path in self._effects)

    @staticmethod
    def _read(block: BasicBlock, index: int) -> Iterator[tuple[AccessPath, Operand | _Changed]]:
        each = block.instructions[index]
        match each:
            case Assign(target=target, value=value):
                last = block.instructions[index - 1] if index else None
                yield target, _calculated(last, target) or value
                if target.fields and isinstance(target.last, ElementField):
                    yield target.parent(), _Changed(Change.ADDED, target.last.key)
            case Operate(kind=OperateKind.DELETE, values=(AccessPath() as path,)):
                if path.fields and isinstance(path.last, ElementField):
                    yield path.parent(), _Changed(Change.REMOVED, path.last.key)
            case Call(external="builtins.setattr", arguments=(holder, name, given)):
                match holder.value, name.value:
                    case AccessPath() as path, Constant(value=str() as field):
                        yield path.field(field), given.value
            case Call(callee=AccessPath(fields=(_, *_)) as callee, targets=()):
                if callee.name in CHANGING_METHODS:
                    yield callee.parent(), _Changed(CHANGING_METHODS[callee.name], _given(each))

    def parameter(self, path: AccessPath) -> tuple[AccessPath, Span] | None:
        """Return the parameter that a path is bound to, and where.

        Return None if the function binds either of them elsewhere, or changes it.
        """
        found = [
            (at, *one) for at, many in self._effects.items() if path.starts_with(at) for one in many
        ]
        match found:
            case [(at, block, index, AccessPath() as value)] if at == path and value.is_parameter:
                if value.is_variable and value not in self._effects:
                    return value, self._function.blocks[block].instructions[index].span
        return None

    def rules_out(self, test: StateTest, span: Span) -> bool:
        """Return whether a test of a path cannot have its outcome at an instruction."""
        last = self._last(test, (), None, None)
        return self._found(test, last, self._layout.instructions(span)) is False

    def at(
        self, test: StateTest, span: Span, more: Iterable[Effect], made_by: MadeBy
    ) -> bool | None:
        """Return whether a test may have its outcome at an instruction, because of the function.

        Return None if it may because it had it before. ``more`` are the effects of calls, and
        ``made_by`` tells about new objects. A test alone rules nothing out: other code may bind
        meanwhile what the function does not bind itself.
        """
        last = self._last(test, more, None, made_by)
        return self._found(test, last, self._layout.instructions(span)) if last else None

    def at_return(
        self, test: StateTest, more: Iterable[Effect], given: Binding, made_by: MadeBy
    ) -> bool | None:
        """Return whether a test may have its outcome after a call, because of that call.

        Return None if it may because it had it before. ``given`` is what the call passes.
        """
        last = self._last(test, more, given, made_by)
        ends = [
            (block, len(block.instructions))
            for block in self._function.blocks.values()
            if isinstance(block.terminator, Return)
        ]
        return self._found(test, last, ends) if last else None

    def _found(
        self,
        test: StateTest,
        last: Mapping[BlockId, list[tuple[int, bool]]],
        places: Iterable[tuple[BasicBlock, int]],
    ) -> bool | None:
        places = list(places)
        for from_entry, found in ((False, True), (True, None)):
            admitting = self._admitting(test, last, from_entry=from_entry)
            for block, index in places:
                if _last_before(last.get(block.id, ()), index, block.id in admitting):
                    return found
        return False

    def _last(
        self,
        test: StateTest,
        more: Iterable[Effect],
        given: Binding | None,
        made_by: MadeBy | None,
    ) -> dict[BlockId, list[tuple[int, bool]]]:
        """Return, by block, the effects on what is tested, in their order."""
        found: dict[BlockId, list[tuple[int, bool]]] = defaultdict(list)
        for block, index, admits in more:
            found[block].append((index, admits))
        for path, effects in self._effects.items():
            if any(each.starts_with(path) for each in test.paths):
                for block, index, effect in effects:
                    may = self._after(test, path, effect, given, made_by)
                    if may is not None:
                        found[block].append((index, may))
        for each in found.values():
            each.sort()
        return found

    def _after(
        self,
        test: StateTest,
        path: AccessPath,
        effect: Operand | _Changed,
        given: Binding | None,
        made_by: MadeBy | None,
    ) -> bool | None:
        """Return whether a test may have its outcome after an effect. None: it does not matter."""
        if isinstance(effect, _Changed):
            return _after_change(test, path, effect) if path in test.paths else None
        if path not in test.paths:
            if test.others or made_by is None or not isinstance(effect, AccessPath):
                return True  # Nothing is known about an attribute of what is bound again.
            fields = test.path.fields[len(path.fields) :]
            inner = replace(effect, fields=effect.fields + fields)
            return made_by(effect, replace(test, path=inner)) is not False
        if test.others:
            member = _member(test)
            if member is None:
                return True
            if member[1] == path:
                return not (self._is_empty(effect) and test.outcome)
            # Another key is not in an empty container either.
            return None if test.outcome else True
        return self._admits(effect, test, given)

    def _is_empty(self, value: Operand) -> bool:
        return value in self._empty or (isinstance(value, Display) and not value.items)

    def _admits(self, value: Operand, test: StateTest, given: Binding | None) -> bool:
        """Return whether a test may have its outcome once a value is bound to what it tests."""
        if given is not None and isinstance(value, AccessPath) and value.is_parameter:
            if value in self._effects:
                return True
            passed = given.constant(value.root_name)
            if passed is not None:
                return test.answers(passed.value) is not False
            if given.is_passed(value.root_name) and given.may_be_left_out(value.root_name):
                # A caller that passes an optional argument is assumed to pass a real value.
                return not test.excludes(StateTest(test.path, TestKind.NONE, False))
        if self._is_empty(value):
            return test.answers(Sized(0)) is not False
        if value not in self._made:
            return admits(value, test)
        told = [StateTest(test.path, TestKind.NONE, False)]
        if test.path.fields or test.path in self.asked:
            told.append(StateTest(test.path, TestKind.TRUTH, True))
        return not any(map(test.excludes, told))

    def _admitting(
        self,
        test: StateTest,
        last: Mapping[BlockId, list[tuple[int, bool]]],
        *,
        from_entry: bool,
    ) -> Set[BlockId]:
        """Return the blocks at whose begin a test may have its outcome.

        ``from_entry``: it may have it where the function begins.
        """
        function = self._function
        closed = {
            (block, target)
            for block, target, told in self.asked.get(test.path, ())
            if test.excludes(told)
        }

        def goes(block: BasicBlock, successor: BlockId) -> bool:
            # An exception may come before the binding.
            keeps = block.id not in last or last[block.id][-1][1]
            return (keeps or successor == block.on_exception) and (
                block.id,
                successor,
            ) not in closed

        sources = {function.entry} if from_entry else set[BlockId]()
        for block, effects in last.items():
            if effects[-1][1]:
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


def _asked(function: Function) -> Asked:
    """Return each branch of each test of one path: its block, its target, the test."""
    found: dict[AccessPath, list[tuple[BlockId, BlockId, StateTest]]] = defaultdict(list)
    for block in function.blocks.values():
        branch = block.terminator
        if isinstance(branch, Branch) and branch.then != branch.otherwise:
            test = test_of_path(branch.condition, function.module)
            if test is not None:
                found[test.path].append((block.id, branch.then, test))
                other = replace(test, outcome=not test.outcome)
                found[test.path].append((block.id, branch.otherwise, other))
    return found


def _after_change(test: StateTest, path: AccessPath, change: _Changed) -> bool | None:
    """Return whether a test may have its outcome after a change. None: it does not matter."""
    member = _member(test)
    if member is not None:
        return _of_member(test.outcome, member[0], change) if path == member[1] else None
    match change.kind:
        case Change.COUNTED:
            return not test.excludes(StateTest(path, TestKind.TEXT, True, text="(§0 > 0)"))
        case Change.MIXED if test.kind is TestKind.TEXT and change.key is not None:
            return change.key not in test.text  # It was mixed in, or out, for this very test.
    if test.others or test.kind not in _ABOUT_ITEMS:
        return None
    match change.kind:
        case Change.EMPTIED:
            return test.answers(Sized(0)) is not False
        case Change.ADDED:
            return not test.excludes(StateTest(path, TestKind.TRUTH, True))
        case _:
            return True


def _of_member(outcome: bool, key: str, change: _Changed) -> bool | None:
    """Return whether a key may be in a container, or not, after a change of the container."""
    match change.kind:
        case Change.EMPTIED:
            return not outcome
        case Change.ADDED | Change.REMOVED as kind:
            is_so = outcome is (kind is Change.ADDED)
            if change.key == key:
                return is_so
            return True if is_so else None
        case _:
            return True


def _calculated(last: Instruction | None, target: AccessPath) -> _Changed | None:
    """Return the change that an operation before an assignment is, if the old value takes part."""
    match last:
        case Operate(what="+=" | "+", values=(AccessPath() as old, Constant(value=added))):
            if old == target and isinstance(added, int | float) and added > 0:
                return _Changed(Change.COUNTED)
        case Operate(what=str() as what, values=(AccessPath() as old, other)):
            if old == target and what.rstrip("=") in ("|", "&", "^"):
                return _Changed(Change.MIXED, str(other))
    return None


def _given(call: Call) -> str | None:
    """Return the text of the value that a method adds or removes, or None if it is not known."""
    if not call.arguments or call.callee is None:
        return None
    argument = call.arguments[-1 if call.callee.name == "insert" else 0]
    is_known = argument.star is None and isinstance(argument.value, AccessPath | Constant)
    return str(argument.value) if is_known else None


def _member(test: StateTest) -> tuple[str, AccessPath] | None:
    """Return the key and the container of a test whether a key is in a container, or None."""
    match = _MEMBER.fullmatch(test.text) if test.kind is TestKind.TEXT else None
    if match is None:
        return None
    key = str(test.path) if match[1] == "§0" else match[1]
    return (key, test.paths[-1]) if match[2] != match[1] else None


def _last_before(effects: Iterable[tuple[int, bool]], index: int, at_begin: bool) -> bool:
    """Return what holds before an index in a block, given what holds after its effects."""
    holds = at_begin
    for at, behind in effects:
        if at < index:
            holds = behind
    return holds
