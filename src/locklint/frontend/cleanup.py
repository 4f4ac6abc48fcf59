"""Exit paths of regions: the code that runs on leaving a `with` or a `try … finally`.

As in CPython the clean-up is emitted once for each exit path, so that the analysis can distinguish
the paths. An exit path that several places use is shared, which keeps nested regions linear.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from locklint.frontend.cfg_builder import GraphBuilder
from locklint.ir.instruction import BlockId
from locklint.ir.terminator import Jump, Terminator


class LoopFrame(msgspec.Struct, frozen=True):
    """A loop: where `continue` and `break` lead."""

    on_continue: BlockId
    on_break: BlockId


class CleanupFrame(msgspec.Struct):
    """A region whose clean-up runs on every exit path.

    ``outer_handler`` is where exceptions of the clean-up itself go, ``emit`` writes the clean-up of
    an exit path without an exception. ``binds`` are the names that it binds. ``copies`` are those
    that exist, by destination.
    """

    outer_handler: BlockId | None
    emit: Callable[[], None]
    binds: frozenset[str] = frozenset()
    copies: dict[object, BlockId] = msgspec.field(default_factory=dict)


Frame: TypeAlias = "LoopFrame | CleanupFrame"


class Regions:
    """The loops and clean-ups around the code that is being lowered, the innermost last."""

    def __init__(self, graph: GraphBuilder) -> None:
        self._graph = graph
        self._frames: list[Frame] = []

    def enter(self, frame: Frame) -> None:
        """Enter a region."""
        self._frames.append(frame)

    def exit(self) -> None:
        """Leave the innermost region by its end; its clean-up is the caller's affair."""
        self._frames.pop()

    def rebinds(self, name: str) -> bool:
        """Return whether a clean-up on an exit path of the function binds a name."""
        return any(isinstance(each, CleanupFrame) and name in each.binds for each in self._frames)

    def leave_function(self, terminator: Terminator) -> None:
        """Leave every region, then the function."""
        self._leave(0, ("leave", self._graph.serial()), terminator)

    def leave_loop(self, by_break: bool) -> None:
        """Leave the regions within the innermost loop, by `break` or `continue`."""
        for depth in range(len(self._frames) - 1, -1, -1):
            frame = self._frames[depth]
            if isinstance(frame, LoopFrame):
                target = frame.on_break if by_break else frame.on_continue
                self._leave(depth + 1, ("jump", target), Jump(target))
                return
        # Outside a loop, which CPython would not have compiled: nothing follows.
        self._graph.start(self._graph.new_block())

    def _leave(self, depth: int, destination: object, terminator: Terminator) -> None:
        graph = self._graph
        frames, handler = self._frames, graph.handler
        try:
            for index in range(len(frames) - 1, depth - 1, -1):
                frame = frames[index]
                if not isinstance(frame, CleanupFrame):
                    continue
                copy = frame.copies.get(destination)
                if copy is not None:
                    graph.jump(copy)
                    return
                self._frames = frames[:index]
                graph.handler = frame.outer_handler
                frame.copies[destination] = graph.start_new()
                frame.emit()
                if not graph.reachable:  # The clean-up itself returns, raises or jumps.
                    return
            if isinstance(terminator, Jump):
                graph.jump(terminator.target)
            else:
                graph.leave(terminator)
        finally:
            self._frames, graph.handler = frames, handler
