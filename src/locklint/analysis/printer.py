"""Lock states and summaries as text: what `locklint debug locks` and tests show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from locklint.analysis.events import LockStates
from locklint.analysis.hold import Hold, LockKey
from locklint.analysis.summary import Effect, Summary
from locklint.core.source import Span


def print_states(states: LockStates, summary: Summary) -> str:
    """All events and exits of one function, in the order of their places."""
    return "\n".join([f"function {states.function.key}", *_lines(states, summary)]) + "\n"


def _lines(states: LockStates, summary: Summary) -> Iterator[str]:
    if not states.complete:
        yield "  nothing may be concluded: a bound was reached"
        return
    rows: set[tuple[Span, str]] = set()
    for taken in states.taken:
        held = ", ".join(str(held.key) for held in taken.held) or "nothing"
        rows.add(
            (
                taken.acquisition.span,
                f"acquire {taken.key} ({taken.acquisition.how}) holding {held}",
            )
        )
    for given in states.given:
        rows.add((given.span, f"release {given.key} ({given.how}), which is {_hold(given.before)}"))
    for each in states.yields:
        rows.add((each.span, f"yield holding {_holds(each.holds)}"))
    for exit_ in states.exits:
        if exit_.exception is None:
            rows.add((exit_.span, f"return {exit_.value} holding {_holds(exit_.holds)}"))
        else:
            exception = exit_.exception
            name = exception.type or exception.flow.value
            grade = exception.grade.name.lower()
            rows.add((exit_.span, f"raise {name} ({grade}) holding {_holds(exit_.holds)}"))
    for place, text in sorted(rows):
        yield f"  {place}  {text}"
    yield from effect_lines(summary)


def effect_lines(summary: Summary) -> Iterator[str]:
    """Return the effects of a function on its caller's locks, a line for each of them."""
    for position, effect in enumerate(summary.effects):
        raised = dict.fromkeys(_delta(outcome[position]) for outcome in summary.raised)
        parts = [f"normal {_normal(effect)}", f"exceptional {' or '.join(raised)}"]
        if effect.correlated:
            parts.append(f"true {_delta(effect.on_true)}, false {_delta(effect.on_false)}")
        yield f"  effect on {effect.lock.path}: {', '.join(parts)}"
    for during in summary.context_effects:
        yield (
            f"  context effect on {during.lock.path}: enter {during.enter:+d},"
            f" exit {during.exit:+d}, after an exception {during.exit_on_exception:+d}"
        )


def _normal(effect: Effect) -> str:
    decided = effect.decided
    if decided is None:
        return _delta(effect.normal)
    return f"{decided.if_true:+d} if {decided.test}, else {decided.if_false:+d}"


def _delta(delta: int | None) -> str:
    return "varies" if delta is None else f"{delta:+d}"


def _hold(hold: Hold) -> str:
    if hold.forgotten:
        return "forgotten"
    if hold.count > 0:
        places = ", ".join(" or ".join(str(a.span) for a in sorted(level)) for level in hold.levels)
        return f"held {hold.count}x since {places}" if places else f"held {hold.count}x"
    if hold.is_free:
        return f"not held ({hold.why.value if hold.why else 'free'})"
    return "as at entry" if hold.count == 0 else f"held {hold.count}x"


def _holds(holds: Mapping[LockKey, Hold]) -> str:
    texts = [
        f"{key} {'?' if hold.forgotten else f'{hold.count:+d}'}"
        for key, hold in sorted(holds.items(), key=lambda item: str(item[0]))
        if hold.forgotten or hold.count
    ]
    return ", ".join(texts) or "nothing"
