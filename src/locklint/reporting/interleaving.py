"""The order in which the steps of a finding happen, and its description in plain words.

A deadlock needs several threads, each at its place at the same time. Rules describe one thread
after the other; here the steps at which a thread waits come last, because that is when they happen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.core.diagnostic import StepRole
from locklint.reporting.places import position, relative

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locklint.core.diagnostic import Diagnostic, Step
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results


def threads(diagnostic: Diagnostic) -> dict[int, list[Step]]:
    """Return the steps of each thread in order; empty if there is only one thread."""
    lanes: dict[int, list[Step]] = {}
    for step in diagnostic.steps:
        if step.thread:
            lanes.setdefault(step.thread, []).append(step)
    return dict(sorted(lanes.items())) if len(lanes) > 1 else {}


def thread_name(step: Step) -> str:
    """Return ``thread 1`` or ``task 1``."""
    return f"{'task' if step.in_task else 'thread'} {step.thread}"


def order(diagnostic: Diagnostic) -> list[int]:
    """The indices of the steps as they happen: of several threads the waits last, then the rest.

    The rest are steps of no thread, such as where each lock is made.
    """
    steps = diagnostic.steps
    indices = range(len(steps))
    if not threads(diagnostic):
        return sorted(indices, key=lambda at: steps[at].role == StepRole.MADE)
    return sorted(indices, key=lambda at: (steps[at].thread == 0, waits(steps[at])))


def numbers(diagnostic: Diagnostic) -> dict[int, int]:
    """The number of each step in the telling, from 1, by its index among the steps."""
    return {index: number for number, index in enumerate(order(diagnostic), start=1)}


def waits(step: Step) -> bool:
    """Return whether a thread waits at this step."""
    return step.role is StepRole.WAIT


def holdings(diagnostic: Diagnostic) -> list[str]:
    """Return the locks held at each step, in brackets; empty where they have not changed.

    It is none after the step before, and after the acquire of the only lock, which names it.
    """
    found: list[str] = []
    before: dict[int, tuple[str, ...]] = {}
    for step in diagnostic.steps:
        old = before.get(step.thread, ())
        if step.role is StepRole.MADE:
            found.append("")
            continue
        before[step.thread] = step.held
        said = (step.role is StepRole.ACQUIRE and len(step.held) == 1 and not old) or (
            step.role is StepRole.RELEASE and len(old) == 1 and not step.held
        )
        changed = step.held != old and not said
        found.append(f"[holding: {', '.join(step.held) or 'nothing'}]" if changed else "")
    return found


def standstill(diagnostic: Diagnostic) -> str:
    """Return a sentence that says which thread waits for which; empty if no step waits."""
    if not threads(diagnostic):
        return ""
    return "; ".join(
        f"{thread_name(step)} {step.message}"
        for step in diagnostic.steps
        if step.thread and waits(step)
    )


def telling(diagnostic: Diagnostic, results: Results, options: RenderOptions) -> Iterator[str]:
    """The steps, a line each, in the order in which they happen, numbered where there are several.

    For example ``2. thread 1, src/bank.py:14:9 in move: acquires `b` [holding: a, b]``.
    """
    held = holdings(diagnostic)
    several = bool(threads(diagnostic))
    for number, index in enumerate(order(diagnostic), start=1):
        step = diagnostic.steps[index]
        lead = f"{number}. " if len(diagnostic.steps) > 1 else ""
        thread = f"{thread_name(step)}, " if several and step.thread else ""
        place = f"{relative(step.path, options)}:{position(step.path, step.span, results)}"
        function = f" in {step.function}" if step.function else ""
        yield f"{lead}{thread}{place}{function}: {f'{step.message} {held[index]}'.rstrip()}"
