"""The steps of a finding about a generator that is suspended with a lock held."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locklint.analysis.consumers import Consuming
from locklint.analysis.lock_name import lock_name
from locklint.analysis.story import display_name, made_step, step
from locklint.analysis.suspended import Suspended
from locklint.core.diagnostic import Step, StepRole
from locklint.core.source import Span

if TYPE_CHECKING:
    from locklint.analysis.program import Program


class _Place(NamedTuple):
    """A place in a function, by the function's key."""

    function: str
    span: Span


_DOES = {
    Consuming.AWAITS: "this awaits between two items, and other tasks run meanwhile",
    Consuming.ACQUIRES: "between two items this waits for the lock, which the generator holds",
    Consuming.LEAVES: "this may end early, and does not close the generator",
    Consuming.KEEPS: "this keeps the generator, and need not run it to its end",
    Consuming.PASSES: "this passes the generator on to consumers that are not known",
}


def suspension_steps(program: Program, found: Suspended, stops: str) -> list[Step]:
    """Return the steps: the acquire, the yield, of which ``stops`` is said, and one consumer."""
    function, lock = program.functions[found.function], found.held.lock
    held = (display_name(lock),)
    steps: list[Step] = []
    if found.held.since is not None:
        message = f"`{held[0]}` is acquired"
        steps.append(step(function, StepRole.ACQUIRE, found.held.since.span, message, lock, held))
    steps.append(step(function, StepRole.WAIT, found.span, stops, None, held))
    for each in found.consumers[:1]:
        consumer = program.functions[each.function]
        steps.append(step(consumer, StepRole.NOTE, each.span, _DOES[each.consuming], None, held))
    waiting = _waits_for(program, found)
    if waiting is not None:
        other = program.functions[waiting.function]
        message = f"`{other.called_name}` waits for it meanwhile"
        steps.append(step(other, StepRole.NOTE, waiting.span, message, lock))
    made = made_step(program, lock)
    return [*steps, made] if made is not None else steps


def _waits_for(program: Program, found: Suspended) -> _Place | None:
    """Return the first place in another function that waits for the lock, if there is one."""
    name = lock_name(found.held.lock)
    places = (
        _Place(key, taken.span)
        for key, states in sorted(program.states.items())
        if key != found.function and not states.function.is_generator
        for taken in states.taken
        if taken.waits and lock_name(taken.lock) == name
    )
    return next(places, None)
