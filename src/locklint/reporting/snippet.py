"""Draws lines of one file with marks below them, and what the marks say beside or under them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from locklint.reporting.glyphs import Glyphs
from locklint.reporting.printable import printable
from locklint.reporting.source_row import SourceRow, Window, indent_of
from locklint.reporting.style import Line, cells, line_cells, wrap

if TYPE_CHECKING:
    from locklint.core.diagnostic import Step
    from locklint.core.source import SourceFile, Span

# Without an edge to keep within, longer lines of source are clipped all the same.
WIDEST = 200

# So many lines between two marked ones are shown rather than a sign for a gap.
SMALL_GAP = 2

# Columns for a label beside its mark, below which it goes under the mark instead.
NARROW_LABEL = 36

# Columns between what a step says and what is held.
GAP = 2


class Label(msgspec.Struct, frozen=True):
    """What a step says: its sign (empty where it is the only one), its text, what is held.

    ``waiting`` tells what its thread waits for.
    """

    sign: str
    message: str
    holding: str = ""
    waiting: str = ""

    @classmethod
    def of(cls, step: Step, sign: str) -> Label:
        """The label of a step."""
        holding = f"[holding: {', '.join(step.held)}]" if step.held else ""
        waiting = f"[waits for: {step.waits_for}]" if step.waits_for else ""
        return cls(sign, step.message, holding, waiting)

    @property
    def tags(self) -> list[tuple[str, str]]:
        """What stands behind the text, with the names of styles."""
        pieces = ((self.holding, "holding"), (self.waiting, "waiting"))
        return [(text, style) for text, style in pieces if text]

    @property
    def width(self) -> int:
        """The columns that it takes in one row."""
        return (
            cells(self.message)
            + (cells(self.sign) + 1 if self.sign else 0)
            + sum(cells(text) + GAP for text, _ in self.tags)
        )


class Mark(msgspec.Struct, frozen=True):
    """A span to underline, with the labels of the steps that stand there, in order."""

    span: Span
    primary: bool
    labels: tuple[Label, ...] = ()


class Frame(msgspec.Struct, frozen=True):
    """How all snippets of one finding are drawn; ``digits`` is the width of line numbers."""

    digits: int
    width: int | None
    encoding: str
    glyphs: Glyphs
    severity: str

    @property
    def room(self) -> int:
        """Columns for source behind the line number and the bar; never less than a few."""
        return max((self.width or WIDEST) - self.digits - 3, 16)

    @property
    def label_room(self) -> int | None:
        """Columns for source and labels; None is no limit."""
        return None if self.width is None else self.room

    def row(self, *pieces: tuple[str, str], number: int | None = None) -> Line:
        """A row behind the bar, with a line number or none."""
        count = f"{'' if number is None else number:>{self.digits}}"
        bar = (f"{count} {self.glyphs.bar}", "frame")
        return [bar, (" ", ""), *pieces] if pieces else [bar]


def snippet(
    source: SourceFile, marks: Sequence[Mark], frame: Frame, *, context: bool = True
) -> list[Line]:
    """The marked lines in order, small gaps between them filled, large ones elided.

    With ``context``, a single one has its neighbours beside it.
    """
    by_line: defaultdict[int, list[Mark]] = defaultdict(list)
    for mark in sorted(marks, key=lambda mark: mark.span):
        by_line[mark.span.line].append(mark)
    numbers = list(_shown_numbers(sorted(by_line), source, context))
    indents = [
        indent_of(source.line(number))
        for number in numbers
        if number is not None and source.line(number).strip()
    ]
    indent = min(indents, default=0)
    lines: list[Line] = []
    for number in numbers:
        if number is None:
            lines.append([(f"{frame.glyphs.gap:>{frame.digits}}", "frame")])
        else:
            row = source.position(number, 1).row
            lines.extend(_drawn(source.line(number), row, by_line[number], indent, frame))
    return lines


def _shown_numbers(
    marked: Sequence[int], source: SourceFile, context: bool
) -> Iterator[int | None]:
    """The lines to show, None for a gap; beside a single one, neighbours that say something."""

    def cell(number: int) -> int:
        return source.position(number, 1).cell

    if len(marked) == 1:
        number = marked[0]
        for neighbour in (number - 1, number, number + 1) if context else marked:
            says_something = any(map(str.isalnum, source.line(neighbour)))
            if neighbour == number or (says_something and cell(neighbour) == cell(number)):
                yield neighbour
        return
    previous = marked[0]
    for number in marked:
        if number - previous - 1 > SMALL_GAP or cell(number) != cell(previous):
            yield None
        else:
            yield from range(previous + 1, number)
        yield number
        previous = number


def _drawn(
    raw: str, number: int, marks: Sequence[Mark], indent: int, frame: Frame
) -> Iterator[Line]:
    """A line of source and its marks; again for marks that lie outside of the part shown."""
    waiting = list(marks)
    while True:
        near = waiting[0].span.column if waiting else 1
        row = SourceRow(raw, frame.encoding, indent, frame.room, near)
        places = [(mark, *_columns(mark.span, row)) for mark in waiting]
        first, last = (places[0][1], places[0][2]) if places else (0, 0)
        window = row.window(first, last, frame.glyphs.clipped)
        yield frame.row((window.text, ""), number=number)
        # The first mark is drawn whatever happens, so that the loop comes to an end.
        drawn = places[:1]
        drawn += [place for place in places[1:] if window.shows(place[1])]
        for mark, start, end in drawn:
            yield from _marked(mark, start, end, window, frame)
        waiting = [mark for mark in waiting if all(mark is not place[0] for place in drawn)]
        if not waiting:
            return


def _columns(span: Span, row: SourceRow) -> tuple[int, int]:
    """First column and the one behind the last of what is underlined of a span's first line."""
    start = row.column(span.column)
    end = row.column(span.end_column) if span.end_line == span.line else row.end
    return start, max(end, start + 1)


def _marked(mark: Mark, start: int, end: int, window: Window, frame: Frame) -> Iterator[Line]:
    start = max(start, window.start) - window.offset
    end = max(min(end, window.end) - window.offset, start + 1)
    sign = frame.glyphs.primary if mark.primary else frame.glyphs.secondary
    underline = (sign * (end - start), frame.severity if mark.primary else "step")
    blocks = [_printable(label, frame) for label in mark.labels]
    beside = end + 1
    room = frame.label_room
    if blocks and _fits_beside(blocks[0], beside, room):
        rows = [row for block in blocks for row in _label_rows(block, beside, room)]
        yield frame.row((" " * start, ""), underline, (" ", ""), *rows[0])
        for row in rows[1:]:
            yield frame.row((" " * beside, ""), *row)
        return
    yield frame.row((" " * start, ""), underline)
    under = _column_under(start, blocks, room)
    for block in blocks:
        for row in _label_rows(block, under, room):
            yield frame.row((" " * under, ""), *row)


def _printable(label: Label, frame: Frame) -> Label:
    return Label(
        label.sign,
        printable(label.message, frame.encoding),
        printable(label.holding, frame.encoding),
        printable(label.waiting, frame.encoding),
    )


def _fits_beside(label: Label, column: int, room: int | None) -> bool:
    if room is None or room - column >= NARROW_LABEL:
        return True
    return column + label.width <= room


def _column_under(start: int, labels: Sequence[Label], room: int | None) -> int:
    """Where labels under a mark begin: at the mark, or as far to the left as they need."""
    if room is None:
        return start
    widest = max((label.width for label in labels), default=0)
    return max(0, min(start, room - (widest if widest <= room else NARROW_LABEL)))


def _label_rows(label: Label, column: int, room: int | None) -> Iterator[Line]:
    """A label as rows: its sign, its text behind it, and its tags at the end or below."""
    hang = cells(label.sign) + 1 if label.sign else 0
    width = None if room is None else max(room - column - hang, 8)
    lead = [(f"{label.sign} ", "number")] if label.sign else []
    rows: list[Line] = [
        [*(lead if index == 0 else [(" " * hang, "")]), (text, "")]
        for index, text in enumerate(wrap(label.message, width))
    ]
    for tag, style in label.tags:
        if width is None or line_cells(rows[-1]) - hang + GAP + cells(tag) <= width:
            rows[-1] += [(" " * GAP, ""), (tag, style)]
        else:
            for text in wrap(tag, width):
                rows.append([(" " * hang, ""), (text, style)])
    yield from rows
