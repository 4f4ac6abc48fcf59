"""Drawing of a fix as the lines that it removes and adds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from locklint.reporting.source_row import SourceRow, indent_of
from locklint.reporting.style import Line

if TYPE_CHECKING:
    from locklint.core.diagnostic import Fix
    from locklint.core.source import SourceFile
    from locklint.reporting.snippet import Frame

_STYLES = {"-": "removed", "+": "added", " ": ""}


def fixed(source: SourceFile, fix: Fix) -> str:
    """The text of a file with the edits of a fix applied; they do not overlap."""
    starts = [0]
    for line in source.lines:
        starts.append(starts[-1] + len(line) + 1)

    def offset(line: int, column: int) -> int:
        line = min(max(line, 1), len(source.lines))
        return min(starts[line - 1] + column - 1, starts[line] - 1)

    text = source.text
    for edit in sorted(fix.edits, key=lambda edit: edit.span, reverse=True):
        start = offset(edit.span.line, edit.span.column)
        end = max(start, offset(edit.span.end_line, edit.span.end_column))
        text = text[:start] + edit.content + text[end:]
    return text


def fix_diff(source: SourceFile, fix: Fix, frame: Frame) -> Iterator[Line]:
    """Return the changed lines with one line around them, after the bar, if any changes."""
    import difflib

    after = fixed(source, fix).split("\n")
    lines = list(difflib.unified_diff(source.lines, after, n=1, lineterm=""))[2:]
    shown = [line[1:] for line in lines if not line.startswith("@@") and line[1:].strip()]
    indent = min(map(indent_of, shown), default=0)
    for number, line in enumerate(lines):
        if line.startswith("@@"):
            if number:
                yield [(f"{frame.glyphs.gap:>{frame.digits}}", "frame")]
            continue
        if line[0] == " " and not line[1:].strip():
            continue  # A blank line around the change says nothing.
        row = SourceRow(line[1:], frame.encoding, indent, max(frame.room - 2, 8))
        text = row.window(0, 0, frame.glyphs.clipped).text
        yield frame.row((f"{line[0]} {text}".rstrip(), _STYLES[line[0]]))
