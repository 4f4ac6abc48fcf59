"""The places of the instructions of one function in its graph, computed once."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from locklint.analysis.events import LockStates
from locklint.core.source import Span
from locklint.dataflow.order import all_successors, predecessors, reached, reverse_postorder
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import BlockId
from locklint.ir.terminator import Raise, Return


class Layout:
    """Relations between the places of one function."""

    def __init__(self, function: Function) -> None:
        self.function = function

    @cached_property
    def _by_span(self) -> dict[Span, list[tuple[BasicBlock, int]]]:
        found: dict[Span, list[tuple[BasicBlock, int]]] = defaultdict(list)
        for block in self.function.blocks.values():
            for index, each in enumerate(block.instructions):
                found[each.span].append((block, index))
        return found

    def instructions(self, span: Span) -> list[tuple[BasicBlock, int]]:
        """The instructions with that place, by block and index; clean-ups have copies."""
        return self._by_span.get(span, [])

    def at(self, span: Span) -> list[BasicBlock]:
        """The blocks that hold an instruction with that place, each once."""
        found = {block.id: block for block, _ in self.instructions(span)}
        return list(found.values())

    @cached_property
    def _blocks_by_span(self) -> dict[Span, list[BlockId]]:
        found: dict[Span, dict[BlockId, None]] = defaultdict(dict)
        for block in self.function.blocks.values():
            for each in block.instructions:
                found[each.span][block.id] = None
            span = getattr(block.terminator, "span", None)
            if span is not None:
                found[span][block.id] = None
        return {span: list(blocks) for span, blocks in found.items()}

    def blocks(self, span: Span) -> list[BlockId]:
        """The blocks that hold an instruction with that place, or end with it."""
        return self._blocks_by_span.get(span, [])

    def index(self, block: BlockId, span: Span) -> int | None:
        """Return the index of the first instruction of a block that has a place, if one has."""
        places = self.instructions(span)
        return next((index for here, index in places if here.id == block), None)

    @cached_property
    def without_exception(self) -> set[BlockId]:
        """The blocks that run where nothing fails."""
        return reached(self.function, (self.function.entry,), successors=BasicBlock.successors)

    @cached_property
    def after_own_raises(self) -> set[BlockId]:
        """The blocks that run where nothing fails but what the function raises itself."""
        return reached(self.function, (self.function.entry,), successors=_after_raise)

    def returns_after(self, span: Span) -> bool:
        """Return whether the function may return after a place without a handler being run."""
        start = [block.id for block in self.at(span)]
        after = reached(self.function, start, successors=_after_raise)
        return any(isinstance(self.function.blocks[each].terminator, Return) for each in after)

    @cached_property
    def before(self) -> dict[BlockId, set[BlockId]]:
        """Return, for each block, its predecessors without an exception."""
        return predecessors(self.function, BasicBlock.successors)

    @cached_property
    def _above(self) -> dict[BlockId, BlockId]:
        """Return, for each reachable block but the entry, the nearest one that is on all paths.

        Cooper, Harvey, Kennedy (A simple, fast dominance algorithm, 2001).
        """
        order = reverse_postorder(self.function)
        rank = {block: i for i, block in enumerate(order)}
        before = predecessors(self.function, all_successors)
        above = {self.function.entry: self.function.entry}

        def common(one: BlockId, other: BlockId) -> BlockId:
            while one != other:
                while rank[one] > rank[other]:
                    one = above[one]
                while rank[other] > rank[one]:
                    other = above[other]
            return one

        changed = True
        while changed:
            changed = False
            for block in order[1:]:
                known = [each for each in before[block] if each in above]
                nearest = known[0]
                for each in known[1:]:
                    nearest = common(nearest, each)
                if above.get(block) != nearest:
                    above[block] = nearest
                    changed = True
        del above[self.function.entry]
        return above

    @cached_property
    def _intervals(self) -> dict[BlockId, tuple[int, int]]:
        """Return two numbers for each block, which enclose those of the blocks below it."""
        below: dict[BlockId, list[BlockId]] = defaultdict(list)
        for block, above in self._above.items():
            below[above].append(block)
        first: dict[BlockId, int] = {}
        found: dict[BlockId, tuple[int, int]] = {}
        stack = [(self.function.entry, False)]
        while stack:
            block, is_done = stack.pop()
            if is_done:
                found[block] = (first[block], len(first))
                continue
            first[block] = len(first)
            stack.append((block, True))
            stack += [(each, False) for each in below[block]]
        return found

    def leads_through(self, first: BlockId, then: BlockId) -> bool:
        """Return whether each path from the entry to a block leads through another one.

        A block leads through itself.
        """
        if then not in self._intervals:
            return True
        if first not in self._intervals:
            return False
        start, end = self._intervals[first]
        return start <= self._intervals[then][0] < end


def _after_raise(block: BasicBlock) -> tuple[BlockId, ...]:
    """Return the blocks that control goes to, also by a `raise` that the function has written."""
    is_raise = isinstance(block.terminator, Raise) and not block.terminator.reraise
    return all_successors(block) if is_raise else block.successors()


def layout_of(states: LockStates) -> Layout:
    """Return the layout of a function that was analysed."""
    if "layout" not in states.derived:
        states.derived["layout"] = layout_in(states.function)
    found: Layout = states.derived["layout"]
    return found


_recent: list[Layout] = []
"""The layouts that were used last: rules look at one function after the other."""

_MOST_RECENT = 4


def layout_in(function: Function) -> Layout:
    """Return the layout of a function, of which no lock states need to be known."""
    for each in _recent:
        if each.function is function:
            return each
    layout = Layout(function)
    _recent.insert(0, layout)
    del _recent[_MOST_RECENT:]
    return layout
