"""Drawing of a finding's threads as lanes: side by side if there is room, else one by one.

The steps are numbered in the order in which they happen over all lanes, and the steps at which
threads wait come last. In lanes side by side, those are in one row; otherwise they follow all
lanes, so that the numbers are in order on the page as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from locklint.reporting.interleaving import thread_name, waits
from locklint.reporting.snippet import Frame
from locklint.reporting.story import Happening, blocks, drawn, passed, place
from locklint.reporting.style import Line, line_cells, wrap

if TYPE_CHECKING:
    from locklint.reporting.results import Results

# Columns that a lane needs to be read beside another one.
NARROWEST = 44

# The largest number of columns of a lane if nothing bounds it.
WIDEST = 72


class _Lane(msgspec.Struct, frozen=True):
    """The parts of the drawing of one thread: the steps before it waits, and the wait."""

    name: str
    before: list[Line]
    last: list[Line]

    @property
    def width(self) -> int:
        """Return the number of columns of the widest row."""
        return max((line_cells(line) for line in (*self.before, *self.last)), default=0)


def lanes(threads: Mapping[int, Sequence[Happening]], results: Results, frame: Frame) -> list[Line]:
    """The steps of two or more threads, given by their numbers, as rows for the frame's width."""
    between = f" {frame.glyphs.between} "
    spare = len(between) * (len(threads) - 1)
    each = WIDEST if frame.width is None else (frame.width - spare) // len(threads)
    if each >= NARROWEST:
        inner = replace(frame, width=min(each, WIDEST))
        beside = [_lane(steps, results, inner, apart=False) for steps in threads.values()]
        # A name or a path that is too long for a lane is not broken.
        if all(lane.width <= min(each, WIDEST) for lane in beside):
            return _side_by_side(beside, between, inner)
    return _one_by_one(
        [_lane(steps, results, frame, apart=True) for steps in threads.values()], frame
    )


def _lane(steps: Sequence[Happening], results: Results, frame: Frame, *, apart: bool) -> _Lane:
    """Draw one thread; with ``apart``, its last step can be read by itself."""
    name = thread_name(steps[-1].step)
    final = steps[-1] if waits(steps[-1].step) else None
    if final is not None and apart:
        message = f"{name} {final.label.message}"
        final = replace(final, label=replace(final.label, message=message))
        steps = [*steps[:-1], final]
    before: list[Line] = []
    last: list[Line] = []
    for index, block in enumerate(blocks(steps)):
        if index and len(block) == 1 and block[0].passing:
            before += passed(block[0], " " * (frame.digits + 1), results, frame)
            continue
        ends = final is not None and block[-1] is final
        parts = [part for part in (block[:-1], block[-1:]) if part] if ends else [block]
        rows = drawn(parts, results, frame, apart=apart)
        into = last if ends and len(parts) == 1 else before
        into += _place(block[0], results, frame)
        into += rows[0]
        if len(parts) > 1:
            last += _place(block[-1], results, frame) if apart else []
            last += rows[1]
    return _Lane(name, before, last)


def _place(step: Happening, results: Results, frame: Frame) -> list[Line]:
    at = step.step
    pieces = place(at.path, at.span, at.function, results, frame.encoding)
    text = "".join(piece for piece, _ in pieces)
    return [[(row, "faint")] for row in wrap(text, frame.width)]


def _one_by_one(drawn: Sequence[_Lane], frame: Frame) -> list[Line]:
    widest = max(lane.width for lane in drawn)
    lines: list[Line] = []
    for lane in drawn:
        if lane.before:
            lines += [_heading(lane.name, frame, widest), *lane.before]
    last = [line for lane in drawn for line in lane.last]
    if last:
        lines += [_heading("deadlock", frame, widest), *last]
    return lines


def _side_by_side(drawn: Sequence[_Lane], between: str, frame: Frame) -> list[Line]:
    height = max(len(lane.before) for lane in drawn)
    columns: list[list[Line]] = []
    for lane in drawn:
        padding: list[Line] = [[] for _ in range(height - len(lane.before))]
        heading = _heading(lane.name, frame, lane.width)
        columns.append([heading, *lane.before, *padding, *lane.last])
    widths = [max(line_cells(line) for line in column) for column in columns]
    lines: list[Line] = []
    for cells in zip_longest(*columns, fillvalue=[]):
        row: Line = []
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            if index:
                row.append((between, "frame"))
            row += cell
            if index < len(widths) - 1:
                row.append((" " * (width - line_cells(cell)), ""))
        lines.append(row)
    return lines


def _heading(text: str, frame: Frame, width: int) -> Line:
    dash = frame.glyphs.secondary
    rest = max(min(width, frame.width or WIDEST) - len(text) - 5, 3)
    return [(f"{dash * 3} ", "frame"), (text, "strong"), (f" {dash * rest}", "frame")]
