"""Lifetimes of the threads that a function makes, as seen from that function."""

from __future__ import annotations

from locklint.core.source import Span
from locklint.dataflow.order import all_successors, instructions_after, reached
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.context import Context
from locklint.ir.instruction import (
    Assign,
    BlockId,
    Call,
    Constant,
    Enter,
    Exit,
    Instruction,
    Operate,
    Spawn,
)
from locklint.ir.means import OperateKind
from locklint.ir.terminator import Branch


class Lifetimes:
    """The places that control may reach while the thread of each `Spawn` of a function runs.

    A thread runs from its ``start()`` to a ``join()`` without a timeout. If these are not known to
    belong to it, because it was put into a list, its construction is treated as the start, and a
    join of an unknown object as the join of all of those. So is a loop over such objects: there are
    as many of them as there are threads. What an executor runs ends with its ``with``, or with its
    ``shutdown()``.
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        self._spawns: dict[Span, Spawn] = {}
        self._names: dict[AccessPath, set[AccessPath]] = {}
        self._starts: dict[AccessPath, list[Span]] = {}
        self._joins: dict[AccessPath, list[Span]] = {}
        self._submits: dict[Span, AccessPath] = {}
        self._ends: dict[AccessPath, list[Span]] = {}
        for block in function.blocks.values():
            for instruction in block.instructions:
                match instruction:
                    case Spawn(span=span):
                        self._spawns.setdefault(span, instruction)
                    case Assign(target=target, value=AccessPath() as value):
                        self._names.setdefault(value, set()).add(target)
                    case Enter(context=AccessPath() as context, result=AccessPath() as result):
                        self._names.setdefault(context, set()).add(result)
                    case Exit(context=AccessPath() as context, span=span):
                        self._ends.setdefault(context, []).append(span)
                    case Call(callee=AccessPath() as callee, span=span) if callee.fields:
                        if callee.name == "start" and not instruction.arguments:
                            self._starts.setdefault(callee.parent(), []).append(span)
                        elif callee.name == "join" and not instruction.arguments:
                            self._joins.setdefault(callee.parent(), []).append(span)
                        elif callee.name == "shutdown" and not _goes_on(instruction):
                            self._ends.setdefault(callee.parent(), []).append(span)
                        self._submits.setdefault(span, callee.parent())
        named = {path for span in self._spawns for path in self._paths_of(span)}
        self._loose_joins = {
            span for path, spans in self._joins.items() if path not in named for span in spans
        }
        self._loops = self._loops_that_join()
        self._alive: dict[Span, frozenset[Span]] = {}

    def _loops_that_join(self) -> set[Span]:
        """Return where loops iterate over objects that they join, in each iteration."""
        blocks = self._function.blocks
        joining = {
            block.id
            for block in blocks.values()
            if any(isinstance(e, Call) and e.span in self._loose_joins for e in block.instructions)
        }
        found: set[Span] = set()
        for block in blocks.values() if joining else ():
            branch = block.terminator
            spans = [each.span for each in block.instructions if _iterates(each)]
            if spans and isinstance(branch, Branch):
                if not joining.isdisjoint(_body(self._function, block.id, branch.then)):
                    found.update(spans)
        return found

    def context(self, spawn: Span) -> Context:
        """Return the context that is started at ``spawn``; a coroutine runs in a task."""
        made = self._spawns.get(spawn)
        return Context.TASK if made is None else made.context

    def lives_at(self, spawn: Span, place: Span) -> bool:
        """Return whether the thread that is made at ``spawn`` may be running at ``place``."""
        return spawn not in self._spawns or place in self._places(spawn)

    def repeats(self, spawn: Span) -> bool:
        """Return whether another thread may start at the same place before this one has ended."""
        if spawn not in self._spawns:
            return True
        return any(start in self._places(spawn) for start in self._start_of(spawn))

    def overlap(self, one: Span, other: Span) -> bool:
        """Return whether two threads of the function may run at the same time."""
        if one not in self._spawns or other not in self._spawns:
            return True
        return any(start in self._places(one) for start in self._start_of(other)) or any(
            start in self._places(other) for start in self._start_of(one)
        )

    def makes_once(self, made: AccessPath) -> bool:
        """Return whether a call that is not in a loop gives an object."""
        blocks = self._function.blocks
        makers = {
            block.id
            for block in blocks.values()
            if any(isinstance(one, Call) and one.result == made for one in block.instructions)
        }
        work = [successor for block_id in makers for successor in all_successors(blocks[block_id])]
        reached: set[BlockId] = set()
        while work:
            block_id = work.pop()
            if block_id not in reached:
                reached.add(block_id)
                work.extend(all_successors(blocks[block_id]))
        return bool(makers) and reached.isdisjoint(makers)

    def _ends_of(self, spawn: Span) -> set[Span]:
        """Return the places where the executor ends that runs what is made at ``spawn``."""
        executor = self._submits.get(spawn)
        if executor is None or self._spawns[spawn].context is not Context.EXECUTOR:
            return set()
        makers = [path for path, names in self._names.items() if executor in names]
        found = {executor, *makers}.union(*map(self._names_of, makers))
        return {
            span
            for path in found
            for ends in (self._ends, self._joins)
            for span in ends.get(path, ())
        }

    def _paths_of(self, spawn: Span) -> set[AccessPath]:
        result = self._spawns[spawn].result
        return set() if result is None else self._names_of(result)

    def _names_of(self, result: AccessPath) -> set[AccessPath]:
        found = {result}
        work = [result]
        while work:
            for path in self._names.get(work.pop(), ()):
                if path not in found:
                    found.add(path)
                    work.append(path)
        return found

    def _start_of(self, spawn: Span) -> list[Span]:
        if self._spawns[spawn].context.starts_at_once:
            return [spawn]
        starts = [s for path in self._paths_of(spawn) for s in self._starts.get(path, ())]
        return sorted(set(starts)) or [spawn]

    def _places(self, spawn: Span) -> frozenset[Span]:
        known = self._alive.get(spawn)
        if known is None:
            known = self._alive[spawn] = self._reached(spawn)
        return known

    def _reached(self, spawn: Span) -> frozenset[Span]:
        """The places after the start that are reached without passing the join."""
        starts = set(self._start_of(spawn))
        joins = {s for path in self._paths_of(spawn) for s in self._joins.get(path, ())}
        loops: set[Span] = set()
        if spawn in starts or not joins:
            joins |= self._loose_joins
            loops = self._loops
        ends = self._ends_of(spawn)
        after = instructions_after(
            self._function,
            lambda each: each.span in starts and isinstance(each, Call | Spawn),
            lambda each: (
                (each.span in joins and isinstance(each, Call))
                or (each.span in ends and isinstance(each, Call | Exit))
                or (each.span in loops and _iterates(each))
            ),
        )
        return frozenset(each.span for each in after)


def _goes_on(call: Call) -> bool:
    """Return whether a call of `shutdown` does not wait."""
    return any(
        argument.name in ("wait", None) and argument.value == Constant(False)
        for argument in call.arguments
    )


def _iterates(each: Instruction) -> bool:
    return isinstance(each, Operate) and each.kind is OperateKind.ITERATE


def _body(function: Function, head: BlockId, first: BlockId) -> set[BlockId]:
    """Return the blocks that a loop's body reaches before its head."""
    return reached(function, (first,), lambda block, _: block.id != head)
