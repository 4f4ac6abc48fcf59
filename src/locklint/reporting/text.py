"""Findings for people: what is wrong, where, and the story step by step below the code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from locklint.reporting.glyphs import glyphs_for
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
        found, analysed = closing_lines(results)
        lines.append([(found, "strong" if results.diagnostics else "")])
        lines.append([(analysed, "")])
    return paint(lines, options.color)


def _finding(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> Iterator[Line]:
    frame = Frame(
        digits=max(len(str(span.line)) for span in _spans(diagnostic)),
        width=options.width,
        encoding=options.encoding,
        glyphs=glyphs_for(options.encoding),
        severity=diagnostic.severity.label,
    )
    yield from _header(diagnostic, options)
    numbered = len(diagnostic.steps) > 1
    labels = [
        (step, _label(step, frame.glyphs.number(index) if numbered else ""))
        for index, step in enumerate(diagnostic.steps, start=1)
    ]
    for path in dict.fromkeys([diagnostic.path, *(step.path for step in diagnostic.steps)]):
        here = [(step, label) for step, label in labels if step.path == path]
        arrow = "-->" if path == diagnostic.path else ":::"
        span = diagnostic.span if path == diagnostic.path else here[0][0].span
        function = diagnostic.function if path == diagnostic.path else here[0][0].function
        place = [(f"{'':>{frame.digits}}{arrow} ", "frame"), (f"{path}:{span}", "")]
        if function:
            place.append((f" in {function}", "faint"))
        yield [(printable(text, options.encoding), style) for text, style in place]
        marks = _marks(diagnostic, path, here)
        source = results.sources.get(path)
        if source is not None and _has_text(source, marks):
            yield frame.row()
            yield from snippet(source, marks, frame)
        else:
            yield from _without_source(here, frame)
    if diagnostic.help:
        yield from _note("help", diagnostic.help, frame)


def _spans(diagnostic: Diagnostic) -> list[Span]:
    return [diagnostic.span, *(step.span for step in diagnostic.steps)]


def _label(step: Step, sign: str) -> Label:
    holding = f"[holding: {', '.join(step.held)}]" if step.held else ""
    return Label(sign, step.message, holding)


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


def _marks(diagnostic: Diagnostic, path: str, steps: Sequence[tuple[Step, Label]]) -> list[Mark]:
    """The marks of one file: steps at the same place share one, the primary place has its own."""
    labels: dict[Span, list[Label]] = {}
    if path == diagnostic.path:
        labels[diagnostic.span] = []
    for step, label in steps:
        labels.setdefault(step.span, []).append(label)
    return [
        Mark(span, path == diagnostic.path and span == diagnostic.span, tuple(here))
        for span, here in labels.items()
    ]


def _has_text(source: SourceFile, marks: Sequence[Mark]) -> bool:
    return any(source.line(mark.span.line).strip() for mark in marks)


def _without_source(steps: Sequence[tuple[Step, Label]], frame: Frame) -> Iterator[Line]:
    for step, label in steps:
        words = (label.sign, f"line {step.span.line}:", label.message, label.holding)
        yield from _note("note", " ".join(word for word in words if word), frame)


def _note(word: str, text: str, frame: Frame) -> Iterator[Line]:
    lead: Line = [(f"{'':>{frame.digits}} = ", "frame"), (f"{word}:", "help"), (" ", "")]
    hang = line_cells(lead)
    width = None if frame.width is None else max(frame.width - hang, SHORT_ROW)
    for index, row in enumerate(wrap(printable(text, frame.encoding), width)):
        yield [*(lead if index == 0 else [(" " * hang, "")]), (row, "")]
