"""Definitions of temporaries and once-assigned variables of a function."""

from __future__ import annotations

from collections import defaultdict

from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, ResultField, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Call,
    Constant,
    FunctionRef,
    Operand,
    TryAcquire,
    Wait,
)

_DEPTH = 8
_NONE = Constant(None)
_LONGEST = 1000
"""The largest number of characters of arguments that are written out."""


class Definitions:
    """The definitions of a function, by the path that they define."""

    def __init__(self, function: Function) -> None:
        self._calls: dict[AccessPath, Call] = {}
        self._expanded: dict[AccessPath, AccessPath | None] = {}
        self._values: dict[AccessPath, dict[tuple[Span, str], Operand]] = defaultdict(dict)
        for block in function.blocks.values():
            for instruction in block.instructions:
                match instruction:
                    case (
                        (Call(result=AccessPath() as result) as call)
                        | Acquire(call=Call(result=AccessPath() as result) as call)
                        | TryAcquire(call=Call(result=AccessPath() as result) as call)
                        | Wait(call=Call(result=AccessPath() as result) as call)
                    ):
                        self._calls[result] = call
                    case Assign(span=span, target=target, value=value) if target.is_variable:
                        self._values[target][span, str(value)] = value

    def call(self, path: AccessPath) -> Call | None:
        """The call whose result the temporary or once-assigned variable is."""
        for _ in range(_DEPTH):
            if path in self._calls:
                return self._calls[path]
            value = self._only(path)
            if not isinstance(value, AccessPath) or path.root is not Root.TEMP:
                return None
            path = value
        return None

    def values(self, path: AccessPath) -> list[Operand]:
        """All values that are assigned to the variable, in source order."""
        return [value for _, value in sorted(self._values.get(path, {}).items(), key=_place)]

    def function(self, path: AccessPath) -> FunctionRef | None:
        """The nested function or lambda that the once-assigned variable is."""
        value = self._only(path)
        return value if isinstance(value, FunctionRef) else None

    def expand(self, path: AccessPath) -> AccessPath | None:
        """Return the path with temporaries as calls: ``%1.lock`` as ``self.get().lock``.

        Return None if a temporary cannot be written in this form.
        """
        if path.root is not Root.TEMP:
            return path
        if path not in self._expanded:
            self._expanded[path] = self._expand(path)
        return self._expanded[path]

    def _expand(self, path: AccessPath) -> AccessPath | None:
        for _ in range(_DEPTH):
            if path.root is not Root.TEMP:
                return path
            root = AccessPath(path.root_name, (), Root.TEMP)
            call = self._calls.get(root)
            if call is not None:
                if call.callee is None:
                    return None
                arguments = ", ".join(str(argument) for argument in call.arguments)
                if len(arguments) > _LONGEST:
                    return None
                path = path.replace_prefix(root, call.callee.field(ResultField(arguments)))
                continue
            value = self._only(root)
            if not isinstance(value, AccessPath):
                return None
            path = path.replace_prefix(root, value)
        return None

    def bound_method(self, path: AccessPath, methods: frozenset[str]) -> AccessPath:
        """Return the path ``lock.release`` for ``release = lock.release``, then ``release()``.

        On another path the variable may be None, which cannot be called.
        """
        found = self.bound_methods(path, methods)
        if len(found) != 1:
            return path
        others = {each for each in self.values(path) if each != _NONE}
        return found[0] if len(others) == 1 else path

    def bound_methods(self, path: AccessPath, methods: frozenset[str]) -> list[AccessPath]:
        """Return the methods of those names that a variable may be bound to, each once."""
        if path.fields or path.root is not Root.LOCAL or path not in self._values:
            return []
        values = self.values(path)
        for each in tuple(values):
            if isinstance(each, AccessPath) and each.root is Root.TEMP:
                values += self.values(each)  # One of two values, by a test.
        found = {
            each: None
            for each in values
            if isinstance(each, AccessPath) and each.fields and each.last in methods
        }
        return list(found)

    def _only(self, path: AccessPath) -> Operand | None:
        values = self._values.get(path)
        if values is None or len(values) != 1:
            return None
        if path.root not in (Root.LOCAL, Root.TEMP):
            return None
        return next(iter(values.values()))


def _place(item: tuple[tuple[Span, str], Operand]) -> tuple[Span, str]:
    return item[0]
