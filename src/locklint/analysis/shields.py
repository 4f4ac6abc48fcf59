"""Awaits at which no task can be cancelled, because their authors shield them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from locklint.analysis.call_graph import CallGraph, Edge
from locklint.core.source import Span
from locklint.dataflow.order import instructions_after
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Assign,
    Await,
    Call,
    CallArgument,
    Constant,
    Enter,
    Exit,
    Instruction,
    Operand,
    Yield,
)
from locklint.ir.means import Use
from locklint.ir.terminator import Return

_SHIELDS = frozenset(("cancel_shielded_checkpoint", "shield", "shielded"))
_ATTRIBUTE = "shield"
"""The attribute of a scope that says whether it shields, and the parameter of that name."""


class Shields:
    """The shielded awaits of a program's functions, one function at a time.

    They are those of a call of `shield`, those in a scope that shields, those of coroutines all of
    whose own awaits are shielded, and all awaits of a coroutine that its callers shield.
    """

    def __init__(self, functions: Mapping[str, Function], graph: CallGraph) -> None:
        self._functions = functions
        self._graph = graph
        self._known: dict[str, frozenset[Span]] = {}

    def awaits(self, function: Function) -> frozenset[Span]:
        """Return the places of the shielded awaits of a function."""
        known = self._known.get(function.key)
        if known is None:
            self._known[function.key] = frozenset()  # Recursion shields nothing.
            known = self._known[function.key] = frozenset(self._awaits(function))
        return known

    def _awaits(self, function: Function) -> Iterator[Span]:
        key = function.key
        edges = (*self._graph.callers.get(key, ()), *self._graph.spawns.get(key, ()))
        if function.is_async and edges and all(map(self._is_shielded, edges)):
            yield from _places(function)
            return
        calls = _calls(function)
        for each in self._inside(function, calls):
            if isinstance(each, Await) or (isinstance(each, Call) and each.use is Use.AWAITED):
                yield each.span
        for each in _instructions(function):
            match each:
                case Await(span=span, value=AccessPath() as value) if value in calls:
                    if _is_shield(calls[value]) or self._is_safe(calls[value]):
                        yield span
                case Call(span=span, use=Use.AWAITED) if self._is_safe(each):
                    yield span

    def _is_safe(self, call: Call) -> bool:
        """Return whether a call is of coroutines that shield each of their awaits."""
        functions = [self._functions.get(key) for key in (*call.targets, *call.overrides)]
        return bool(functions) and all(
            each is not None and each.is_async and _places(each) <= self.awaits(each)
            for each in functions
        )

    def _is_shielded(self, edge: Edge) -> bool:
        """Return whether a caller shields a coroutine that it makes."""
        caller = self._graph.function(edge.caller)
        made = {
            each.result
            for each in _instructions(caller)
            if isinstance(each, Call) and each.span == edge.span and each.result is not None
        }
        is_passed = any(
            isinstance(each, Call)
            and _is_shield(each)
            and any(argument.value in made for argument in each.arguments)
            for each in _instructions(caller)
        )
        return is_passed or edge.span in self.awaits(caller)

    def _inside(self, function: Function, calls: Mapping[Operand, Call]) -> Iterator[Instruction]:
        """Yield the instructions in the scopes of a function that shield."""
        told = {
            each.target.root_name
            for each in _instructions(function)
            if isinstance(each, Assign)
            and each.target.fields
            and each.target.last == _ATTRIBUTE
            and each.value != Constant(False)
        }
        for each in _instructions(function):
            if not isinstance(each, Enter):
                continue
            paths = [path for path in (each.context, each.result) if isinstance(path, AccessPath)]
            call = calls.get(each.context)
            if any(path.root_name in told for path in paths) or (
                call is not None and self._makes_shield(call)
            ):
                yield from _within(function, each)

    def _makes_shield(self, call: Call) -> bool:
        """Return whether a call gives a scope that shields."""
        if any(map(_shields, call.arguments)):
            return True
        return any(
            self._gives_shield(function)
            for key in call.targets
            if (function := self._functions.get(key)) is not None
        )

    def _gives_shield(self, function: Function) -> bool:
        """Return whether a function returns a scope that shields, or is at its yield inside."""
        calls = _calls(function)
        if function.is_generator:
            return any(isinstance(each, Yield) for each in self._inside(function, calls))
        returned = {
            block.terminator.value
            for block in function.blocks.values()
            if isinstance(block.terminator, Return) and not block.terminator.implicit
        }
        return bool(returned) and all(
            value in calls and any(map(_shields, calls[value].arguments)) for value in returned
        )


def _instructions(function: Function) -> Iterator[Instruction]:
    for block in function.blocks.values():
        yield from block.instructions


def _places(function: Function) -> frozenset[Span]:
    """Return the places at which a coroutine awaits something."""
    return frozenset(
        each.span
        for each in _instructions(function)
        if isinstance(each, Await) or (isinstance(each, Call) and each.use is Use.AWAITED)
    )


def _calls(function: Function) -> dict[Operand, Call]:
    """Return the calls of a function by their results, and by the variables bound to these."""
    calls: dict[Operand, Call] = {}
    for each in _instructions(function):
        if isinstance(each, Call) and each.result is not None:
            calls[each.result] = each
        elif isinstance(each, Assign) and each.target.is_variable and each.value in calls:
            calls[each.target] = calls[each.value]
    return calls


def _is_shield(call: Call) -> bool:
    return call.callee is not None and call.callee.name in _SHIELDS


def _shields(argument: CallArgument) -> bool:
    return argument.name == _ATTRIBUTE and argument.value == Constant(True)


def _within(function: Function, scope: Enter) -> Iterator[Instruction]:
    def ends(each: Instruction) -> bool:
        return isinstance(each, Exit) and each.span == scope.span

    yield from instructions_after(function, lambda each: each is scope, ends)
