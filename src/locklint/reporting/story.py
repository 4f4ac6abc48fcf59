"""Drawing of a finding's steps: the code of each, with its label beside it or below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from locklint.core.diagnostic import StepRole
from locklint.reporting.interleaving import holdings, numbers
from locklint.reporting.places import position
from locklint.reporting.printable import printable
from locklint.reporting.snippet import Frame, Label, Mark, snippets
from locklint.reporting.style import Line, cells, wrap

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic, Step
    from locklint.core.source import SourceFile, Span
    from locklint.reporting.results import Results

# In a finding of more steps, functions that only call the next one are shown without their code.
MOST_SHOWN = 8


class Happening(msgspec.Struct, frozen=True):
    """A step and its label; ``primary`` marks the place of the finding."""

    step: Step
    label: Label
    primary: bool
    passing: bool  # One call of many, in a function of which nothing else is shown.


def happenings(diagnostic: Diagnostic, frame: Frame) -> list[Happening]:
    """Return the steps in order, without those that say where locks are made."""
    signs, held = numbers(diagnostic), holdings(diagnostic)
    shown = [at for at, step in enumerate(diagnostic.steps) if step.role is not StepRole.MADE]
    many = len(shown) > MOST_SHOWN
    found: list[Happening] = []
    for at in shown:
        step = diagnostic.steps[at]
        sign = frame.glyphs.number(signs[at]) if len(shown) > 1 else ""
        primary = (step.path, step.span) == (diagnostic.path, diagnostic.span)
        around = diagnostic.steps[max(at - 1, 0) : at + 2]
        passing = (
            many
            and step.role is StepRole.CALL
            and not held[at]
            and not primary
            and sum(_home(other) == _home(step) for other in around) == 1
        )
        found.append(Happening(step, Label(sign, step.message, held[at]), primary, passing))
    return found


def blocks(steps: Iterable[Happening]) -> list[list[Happening]]:
    """The steps that follow each other in one function together."""
    return [list(block) for _, block in groupby(steps, key=lambda each: _home(each.step))]


def place(
    path: str, span: Span, function: str, results: Results, encoding: str
) -> list[tuple[str, str]]:
    """Return a place as text: the file with line and column, then the function."""
    found = [(f"{path}:{position(path, span, results)}", "")]
    if function:
        found.append((f" in {function}", "faint"))
    return [(printable(text, encoding), style) for text, style in found]


def drawn(
    parts: Sequence[Sequence[Happening]],
    results: Results,
    frame: Frame,
    *,
    other: Mark | None = None,
    apart: bool = False,
    context: bool = False,
) -> list[list[Line]]:
    """Return the rows of each part of one block: its code, or a note if there is none.

    ``other`` is a mark without a label that is drawn too. Without ``apart`` the parts follow each
    other, and the code between them is shown or elided.
    """
    path = parts[0][0].step.path
    source = results.sources.get(path)
    if source is None or not _has_text(source, [each for part in parts for each in part]):
        return [[row for each in part for row in _told(each, frame)] for part in parts]
    marks = [_marks(part) for part in parts]
    if other is not None:
        after = [at for at, mark in enumerate(marks[0]) if mark.span > other.span]
        marks[0].insert(after[0] if after else len(marks[0]), other)
    return snippets(source, marks, frame, apart=apart, context=context)


def passed(step: Happening, lead: str, results: Results, frame: Frame) -> Iterator[Line]:
    """Return a passing call in a row or two, after ``lead``: the callee, and the place."""
    label = step.label
    where = f"({step.step.path}:{position(step.step.path, step.step.span, results)})"
    hang = cells(lead) + label.hang
    width = None if frame.width is None else frame.width - hang
    text = printable(label.message, frame.encoding)
    where = printable(where, frame.encoding)
    begin: Line = [(lead, "frame"), (f"{label.sign} ", "number")]
    rows = wrap(text, width)
    for index, row in enumerate(rows):
        line = [*(begin if index == 0 else [(" " * hang, "")]), (row, "")]
        if index == len(rows) - 1 and (width is None or cells(row) + 1 + cells(where) <= width):
            line.append((f" {where}", "faint"))
            yield line
            return
        yield line
    yield [(" " * hang, ""), (where, "faint")]


def _home(step: Step) -> tuple[str, str]:
    return step.path, step.function


def _marks(steps: Sequence[Happening]) -> list[Mark]:
    """The marks of steps in order; those that follow each other at one place share one."""
    marks: list[Mark] = []
    for _, here in groupby(steps, key=lambda each: each.step.span):
        same = list(here)
        marks.append(Mark(same[0].step.span, same[0].primary, tuple(each.label for each in same)))
    return marks


def _has_text(source: SourceFile, steps: Sequence[Happening]) -> bool:
    return any(source.line(each.step.span.line).strip() for each in steps)


def _told(step: Happening, frame: Frame) -> Iterator[Line]:
    """A step without its code."""
    label = step.label
    words = (label.sign, f"line {step.step.span.line}:", label.message, label.holding)
    text = printable(" ".join(word for word in words if word), frame.encoding)
    lead = f"{'':>{frame.digits}} = "
    width = None if frame.width is None else max(frame.width - len(lead), 8)
    for index, row in enumerate(wrap(text, width)):
        yield [(lead if index == 0 else " " * len(lead), "frame"), (row, "")]
