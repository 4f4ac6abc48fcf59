"""From the exits of a function to its summary."""

from __future__ import annotations

from collections.abc import Iterable

from locklint.analysis.events import Exit, LockStates
from locklint.analysis.hold import Grade, LockKey
from locklint.analysis.raising import is_context_manager
from locklint.analysis.summary import ContextEffect, Effect, Summary, is_nameable
from locklint.ir.lock import LockRef


def summarize(states: LockStates) -> Summary:
    """The net effects of a function on those of its locks that callers can name."""
    function = states.function
    if not states.complete:
        return Summary(function.key)
    exits = states.normal_exits
    likely = [
        exit_
        for exit_ in states.exceptional_exits
        if exit_.exception is not None and exit_.exception.grade >= Grade.LIKELY
    ]
    nameable = [
        (key, lock)
        for key, lock in sorted(states.locks.items(), key=lambda item: str(item[0]))
        if is_nameable(lock)
    ]
    context = is_context_manager(function)
    effects: list[Effect] = []
    context_effects: list[ContextEffect] = []
    for key, lock in nameable:
        if context:
            during = _context_effect(key, lock, states)
            if during is not None:
                context_effects.append(during)
        elif not function.is_generator:
            effect = _effect(key, lock, exits, likely)
            if effect is not None:
                effects.append(effect)
    return Summary(
        function.key,
        tuple(effects),
        tuple(context_effects),
        states.raises,
        states.returns or context,
    )


def _deltas(exits: Iterable[Exit], key: LockKey) -> set[int | None]:
    result: set[int | None] = set()
    for exit_ in exits:
        hold = exit_.holds.get(key)
        result.add(0 if hold is None else None if hold.forgotten else hold.count)
    return result


def _only(deltas: set[int | None]) -> int | None:
    return next(iter(deltas)) if len(deltas) == 1 else None


def _effect(key: LockKey, lock: LockRef, exits: list[Exit], likely: list[Exit]) -> Effect | None:
    deltas = _deltas(exits, key)
    raised = _deltas(likely, key)
    if deltas <= {0} and raised <= {0}:
        return None
    normal = _only(deltas) if deltas else 0
    exceptional = _only(raised) if raised else _unlikely(normal)
    if normal is not None:
        return Effect(lock, key.mode, normal, exceptional)
    by_truth: dict[bool, set[int | None]] = {True: set(), False: set()}
    for exit_ in exits:
        truth = exit_.returns_truth
        if truth is None:
            return Effect(lock, key.mode, None, exceptional)
        by_truth[truth] |= _deltas([exit_], key)
    return Effect(lock, key.mode, None, exceptional, _only(by_truth[True]), _only(by_truth[False]))


def _unlikely(normal: int | None) -> int:
    """The effect at exits that are not likely: a release has happened, an acquire has not."""
    return min(normal, 0) if normal is not None else 0


def _context_effect(key: LockKey, lock: LockRef, states: LockStates) -> ContextEffect | None:
    during: set[int | None] = set()
    for _, holds in states.yields:
        hold = holds.get(key)
        during.add(0 if hold is None else None if hold.forgotten else hold.count)
    enter = _only(during)
    after = _only(_deltas(states.normal_exits, key))
    if enter is None or after is None:
        return None
    thrown = [
        exit_
        for exit_ in states.exits
        if exit_.exception is not None and exit_.exception.cause.what == "yield"
    ]
    leave = after - enter
    exceptional = _only(_deltas(thrown, key)) if thrown else after
    on_exception = leave if exceptional is None else exceptional - enter
    if enter == leave == on_exception == 0:
        return None
    return ContextEffect(lock, key.mode, enter, leave, on_exception)
