"""Tests whether shared data is there yet: ``self._pool is None``, ``key not in cache``.

A datum is a global, a variable of an enclosing function, an attribute of the method's own object or
class, or an element of one of these. Others are left out: nothing says that two threads share them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cached_property

import msgspec

from locklint.core.source import Span
from locklint.dataflow.order import predecessors, reached
from locklint.ir.access_path import AccessPath, ElementField, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Assign,
    BlockId,
    Call,
    CallArgument,
    Constant,
    Display,
    Instruction,
    Operand,
    Operate,
    Read,
)
from locklint.ir.operands import condition_paths, defined_path, used_paths
from locklint.ir.terminator import Branch, Catch, Condition, Equals, IsNone, Opaque, Truth
from locklint.models.events import GIVES_NEW, TELLS_THREAD

_MOST_STEPS = 4
"""The largest number of variables in a row that are followed."""

_OF_CLASS = "__class__"
_MISSING = {"KeyError": True, "LookupError": True, "AttributeError": False}
"""Exceptions that say that something is not there: an element, or else an attribute."""


class Datum(msgspec.Struct, frozen=True):
    """Shared data by its bare name: an attribute, or else a variable. ``key`` is of an element."""

    name: str
    is_attribute: bool
    key: str | None = None


class Absence(msgspec.Struct, frozen=True):
    """A test of a datum; control goes from ``block`` to ``missing`` if it is not there.

    ``present`` is where it goes otherwise; None: right on. ``read_in`` is the block that reads it.
    """

    datum: Datum
    span: Span
    block: BlockId
    missing: BlockId
    present: BlockId | None
    path: AccessPath
    read_in: BlockId


class Presence:
    """The tests of one function whether data is there."""

    def __init__(self, function: Function) -> None:
        self.function = function
        own = function.class_name
        self._own_class = own.rpartition(".")[2] if own else None

    def datum(self, path: AccessPath) -> Datum | None:
        """Return the datum that a path names, if it is one."""
        key: str | None = None
        if path.is_element:
            last = path.fields[-1]
            assert isinstance(last, ElementField)
            if last.key is None:
                return None
            key, path = last.key, path.parent()
        if not path.is_plain:
            return None
        fields = [str(each) for each in path.fields if each != _OF_CLASS]
        if path.root is Root.SELF and len(fields) == 1:
            return Datum(fields[0], True, key)
        if path.root is Root.GLOBAL and fields and path.root_name == self._own_class:
            return Datum(fields[0], True, key) if len(fields) == 1 else None
        if path.root in (Root.GLOBAL, Root.CLOSURE) and not fields:
            return Datum(path.root_name, False, key)
        return None

    def is_of_call(self, datum: Datum) -> bool:
        """Return whether a datum is an element whose key no other thread has."""
        return datum.key is not None and datum.key in self._of_call

    @cached_property
    def _of_call(self) -> set[str]:
        """Return the variables that hold the thread, its id, or what was made in this very call."""
        found: set[Operand] = set()
        for block in self.function.blocks.values():
            for each in block.instructions:
                match each:
                    case Call(external=name, constructs=cls, result=AccessPath() as result):
                        is_own = name in TELLS_THREAD or name in GIVES_NEW or cls is not None
                        found |= {result} if is_own else set()
                    case Assign(target=target, value=Display(items=items)):
                        found |= {target} if not found.isdisjoint(items) else set()
                    case Assign(target=target, value=AccessPath() as value):
                        owner = value.parent() if value.fields else value
                        found |= {target} if found & {value, owner} else set()
        return {str(path) for path in found}

    @cached_property
    def absences(self) -> tuple[Absence, ...]:
        """Return all tests."""
        return tuple(found for block in self.function.blocks.values() for found in self._in(block))

    def _in(self, block: BasicBlock) -> Iterator[Absence]:
        match block.terminator:
            case Branch(span=span, condition=condition, then=then, otherwise=otherwise):
                found = self._tested(block, condition, span)
                if found is not None:
                    path, read_in, is_missing = found
                    datum = self.datum(path)
                    goes = (then, otherwise) if is_missing else (otherwise, then)
                    if datum is not None:
                        yield Absence(datum, span, block.id, *goes, path, read_in)
            case Catch(handlers=handlers):
                for handler in handlers:
                    for kind in handler.types:
                        if kind in _MISSING:
                            yield from self._tried(block, handler.target, _MISSING[kind])

    def _tried(self, block: BasicBlock, target: BlockId, is_element: bool) -> Iterator[Absence]:
        """Yield the reads whose failure a handler takes for the absence of what they read."""
        for each in self.function.blocks.values():
            if each.on_exception != block.id:
                continue
            for instruction in each.instructions:
                if isinstance(instruction, Read) and instruction.path.is_element is is_element:
                    path, _ = self.value(instruction.path, each.id, instruction)
                    datum = self.datum(path)
                    if datum is not None and (datum.key is not None) is is_element:
                        yield Absence(
                            datum, instruction.span, block.id, target, None, path, each.id
                        )

    def _tested(
        self, block: BasicBlock, condition: Condition, span: Span
    ) -> tuple[AccessPath, BlockId, bool] | None:
        """Return the path that a condition tests, where, and if it is true of a missing one."""
        match condition:
            case IsNone(AccessPath() as path):
                return *self.value(path, block.id), True
            case Truth(AccessPath() as path):
                return *self.value(path, block.id), False
            case Equals(AccessPath() as path, Constant(value)):
                return None if value else (*self.value(path, block.id), True)
            case Opaque():
                return self._tested_by(block, span)
            case _:
                return None

    def _tested_by(self, block: BasicBlock, span: Span) -> tuple[AccessPath, BlockId, bool] | None:
        for each in reversed(block.instructions):
            match each:
                case Operate(
                    what="in" | "not in" as what, values=(AccessPath() as container, key)
                ) if each.span == span:
                    holder, _ = self.value(container, block.id, each)
                    return holder.field(ElementField(str(key))), block.id, what == "not in"
                case Call(
                    external="builtins.hasattr",
                    arguments=(
                        CallArgument(value=AccessPath() as owner),
                        CallArgument(value=Constant(str() as name)),
                    ),
                ) if each.span == span:
                    return owner.field(name), block.id, False
        return None

    def value(
        self, path: AccessPath, block: BlockId, before: Instruction | None = None
    ) -> tuple[AccessPath, BlockId]:
        """Return the data that a path stands for at the end of a block, and where it is read.

        ``before``: at this instruction instead. Without such data it is the path itself.
        """
        for _ in range(_MOST_STEPS):
            if path.root not in (Root.LOCAL, Root.TEMP):
                break
            root = AccessPath(path.root_name, (), path.root)
            bound = self._bound_to(root, block, before)
            if bound is None:
                break
            path, block, before = path.replace_prefix(root, bound[0]), *bound[1:]
        return path, block

    def bound_by(self, assign: Assign, block: BlockId) -> AccessPath:
        """Return the path that an assignment binds, with its holder as what it stands for."""
        target = assign.target
        return self.value(target, block, assign)[0] if target.fields else target

    def _bound_to(
        self, variable: AccessPath, block: BlockId, before: Instruction | None
    ) -> tuple[AccessPath, BlockId, Instruction] | None:
        """Return the path that the only binding that reaches a place gives, and its place."""
        found = self.binding(variable, block, before)
        match found:
            case (Assign(value=AccessPath() as value) as each, where):
                return value, where, each
            case (Call() as each, where):
                read = _read_by(each)
                return None if read is None else (read, where, each)
            case _:
                return None

    def binding(
        self, variable: AccessPath, block: BlockId, before: Instruction | None = None
    ) -> tuple[Instruction, BlockId] | None:
        """Return the only instruction that may have bound a variable, and its block."""
        found = self._bindings(variable, block, before)
        return found[0] if found is not None and len(found) == 1 else None

    def all_values(self, path: AccessPath, block: BlockId) -> Iterator[AccessPath]:
        """Yield the data that a path may stand for at the end of a block, or the path itself."""
        found = self._bindings(path, block, None) if path.root in (Root.LOCAL, Root.TEMP) else None
        for each, where in found or ():
            match each:
                case Assign(value=AccessPath() as value):
                    yield self.value(value, where, each)[0]
                case Call() if (read := _read_by(each)) is not None:
                    yield self.value(read, where, each)[0]
        yield self.value(path, block)[0]

    def _bindings(
        self, variable: AccessPath, block: BlockId, before: Instruction | None
    ) -> list[tuple[Instruction, BlockId]] | None:
        """Return all that may have bound a variable; None if it may have no binding yet."""
        found: dict[int, tuple[Instruction, BlockId]] = {}
        entered: set[BlockId] = set()
        work: deque[tuple[BlockId, Instruction | None]] = deque([(block, before)])
        while work:
            here, until = work.popleft()
            bound = self._last(variable, here, until)
            if bound is not None:
                found[id(bound)] = bound, here
                continue
            if here == self.function.entry:
                return None
            for each in self._before[here]:
                if each not in entered:
                    entered.add(each)
                    work.append((each, None))
        return list(found.values())

    def _last(
        self, variable: AccessPath, block: BlockId, until: Instruction | None
    ) -> Instruction | None:
        if until is None:
            return self._defined[block].get(variable)
        last: Instruction | None = None
        for each in self.function.blocks[block].instructions:
            if each is until:
                break
            if defined_path(each) == variable:
                last = each
        return last

    @cached_property
    def _defined(self) -> dict[BlockId, dict[AccessPath, Instruction]]:
        """The last instruction of each block that binds a path."""
        return {
            block.id: {
                path: each
                for each in block.instructions
                if (path := defined_path(each)) is not None
            }
            for block in self.function.blocks.values()
        }

    @cached_property
    def _before(self) -> dict[BlockId, set[BlockId]]:
        return predecessors(self.function)

    def decides(self, datum: Datum, block: BlockId) -> tuple[Absence, ...]:
        """Return the tests of a datum without which a block cannot be reached, if there are any.

        With ``self._a is None or self._a.closed`` the first test alone does not decide.
        """
        tests = tuple(each for each in self.absences if each.datum == datum)
        closed = {(each.block, each.missing) for each in tests}
        for each in self.function.blocks.values():
            if isinstance(each.terminator, Branch) and self._asks_more(each, datum):
                closed |= {(each.id, successor) for successor in each.successors()}
        open_ = reached(
            self.function,
            (self.function.entry,),
            lambda here, following: (here.id, following) not in closed,
        )
        if block in open_:
            return ()
        return tuple(
            each
            for each in tests
            if each.block in open_ and block in reached(self.function, (each.missing,))
        )

    def _asks_more(self, block: BasicBlock, datum: Datum) -> bool:
        """Return whether a block ends in a test of more than the presence of a datum."""
        terminator = block.terminator
        assert isinstance(terminator, Branch)
        for path in condition_paths(terminator.condition):
            path, _ = self.value(path, block.id)
            if path.root is Root.TEMP and path.is_variable:
                made = self.binding(path, block.id)
                if made is not None and any(
                    self._leads_on(each, datum, block.id) for each in used_paths(made[0])
                ):
                    return True
            elif path.fields and self._leads_on(path.parent(), datum, block.id):
                return True
        return False

    def _leads_on(self, path: AccessPath, datum: Datum, block: BlockId) -> bool:
        """Return whether a path is that of a datum, or leads through it."""
        path, _ = self.value(path, block)
        while self.datum(path) != datum:
            if not path.fields:
                return False
            path = path.parent()
        return True


def _read_by(call: Call) -> AccessPath | None:
    """Return the attribute or element that a call reads, with None for what is missing."""
    match call:
        case Call(
            external="builtins.getattr",
            arguments=(
                CallArgument(value=AccessPath() as owner),
                CallArgument(value=Constant(str() as name)),
                CallArgument(value=Constant(None)),
            ),
        ):
            return owner.field(name)
        case Call(external="builtins.type", arguments=(CallArgument(value=AccessPath() as owner),)):
            return owner.field(_OF_CLASS)
        case Call(callee=AccessPath() as callee, arguments=(first, *rest)) if (
            callee.fields and callee.name == "get"
        ):
            if rest and rest[0].value != Constant(None):
                return None
            return callee.parent().field(ElementField(str(first.value)))
        case _:
            return None


def is_nothing(value: Operand) -> bool:
    """Return whether a value is one that tests take for a missing one."""
    return isinstance(value, Constant) and not value.value
