"""Calls that are not written: properties, operators, and builtins that ask a special method."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from locklint.core.source import Span
from locklint.frontend.definitions import Definitions
from locklint.frontend.resolver import Callee, Resolver
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import Assign, Call, CallArgument, Instruction, Operate, Read
from locklint.models.calls import is_logging

_OPERATORS = {
    "==": ("__eq__",),
    "!=": ("__ne__", "__eq__"),
    "<": ("__lt__",),
    "<=": ("__le__",),
    ">": ("__gt__",),
    ">=": ("__ge__",),
    "in": ("__contains__", "__iter__"),
    "not in": ("__contains__", "__iter__"),
    "iterate": ("__iter__", "__next__"),
    "format": ("__format__", "__str__", "__repr__"),
    "+": ("__add__",),
    "-": ("__sub__",),
    "*": ("__mul__",),
    "/": ("__truediv__",),
    "%": ("__mod__",),
    "&": ("__and__",),
    "|": ("__or__",),
    "+=": ("__iadd__", "__add__"),
    "-=": ("__isub__", "__sub__"),
    "|=": ("__ior__", "__or__"),
    "&=": ("__iand__", "__and__"),
}

_TEXT = ("__str__", "__repr__")

_BUILTINS = {
    "builtins.len": ("__len__",),
    "builtins.bool": ("__bool__", "__len__"),
    "builtins.str": ("__str__", "__repr__"),
    "builtins.repr": ("__repr__",),
    "builtins.format": ("__format__", "__str__", "__repr__"),
    "builtins.print": ("__str__", "__repr__"),
    "builtins.hash": ("__hash__",),
    "builtins.iter": ("__iter__",),
    "builtins.next": ("__next__",),
    "builtins.list": ("__iter__",),
    "builtins.tuple": ("__iter__",),
    "builtins.set": ("__iter__",),
    "builtins.sorted": ("__iter__",),
    "builtins.sum": ("__iter__",),
    "builtins.dict": ("__iter__",),
    "builtins.reversed": ("__reversed__",),
    "builtins.int": ("__int__",),
    "builtins.float": ("__float__",),
    "builtins.abs": ("__abs__",),
}


class ImplicitCalls:
    """Finds the functions of the project that instructions of one function run by the way."""

    def __init__(self, key: str, resolver: Resolver, definitions: Definitions) -> None:
        self._key = key
        self._resolver = resolver
        self._definitions = definitions

    def of(self, instruction: Instruction) -> Iterator[Call]:
        """The calls that an instruction makes; they come right after it."""
        match instruction:
            case Read(span=span, path=path) if path.fields:
                if path.last[0] == "[":
                    yield from self._special(span, path.parent(), ("__getitem__",), "[]")
                else:
                    yield from self._attribute(span, path)
            case Assign(span=span, target=target, value=value) if target.fields:
                argument = CallArgument(value)
                if target.last[0] == "[":
                    yield from self._special(span, target.parent(), ("__setitem__",), "[]=")
                else:
                    callee = self._ask(target, self._resolver.setter)
                    if callee.targets:
                        yield self._call(span, target, callee, "property", (argument,))
            case Operate(span=span, what=what, operands=operands) if operands:
                names = _OPERATORS.get(what)
                if names is None:
                    return
                # Formatting asks each value, any other operator the first operand.
                for operand in operands if what == "format" else operands[:1]:
                    yield from self._special(span, operand, names, what)
            case Call(span=span, external=str() as external, arguments=arguments):
                if is_logging(external):
                    yield from self._logged(span, arguments)
                    return
                names = _BUILTINS.get(external)
                if names is None:
                    return
                for argument in arguments if external == "builtins.print" else arguments[:1]:
                    if isinstance(argument.value, AccessPath) and not argument.star:
                        what = f"{external.rpartition('.')[2]}()"
                        yield from self._special(span, argument.value, names, what)
            case _:
                return

    def _logged(self, span: Span, arguments: tuple[CallArgument, ...]) -> Iterator[Call]:
        """What formatting a log record calls: the texts of what is logged."""
        for argument in arguments:
            if isinstance(argument.value, AccessPath) and not argument.star:
                if argument.name is None:
                    yield from self._special(span, argument.value, _TEXT, "log")

    def _attribute(self, span: Span, path: AccessPath) -> Iterator[Call]:
        callee = self._ask(path, self._resolver.getter)
        if callee.targets or callee.overrides:
            yield self._call(span, path, callee, "property")

    def _special(
        self, span: Span, path: AccessPath, names: tuple[str, ...], what: str
    ) -> Iterator[Call]:
        for name in names:
            expanded = self._definitions.expand(path)
            if expanded is None:
                return
            callee = self._resolver.operator(self._key, expanded, name)
            if callee.targets:
                yield self._call(span, path.field(name), callee, what)
                return

    def _ask(self, path: AccessPath, question: Callable[[str, AccessPath], Callee]) -> Callee:
        expanded = self._definitions.expand(path)
        if expanded is None or not expanded.fields:
            return Callee()
        return question(self._key, expanded)

    @staticmethod
    def _call(
        span: Span,
        path: AccessPath,
        callee: Callee,
        what: str,
        arguments: tuple[CallArgument, ...] = (),
    ) -> Call:
        return Call(
            span,
            None,
            path,
            arguments,
            targets=callee.targets,
            overrides=callee.overrides,
            certain=callee.certain,
            implicit=what,
        )
