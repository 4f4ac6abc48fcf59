"""Waits for functions that a pool of threads runs, where no method of a future is written.

``list(pool.map(load, names))`` and ``for done in as_completed(futures):`` wait as `result()` does.
Each such place gets a call of its own, after which these functions have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from locklint.dataflow.order import blocks_of_loop_before
from locklint.frontend.resolver import Callee
from locklint.ir.access_path import ANY_ELEMENT, AccessPath
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.context import Context
from locklint.ir.instruction import (
    Assign,
    Call,
    Display,
    Instruction,
    Operand,
    Spawn,
    Unknown,
)
from locklint.models.pooled import RESULT_OF_EACH, RESULT_OF_ITEM, pooled


def pooled_waits(
    function: Function, resolve: Callable[[AccessPath], Callee]
) -> Iterator[tuple[Call, Call]]:
    """Yield the calls of a resolved function after which it waits, each with that wait.

    ``resolve`` says what a path calls.
    """
    finder: _Awaited | None = None
    for block in function.blocks.values():
        for each in block.instructions:
            if isinstance(each, Call) and pooled(each) is not None:
                finder = finder or _Awaited(function, resolve)
                wait = finder.wait(block, each)
                if wait is not None:
                    yield each, wait


class _Awaited:
    """A finder of the functions that run in what a call of one function waits for."""

    def __init__(self, function: Function, resolve: Callable[[AccessPath], Callee]) -> None:
        self._function = function
        self._resolve = resolve
        self._spawns = [
            (block.id, each)
            for block in function.blocks.values()
            for each in block.instructions
            if isinstance(each, Spawn) and each.context is Context.EXECUTOR
        ]

    def wait(self, block: BasicBlock, call: Call) -> Call | None:
        """Return the call that waits; None if it is not known what runs there."""
        kind = pooled(call)
        if kind is None:
            return None
        if not kind.takes_futures:
            runs = [
                key for _, each in self._spawns if each.span == call.span for key in each.targets
            ]
            path = None if call.result is None else call.result.field("__next__")
            external = RESULT_OF_ITEM
        else:
            given = call.arguments[0].value if call.arguments else None
            runs = [] if given is None else list(self._of_each(block, given))
            path, external = None, RESULT_OF_EACH
            if isinstance(given, AccessPath):
                path = given.field(ANY_ELEMENT).field("result")
        if not runs:
            return None
        awaited = tuple(dict.fromkeys(runs))
        return Call(call.span, None, path, external=external, awaited=awaited, safe=True)

    def _of_each(self, block: BasicBlock, value: Operand) -> Iterator[str]:
        """Yield the functions that run in a collection of futures."""
        match value:
            case AccessPath():
                found = self._resolve(value.field(ANY_ELEMENT).field("result")).awaited
                yield from found
                if not found and value.is_variable:
                    yield from self._of_variable(value)
            case Display(items=items):
                for item in items:
                    if isinstance(item, AccessPath):
                        yield from self._resolve(item.field("result")).awaited
            case Unknown():
                yield from self._of_comprehension(block)
            case _:
                pass

    def _of_variable(self, variable: AccessPath) -> Iterator[str]:
        """Yield the functions of futures that are the keys of a dictionary."""
        for block in self._function.blocks.values():
            before: Instruction | None = None
            for each in block.instructions:
                match each:
                    case Assign(target=target, value=Unknown()) if target == variable:
                        yield from self._of_comprehension(block)
                    case Assign(target=target) if target == variable.field(ANY_ELEMENT):
                        if isinstance(before, Spawn):
                            yield from before.targets  # `futures[pool.submit(load)] = name`
                    case _:
                        pass
                before = each

    def _of_comprehension(self, after: BasicBlock) -> Iterator[str]:
        """Yield the functions that are submitted in the comprehension that ends at a block."""
        body = blocks_of_loop_before(self._function, after.id)
        for block_id, each in self._spawns:
            if block_id in body:
                yield from each.targets
