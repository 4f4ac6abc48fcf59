"""The steps of a finding about code that is interrupted with a lock held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.analysis.deadlock_story import Story
from locklint.analysis.interrupted import Interrupted
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Step, StepRole
from locklint.ir.cfg import split_key

if TYPE_CHECKING:
    from locklint.analysis.program import Program


def interruption_steps(program: Program, found: Interrupted, registers: str) -> list[Step]:
    """Return the steps: the registration, the holder's acquire, and what then waits.

    ``registers`` says what the registration does.
    """
    entry, holder = found.entry, found.holder
    story = Story(program, found.pair)
    steps: list[Step] = []
    if entry.registration is not None:
        name = program.functions[entry.function].called_name
        span, registrar = entry.registration.span, split_key(entry.registrar)[1]
        step = Step(StepRole.NOTE, entry.path, span, f"{registers} `{name}`", registrar)
        steps.append(step)
    name = story.name(found.lock)
    function = holder.function
    steps.append(
        Step(
            StepRole.NOTE,
            function.path,
            holder.span,
            f"`{function.called_name}` acquires `{name}`, and is interrupted before it releases it",
            function.shown_name,
        )
    )
    return [*steps, *story.steps(), *story.made(found.lock)]


def waiting(program: Program, found: Interrupted) -> str:
    """Return the words for what waits at the place of a finding, and for which lock."""
    if found.pair.inner is None:
        return f"waits for `{display_name(found.lock)}` here"
    *_, last = found.pair.chain()
    name = Story(program, found.pair).name(found.lock)
    return f"waits for `{name}` in `{program.functions[last.function].called_name}`"
