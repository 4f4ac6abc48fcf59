"""Draws the threads of a story as lanes: side by side where there is room, else one by one.

In each lane stand the steps of its thread, numbered in the order in which they happen over all
lanes. Where the threads come to a standstill, these last steps stand beside each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from locklint.reporting.interleaving import numbers
from locklint.reporting.places import position
from locklint.reporting.printable import printable
from locklint.reporting.snippet import Frame, Label, Mark, snippet
from locklint.reporting.style import Line, line_cells, wrap

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic, Step
    from locklint.reporting.results import Results

# Columns that a lane needs to be read beside another one.
NARROWEST = 44

# Columns that a lane takes at most where nothing bounds it.
WIDEST = 72


class _Lane(msgspec.Struct, frozen=True):
    """What is drawn of one thread: what comes before its last step, and the last step."""

    number: int
    before: list[Line]
    last: list[Line]

    @property
    def width(self) -> int:
        """The columns that the widest row takes."""
        return max((line_cells(line) for line in (*self.before, *self.last)), default=0)


def lanes(
    diagnostic: Diagnostic, threads: Mapping[int, Sequence[Step]], results: Results, frame: Frame
) -> list[Line]:
    """The steps of two or more threads, given by their numbers, as rows for the frame's width."""
    between = f" {frame.glyphs.between} "
    spare = len(between) * (len(threads) - 1)
    each = WIDEST if frame.width is None else (frame.width - spare) // len(threads)
    signs = {
        id(diagnostic.steps[index]): frame.glyphs.number(number)
        for index, number in numbers(diagnostic).items()
    }
    beside = each >= NARROWEST
    inner = replace(frame, width=min(each, WIDEST) if beside else frame.width)
    drawn = [
        _lane(number, steps, diagnostic, results, inner, signs) for number, steps in threads.items()
    ]
    if beside:
        return _side_by_side(drawn, between, inner)
    widest = max(lane.width for lane in drawn)
    lines: list[Line] = []
    for lane in drawn:
        lines += [_heading(lane, inner, widest), *lane.before, *lane.last]
    return lines


def _lane(
    number: int,
    steps: Sequence[Step],
    diagnostic: Diagnostic,
    results: Results,
    frame: Frame,
    signs: Mapping[int, str],
) -> _Lane:
    blocks: list[list[Line]] = []
    previous: Step | None = None
    for step in steps:
        block: list[Line] = []
        if previous is None or (step.path, step.function) != (previous.path, previous.function):
            block.extend(_place(step, results, frame))
        elif abs(step.span.line - previous.span.line) != 1:
            block.append([(f"{frame.glyphs.gap:>{frame.digits}}", "frame")])
        block.extend(_drawn(step, diagnostic, results, frame, signs[id(step)]))
        blocks.append(block)
        previous = step
    return _Lane(number, [line for block in blocks[:-1] for line in block], blocks[-1])


def _place(step: Step, results: Results, frame: Frame) -> list[Line]:
    where = f"{step.path}:{position(step.path, step.span, results)}"
    function = f"in {step.function}" if step.function else ""
    text = printable(f"{where} {function}".rstrip(), frame.encoding)
    return [[(row, "faint")] for row in wrap(text, frame.width)]


def _drawn(
    step: Step, diagnostic: Diagnostic, results: Results, frame: Frame, sign: str
) -> list[Line]:
    source = results.sources.get(step.path)
    label = Label.of(step, sign)
    if source is not None and source.line(step.span.line).strip():
        primary = (step.path, step.span) == (diagnostic.path, diagnostic.span)
        return snippet(source, [Mark(step.span, primary, (label,))], frame, context=False)
    words = (sign, f"line {step.span.line}:", label.message, label.holding, label.waiting)
    text = printable(" ".join(word for word in words if word), frame.encoding)
    return [[(row, "")] for row in wrap(text, frame.width)]


def _side_by_side(drawn: Sequence[_Lane], between: str, frame: Frame) -> list[Line]:
    height = max(len(lane.before) for lane in drawn)
    columns: list[list[Line]] = []
    for lane in drawn:
        padding: list[Line] = [[] for _ in range(height - len(lane.before))]
        heading = _heading(lane, frame, lane.width)
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


def _heading(lane: _Lane, frame: Frame, width: int) -> Line:
    text = f"thread {lane.number}"
    dash = frame.glyphs.secondary
    rest = max(min(width, frame.width or WIDEST) - len(text) - 5, 3)
    return [(f"{dash * 3} ", "frame"), (text, "strong"), (f" {dash * rest}", "frame")]
