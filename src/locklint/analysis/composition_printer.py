"""Critical pairs and net effects as text: what `locklint debug summary` and tests show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from locklint.analysis.critical_pair import (
    CriticalPair,
    Requirement,
    RequirementKind,
    key_text,
)
from locklint.analysis.events import Held, Manner
from locklint.analysis.printer import effect_lines
from locklint.analysis.program import Program
from locklint.ir.cfg import Function
from locklint.ir.event import Event


def print_summaries(program: Program, functions: Iterable[Function]) -> str:
    """Return, for each function, its events, its callees' events, and its effects on locks."""
    return "\n".join(
        "\n".join([_heading(program, function), *_lines(program, function)]) + "\n"
        for function in functions
    )


def print_pair(pair: CriticalPair) -> str:
    """Return a pair as one line, without its place."""
    clauses = [f"{event_text(pair.event)} holding {_held(pair.held)}"]
    if pair.inside:
        clauses.append(f"inside {_held(pair.inside)}")
    if pair.released:
        clauses.append(f"released {', '.join(map(str, pair.released))}")
    if pair.free:
        clauses.append(f"free {', '.join(map(str, pair.free))}")
    clauses.extend(f"if {requirement_text(each)}" for each in pair.requires)
    notes = [] if pair.inner is None else [f"by {pair.inner.function}, depth {pair.depth}"]
    if pair.implicit:
        notes.append(f"through {pair.implicit}")
    if pair.manner is not Manner.DIRECT:
        notes.append(pair.manner.value)
    if not pair.certain:
        notes.append("uncertain")
    text = "; ".join(clauses)
    return f"{text}  [{', '.join(notes)}]" if notes else text


def event_text(event: Event) -> str:
    """Return an event as text: its kind and its object."""
    if event.lock is not None:
        waiting = " and ".join(each.parameter for each in event.waits_if)
        condition = f" (waits by {waiting})" if waiting else ""
        return f"{event.kind.value} {key_text(event.lock, event.mode)}{condition}"
    on = f" of {event.path}" if event.path is not None else ""
    return f"{event.kind.value} ({event.name}){on}"


def requirement_text(requirement: Requirement) -> str:
    """A requirement as Python would test it."""
    name = requirement.parameter
    match requirement.kind:
        case RequirementKind.TRUTH:
            return name if requirement.outcome else f"not {name}"
        case RequirementKind.NONE:
            return f"{name} is {'' if requirement.outcome else 'not '}None"
        case RequirementKind.EQUALS:
            return f"{name} {'==' if requirement.outcome else '!='} {requirement.constant}"
        case RequirementKind.ONE_OF:
            text = f"{name}.{requirement.method}()" if requirement.method else name
            options = ", ".join(map(str, requirement.options))
            return f"{text} {'' if requirement.outcome else 'not '}in ({options})"
        case RequirementKind.SAME:
            return f"{name} is {'' if requirement.outcome else 'not '}{requirement.other}"
        case RequirementKind.CALLS:
            return f"{name} is {requirement.other}"
        case RequirementKind.UNCLEAR | RequirementKind.JUDGED:
            return f"a test of {name} comes out {str(requirement.outcome).lower()}"


def _heading(program: Program, function: Function) -> str:
    told = "  (told to callers)" if function.key in program.composition.exports else ""
    return f"function {function.key}{told}"


def _lines(program: Program, function: Function) -> Iterator[str]:
    if not program.states[function.key].complete:
        yield "  nothing may be concluded: a bound was reached"
        return
    rows = [
        *(
            f"  {pair.span}  {print_pair(pair)}"
            for pair in program.composition.pairs.get(function.key, ())
        ),
        *effect_lines(program.summaries[function.key]),
    ]
    yield from rows or ["  nothing"]


def _held(held: Iterable[Held]) -> str:
    return ", ".join(map(held_text, held)) or "nothing"


def held_text(held: Held) -> str:
    """Return a lock as text, with the place of its acquire if it is in the function itself."""
    since = f" since {held.since.span}" if held.since is not None else ""
    return f"{key_text(held.lock, held.mode)}{since}"
