"""Waits for coroutines that run in other tasks: ``await asyncio.gather(self.load(), self.save())``.

The call of a coroutine that is not awaited itself starts a task of its own. Each place that waits
for one, through variables of the function alone, gets a call that waits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from msgspec.structs import replace

from locklint.core.source import Span
from locklint.dataflow.order import blocks_of_loop_before
from locklint.ir.access_path import AccessPath, ElementField, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Assign,
    Await,
    BlockId,
    Call,
    Display,
    Enter,
    Exit,
    Instruction,
    Operand,
    Unknown,
)
from locklint.ir.means import AwaitForm, Use
from locklint.models.tasks import (
    ADDING,
    CANCELS,
    RESULT_OF_TASK,
    STARTS_IN_GROUP,
    is_about_tasks,
    passes_on,
)

_OWN = (Root.LOCAL, Root.TEMP)


def with_task_waits(function: Function) -> Function:
    """Return a resolved coroutine with these calls, each before the instruction that waits."""
    if not any(
        isinstance(each, Call) and is_about_tasks(each)
        for block in function.blocks.values()
        for each in block.instructions
    ):
        return function
    tasks = _Tasks(function)
    if not tasks.awaited:
        return function
    blocks = {
        block.id: replace(
            block,
            instructions=tuple(
                [one for each in block.instructions for one in (*tasks.waits(each), each)]
            ),
        )
        for block in function.blocks.values()
    }
    return replace(function, blocks=blocks)


class _Tasks:
    """The coroutines of a function that tasks run, by the variables that stand for them.

    ``awaited`` are the results of their calls, each with the first place that waits for it. What
    the function cancels is left out.
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        self._sources: defaultdict[AccessPath, dict[AccessPath, None]] = defaultdict(dict)
        self._made: dict[AccessPath, None] = {}
        self._made_in: defaultdict[BlockId, list[AccessPath]] = defaultdict(list)
        self._taken: set[AccessPath] = set()
        self._cancelled: list[AccessPath] = []
        for block in function.blocks.values():
            for each in block.instructions:
                if isinstance(each, Call) and each.result is not None:
                    self._note_result(block.id, each, each.result)
        for block in function.blocks.values():
            for each in block.instructions:
                self._note(block, each)
        self.awaited = self._find_awaited()

    def waits(self, each: Instruction) -> Iterator[Call]:
        """Yield the calls that wait for coroutines where an instruction does."""
        for made in self._of(each):
            if self.awaited.get(made) == each.span:
                yield Call(
                    each.span, None, made.field("__await__"), external=RESULT_OF_TASK, safe=True
                )

    def _find_awaited(self) -> dict[AccessPath, Span]:
        found: defaultdict[AccessPath, list[Span]] = defaultdict(list)
        for block in self._function.blocks.values():
            for each in block.instructions:
                for made in self._of(each):
                    found[made].append(each.span)
        stopped = {made for path in self._cancelled for made in self._reached(path)}
        return {made: min(places) for made, places in found.items() if made not in stopped}

    def _of(self, each: Instruction) -> list[AccessPath]:
        """Return the results of calls of coroutines for whose tasks an instruction waits."""
        match each:
            case Await(value=AccessPath() as value, form=AwaitForm.AWAIT):
                return self._reached(value)
            case Exit(context=AccessPath() as context, exceptional=False, is_async=True):
                return self._reached(context)
            case _:
                return []

    def _note_result(self, block: BlockId, call: Call, result: AccessPath) -> None:
        if call.use is Use.AWAITED:
            self._taken.add(result)
        elif call.targets:
            self._made[result] = None
            self._made_in[block].append(result)

    def _note(self, block: BasicBlock, each: Instruction) -> None:
        match each:
            case Call(callee=callee):
                target = each.result
                if callee is not None and callee.fields:
                    if callee.name == CANCELS:
                        self._cancelled.append(callee.parent())
                    if each.external == STARTS_IN_GROUP:
                        self._flow(block, callee.parent(), each.arguments[0].value)
                    elif callee.name in ADDING and each.arguments:
                        self._flow(block, callee.parent(), each.arguments[-1].value)
                if target is not None:
                    for argument in each.arguments[: passes_on(each)]:
                        self._flow(block, target, argument.value)
            case Assign(target=target, value=value) if value not in self._taken:
                self._flow(block, target, value)
            case Enter(context=AccessPath() as context, result=AccessPath() as result):
                self._flow(block, context, result)
            case _:
                pass

    def _flow(self, block: BasicBlock, target: AccessPath, value: Operand) -> None:
        """Note that a variable, or a container, gets a value."""
        variable = _variable(target)
        if variable is None:
            return
        match value:
            case AccessPath():
                source = _variable(value)
                if source is not None:
                    self._sources[variable][source] = None
            case Display(items=items):
                for item in items:
                    self._flow(block, variable, item)
            case Unknown():
                body = blocks_of_loop_before(self._function, block.id)
                for each in sorted(body):
                    self._sources[variable].update(dict.fromkeys(self._made_in[each]))
            case _:
                pass

    def _reached(self, path: AccessPath) -> list[AccessPath]:
        """Return the results of calls that a variable may stand for, or a container may hold."""
        start = _variable(path)
        seen: dict[AccessPath, None] = {}
        work = [] if start is None else [start]
        while work:
            each = work.pop()
            if each not in seen:
                seen[each] = None
                work += self._sources.get(each, ())
        return [each for each in seen if each in self._made]


def _variable(path: AccessPath) -> AccessPath | None:
    """Return the own variable that a path is, or of whose elements it is one."""
    if path.root not in _OWN or not all(isinstance(each, ElementField) for each in path.fields):
        return None
    return AccessPath(path.root_name, (), path.root)
