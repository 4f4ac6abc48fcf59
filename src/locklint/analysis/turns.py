"""Loops in which one iteration acquires what another one releases.

``if event == "down": lock.acquire()``, and in a later iteration ``elif event == "up":
lock.release()``; the first reader of several that acquires, and the last one that releases. An
iteration of such a loop is like a function that others call too: the state at its start is not
known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Set

from msgspec.structs import replace

from locklint.analysis.function_context import FunctionContext
from locklint.analysis.hold import LockKey
from locklint.analysis.lockset import EMPTY
from locklint.analysis.state import State
from locklint.dataflow.order import all_successors, loops
from locklint.dataflow.solver import Forward
from locklint.ir.cfg import Function
from locklint.ir.instruction import BlockId

Flow = Callable[[BlockId, State], Iterator[tuple[BlockId, State]]]
Join = Callable[[BlockId, State | None, State], State]


def find_turns(context: FunctionContext, flow: Flow, join: Join) -> None:
    """Give the context, for each loop, the locks that its iterations hand on to each other."""
    function = context.function
    for head, body in loops(function).items():
        both = _handed_on(function, head, body, flow, join)
        for block in function.blocks.values():
            if head in all_successors(block):
                context.turns[block.id, head] = both


def _handed_on(
    function: Function, head: BlockId, body: Set[BlockId], flow: Flow, join: Join
) -> frozenset[LockKey]:
    """The locks that some turn acquires and keeps, and some other turn releases."""
    ends: dict[LockKey, set[int]] = defaultdict(set)

    def within(block: BlockId, state: State) -> Iterator[tuple[BlockId, State]]:
        for target, after in flow(block, state):
            if target == head:
                for disjunct in after:
                    for key, hold in disjunct.holds.items():
                        ends[key].add(hold.count)
            elif target in body:
                yield target, after

    Forward(replace(function, entry=head), within, join).solve(State([EMPTY]))
    return frozenset(key for key, counts in ends.items() if min(counts) < 0 < max(counts))
