"""The order in which the steps of a finding happen, and its telling in plain words.

A deadlock needs several threads, each at its place at the same time. Rules tell one thread after
the other; here the steps at which a thread waits come last, because that is when they happen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.reporting.places import position, relative

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locklint.core.diagnostic import Diagnostic, Step
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results


def threads(diagnostic: Diagnostic) -> dict[int, list[Step]]:
    """The steps of each thread in order; only for a story of several threads, else empty."""
    lanes: dict[int, list[Step]] = {}
    for step in diagnostic.steps:
        if step.thread:
            lanes.setdefault(step.thread, []).append(step)
    return dict(sorted(lanes.items())) if len(lanes) > 1 else {}


def order(diagnostic: Diagnostic) -> list[int]:
    """The indices of the steps as they happen: of several threads the waits last, then the rest.

    The rest are steps of no thread, such as where each lock is made.
    """
    steps = diagnostic.steps
    indices = range(len(steps))
    if not threads(diagnostic):
        return list(indices)
    return sorted(indices, key=lambda at: (steps[at].thread == 0, bool(steps[at].waits_for)))


def numbers(diagnostic: Diagnostic) -> dict[int, int]:
    """The number of each step in the telling, from 1, by its index among the steps."""
    return {index: number for number, index in enumerate(order(diagnostic), start=1)}


def standstill(diagnostic: Diagnostic) -> str:
    """One sentence that says who waits for whom; empty where the story tells of no waiting."""
    lanes = threads(diagnostic)
    clauses: list[str] = []
    for number, steps in lanes.items():
        wanted = next((step.waits_for for step in reversed(steps) if step.waits_for), "")
        if not wanted:
            continue
        holders = [
            f"thread {other}"
            for other, theirs in lanes.items()
            if other != number and wanted in theirs[-1].held
        ]
        held = f", which {' and '.join(holders)} {_holds(holders)}" if holders else ""
        clauses.append(f"thread {number} waits for `{wanted}`{held}")
    return "; ".join(clauses)


def telling(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> Iterator[str]:
    """The steps, a line each, in the order in which they happen, numbered where there are several.

    For example ``2. thread 1, src/bank.py:14:9 in move: takes `b` [holding: a]``.
    """
    steps = [diagnostic.steps[index] for index in order(diagnostic)]
    several = bool(threads(diagnostic))
    for number, step in enumerate(steps, start=1):
        lead = f"{number}. " if len(steps) > 1 else ""
        thread = f"thread {step.thread}, " if several and step.thread else ""
        place = f"{relative(step.path, options)}:{position(step.path, step.span, results)}"
        function = f" in {step.function}" if step.function else ""
        yield f"{lead}{thread}{place}{function}: {' '.join([step.message, *tags(step)])}"
    conclusion = standstill(diagnostic)
    if conclusion:
        yield f"So {conclusion}."


def tags(step: Step) -> list[str]:
    """What is held after a step, and what its thread waits for, each in brackets."""
    found: list[str] = []
    if step.held:
        found.append(f"[holding: {', '.join(step.held)}]")
    if step.waits_for:
        found.append(f"[waits for: {step.waits_for}]")
    return found


def _holds(holders: list[str]) -> str:
    return "holds" if len(holders) == 1 else "hold"
