"""The table of the speed benchmark: aligned for a terminal, or Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.costs import Comparison

HEADINGS = (
    *("corpus", "what", "against", "CPU s", "wall s", "MiB"),
    *("CPU ratio", "wall ratio", "memory ratio", "wall longer by", "note"),
)


@dataclass(frozen=True)
class Row:
    """One comparison, or the reason why there is none.

    Attributes:
        corpus: What was looked at.
        what: What of locklint was measured.
        against: What it was compared with.
        comparison: The figures; None if there are none.
        note: What a reader has to know about them.
    """

    corpus: str
    what: str
    against: str
    comparison: Comparison | None
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """What stands in its columns; locklint's figure stands before the slash."""
        if self.comparison is None:
            return (self.corpus, self.what, self.against, *[""] * 7, self.note)
        ours, theirs, ratio = (
            self.comparison.ours,
            self.comparison.theirs,
            self.comparison.ratio,
        )
        return (
            *(self.corpus, self.what, self.against),
            f"{figure(ours.processor)} / {figure(theirs.processor)}",
            f"{figure(ours.wall)} / {figure(theirs.wall)}",
            f"{ours.peak:.0f} / {theirs.peak:.0f}",
            *(figure(ratio.processor), figure(ratio.wall), figure(ratio.peak)),
            f"{self.comparison.wall_difference:+.2f} s",
            self.note,
        )


def figure(value: float) -> str:
    """About three significant digits, without an exponent."""
    decimals = next(
        (places for limit, places in ((100, 0), (10, 1), (1, 2), (0.1, 3)) if value >= limit), 4
    )
    return f"{value:.{decimals}f}"


def print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> None:
    """Print a table to standard output."""
    if markdown:
        print(markdown_table(headings, rows))
        return
    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=180)
    console.print(table)


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
