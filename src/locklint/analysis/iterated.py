"""Generators that run where they are made, because the same code goes through their items."""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.events import Called, LockStates
from locklint.core.source import Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import Await, Call, Operate, Yield
from locklint.ir.means import BY_ITER, AwaitForm, OperateKind
from locklint.ir.parameter import Star
from locklint.ir.terminator import Branch
from locklint.models.iterators import Taking, taking


def runs_at_once(states: LockStates, called: Called) -> bool:
    """Return whether a function runs the generator that a call makes, from its call on."""
    if called.implicit is not None:
        return called.implicit != BY_ITER
    result = called.call.result if called.call is not None else None
    if result is None:
        return False
    if "iterated" not in states.derived:
        states.derived["iterated"] = _iterated(states.function)
    return result in states.derived["iterated"]


def _iterated(function: Function) -> frozenset[AccessPath]:
    """Return the results of calls that a function goes through, and does nothing else with."""
    found: set[AccessPath] = set()
    later: list[Call] = []
    for block in function.blocks.values():
        for each in block.instructions:
            match each:
                case Operate(kind=OperateKind.ITERATE) if not _is_loop(function, block, each.span):
                    pass
                case Operate():
                    found.update(each.operands)
                case Yield(value=AccessPath() as value, is_from=True):
                    found.add(value)
                case Await(form=AwaitForm.FOR, value=AccessPath() as value):
                    found.add(value)
                case Call(arguments=arguments, targets=targets):
                    found.update(
                        each.value
                        for each in arguments
                        if each.star is Star.POSITIONAL and isinstance(each.value, AccessPath)
                    )
                    takes = Taking.UNKNOWN if targets else taking(each.external, each.callee)
                    if takes is Taking.ALL:
                        found.update(_plain(each))
                    elif takes is Taking.LATER:
                        later.append(each)
    for call in reversed(later):
        if call.result in found:
            found.update(_plain(call))
    return frozenset(path for path in found if path.root is Root.TEMP)


def _is_loop(function: Function, block: BasicBlock, span: Span) -> bool:
    """Return whether an iteration is a loop, or part of a comprehension, that wants all items.

    A loop that ends with its first item leaves the rest of the generator, and the items of a
    generator expression are wanted later.
    """
    end = block.terminator
    if not isinstance(end, Branch) or end.span != span:
        return False
    return block.id in reached(function, [end.then], successors=BasicBlock.successors)


def _plain(call: Call) -> Iterator[AccessPath]:
    return (each.value for each in call.arguments if isinstance(each.value, AccessPath))
