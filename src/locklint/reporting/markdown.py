"""Findings as Markdown, for comments on a review and for the summary of a job."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from locklint.reporting import places
from locklint.reporting.interleaving import telling
from locklint.reporting.printable import printable
from locklint.reporting.summary import closing_lines, found_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locklint.core.diagnostic import Diagnostic
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results

_CODE = re.compile(r"`([^`]*)`")
_SPECIAL = re.compile(r"([\\*_\[\]~#])")

STORIES = 20
"""The number of findings with steps in a summary; GitHub accepts at most a megabyte of it."""

ROWS = 500
"""Findings that a summary lists."""


def render(results: Results, options: RenderOptions) -> str:
    """Return a table of all findings, worst first, and below it the steps of each, folded."""
    return _page(results, options, None, None)


def summary(results: Results, options: RenderOptions) -> str:
    """The same for a place with little room: the worst findings, and how many more there are."""
    return _page(results, options, ROWS, STORIES)


def _page(results: Results, options: RenderOptions, rows: int | None, stories: int | None) -> str:
    found = places.worst_first(results)
    lines = ["## locklint", "", _inline(found_line(results)), ""]
    if found:
        lines += ["| severity | rule | place | finding |", "|---|---|---|---|"]
        lines += [_row(each, results, options) for each in found[:rows]]
        lines.append("")
        if rows is not None and len(found) > rows:
            lines += [f"… and {len(found) - rows} more.", ""]
        for diagnostic in found[:stories]:
            lines.extend(_story(diagnostic, results, options))
        if stories is not None and len(found) > stories:
            lines += [f"The steps of {len(found) - stories} more findings are left out.", ""]
    for line in closing_lines(results, verbose=options.verbose)[1:]:
        lines.append(_inline(line))
    return "".join(f"{line}\n" for line in lines)


def _place(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> str:
    place = places.position(diagnostic.path, diagnostic.span, results)
    return printable(f"{places.relative(diagnostic.path, options)}:{place}", "utf-8")


def _row(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> str:
    cells = (
        diagnostic.severity.label,
        f"{diagnostic.code} {_inline(diagnostic.name)}",
        f"`{_one_line(_place(diagnostic, results, options)).replace('`', '')}`",
        _inline(diagnostic.message),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _story(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> Iterator[str]:
    steps = list(telling(diagnostic, results, options))
    if not steps:
        return
    place = html.escape(_one_line(_place(diagnostic, results, options)))
    # Within the line of a summary only HTML is read.
    pieces = _CODE.split(printable(_one_line(diagnostic.message), "utf-8"))
    message = "".join(
        f"<code>{html.escape(piece)}</code>" if index % 2 else _entities(piece)
        for index, piece in enumerate(pieces)
    )
    yield f"<details><summary>{diagnostic.code} <code>{place}</code>: {message}</summary>"
    yield ""
    for step in steps:
        number, dot, rest = step.partition(". ")
        if dot and number.isdecimal():
            yield f"{number}. {_inline(rest)}"
        elif step is steps[0]:
            yield f"- {_inline(step)}"
        else:
            yield from ("", _inline(step))
    if diagnostic.help:
        yield from ("", f"**help:** {_inline(diagnostic.help)}")
    yield from ("", "</details>", "")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _inline(text: str) -> str:
    """A text of one line in which only pieces in backticks are more than plain characters."""
    pieces = printable(_one_line(text), "utf-8").split("`")
    closed = len(pieces) % 2 == 1
    written: list[str] = []
    for index, piece in enumerate(pieces):
        inside = index % 2 == 1 and (closed or index < len(pieces) - 1)
        written.append(f"`{piece}`" if inside else _SPECIAL.sub(r"\\\1", _entities(piece)))
    return "".join(written)


def _entities(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # Names of files must not call people: only text that follows at once is read as a name.
    return text.replace("@", "@\u200b")
