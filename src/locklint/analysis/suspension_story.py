"""The steps of a finding about a generator that is suspended with a lock held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.analysis.consumers import Consuming
from locklint.analysis.lock_name import lock_name
from locklint.analysis.story import display_name, made_step, step
from locklint.analysis.suspended import Suspended
from locklint.core.diagnostic import Step, StepRole

if TYPE_CHECKING:
    from locklint.analysis.program import Program

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
    waiting, made = _waiting_step(program, found), made_step(program, lock)
    return [*steps, *(each for each in (waiting, made) if each is not None)]


def _waiting_step(program: Program, found: Suspended) -> Step | None:
    """Return the step of the first other function that waits for the lock, if there is one."""
    name = lock_name(found.held.lock)
    for key, states in sorted(program.states.items()):
        if key == found.function or states.function.is_generator:
            continue
        for taken in states.taken:
            if taken.waits and lock_name(taken.lock) == name:
                message = f"`{states.function.called_name}` waits for it meanwhile"
                return step(states.function, StepRole.NOTE, taken.span, message, taken.lock)
    return None
