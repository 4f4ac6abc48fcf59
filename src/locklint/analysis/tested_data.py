"""The data on which a test depends, and the functions that change it, both by bare names.

``if not self._items:`` and ``if self.is_empty():`` depend on ``_items``. A name stands for the
attributes and globals that have it, which is enough for functions that notify one condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from locklint.analysis.mentions import attributes_of_self, attributes_set_on_self
from locklint.core.source import SourceFile, Span
from locklint.dataflow.order import predecessors
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function, split_key
from locklint.ir.instruction import Assign, Call, Constant, Instruction, Operate, Read, Spawn
from locklint.ir.means import OperateKind
from locklint.ir.operands import condition_paths, operand_paths, terminator_paths
from locklint.ir.terminator import Condition
from locklint.models.changes import changes_container

_CHANGING = frozenset(
    "add append appendleft clear discard extend extendleft get_nowait insert pop popitem popleft"
    " put put_nowait remove set setdefault update".split()
)
"""Methods that change an object of any type."""

_TAKING = frozenset(("pop", "popitem", "popleft", "remove"))
"""Methods that fail if the container is empty."""

_MOST_STEPS = 3
"""The largest number of variables in a row that are followed."""

_SHARED = (Root.SELF, Root.GLOBAL, Root.CLOSURE, Root.PARAMETER)
_MODULES_THAT_CHANGE = ("heapq.", "bisect.insort")


class Change(msgspec.Struct, frozen=True):
    """A change of data at a place; ``is_certain``: nothing else can be meant."""

    name: str
    span: Span
    is_certain: bool


class TestedData:
    """The data that tests depend on, and that functions change."""

    def __init__(
        self, functions: Mapping[str, Function], sources: Mapping[str, SourceFile]
    ) -> None:
        self._functions = functions
        self._sources = {source.key: source for source in sources.values()}
        self._changes: dict[str, tuple[Change, ...]] = {}

    def of_test(self, function: Function, condition: Condition) -> frozenset[str]:
        """Return the names of the shared data that a test in a function depends on."""
        found: set[str] = set()
        for path in condition_paths(condition):
            found.update(self._read(function, path, _MOST_STEPS))
        return frozenset(found)

    def _read(self, function: Function, path: AccessPath, steps: int) -> Iterator[str]:
        """Yield the names that a path depends on: those of what a variable was bound to, too."""
        yield from names_of(path)
        if path.root not in (Root.TEMP, Root.LOCAL) or not steps:
            return
        root = AccessPath(path.root_name, (), path.root)
        for block in function.blocks.values():
            for each in block.instructions:
                match each:
                    case Call(result=result, targets=targets) if result == root:
                        for target in targets:
                            yield from self.read_by(target)
                        if targets:
                            continue
                        if each.written_receiver is not None:
                            yield from names_of(each.written_receiver)
                        for argument in each.arguments:
                            for given in operand_paths(argument.value):
                                yield from names_of(given)
                    case Assign(target=target, value=value) if target == root:
                        paths = [*operand_paths(value)]
                        if isinstance(value, Constant):
                            # The outcome of a test that is kept: ``empty = len(items) == 0``.
                            for before in predecessors(function)[block.id]:
                                paths += terminator_paths(function.blocks[before].terminator)
                        for given in paths:
                            yield from self._read(function, given, steps - 1)

    def read_by(self, key: str) -> frozenset[str]:
        """Return the names of the data that a function reads."""
        function = self._functions.get(key)
        if function is None:
            # It mentions no lock, so that it was not lowered.
            module, qualname = split_key(key)
            source = self._sources.get(module)
            name = qualname.rpartition(".")[2]
            return frozenset() if source is None else attributes_of_self(name, source.text)
        return frozenset(
            name
            for block in function.blocks.values()
            for each in block.instructions
            if isinstance(each, Read)
            for name in names_of(each.path)
        )

    def sets_attributes(self, key: str) -> bool:
        """Return whether a method binds or fills attributes of its object, and starts nothing."""
        function = self._functions.get(key)
        if function is None:
            module, qualname = split_key(key)
            source = self._sources.get(module)
            name = qualname.rpartition(".")[2]
            return source is not None and bool(attributes_set_on_self(name, source.text))
        each = [one for block in function.blocks.values() for one in block.instructions]
        return not any(isinstance(one, Spawn) for one in each) and any(
            change.is_certain for change in self.changes(key)
        )

    def is_bound_by(self, key: str, name: str) -> bool:
        """Return whether a method is known to bind an attribute of its object."""
        function = self._functions.get(key)
        if function is None:
            module, qualname = split_key(key)
            source = self._sources.get(module)
            method = qualname.rpartition(".")[2]
            return source is not None and name in attributes_set_on_self(method, source.text)
        return any(
            isinstance(each, Assign) and each.target == AccessPath("self", (name,), Root.SELF)
            for block in function.blocks.values()
            for each in block.instructions
        )

    def changes(self, key: str) -> tuple[Change, ...]:
        """Return the changes of data in a function."""
        if key not in self._changes:
            function = self._functions[key]
            self._changes[key] = tuple(
                change
                for block in function.blocks.values()
                for each in block.instructions
                for change in changes_of(each)
            )
        return self._changes[key]


def changes_of(instruction: Instruction) -> Iterator[Change]:
    """Yield the changes of shared data by an instruction."""
    span = instruction.span
    match instruction:
        case Assign(target=AccessPath(root=Root.PARAMETER, fields=())):
            return  # It is bound for this call alone.
        case Assign(target=target):
            yield from [Change(name, span, True) for name in names_of(target)]
        case Operate(kind=OperateKind.DELETE | OperateKind.DELETE_SLICE, operands=(path, *_)):
            yield from [Change(name, span, True) for name in names_of(path)]
        case Call(external=external, arguments=arguments):
            receiver = instruction.written_receiver
            if receiver is not None and instruction.callee is not None:
                certain = instruction.callee.name in _CHANGING or changes_container(external or "")
                yield from [Change(name, span, certain) for name in names_of(receiver)]
            certain = (external or "").startswith(_MODULES_THAT_CHANGE)
            for argument in arguments:
                for path in operand_paths(argument.value):
                    yield from [Change(name, span, certain) for name in names_of(path)]


def takes(instruction: Instruction) -> frozenset[str]:
    """Return the names of the containers of which an instruction needs an element."""
    match instruction:
        case Read(path=path) if path.is_element:
            return frozenset(_last(path.parent()))
        case _:
            return removes(instruction)


def removes(instruction: Instruction) -> frozenset[str]:
    """Return the names of the containers from which an instruction takes what has to be there."""
    match instruction:
        case Call(callee=AccessPath() as callee) if callee.fields and callee.name in _TAKING:
            # A method of the program's own may return None instead of failing.
            if instruction.targets or instruction.overrides:
                return frozenset()
            # With a default it does not fail; a key may be that of something else.
            if callee.name != "popitem" and len(instruction.arguments) > 1:
                return frozenset()
            return frozenset(_last(callee.parent()))
        case Operate(kind=OperateKind.DELETE, operands=(path, *_)) if path.is_element:
            return frozenset(_last(path.parent()))
        case _:
            return frozenset()


def _last(path: AccessPath) -> tuple[str, ...]:
    """Return the name of a container, which ends its path."""
    return tuple(names_of(path))[-1:] if not path.fields or isinstance(path.last, str) else ()


def names_of(path: AccessPath) -> Iterator[str]:
    """Yield the names of the attributes that a path leads through, or that of a global."""
    if path.root not in _SHARED:
        return
    names = [field for field in path.fields if isinstance(field, str)]
    if not names and path.root is not Root.SELF:
        yield path.root_name
    yield from names
