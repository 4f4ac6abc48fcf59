"""Findings for people: what is wrong, where, and the story step by step below the code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from locklint.reporting.fix_diff import fix_diff
from locklint.reporting.glyphs import glyphs_for
from locklint.reporting.interleaving import numbers, standstill, threads
from locklint.reporting.lanes import lanes
from locklint.reporting.places import position
from locklint.reporting.printable import printable
from locklint.reporting.snippet import Frame, Label, Mark, snippet
from locklint.reporting.style import Line, line_cells, paint, wrap
from locklint.reporting.summary import closing_lines

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic, Step
    from locklint.core.source import SourceFile, Span
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results

# A message that would begin this close to the right edge begins on the next line instead.
SHORT_ROW = 16
INDENT = 4


def render(results: Results, options: RenderOptions) -> str:
    """Every finding with its snippets, a blank line behind each, then the closing lines."""
    lines: list[Line] = []
    for diagnostic in results.diagnostics:
        lines.extend(_finding(diagnostic, results, options))
        lines.append([])
    if options.closing:
        for number, text in enumerate(closing_lines(results)):
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
    numbered = len(diagnostic.steps) > 1
    signs = numbers(diagnostic)
    several = threads(diagnostic)
    labels = [
        (step, Label.of(step, frame.glyphs.number(signs[index]) if numbered else ""))
        for index, step in enumerate(diagnostic.steps)
        if not (several and step.thread)
    ]
    paths = dict.fromkeys([diagnostic.path, *(step.path for step, _ in labels)])
    if several:
        yield _place(diagnostic, None, results, frame)
        yield []
        yield from lanes(diagnostic, several, results, frame)
        conclusion = standstill(diagnostic)
        if conclusion:
            yield from _note("so", conclusion, frame)
        paths = dict.fromkeys(step.path for step, _ in labels)
    for path in paths:
        here = [(step, label) for step, label in labels if step.path == path]
        first = here[0][0] if several or path != diagnostic.path else None
        yield _place(diagnostic, first, results, frame)
        marks = _marks(None if several else diagnostic, path, here)
        source = results.sources.get(path)
        if source is not None and _has_text(source, marks):
            yield frame.row()
            yield from snippet(source, marks, frame)
        else:
            yield from _without_source(here, frame)
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
        yield position(step.path, step.span, results).row


def _place(diagnostic: Diagnostic, step: Step | None, results: Results, frame: Frame) -> Line:
    """Where a finding is, or a step that lies elsewhere."""
    at = diagnostic if step is None else step
    arrow = "-->" if step is None else ":::"
    where = f"{at.path}:{position(at.path, at.span, results)}"
    place = [(f"{'':>{frame.digits}}{arrow} ", "frame"), (where, "")]
    if at.function:
        place.append((f" in {at.function}", "faint"))
    return [(printable(text, frame.encoding), style) for text, style in place]


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


def _marks(
    diagnostic: Diagnostic | None, path: str, steps: Sequence[tuple[Step, Label]]
) -> list[Mark]:
    """The marks of one file: steps at the same place share one, the primary place has its own.

    None is a finding whose primary place is drawn elsewhere.
    """
    labels: dict[Span, list[Label]] = {}
    primary = diagnostic.span if diagnostic is not None and path == diagnostic.path else None
    if primary is not None:
        labels[primary] = []
    for step, label in steps:
        labels.setdefault(step.span, []).append(label)
    return [Mark(span, span == primary, tuple(here)) for span, here in labels.items()]


def _has_text(source: SourceFile, marks: Sequence[Mark]) -> bool:
    return any(source.line(mark.span.line).strip() for mark in marks)


def _without_source(steps: Sequence[tuple[Step, Label]], frame: Frame) -> Iterator[Line]:
    for step, label in steps:
        line = f"line {step.span.line}:"
        words = (label.sign, line, label.message, label.holding, label.waiting)
        yield from _note("note", " ".join(word for word in words if word), frame)


def _note(word: str, text: str, frame: Frame) -> Iterator[Line]:
    lead: Line = [(f"{'':>{frame.digits}} = ", "frame"), (f"{word}:", "help"), (" ", "")]
    hang = line_cells(lead)
    width = None if frame.width is None else max(frame.width - hang, SHORT_ROW)
    for index, row in enumerate(wrap(printable(text, frame.encoding), width)):
        yield [*(lead if index == 0 else [(" " * hang, "")]), (row, "")]
