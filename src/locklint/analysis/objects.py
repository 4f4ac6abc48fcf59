"""Meanings of temporaries, where these follow from the calls that made them.

``self.transaction()`` may give ``Transaction(self)``, whose constructor keeps its argument as
``db``: then ``%1.db`` is ``self`` again. This is followed through constructors that store their
parameters, and through functions that return such an object, or a path of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import msgspec

from locklint.analysis.binding import Binding
from locklint.analysis.call_graph import CallGraph
from locklint.core.source import Span
from locklint.dataflow.order import instructions_after
from locklint.ir.access_path import TAKEN_FROM, AccessPath, Field, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    Call,
    FunctionRef,
    Instruction,
    Spawn,
    Yield,
)
from locklint.ir.lock import Exactness, LockRef
from locklint.ir.operands import operand_paths
from locklint.ir.terminator import Return
from locklint.models.table import default_table

_DEPTH = 3


class Made(msgspec.Struct, frozen=True):
    """The result of a call: a known ``path``, or a new object with some ``fields`` known.

    For a field that holds a bound method, ``receivers`` has the method's receiver.
    """

    path: AccessPath | None = None
    fields: dict[Field, AccessPath] = msgspec.field(default_factory=dict)
    receivers: dict[Field, AccessPath] = msgspec.field(default_factory=dict)

    def bound(self, binding: Binding) -> Made | None:
        """Return the same as named by a caller, or None if the caller has no name for it."""
        if self.path is not None:
            path = binding.path(self.path)
            return None if path is None else Made(path)
        fields = {k: path for k, own in self.fields.items() if (path := binding.path(own))}
        receivers = {k: path for k, own in self.receivers.items() if (path := binding.path(own))}
        return Made(None, fields, receivers) if fields else None

    def follow(self, path: AccessPath) -> AccessPath | None:
        """Return what a path that begins with this object leads to, or None if it is not known."""
        name, rest = path.fields[0], path.fields[1:]
        known = self.fields.get(name)
        if name in self.receivers and rest[:1] == (TAKEN_FROM,):
            known, rest = self.receivers[name], rest[1:]
        return (
            None if known is None else AccessPath(known.root_name, known.fields + rest, known.root)
        )


class Objects:
    """Results of the calls in the functions of a program, one call at a time.

    ``new`` are the keys of classes that give a new object on each call.
    """

    def __init__(self, graph: CallGraph, new: frozenset[str] = frozenset()) -> None:
        self._graph = graph
        self._first_acquires: dict[str, frozenset[Span]] = {}
        self._new = new
        self._calls: dict[str, dict[str, Call]] = {}
        self._given: dict[str, Made | None] = {}
        self._stored: dict[str, dict[Field, AccessPath]] = {}

    def resolve(self, key: str, path: AccessPath) -> AccessPath:
        """Return a path of a function with its temporary replaced by its value."""
        for _ in range(_DEPTH):
            if path.root is not Root.TEMP or not path.fields:
                return path
            made = self._result(key, path.root_name)
            if made is None:
                return path
            if made.path is not None:
                root = AccessPath(path.root_name, (), Root.TEMP)
                path = path.replace_prefix(root, made.path)
                continue
            known = made.follow(path)
            if known is None:
                return path
            path = known
        return path

    def given(self, key: str, lock: LockRef) -> LockRef | None:
        """Return what a function has passed for a lock of an object that it has, or None."""
        path = lock.path
        kept = self._graph.function(key).kept_lock(lock)
        if kept is not None:
            return kept
        call = self._calls_of(key).get(path.root_name) if path.root is Root.TEMP else None
        if call is None or call.constructs not in self._new or len(path.fields) != 1:
            return None
        target = call.targets[0] if call.targets else ""
        if target not in self._graph.states:
            return None
        callee = self._graph.function(target)
        stored = self._stores(target, callee).get(path.name)
        if stored is None:
            return None
        binding = Binding(self._graph.function(key), callee, call, None)
        passed = binding.locks.get(stored.root_name)
        return None if passed is None else msgspec.structs.replace(passed, mode=lock.mode)

    def made_by(self, key: str, path: AccessPath) -> AccessPath | None:
        """Return a path with a variable that is bound once replaced by the call which gives it."""
        if path.root is not Root.LOCAL:
            return path
        variable = AccessPath(path.root_name, (), Root.LOCAL)
        values = {
            each.value
            for block in self._graph.function(key).blocks.values()
            for each in block.instructions
            if isinstance(each, Assign) and each.target == variable
        }
        value = values.pop() if len(values) == 1 else None
        return path.replace_prefix(variable, value) if isinstance(value, AccessPath) else None

    def is_unshared(self, key: str, path: AccessPath, place: Span, unseen: bool = False) -> bool:
        """Return whether a path of a function is an attribute of an object that it alone knows.

        The function has made the object and only called its methods before ``place``, and the
        constructor has not given it to anything else. ``unseen`` is the result if that was not
        analysed. Or the path is a lock itself.
        """
        if path.root is not Root.TEMP or len(path.fields) > 1:
            return False
        call = self._calls_of(key).get(path.root_name)
        if not path.fields:
            return call is not None and self._is_unshared_lock(key, call, place)
        if call is None or call.constructs not in self._new or not call.targets:
            return False
        target = call.targets[0]
        if call.result is None or self._gives_away(key, call.result, before=place):
            return False
        if target not in self._graph.states:
            return unseen
        return not self._registers(target, set())

    def _is_unshared_lock(self, key: str, call: Call, place: Span) -> bool:
        """Return whether a call has made a lock that nothing else has before ``place``."""
        if call.targets or call.external is None or call.result is None:
            return False
        kind = default_table().kind_for_constructor(call.external)
        if kind is None or kind.cross_process or kind.remote:
            return False
        function = self._graph.function(key)
        names = _local_names(function, call.result)
        is_captured = any(
            path.starts_with(name)
            for block in function.blocks.values()
            for each in block.instructions
            for path in _captured(each)
            for name in names
        )
        return not is_captured and not self._gives_away(key, call.result, place, of_lock=True)

    def first_acquires(self, key: str) -> frozenset[Span]:
        """Return the places of a function that acquire a lock which it has made just before.

        No other thread has had the time to acquire it, wherever it has been stored meanwhile.
        """
        known = self._first_acquires.get(key)
        if known is None:
            blocks = self._graph.function(key).blocks.values()
            known = frozenset(span for block in blocks for span in self._first_in(block))
            self._first_acquires[key] = known
        return known

    def _first_in(self, block: BasicBlock) -> Iterator[Span]:
        """Yield the acquires of a block that are the first ones of a lock made in the block."""
        made: dict[AccessPath, Call] = {}
        for each in block.instructions:
            match each:
                case Call(result=result, arguments=arguments):
                    for path in _kept_paths(each):
                        made.pop(path, None)
                    if result is not None and all(one.lock is None for one in arguments):
                        made[result] = each
                case Assign(target=target, value=value):
                    for path in [path for path in made if path.starts_with(target)]:
                        del made[path]
                    if isinstance(value, AccessPath) and value in made:
                        made[target] = made[value]
                case Acquire(lock=lock, span=span):
                    if self._is_made(lock, made):
                        yield span
                    made.clear()
                case Await() | Yield() | Spawn():
                    made.clear()
                case _:
                    pass

    def _is_made(self, lock: LockRef, made: Mapping[AccessPath, Call]) -> bool:
        """Return whether one of the calls has made a lock, or the object that has it."""
        call = made.get(lock.path)
        if call is not None:
            return not call.targets and call.external in lock.api.constructors
        if not lock.path.fields or lock.exactness is not Exactness.PER_INSTANCE:
            return False
        owner = made.get(lock.path.parent())
        return owner is not None and owner.constructs in self._new

    def _registers(self, key: str, seen: set[str]) -> bool:
        """Return whether a method gives its own object away, or another one that it calls does."""
        if key in seen:
            return False
        seen.add(key)
        function = self._graph.function(key)
        if function.self_name is None:
            return True
        own = AccessPath(function.self_name, (), Root.SELF)
        return self._gives_away(key, own) or any(
            target not in self._graph.states or self._registers(target, seen)
            for block in function.blocks.values()
            for each in block.instructions
            if isinstance(each, Call) and _is_on(each, own)
            for target in each.targets
        )

    def _gives_away(
        self, key: str, path: AccessPath, before: Span | None = None, of_lock: bool = False
    ) -> bool:
        """Return whether a function stores an object, passes it on, or passes on a method of it.

        Nothing counts from which control does not get to ``before``. All that a lock has are
        methods.
        """
        function = self._graph.function(key)
        names = _local_names(function, path)

        def gives(instruction: Instruction) -> bool:
            return any(
                used in names
                or (
                    used.fields
                    and used.parent() in names
                    and (of_lock or used.name in self._method_names)
                )
                for used in _kept_paths(instruction)
            )

        if before is not None:
            after = instructions_after(
                function, gives, lambda each: isinstance(each, Call) and each.result == path
            )
            return any(each.span == before for each in after)
        return any(
            gives(instruction)
            for block in function.blocks.values()
            for instruction in block.instructions
        )

    @cached_property
    def _method_names(self) -> frozenset[str]:
        return frozenset(key.rpartition(".")[2] for key in self._graph.states)

    def _result(self, key: str, temporary: str, depth: int = _DEPTH) -> Made | None:
        """Return the result of the call that defines a temporary of a function."""
        call = self._calls_of(key).get(temporary)
        if call is None or not call.targets or depth <= 0:
            return None
        target = call.targets[0]
        if target not in self._graph.states:
            return None
        callee = self._graph.function(target)
        binding = Binding(self._graph.function(key), callee, call, None)
        if call.constructs is not None:
            stored = self._stores(target, callee)
            taken = {name: own.taken_from() for name, own in stored.items()}
            return Made(None, stored, taken).bound(binding)
        given = self._gives(target, depth - 1)
        return None if given is None else given.bound(binding)

    def _gives(self, key: str, depth: int) -> Made | None:
        """Return a function's result, in its own names. Return None if it has several."""
        if key in self._given:
            return self._given[key]
        self._given[key] = None  # The result of a recursive function is not known.
        function = self._graph.function(key)
        values = {
            block.terminator.value
            for block in function.blocks.values()
            if isinstance(block.terminator, Return) and not block.terminator.implicit
        }
        found: Made | None = None
        if len(values) == 1 and not function.is_generator:
            value = next(iter(values))
            if isinstance(value, AccessPath):
                if value.root in (Root.SELF, Root.PARAMETER):
                    found = Made(value)
                elif value.root is Root.TEMP and not value.fields:
                    found = self._result(key, value.root_name, depth)
        self._given[key] = found
        return found

    def _stores(self, key: str, function: Function) -> dict[Field, AccessPath]:
        """The attributes of its object that a constructor binds to a parameter, and only to it."""
        known = self._stored.get(key)
        if known is not None:
            return known
        bound: dict[Field, set[object]] = {}
        for block in function.blocks.values():
            for instruction in block.instructions:
                match instruction:
                    case Assign(target=AccessPath(root=Root.SELF, fields=(name,)), value=value):
                        bound.setdefault(name, set()).add(value)
        found: dict[Field, AccessPath] = {}
        for name, values in bound.items():
            stored = next(iter(values))
            if len(values) == 1 and isinstance(stored, AccessPath):
                if stored.is_parameter:
                    found[name] = stored
        self._stored[key] = found
        return found

    def _calls_of(self, key: str) -> dict[str, Call]:
        known = self._calls.get(key)
        if known is None:
            known = self._calls[key] = {
                instruction.result.root_name: instruction
                for block in self._graph.function(key).blocks.values()
                for instruction in block.instructions
                if isinstance(instruction, Call) and instruction.result is not None
            }
        return known


def _local_names(function: Function, path: AccessPath) -> set[AccessPath]:
    """A path, and the local variables that are bound to it, directly or through each other."""
    bound = [
        (instruction.target, instruction.value)
        for block in function.blocks.values()
        for instruction in block.instructions
        if isinstance(instruction, Assign) and _is_local(instruction.target)
    ]
    names = {path}
    size = 0
    while size != len(names):
        size = len(names)
        names |= {target for target, value in bound if value in names}
    return names


def _is_on(call: Call, own: AccessPath) -> bool:
    """Return whether a call is one of an object's method: by its name, or through ``super()``."""
    path = call.callee
    if path is None or not path.fields:
        return False
    return path.parent() == own or path.is_of_super


def _is_local(path: AccessPath) -> bool:
    return path.root is Root.LOCAL and path.is_variable


def _captured(instruction: Instruction) -> Iterator[AccessPath]:
    """Yield the paths that a nested function mentions which an instruction makes."""
    match instruction:
        case Call(arguments=arguments) | Spawn(arguments=arguments):
            values = [argument.value for argument in arguments]
        case Assign(value=value) | Yield(value=value):
            values = [value]
        case _:
            values = []
    for value in values:
        if isinstance(value, FunctionRef):
            yield from value.captures


def _kept_paths(instruction: Instruction) -> Iterator[AccessPath]:
    """Yield the paths that an instruction stores, passes on or hands out, for later use perhaps."""
    match instruction:
        case Call(arguments=arguments) | Spawn(arguments=arguments):
            for argument in arguments:
                yield from operand_paths(argument.value)
                if argument.receiver is not None:
                    yield argument.receiver
            if isinstance(instruction, Spawn) and instruction.receiver is not None:
                yield instruction.receiver
        case Yield(value=value):
            yield from operand_paths(value)
        case Assign(target=target, value=value):
            if not _is_local(target) or not isinstance(value, AccessPath):
                yield from operand_paths(value)
