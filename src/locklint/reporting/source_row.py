"""A line of source as it is shown: tabs expanded, unsafe characters replaced, clipped to fit."""

from __future__ import annotations

import msgspec

from locklint.reporting.printable import printable
from locklint.reporting.style import cells

TAB = 4

# Lines longer than this many times the room are cut before any work that grows with their length.
_FACTOR = 4


class Window(msgspec.Struct, frozen=True):
    """The shown part of a line; ``start`` and ``end`` are the columns of it that hold code."""

    text: str
    offset: int  # Shown column = column of the whole line - offset.
    start: int
    end: int

    def shows(self, column: int) -> bool:
        """Return whether a column of the whole line is in this part."""
        return self.start <= column < self.end


class SourceRow:
    """A line of source laid out in terminal columns, counted from 0 without the indent."""

    def __init__(self, raw: str, encoding: str, indent: int, room: int, near: int = 1) -> None:
        """Lay out ``raw``; of a very long line only the part around the character ``near``."""
        self._cut_left = self._cut_right = False
        self._skipped = 0
        limit = room * _FACTOR
        if len(raw) > limit:
            self._skipped = max(0, near - 1 - room)
            self._cut_left = self._skipped > 0
            self._cut_right = self._skipped + limit < len(raw)
            raw = raw[self._skipped : self._skipped + limit]
        self._indent = 0 if self._cut_left else indent
        self._room = room
        self._characters: list[str] = []
        self._columns: list[int] = []
        column = 0
        for character in raw.rstrip():
            self._columns.append(column)
            shown = printable(character, encoding) if character != "\t" else ""
            shown = shown or " " * (TAB - column % TAB)
            self._characters.append(shown)
            column += cells(shown)
        self._columns.append(column)

    def column(self, character: int) -> int:
        """The column at which a 1-based character of the raw line starts; clamped to the line."""
        index = min(max(character - 1 - self._skipped, 0), len(self._columns) - 1)
        return max(self._columns[index] - self._indent, 0)

    @property
    def end(self) -> int:
        """The column after the last character that was laid out."""
        return max(self._columns[-1] - self._indent, 0)

    def window(self, first: int, last: int, clipped: str) -> Window:
        """Return the part to show, with the columns from ``first`` to ``last`` in it if possible.

        ``clipped``, one column wide, marks what was left out.
        """
        # A mark may be one column after the end of the line.
        end = max(self.end, last)
        fits = end + self._cut_right <= self._room and not self._cut_left
        if fits:
            return Window("".join(self._visible(0, self.end)), 0, 0, self.end + 1)
        begin = 0
        if self._cut_left or last > self._room - 1:
            begin = max(0, first - min(12, self._room // 4))
        left = begin > 0 or self._cut_left
        right = self._cut_right or self.end > begin + self._room
        start = begin + left
        stop = min(begin + self._room - right, self.end)
        text = clipped * left + "".join(self._visible(start, stop)) + clipped * right
        return Window(text, begin, start, stop + (not right))

    def _visible(self, start: int, stop: int) -> list[str]:
        """Return the characters between two columns; a wide one that is half outside is a blank."""
        start, stop = start + self._indent, stop + self._indent
        shown: list[str] = []
        for index, character in enumerate(self._characters):
            first, end = self._columns[index], self._columns[index + 1]
            if first >= start and end <= stop and (end > first or first < stop):
                shown.append(character)
            else:
                shown.append(" " * (min(end, stop) - max(first, start)))
        return shown


def indent_of(raw: str) -> int:
    """The columns of white space in front of a line."""
    column = 0
    for character in raw:
        if character == "\t":
            column += TAB - column % TAB
        elif character == " ":
            column += 1
        else:
            break
    return column
