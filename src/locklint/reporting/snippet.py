"""Draws lines of one file with marks below them, and what the marks say beside or under them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from locklint.reporting.glyphs import Glyphs
from locklint.reporting.printable import printable
from locklint.reporting.source_row import SourceRow, Window, indent_of
from locklint.reporting.style import Line, cells, line_cells, longest_word, wrap

if TYPE_CHECKING:
    from locklint.core.source import SourceFile, Span

# Even without a limit of columns, longer lines of source are clipped.
WIDEST = 200

# So many lines between two marked ones are shown rather than a sign for a gap.
SMALL_GAP = 2

# Columns for a label beside its mark, below which it goes under the mark instead.
NARROW_LABEL = 36

# Columns between what a step says and what is held.
GAP = 2


class Label(msgspec.Struct, frozen=True):
    """The text of a step: its sign (empty if it is the only step), message and held locks."""

    sign: str
    message: str
    holding: str = ""

    @property
    def hang(self) -> int:
        """The columns of the sign and the blank after it."""
        return cells(self.sign) + 1 if self.sign else 0

    @property
    def width(self) -> int:
        """Return the number of its columns in one row."""
        held = cells(self.holding) + GAP if self.holding else 0
        return self.hang + cells(self.message) + held

    @property
    def least_width(self) -> int:
        """The columns that it needs so that no word is broken."""
        return self.hang + max(longest_word(self.message), longest_word(self.holding))


class Mark(msgspec.Struct, frozen=True):
    """A span to underline, with the labels of the steps at that place, in order."""

    span: Span
    primary: bool
    labels: tuple[Label, ...] = ()


class Frame(msgspec.Struct, frozen=True):
    """The layout of all snippets of one finding; ``digits`` is the width of line numbers."""

    digits: int
    width: int | None
    encoding: str
    glyphs: Glyphs
    severity: str

    @property
    def room(self) -> int:
        """Columns for source after the line number and the bar; never less than a few."""
        return max((self.width or WIDEST) - self.digits - 3, 16)

    @property
    def label_room(self) -> int | None:
        """Columns for source and labels; None is no limit."""
        return None if self.width is None else self.room

    def row(self, *pieces: tuple[str, str], number: int | None = None) -> Line:
        """Return a row after the bar, with a line number or none."""
        count = f"{'' if number is None else number:>{self.digits}}"
        bar = (f"{count} {self.glyphs.bar}", "frame")
        return [bar, (" ", ""), *pieces] if pieces else [bar]


def snippets(
    source: SourceFile,
    parts: Sequence[Sequence[Mark]],
    frame: Frame,
    *,
    apart: bool = False,
    context: bool = False,
) -> list[list[Line]]:
    """The marked lines in the order of the marks, small gaps between them filled, others elided.

    The parts share no row of code, but all are indented alike, so that nested code looks nested.
    With ``apart``, nothing is shown or elided between them. With ``context``, a single line has
    its neighbours beside it.
    """
    groups = [_by_line(marks) for marks in parts]
    lines = [[at for at, _ in part] for part in groups]
    shown = list(_shown_numbers(lines, source, apart, context))
    indents = [
        indent_of(source.line(number))
        for numbers in shown
        for number in numbers
        if number is not None and source.line(number).strip()
    ]
    indent = min(indents, default=0)
    return [
        list(_part(numbers, part, source, indent, frame))
        for numbers, part in zip(shown, groups, strict=True)
    ]


def _by_line(marks: Sequence[Mark]) -> list[tuple[int, list[Mark]]]:
    """The marks in order, those that follow each other in one line together."""
    groups: list[tuple[int, list[Mark]]] = []
    for mark in marks:
        if groups and groups[-1][0] == mark.span.line:
            groups[-1][1].append(mark)
        else:
            groups.append((mark.span.line, [mark]))
    return groups


def _part(
    numbers: Sequence[int | None],
    groups: Sequence[tuple[int, list[Mark]]],
    source: SourceFile,
    indent: int,
    frame: Frame,
) -> Iterator[Line]:
    """The rows of one part: each line that is shown, with the next marks if they are in it."""
    waiting = list(groups)
    for number in numbers:
        if number is None:
            yield [(f"{frame.glyphs.gap:>{frame.digits}}", "frame")]
            continue
        marks = waiting.pop(0)[1] if waiting and waiting[0][0] == number else []
        row = source.position(number, 1).row
        yield from _drawn(source.line(number), row, marks, indent, frame)


def _shown_numbers(
    parts: Sequence[Sequence[int]], source: SourceFile, apart: bool, context: bool
) -> Iterator[list[int | None]]:
    """Return the lines to show of each part, None for a gap.

    A single line is shown with its neighbours, if they are not empty.
    """

    def cell(number: int) -> int:
        return source.position(number, 1).cell

    if context and sum(map(len, parts)) == 1:
        number = parts[0][0]
        yield [
            neighbour
            for neighbour in (number - 1, number, number + 1)
            if neighbour == number
            or (any(map(str.isalnum, source.line(neighbour))) and cell(neighbour) == cell(number))
        ]
        return
    previous: int | None = None
    for part in parts:
        shown: list[int | None] = []
        previous = None if apart else previous
        for number in part:
            if previous is not None and number != previous:
                if 0 < number - previous <= SMALL_GAP + 1 and cell(number) == cell(previous):
                    shown.extend(range(previous + 1, number))
                else:
                    shown.append(None)
            shown.append(number)
            previous = number
        yield shown


def _drawn(
    raw: str, number: int, marks: Sequence[Mark], indent: int, frame: Frame
) -> Iterator[Line]:
    """Draw a line of source and its marks; again for marks that are outside of the part shown."""
    waiting = list(marks)
    while True:
        near = waiting[0].span.column if waiting else 1
        row = SourceRow(raw, frame.encoding, indent, frame.room, near)
        places = [(mark, *_columns(mark.span, row)) for mark in waiting]
        first, last = (places[0][1], places[0][2]) if places else (0, 0)
        window = row.window(first, last, frame.glyphs.clipped)
        yield frame.row((window.text, ""), number=number)
        # The first mark is drawn in any case, so that the loop ends.
        drawn = places[:1]
        drawn += [place for place in places[1:] if window.shows(place[1])]
        for mark, start, end in drawn:
            yield from _marked(mark, start, end, window, frame)
        waiting = [mark for mark in waiting if all(mark is not place[0] for place in drawn)]
        if not waiting:
            return


def _columns(span: Span, row: SourceRow) -> tuple[int, int]:
    """Return the first underlined column of a span's first line, and the one after the last."""
    start = row.column(span.column)
    end = row.column(span.end_column) if span.end_line == span.line else row.end
    return start, max(end, start + 1)


def _marked(mark: Mark, start: int, end: int, window: Window, frame: Frame) -> Iterator[Line]:
    start = max(start, window.start) - window.offset
    end = max(min(end, window.end) - window.offset, start + 1)
    sign = frame.glyphs.primary if mark.primary else frame.glyphs.secondary
    underline = (sign * (end - start), frame.severity if mark.primary else "step")
    blocks = [_printable(label, frame) for label in mark.labels]
    room = frame.label_room
    at = end + 1
    beside = [row for block in blocks for row in _label_rows(block, at, room)]
    under_at = _column_under(start, blocks, room)
    under = [row for block in blocks for row in _label_rows(block, under_at, room)]
    in_one_row = len(beside) == len(blocks)
    if blocks and _fits(blocks, at, room) and (in_one_row or len(beside) <= len(under)):
        yield frame.row((" " * start, ""), underline, (" ", ""), *beside[0])
        for row in beside[1:]:
            yield frame.row((" " * at, ""), *row)
        return
    yield frame.row((" " * start, ""), underline)
    for row in under:
        yield frame.row((" " * under_at, ""), *row)


def _printable(label: Label, frame: Frame) -> Label:
    return Label(
        label.sign,
        printable(label.message, frame.encoding),
        printable(label.holding, frame.encoding),
    )


def _fits(labels: Sequence[Label], column: int, room: int | None) -> bool:
    """Return whether no word of labels that begin at a column is broken."""
    return room is None or all(column + label.least_width <= room for label in labels)


def _column_under(start: int, labels: Sequence[Label], room: int | None) -> int:
    """Return the column of labels under a mark: the mark's, or as far to the left as they need."""
    if room is None:
        return start
    widest = max((label.width for label in labels), default=0)
    least = max((label.least_width for label in labels), default=0)
    needed = widest if widest <= room else max(NARROW_LABEL, least)
    return max(0, min(start, room - needed))


def _label_rows(label: Label, column: int, room: int | None) -> Iterator[Line]:
    """Return a label as rows: its sign, its text, and the held locks at the end or below."""
    hang = label.hang
    width = None if room is None else max(room - column - hang, 8)
    lead = [(f"{label.sign} ", "number")] if label.sign else []
    rows: list[Line] = [
        [*(lead if index == 0 else [(" " * hang, "")]), (text, "")]
        for index, text in enumerate(wrap(label.message, width))
    ]
    if label.holding:
        end = line_cells(rows[-1]) - hang + GAP + cells(label.holding)
        if width is None or end <= width:
            rows[-1] += [(" " * GAP, ""), (label.holding, "holding")]
        else:
            for text in wrap(label.holding, width):
                rows.append([(" " * hang, ""), (text, "holding")])
    yield from rows
