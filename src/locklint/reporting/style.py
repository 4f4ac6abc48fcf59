"""Styled text: lines as pieces with the name of a style, and how they become terminal output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

Piece = tuple[str, str]  # A text and the name of its style; the empty name is plain text.
Line = list[Piece]

STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "info": "bold cyan",
    "strong": "bold",
    "frame": "bright_blue",
    "step": "bright_blue",
    "number": "bold",
    "holding": "magenta",
    "help": "bold green",
    "removed": "red",
    "added": "green",
    "faint": "dim",
}


def paint(lines: Sequence[Line], color: bool) -> str:
    """The lines as one text, each with a line end, with ANSI colours if wanted."""
    return "".join(_painted(line, color) + "\n" for line in lines)


def cells(text: str) -> int:
    """Return the number of terminal columns of a text."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def line_cells(line: Line) -> int:
    """Return the number of terminal columns of a line."""
    return sum(cells(text) for text, _ in line)


def wrap(text: str, width: int | None, first: int | None = None) -> list[str]:
    """Break a text at blanks into rows of at most ``width`` columns, the first of ``first``.

    Words are never broken, and code in backticks not where it fits in a row: what is longer has a
    row of its own. There is always at least one row; with no room for a word in a shorter first
    row, that row is empty. None is no limit.
    """
    if width is None:
        return [text]
    rows: list[str] = []
    row, room = "", width if first is None else first
    for word in _words(text, width):
        extended = f"{row} {word}" if row else word
        if cells(extended) > room and (row or room < width):
            rows.append(row)
            row, room = word, width
        else:
            row = extended
    rows.append(row)
    return rows


def longest_word(text: str) -> int:
    """The columns of the longest word."""
    return max(map(cells, text.split(" ")))


def _words(text: str, width: int) -> Iterator[str]:
    """The pieces of a text between which a row may end."""
    pending: list[str] = []
    inside = False
    for word in text.split(" "):
        pending.append(word)
        inside ^= word.count("`") % 2 == 1
        if not inside:
            piece = " ".join(pending)
            yield from [piece] if cells(piece) <= width else pending
            pending = []
    yield from pending


def _painted(line: Line, color: bool) -> str:
    if not color:
        return "".join(text for text, _ in line).rstrip()
    return "".join(_ansi(text, style) if style else text for text, style in line)


@lru_cache(maxsize=2048)
def _ansi(text: str, style: str) -> str:
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(STYLES[style]).render(text, color_system=ColorSystem.STANDARD)
