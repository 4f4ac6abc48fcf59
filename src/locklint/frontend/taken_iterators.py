"""Iterators that run code where their items are taken.

``any(each.is_busy() for each in items)`` and ``list(map(load, names))`` run that code there, and a
loop over the results of a pool waits for them. Each such place gets the calls that it makes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from msgspec.structs import replace

from locklint.frontend.pooled_waits import pooled_waits
from locklint.frontend.resolver import Callee
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import BasicBlock, Function, split_key
from locklint.ir.instruction import (
    Assign,
    Call,
    CallArgument,
    FunctionRef,
    Instruction,
    Operand,
    Operate,
)
from locklint.ir.means import Implicit, ImplicitKind, OperateKind
from locklint.ir.terminator import Branch
from locklint.models.iterators import CALLING, Taking, takes_at_once, taking
from locklint.models.pooled import pooled

_Code: TypeAlias = "dict[AccessPath, tuple[Call, ...]]"

_GENERATOR = "<genexpr@"


def with_taken_iterators(
    function: Function,
    resolve: Callable[[AccessPath], Callee],
    calls_of: Callable[[Call, list[CallArgument], str], Iterable[Call]],
) -> Function:
    """Return a resolved function with these calls, each beside the instruction that takes items.

    ``resolve`` says what a path calls, ``calls_of`` gives the calls of functions that are passed.
    """
    if not any(map(_matters, _instructions(function))):
        return function
    finder = _Finder(function, resolve, calls_of)
    added = dict(finder.added())
    if not added:
        return function
    blocks = {
        block.id: replace(
            block,
            instructions=tuple(
                [
                    one
                    for each in block.instructions
                    for one in _around(each, added.get(id(each), ()))
                ]
            ),
        )
        for block in function.blocks.values()
    }
    return replace(function, blocks=blocks)


def _around(each: Instruction, calls: tuple[Call, ...]) -> Iterator[Instruction]:
    """Yield an instruction with its calls; waits come first, for it may say that they are over."""
    yield from (call for call in calls if call.external is not None)
    yield each
    yield from (call for call in calls if call.external is None)


def _instructions(function: Function) -> Iterator[Instruction]:
    for block in function.blocks.values():
        yield from block.instructions


def _matters(each: Instruction) -> bool:
    """Return whether an instruction makes such an iterator, or takes from one that it is given."""
    match each:
        case Call(external=str() as external) if external in CALLING or pooled(each):
            return True
        case Call(arguments=arguments):
            return any(_is_generator(argument.value) for argument in arguments)
        case Operate(values=values):
            return any(map(_is_generator, values))
        case Assign(value=value):
            return _is_generator(value)
        case _:
            return False


def _is_generator(value: Operand) -> bool:
    return isinstance(value, FunctionRef) and _GENERATOR in value.qualname


class _Finder:
    """A finder of the calls of one function, with the code of each iterator by its name."""

    def __init__(
        self,
        function: Function,
        resolve: Callable[[AccessPath], Callee],
        calls_of: Callable[[Call, list[CallArgument], str], Iterable[Call]],
    ) -> None:
        self._function = function
        self._module = split_key(function.key)[0]
        self._lazy: _Code = {}
        self._eager: dict[int, tuple[Call, ...]] = {}
        self._generators: dict[AccessPath, FunctionRef] = {}
        bound: defaultdict[AccessPath, list[Operand]] = defaultdict(list)
        over: list[Call] = []
        for call, wait in pooled_waits(function, resolve):
            kind = pooled(call)
            if kind is not None and not kind.is_lazy:
                self._eager[id(call)] = (wait,)
            elif call.result is not None:
                self._lazy[call.result] = (wait,)
        for each in _instructions(function):
            match each:
                case Assign(target=target, value=value) if target.is_variable:
                    bound[target].append(value)
                case Call(targets=(), external=str() as external, result=AccessPath() as result):
                    if external in CALLING:
                        given = [one for one in each.arguments[:1] if not one.star]
                        self._lazy[result] = tuple(calls_of(each, given, external))
                    if taking(external, each.callee) is Taking.LATER:
                        over.append(each)
                case _:
                    pass
        self._follow(bound, over)

    def _follow(self, bound: Mapping[AccessPath, list[Operand]], over: Iterable[Call]) -> None:
        """Note the variables that are bound to an iterator alone, and iterators over it."""
        only = {target: values[0] for target, values in bound.items() if len(values) == 1}

        def bind() -> None:
            for target, value in only.items():
                if isinstance(value, FunctionRef):
                    self._generators[target] = value
                elif isinstance(value, AccessPath) and value in self._lazy:
                    self._lazy[target] = self._lazy[value]

        bind()
        for call in over:
            for argument in call.arguments:
                value = argument.value
                if isinstance(value, AccessPath) and value in self._lazy and call.result:
                    known = self._lazy.get(call.result, ())
                    self._lazy[call.result] = (*known, *self._lazy[value])
        bind()

    def added(self) -> Iterator[tuple[int, tuple[Call, ...]]]:
        """Yield the calls that each instruction makes, by its identity."""
        for block in self._function.blocks.values():
            iterable: Operand | None = None
            for each in block.instructions:
                calls = list(self._eager.get(id(each), ()))
                for value in _taken(block, each):
                    calls += self._run_by(value, each, iterable)
                if calls:
                    yield id(each), tuple(calls)
                if isinstance(each, Operate) and each.kind is OperateKind.ITERATE:
                    iterable = each.values[0] if each.values else None

    def _run_by(
        self, value: Operand, each: Instruction, iterable: Operand | None
    ) -> Iterator[Call]:
        """Yield the calls that taking items of a value makes.

        ``iterable`` is the one over which a generator expression has begun to iterate.
        """
        if isinstance(value, AccessPath) and value in self._generators:
            yield from self._run_by(self._generators[value], each, None)
        elif isinstance(value, AccessPath):
            for call in self._lazy.get(value, ()):
                yield replace(call, span=each.span)
        elif isinstance(value, FunctionRef) and _GENERATOR in value.qualname:
            if isinstance(iterable, AccessPath):
                yield from self._run_by(iterable, each, None)
            key = f"{self._module}:{value.qualname}"
            given = () if iterable is None else (CallArgument(iterable),)
            caller = each.callee.name if isinstance(each, Call) and each.callee else "iterate"
            what = Implicit(ImplicitKind.OTHER, f"{caller}()" if caller != "iterate" else caller)
            yield Call(each.span, None, None, given, targets=(key,), certain=True, implicit=what)


def _taken(block: BasicBlock, each: Instruction) -> Iterator[Operand]:
    """Yield the iterators from which an instruction takes an item at once."""
    end = block.terminator
    match each:
        case Operate(span=span, kind=OperateKind.ITERATE, values=values) if (
            isinstance(end, Branch) and end.span == span
        ):
            yield from values
        case Call(targets=(), external=external, callee=callee) if takes_at_once(external, callee):
            for argument in each.arguments:
                if not argument.star:
                    yield argument.value
        case _:
            pass
