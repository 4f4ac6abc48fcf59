"""Calls that are not written: properties, operators, and builtins that run a special method."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from locklint.core.source import Span
from locklint.frontend.attributes import DESCRIPTOR_METHODS
from locklint.frontend.callbacks import kept_in
from locklint.frontend.definitions import Definitions
from locklint.frontend.resolver import Callee, Resolver
from locklint.frontend.sent_coroutines import RESUME
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import split_key
from locklint.ir.instruction import (
    Assign,
    Call,
    CallArgument,
    Constant,
    Display,
    FunctionRef,
    Instruction,
    Operand,
    Operate,
    Read,
)
from locklint.ir.means import (
    BY_FREEING,
    BY_ITER,
    BY_LOG,
    BY_PROPERTY,
    Implicit,
    ImplicitKind,
    OperateKind,
    Use,
)
from locklint.models.calls import (
    CALLED,
    POSITIONS,
    calls_at_once,
    is_logging,
    may_call_at_once,
    named_in,
)
from locklint.models.conversions import FORMAT, METHODS, conversions
from locklint.models.events import completes_future
from locklint.models.registrations import FINALIZER

OPERATORS: dict[str, tuple[str, ...]] = {
    "==": ("__eq__",),
    "!=": ("__ne__", "__eq__"),
    "<": ("__lt__",),
    "<=": ("__le__",),
    ">": ("__gt__",),
    ">=": ("__ge__",),
    "in": ("__contains__", "__iter__"),
    "not in": ("__contains__", "__iter__"),
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
"""The special methods of an operator's first operand; the first that exists runs."""

BUILTINS: dict[str, tuple[str, ...]] = {
    "builtins.len": ("__len__",),
    "builtins.bool": ("__bool__", "__len__"),
    "builtins.str": ("__str__", "__repr__"),
    "builtins.repr": ("__repr__",),
    "builtins.format": FORMAT,
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
"""The special methods of its argument that a builtin runs."""


MAY_RUN_OTHERS: frozenset[type] = frozenset((Assign, Call, Operate, Read))
"""The classes of instructions of which some make implicit calls."""


class ImplicitCalls:
    """Finder of the functions of the project that instructions of one function run implicitly."""

    def __init__(
        self,
        key: str,
        resolver: Resolver,
        definitions: Definitions,
        key_for: Callable[[AccessPath], str],
        immediate: frozenset[str] = frozenset(),
    ) -> None:
        """``immediate``: dotted names of further functions that call at once what they get.

        ``key_for`` gives the key under which the classes of what a path leads through are known
        best at the current place.
        """
        self._key = key
        self._key_for = key_for
        self._resolver = resolver
        self._definitions = definitions
        self._immediate = immediate

    def of(self, instruction: Instruction) -> Iterator[Call]:
        """The calls that an instruction makes; they come right after it."""
        match instruction:
            case Read(span=span, path=path) if path.fields:
                if path.is_element:
                    yield from self._special(span, path.parent(), ("__getitem__",), _by("[]"))
                else:
                    yield from self._attribute(span, path)
            case Assign(span=span, target=target, value=value) if target.fields:
                argument = CallArgument(value)
                if target.is_element:
                    yield from self._special(span, target.parent(), ("__setitem__",), _by("[]="))
                else:
                    callee = self._ask(target, self._resolver.setter)
                    if callee.targets:
                        path = _asked(target, callee)
                        yield self._call(span, path, callee, BY_PROPERTY, (argument,))
                    yield from self._finalized(span, target)
            case Operate(span=span, kind=OperateKind.DELETE, operands=(path,)):
                if path.is_element:
                    yield from self._special(span, path.parent(), ("__delitem__",), _by("del"))
                else:
                    yield from self._finalized(span, path)
            case Operate(span=span, kind=OperateKind.ITERATE, operands=(path,)):
                # The result of `__iter__` is mostly the object itself, if that has `__next__` too.
                yield from self._special(span, path, ("__iter__",), _by("iterate"))
                yield from self._special(span, path, ("__next__",), _by("iterate"))
            case Operate(span=span, kind=OperateKind.FORMAT, what=what, operands=operands):
                for operand in operands:
                    yield from self._special(
                        span, operand, METHODS.get(what, FORMAT), _by("format")
                    )
            case Operate(span=span, what="%", values=(Constant(value=str() as text), value)):
                yield from self._put_into(span, text, value)
            case Operate(span=span, what=what, operands=(operand, *_)) if what in OPERATORS:
                yield from self._special(span, operand, OPERATORS[what], _by(what))
            case Call(targets=targets, external=external) if self._immediate and (
                name := named_in(self._immediate, targets, external)
            ):
                given = [argument for argument in instruction.arguments if not argument.star]
                yield from self.calls_of(instruction, given, name)
            case Call(span=span, external=None, callee=AccessPath() as path) if (
                path.fields and path.name == RESUME and _passes_none(instruction)
            ):
                yield from self._run_inside(span, path, _by("send()"), Use.AWAITED)
            case Call(span=span, external=str() as external, arguments=arguments):
                if is_logging(external):
                    yield from self._logged(span, arguments)
                    # The level of a record decides whether they run.
                    yield from self._run_inside(span, instruction.callee, _by("logging"))
                    return
                if calls_at_once(external):
                    yield from self._called_at_once(instruction, external)
                elif may_call_at_once(external):
                    # What it does to locks is not known to be done.
                    for call in self.calls_of(instruction, list(arguments[:1]), external):
                        others = (*call.targets, *call.overrides)
                        yield replace(call, targets=(), overrides=others, certain=False)
                elif completes_future(external):
                    yield from self._completed(instruction, external)
                names = BUILTINS.get(external)
                if names is None:
                    return
                for argument in arguments if external == "builtins.print" else arguments[:1]:
                    if isinstance(argument.value, AccessPath) and not argument.star:
                        caller = _by(f"{external.rpartition('.')[2]}()")
                        if external == "builtins.iter":
                            caller = BY_ITER
                        yield from self._special(span, argument.value, names, caller)
            case _:
                return

    def of_test(self, span: Span, path: AccessPath) -> Iterator[Call]:
        """The calls that a test of the truth of a value makes."""
        yield from self._special(span, path, BUILTINS["builtins.bool"], _by("bool()"))

    def _finalized(self, span: Span, path: AccessPath) -> Iterator[Call]:
        """Yield the call of the finalizer of what an attribute loses.

        A constructor binds attributes for the first time.
        """
        if path.is_own_attribute and not self._key.endswith(".__init__"):
            callee = self._resolver.operator(self._key, path, FINALIZER)
            if callee.overrides:
                yield self._call(span, path.field(FINALIZER), callee, BY_FREEING)

    def _logged(self, span: Span, arguments: tuple[CallArgument, ...]) -> Iterator[Call]:
        """Yield the calls made by formatting a log record: the texts of its values."""
        letters: list[str] | None = None
        for argument in arguments:
            letter = letters.pop(0) if letters else "s"
            match argument.value:
                case Constant(value=str() as message) if letters is None:
                    letters = conversions(message) or []
                case AccessPath() as path if argument.name is None and not argument.star:
                    yield from self._special(span, path, METHODS.get(letter, ()), BY_LOG)
                case _:
                    pass

    def _put_into(self, span: Span, text: str, value: Operand) -> Iterator[Call]:
        """Yield the calls made by ``"%s" % value``: the texts of its values."""
        values = value.items if isinstance(value, Display) and value.kind == "tuple" else (value,)
        for letter, each in zip(conversions(text) or (), values, strict=False):
            if isinstance(each, AccessPath):
                yield from self._special(span, each, METHODS.get(letter, ()), _by("format"))

    def _run_inside(
        self, span: Span, path: AccessPath | None, what: Implicit, use: Use = Use.DISCARDED
    ) -> Iterator[Call]:
        """Yield the call of what the code of a library may run on behalf of the program."""
        expanded = self._definitions.expand(path) if path is not None else None
        if expanded is not None:
            found = self._resolver.callee(self._key, expanded).inside
            if found:
                yield replace(self._call(span, None, Callee(overrides=found), what), use=use)

    def _called_at_once(self, call: Call, external: str) -> Iterator[Call]:
        """The function that a call is given and calls before it returns."""
        plain = [argument for argument in call.arguments if argument.name is None]
        position = POSITIONS.get(external.rpartition(".")[2])
        given = [argument for argument in call.arguments if argument.name in CALLED]
        if position is not None and position < len(plain):
            given.append(plain[position])
        yield from self.calls_of(call, given, external)

    def _completed(self, call: Call, external: str) -> Iterator[Call]:
        """Yield the callbacks of a future that an attribute of the object keeps, and a call ends.

        Whether they were added, and the future has not ended before, is not known.
        """
        future = call.callee.parent() if call.callee is not None and call.callee.fields else None
        kept = kept_in(future, self._definitions) if future is not None else None
        if kept is None:
            return
        cancels = external.endswith(".cancel")
        for name in self._resolver.done_callbacks(self._key, kept, cancels=cancels):
            path = kept.parent().field(name)
            callee = self._resolver.callee(self._key_for(path), path)
            if callee.targets and callee.constructs is None:
                what = _by(f"{external.rpartition('.')[2]}()")
                added = self._call(call.span, path, callee, what)
                others = (*callee.targets, *callee.overrides)
                yield replace(added, targets=(), overrides=others, certain=False)

    def calls_of(self, call: Call, given: list[CallArgument], caller: str) -> Iterator[Call]:
        """The calls of those arguments that are functions of the project."""
        what = _by(f"{caller.rpartition('.')[2]}()")
        for argument in given:
            path = argument.value
            if isinstance(path, FunctionRef):
                target = f"{split_key(self._key)[0]}:{path.qualname}"
                yield self._call(call.span, None, Callee((target,)), what)
            elif isinstance(path, AccessPath) and not argument.star:
                expanded = self._definitions.expand(path)
                if expanded is not None:
                    callee = self._resolver.callee(self._key_for(expanded), expanded)
                    if callee.targets and callee.constructs is None:
                        yield self._call(call.span, path, callee, what)

    def _attribute(self, span: Span, path: AccessPath) -> Iterator[Call]:
        callee = self._ask(path, self._resolver.getter)
        if callee.targets or callee.overrides:
            yield self._call(span, _asked(path, callee), callee, BY_PROPERTY)

    def _special(
        self, span: Span, path: AccessPath, names: tuple[str, ...], what: Implicit
    ) -> Iterator[Call]:
        for name in names:
            expanded = self._definitions.expand(path)
            if expanded is None:
                return
            callee = self._resolver.operator(self._key_for(expanded.field(name)), expanded, name)
            if callee.targets:
                yield self._call(span, path.field(name), callee, what)
                return

    def _ask(self, path: AccessPath, question: Callable[[str, AccessPath], Callee]) -> Callee:
        expanded = self._definitions.expand(path)
        if expanded is None or not expanded.fields:
            return Callee()
        return question(self._key_for(expanded), expanded)

    @staticmethod
    def _call(
        span: Span,
        path: AccessPath | None,
        callee: Callee,
        what: Implicit,
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
            receiver=callee.receiver,
            receiver_classes=callee.receiver_classes,
            excluded_classes=callee.excluded_classes,
        )


def _by(text: str) -> Implicit:
    return Implicit(ImplicitKind.OTHER, text)


def _asked(path: AccessPath, callee: Callee) -> AccessPath:
    """The path of what an attribute runs: a property of its object, or a method of its own."""
    name = callee.targets[0].rpartition(".")[2] if callee.targets else ""
    return path.field(name) if name in DESCRIPTOR_METHODS else path


def _passes_none(call: Call) -> bool:
    return [argument.value for argument in call.arguments] == [Constant(None)]
