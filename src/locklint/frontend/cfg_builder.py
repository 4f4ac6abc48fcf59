"""Construction of a control-flow graph: blocks under construction, and the finished graph.

The builder follows the code in order. Instructions that control cannot reach are dropped, so that
code after a `return` leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, temporary
from locklint.ir.cfg import BasicBlock
from locklint.ir.instruction import Assign, BlockId, Instruction
from locklint.ir.terminator import (
    Branch,
    Catch,
    Condition,
    Handler,
    Jump,
    Raise,
    Terminator,
    Unreachable,
)

MAX_BLOCKS = 4000
"""The largest number of blocks of a finished graph."""

_MAX_RAW_BLOCKS = 4 * MAX_BLOCKS


class TooComplexError(Exception):
    """The graph would grow beyond the bound."""


class _Draft:
    """A block under construction."""

    __slots__ = ("instructions", "on_exception", "reached", "terminator")

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.terminator: Terminator | None = None
        self.on_exception: BlockId | None = None
        self.reached = False

    def may_raise(self) -> bool:
        """Return whether anything here can raise: all but binding variables and going on."""
        return isinstance(self.terminator, Raise) or any(
            not isinstance(each, Assign) or each.target.fields for each in self.instructions
        )


class GraphBuilder:
    """A graph under construction, and the place in it where the next instruction goes.

    ``handler`` is where an exception goes from blocks that are started from now on.
    """

    def __init__(self) -> None:
        self._drafts: list[_Draft] = []
        self._nowhere = _Draft()
        self._current = self._nowhere
        self._temporaries = 0
        self.handler: BlockId | None = None
        entry = self.new_block()
        self._drafts[entry].reached = True
        self.start(entry)

    @property
    def reachable(self) -> bool:
        """Return whether control can get to where the next instruction would go."""
        return self._current.reached

    def new_block(self) -> BlockId:
        """Return a block that is not started yet. Raise `TooComplexError` at the bound."""
        if len(self._drafts) >= _MAX_RAW_BLOCKS:
            raise TooComplexError
        self._drafts.append(_Draft())
        return len(self._drafts) - 1

    def serial(self) -> int:
        """A number that is unique in the function."""
        self._temporaries += 1
        return self._temporaries

    def temporary(self) -> AccessPath:
        """A fresh variable for a value that has no name in the source."""
        return _temporary(self.serial())

    def start(self, block: BlockId) -> None:
        """Continue in ``block``, whose exceptions go to the current handler."""
        draft = self._drafts[block]
        draft.on_exception = self.handler
        self._current = draft
        if draft.reached and self.handler is not None:
            self._drafts[self.handler].reached = True

    def start_new(self) -> BlockId:
        """Continue in a new block, to begin or end a region with a handler of its own."""
        block = self.new_block()
        self.jump(block)
        self.start(block)
        return block

    def emit(self, instruction: Instruction) -> None:
        """Append an instruction."""
        if self._current.reached:
            self._current.instructions.append(instruction)

    def jump(self, target: BlockId) -> None:
        """End the block; nothing follows until another one is started."""
        self._finish(Jump(target), (target,))

    def branch(self, span: Span, condition: Condition, then: BlockId, otherwise: BlockId) -> None:
        """End the block with a test."""
        self._finish(Branch(span, condition, then, otherwise), (then, otherwise))

    def catch(self, span: Span, handlers: tuple[Handler, ...], uncaught: BlockId) -> None:
        """End the block by dispatching the exception in flight."""
        targets = (*[handler.target for handler in handlers], uncaught)
        self._finish(Catch(span, handlers, uncaught), targets)

    def leave(self, terminator: Terminator) -> None:
        """End the block with a `Return` or `Raise`."""
        self._finish(terminator, ())

    def _finish(self, terminator: Terminator, targets: Iterable[BlockId]) -> None:
        if self._current.reached:
            self._current.terminator = terminator
            for target in targets:
                self._drafts[target].reached = True
        self._current = self._nowhere

    def finish(self) -> dict[BlockId, BasicBlock]:
        """The graph without unreachable and empty blocks, numbered in reverse postorder.

        Raise `TooComplexError` if it is still beyond the bound.
        """
        drafts = self._drafts
        for draft in drafts:
            if draft.terminator is None:
                draft.terminator = Unreachable("unfinished")
            if not draft.may_raise():
                draft.on_exception = None
        forward = _jump_threads(drafts)
        for draft in drafts:
            draft.terminator = _redirect(draft.terminator, forward)
            if draft.on_exception is not None:
                draft.on_exception = forward[draft.on_exception]
        _merge_lines(drafts, forward[0])
        order = _reverse_postorder(drafts, forward[0])
        if len(order) > MAX_BLOCKS:
            raise TooComplexError
        number = {old: new for new, old in enumerate(order)}
        blocks: dict[BlockId, BasicBlock] = {}
        for old in order:
            draft = drafts[old]
            handler = None if draft.on_exception is None else number[draft.on_exception]
            blocks[number[old]] = BasicBlock(
                number[old],
                tuple(draft.instructions),
                _redirect(draft.terminator, number),
                handler,
            )
        return blocks


def too_complex_graph() -> dict[BlockId, BasicBlock]:
    """Return the graph of a function that is beyond the bound: nothing is known about it."""
    return {0: BasicBlock(0, (), Unreachable("too complex"))}


def _targets(draft: _Draft) -> tuple[BlockId, ...]:
    match draft.terminator:
        case Jump(target):
            found: tuple[BlockId, ...] = (target,)
        case Branch(then=then, otherwise=otherwise):
            found = (then, otherwise)
        case Catch(handlers=handlers, uncaught=uncaught):
            found = (*[handler.target for handler in handlers], uncaught)
        case _:
            found = ()
    return found if draft.on_exception is None else (*found, draft.on_exception)


_temporary = lru_cache(maxsize=1 << 10)(temporary)  # Every function has the first ones.


def _redirect(
    terminator: Terminator | None, to: dict[BlockId, BlockId] | list[BlockId]
) -> Terminator:
    match terminator:
        case Jump(target):
            return Jump(to[target])
        case Branch(span, condition, then, otherwise):
            if to[then] == to[otherwise]:
                return Jump(to[then])
            return Branch(span, condition, to[then], to[otherwise])
        case Catch(span, handlers, uncaught):
            moved = tuple([Handler(h.types, to[h.target], h.is_group) for h in handlers])
            return Catch(span, moved, to[uncaught])
        case None:
            return Unreachable("unfinished")
        case _:
            return terminator


def _jump_threads(drafts: list[_Draft]) -> list[BlockId]:
    """Return, for each block, the block that control reaches after empty blocks that only jump."""
    forward = list(range(len(drafts)))
    for block in range(len(drafts)):
        seen: list[BlockId] = []
        at = block
        while True:
            draft = drafts[at]
            if draft.instructions or not isinstance(draft.terminator, Jump):
                break
            if forward[at] != at:
                at = forward[at]
                break
            if at in seen:
                break
            seen.append(at)
            at = draft.terminator.target
        for each in seen:
            forward[each] = at
    return forward


def _merge_lines(drafts: list[_Draft], entry: BlockId) -> None:
    """Append to each block the one that it jumps to, where nothing else leads there."""
    incoming = [0] * len(drafts)
    incoming[entry] += 1
    for block in _reverse_postorder(drafts, entry):
        for target in _targets(drafts[block]):
            incoming[target] += 1
    for block in _reverse_postorder(drafts, entry):
        draft = drafts[block]
        while isinstance(draft.terminator, Jump):
            following = draft.terminator.target
            other = drafts[following]
            if incoming[following] != 1 or other is draft:
                break
            if other.may_raise():
                if draft.may_raise() and other.on_exception != draft.on_exception:
                    break
                draft.on_exception = other.on_exception
            draft.instructions += other.instructions
            draft.terminator = other.terminator
            other.instructions = []
            other.terminator = Unreachable("merged")
            other.on_exception = None


def _reverse_postorder(drafts: list[_Draft], entry: BlockId) -> list[BlockId]:
    order: list[BlockId] = []
    seen = {entry}
    stack: list[tuple[BlockId, list[BlockId]]] = [(entry, list(_targets(drafts[entry])))]
    while stack:
        block, rest = stack[-1]
        if not rest:
            order.append(block)
            stack.pop()
            continue
        # The last target first, so that in reverse order the first one follows at once.
        target = rest.pop()
        if target not in seen:
            seen.add(target)
            stack.append((target, list(_targets(drafts[target]))))
    order.reverse()
    return order
