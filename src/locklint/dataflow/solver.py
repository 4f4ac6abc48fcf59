"""A forward worklist solver.

Kildall's algorithm: states at block entries grow until nothing changes. Blocks are visited in
reverse postorder, so that loop-free code is visited once.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from locklint.core.not_analysed import Reason
from locklint.dataflow.order import reverse_postorder
from locklint.ir.cfg import Function
from locklint.ir.instruction import BlockId

S = TypeVar("S")


class GivenUp(Exception):
    """A bound was reached; nothing may be concluded about the function."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Forward(Generic[S]):
    """Solve a forward problem.

    ``flow(block, state)`` gives the states that leave a block, each with the block that it goes to;
    ``join(old, new)`` gives their upper bound, or the very object ``old`` where nothing is new.
    """

    def __init__(
        self,
        function: Function,
        flow: Callable[[BlockId, S], Iterable[tuple[BlockId, S]]],
        join: Callable[[BlockId, S | None, S], S],
        max_visits: int = 150,
    ) -> None:
        self._function = function
        self._flow = flow
        self._join = join
        self._max_visits = max_visits

    def solve(self, initial: S) -> dict[BlockId, S]:
        """Return the state at the entry of each reachable block. Raise `GivenUp` at the bound."""
        rank = {block: i for i, block in enumerate(reverse_postorder(self._function))}
        before: dict[BlockId, S] = {self._function.entry: initial}
        visits: dict[BlockId, int] = {}
        work = [(0, self._function.entry)]
        queued = {self._function.entry}
        while work:
            _, block = heapq.heappop(work)
            queued.discard(block)
            visits[block] = visits.get(block, 0) + 1
            if visits[block] > self._max_visits:
                raise GivenUp(Reason.TOO_MUCH_WORK)
            for target, state in self._flow(block, before[block]):
                old = before.get(target)
                new = self._join(target, old, state)
                if new is old:
                    continue
                before[target] = new
                if target not in queued:
                    queued.add(target)
                    heapq.heappush(work, (rank[target], target))
        return before
