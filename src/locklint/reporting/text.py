"""Findings for people: the fault, its place, and its steps below the code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from locklint.core.diagnostic import Step, StepRole
from locklint.reporting.fix_diff import fix_diff
from locklint.reporting.glyphs import glyphs_for
from locklint.reporting.interleaving import threads
from locklint.reporting.lanes import lanes
from locklint.reporting.places import position
from locklint.reporting.printable import printable
from locklint.reporting.snippet import Frame, Mark, snippets
from locklint.reporting.story import Happening, blocks, drawn, happenings, passed, place
from locklint.reporting.style import Line, line_cells, paint, wrap
from locklint.reporting.summary import closing_lines

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results

# A message that would begin this close to the right edge begins on the next line instead.
SHORT_ROW = 16
INDENT = 4


def render(results: Results, options: RenderOptions) -> str:
    """Return every finding with its snippets, a blank line after each, then the closing lines."""
    lines: list[Line] = []
    for diagnostic in results.diagnostics:
        lines.extend(_finding(diagnostic, results, options))
        lines.append([])
    if options.closing:
        for number, text in enumerate(closing_lines(results, verbose=options.verbose)):
            style = "strong" if results.diagnostics and not number else ""
            lines.extend([(row, style)] for row in wrap(text, options.width))
    return paint(lines, options.color)


def _finding(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> Iterator[Line]:
    frame = Frame(
        digits=max(len(str(row)) for row in _rows(diagnostic, results)),
        width=options.width,
        encoding=options.encoding,
        glyphs=glyphs_for(options.encoding),
        severity=diagnostic.severity.label,
    )
    yield from _header(diagnostic, options)
    steps = happenings(diagnostic, frame)
    yield _place(diagnostic, results, frame)
    several = threads(diagnostic)
    if several:
        yield []
        yield from lanes(
            {number: [each for each in steps if each.step.thread == number] for number in several},
            results,
            frame,
        )
    rest = [each for each in steps if not (several and each.step.thread)]
    yield from _blocks(diagnostic, rest, bool(several), results, frame)
    for step in diagnostic.steps:
        if step.role is StepRole.MADE:
            at = f"{step.path}:{position(step.path, step.span, results)}"
            yield from _note("lock", f"{step.message} at {at}", frame)
    if diagnostic.help:
        yield from _note("help", diagnostic.help, frame)
    if diagnostic.fix:
        applies = diagnostic.fix.applicability.value
        words = "" if applies == "safe" else f" ({applies})"
        yield from _note("fix", f"{diagnostic.fix.message}{words}", frame)
        source = results.sources.get(diagnostic.path)
        if source is not None:
            yield from fix_diff(source, diagnostic.fix, frame)


def _rows(diagnostic: Diagnostic, results: Results) -> Iterator[int]:
    """The line numbers that are shown."""
    yield position(diagnostic.path, diagnostic.span, results).row
    for step in diagnostic.steps:
        if step.role is not StepRole.MADE:
            yield position(step.path, step.span, results).row


def _place(at: Diagnostic | Step, results: Results, frame: Frame) -> Line:
    """Return the place of a finding, or of a step that is elsewhere."""
    arrow = ":::" if isinstance(at, Step) else "-->"
    lead = (f"{'':>{frame.digits}}{arrow} ", "frame")
    return [lead, *place(at.path, at.span, at.function, results, frame.encoding)]


def _home(at: Diagnostic | Step) -> tuple[str, str]:
    return at.path, at.function


def _blocks(
    diagnostic: Diagnostic,
    steps: Sequence[Happening],
    in_lanes: bool,
    results: Results,
    frame: Frame,
) -> Iterator[Line]:
    """The steps that are drawn one below the other, function by function.

    The place of the finding is drawn with them, or first, unless it is ``in_lanes`` already.
    """
    groups = blocks(steps)
    other = None if in_lanes or any(each.primary for each in steps) else Mark(diagnostic.span, True)
    if other is not None and not (groups and groups[0][0].step.path == diagnostic.path):
        source = results.sources.get(diagnostic.path)
        if source is not None and source.line(other.span.line).strip():
            yield frame.row()
            yield from snippets(source, [[other]], frame, context=not groups)[0]
        other = None
    for index, block in enumerate(groups):
        first = block[0].step
        if index and len(block) == 1 and block[0].passing:
            yield from passed(block[0], f"{'':>{frame.digits}}::: ", results, frame)
            continue
        stands_here = other is not None or any(each.primary for each in block)
        if not index and not in_lanes and (stands_here or _home(first) == _home(diagnostic)):
            yield frame.row()
        else:
            yield _place(first, results, frame)
        context = len(groups) == 1
        yield from drawn([block], results, frame, other=None if index else other, context=context)[
            0
        ]


def _header(diagnostic: Diagnostic, options: RenderOptions) -> Iterator[Line]:
    label = diagnostic.severity.label
    line: Line = [(f"{label}[{diagnostic.code}]", label), (" ", "")]
    if diagnostic.fix:
        line.append(("[*] ", "help"))
    line.append((f"{diagnostic.name}:", "strong"))
    message = printable(diagnostic.message, options.encoding)
    width = None if options.width is None else max(options.width - INDENT, SHORT_ROW)
    first = None
    if options.width is not None:
        first = options.width - line_cells(line) - 1
        first = first if first >= SHORT_ROW else 0
    rows = wrap(message, width, first)
    if rows[0]:
        line += [(" ", ""), (rows[0], "strong")]
    yield line
    for row in rows[1:]:
        yield [(" " * INDENT, ""), (row, "strong")]


def _note(word: str, text: str, frame: Frame) -> Iterator[Line]:
    lead: Line = [(f"{'':>{frame.digits}} = ", "frame"), (f"{word}:", "help"), (" ", "")]
    hang = line_cells(lead)
    width = None if frame.width is None else max(frame.width - hang, SHORT_ROW)
    for index, row in enumerate(wrap(printable(text, frame.encoding), width)):
        yield [*(lead if index == 0 else [(" " * hang, "")]), (row, "")]
