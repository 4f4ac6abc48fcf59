"""Source text and places in it.

Lines and columns are 1-based and count characters (code points), and a span's end is half-open, as
editors and SARIF expect. Byte offsets, which `ast` reports, are converted here and nowhere else.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Annotated, TypeAlias, overload

import msgspec

_LONG_LINE = 1000

NOT_CODE = (
    r"#.*"
    r'|"""[^"\\]*(?:(?:\\[\s\S]|"(?!""))[^"\\]*)*"""'
    r"|'''[^'\\]*(?:(?:\\[\s\S]|'(?!''))[^'\\]*)*'''"
    r'|"[^"\\\n]*(?:\\[\s\S][^"\\\n]*)*"'
    r"|'[^'\\\n]*(?:\\[\s\S][^'\\\n]*)*'"
)
"""An expression for the comments and strings of a text."""

Place: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
"""A 1-based line or column; others are refused where data is decoded."""

PlaceOrZero: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
"""The same, or 0 where there is none."""


class Span(msgspec.Struct, frozen=True, order=True, gc=False):
    """A half-open range of characters; lines and columns are 1-based."""

    line: Place
    column: Place
    end_line: Place
    end_column: Place

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"

    def contains(self, other: Span) -> bool:
        """Return whether ``other`` is within this span."""
        return (self.line, self.column) <= (other.line, other.column) and (
            other.end_line,
            other.end_column,
        ) <= (self.end_line, self.end_column)


class Cell(msgspec.Struct, frozen=True):
    """A code cell of a notebook: its number among all cells, from 1, and its first line."""

    number: int
    line: Place


class Position(msgspec.Struct, frozen=True):
    """A line and a column as users see them: within a cell of a notebook, or cell 0."""

    cell: int
    row: int
    column: int

    def __str__(self) -> str:
        place = f"{self.row}:{self.column}"
        return f"cell {self.cell}:{place}" if self.cell else place


class Lines(Sequence[str]):
    """The lines of a text without their ends, each cut out when it is read.

    A file's text stays in memory for the whole run. Its lines as separate strings would need twice
    that memory in addition.
    """

    __slots__ = ("_starts", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        lengths = [len(line) + 1 for line in text.split("\n")]
        self._starts = array("I", accumulate(lengths, initial=0))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            first, end, step = index.indices(len(self))
            if step != 1:
                return [self[each] for each in range(first, end, step)]
            if first >= end:
                return []
            return self._text[self._starts[first] : self._starts[end] - 1].split("\n")
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError("there is no such line")
        return self._text[self._starts[index] : self._starts[index + 1] - 1]

    def length(self, first: int, last: int) -> int:
        """The number of characters of the lines between two numbers, their ends included."""
        return self._starts[last] - self._starts[first - 1]

    def numbered(self, number: int) -> str:
        """A line by its number, from 1 on; the empty string where there is none."""
        starts = self._starts
        if not 1 <= number < len(starts):
            return ""
        return self._text[starts[number - 1] : starts[number] - 1]


@dataclass(frozen=True)
class SourceFile:
    """A decoded source file.

    ``path`` is the path as it is shown to the user, ``module`` the dotted name under which other
    files of the project import it, ``text`` the decoded text with ``\\n`` line ends and no BOM.
    ``unique`` is set where another file of the run has the same module name. ``cells`` are those of
    a notebook in order, whose texts follow each other in ``text``; a plain file has none.
    ``oldest`` is the minor version of the oldest Python 3 that the code runs on.
    """

    path: str
    module: str
    text: str
    is_package: bool = False
    unique: str = ""
    cells: tuple[Cell, ...] = ()
    oldest: int = 0

    @property
    def key(self) -> str:
        """The name of the file in keys of functions: unlike ``module`` no two files share it."""
        return self.unique or self.module

    @cached_property
    def lines(self) -> Lines:
        """The lines without their ends; line ``n`` of a `Span` is ``lines[n - 1]``."""
        return Lines(self.text)

    def line(self, number: int) -> str:
        """The text of a 1-based line; the empty string where the file has no such line."""
        return self.lines.numbered(number)

    def position(self, line: int, column: int) -> Position:
        """Return a place of ``text`` as users see it."""
        index = bisect_right(self.cells, line, key=lambda cell: cell.line) - 1
        if index < 0:
            return Position(0, line, column)
        cell = self.cells[index]
        return Position(cell.number, line - cell.line + 1, column)

    def column_of_byte(self, line: int, offset: int) -> int:
        """The 1-based character column of a 0-based UTF-8 byte offset in a 1-based line."""
        if self.text.isascii():
            return offset + 1
        text = self.line(line)
        if text.isascii():
            return offset + 1
        skipped = 0
        if len(text) > _LONG_LINE:
            marks = self._marks(line)
            mark = bisect_right(marks, offset) - 1
            skipped = mark * _LONG_LINE
            text = text[skipped : skipped + _LONG_LINE]
            offset -= marks[mark]
        return skipped + len(text.encode("utf-8")[:offset].decode("utf-8", "ignore")) + 1

    def _marks(self, line: int) -> list[int]:
        """The byte offset of every `_LONG_LINE`-th character of a line."""
        marks = self._marks_by_line.get(line)
        if marks is None:
            text = self.line(line)
            marks = [0]
            for start in range(0, len(text) - _LONG_LINE + 1, _LONG_LINE):
                marks.append(marks[-1] + len(text[start : start + _LONG_LINE].encode("utf-8")))
            self._marks_by_line[line] = marks
        return marks

    @cached_property
    def _marks_by_line(self) -> dict[int, list[int]]:
        return {}
