"""Summaries of functions, made from their exits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from locklint.analysis.events import Exit, LockStates
from locklint.analysis.handed_on import passed_on
from locklint.analysis.hold import CauseKind, Grade, LockKey, key_of
from locklint.analysis.raising import is_context_manager, likeliest_of_library
from locklint.analysis.relevance import facts_of
from locklint.analysis.summary import (
    ContextEffect,
    Decided,
    Deltas,
    Effect,
    Lookup,
    Summary,
    Test,
    is_nameable,
)
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.instruction import AN_OBJECT, Call, Constant, TryAcquire
from locklint.ir.lock import LockRef
from locklint.ir.terminator import Raise, Return

MAX_RAISED = 4
"""The largest number of separate outcomes of exceptions; beyond it, differences are unknown."""


def summarize(states: LockStates, lookup: Lookup, tests: Sequence[Test] = ()) -> Summary:
    """The net effects of a function on those of its locks that callers can name.

    ``tests`` may decide the effects: the exits have their outcomes.
    """
    function = states.function
    if not states.complete:
        return Summary(function.key)
    exits = states.normal_exits
    likely = [
        exit_
        for exit_ in states.exceptional_exits
        if exit_.exception is not None and exit_.exception.grade >= Grade.POSSIBLE
    ]
    nameable = [
        (key, lock)
        for key, lock in sorted(states.locks.items(), key=lambda item: str(item[0]))
        if is_nameable(lock)
    ]
    context = is_context_manager(function)
    effects: list[tuple[LockKey, Effect]] = []
    context_effects: list[ContextEffect] = []
    varies = False
    for key, lock in nameable:
        if context:
            during = _context_effect(key, lock, states)
            if during is not None:
                context_effects.append(during)
            else:
                varies = varies or _varies(key, states)
        elif not function.is_generator:
            effect = _effect(key, lock, exits, likely, tests)
            if effect is not None:
                if effect.tries:
                    effect = _with_limits(effect, states, key)
                effects.append((key, effect))
                varies = varies or effect.normal is None
    returned = {exit_.value: None for exit_ in exits} if effects else {}
    highest = likeliest_of_library(function)
    literals = [v for v in returned if isinstance(v, Constant) and v is not AN_OBJECT]
    return Summary(
        function.key,
        tuple([effect for _, effect in effects]),
        tuple(context_effects),
        min(states.raises, highest),
        (states.returns and not function.never_returns) or context or _is_left_to_others(function),
        _raised(effects, [e for e in likely if not _is_own_failure(function, effects, e)], states),
        tuple(literals) if len(literals) == len(returned) else (),
        states.deciding if varies else (),
        states.sets_flags,
        *passed_on(states, lookup),
        _asks(function),
        min(states.raises_for_literals, highest),
        states.named,
        states.others,
    )


def _asks(function: Function) -> tuple[LockRef, str] | None:
    """Return the lock of which a function of one block returns whether it is held."""
    block = function.blocks[function.entry]
    if len(function.blocks) > 1 or not isinstance(block.terminator, Return):
        return None
    for each in block.instructions:
        match each:
            case Call(lock=LockRef() as lock, callee=AccessPath() as callee, result=result):
                if result == block.terminator.value and lock.api.tells_if_held(callee.name):
                    return (lock, callee.name) if is_nameable(lock) else None
    return None


def _is_own_failure(function: Function, effects: list[tuple[LockKey, Effect]], exit_: Exit) -> bool:
    """Return whether a wrapper's own ``release`` fails before it has released, in a log, say.

    Its caller cannot do better than call it.
    """
    if exit_.exception is None or exit_.exception.grade is Grade.CERTAIN:
        return False
    return any(
        effect.may_release
        and _delta(exit_, key) == 0
        and effect.lock.api.release_form(function.name) is not None
        for key, effect in effects
    )


def _is_left_to_others(function: Function) -> bool:
    """Return whether a method only says that subclasses have to implement it; theirs return."""
    return any(
        isinstance(block.terminator, Raise) and block.terminator.exception == "NotImplementedError"
        for block in function.blocks.values()
    )


def _with_limits(effect: Effect, states: LockStates, key: LockKey) -> Effect:
    """Return the effect of a try with how sure it is that each try may fail."""
    tries = [
        (taken.instruction.certain, taken.instruction.timed)
        for taken in states.taken
        if taken.key == key and isinstance(taken.instruction, TryAcquire)
    ]
    tries += [(t.certain, t.limited) for t in states.tried.values() if key_of(t.lock) == key]
    if not tries:
        return effect
    certain, limited = all(c for c, _ in tries), all(c or limit for c, limit in tries)
    return replace(effect, certain=certain, limited=limited)


def _raised(
    effects: list[tuple[LockKey, Effect]], likely: Iterable[Exit], states: LockStates
) -> tuple[Deltas, ...]:
    """Return what the likely exceptions leave behind, each outcome once, in a fixed order.

    Where they differ in a lock, what is known is that it may still be held. Of the outcomes that
    leave it less often no more is returned: callers may know by other means which one it is. And if
    the function sets flags, callers do.
    """
    found = {tuple([_delta(exit_, key) for key, _ in effects]) for exit_ in likely} or {
        tuple([_unlikely(effect) for _, effect in effects])
    }
    columns = [set(column) for column in zip(*found, strict=True)]
    if states.sets_flags or len(found) > MAX_RAISED:
        return (tuple([_only(column) for column in columns]),)
    told = {
        tuple(
            [
                delta if len(column) == 1 or delta == _most(column) else None
                for delta, column in zip(outcome, columns, strict=True)
            ]
        )
        for outcome in found
    }
    return tuple(sorted(told, key=str))


def _most(deltas: set[int | None]) -> int | None:
    return max((delta for delta in deltas if delta is not None), default=None)


def _deltas(exits: Iterable[Exit], key: LockKey) -> set[int | None]:
    return {_delta(exit_, key) for exit_ in exits}


def _delta(exit_: Exit, key: LockKey) -> int | None:
    hold = exit_.holds.get(key)
    return 0 if hold is None else None if hold.forgotten else hold.count


def _only(deltas: set[int | None]) -> int | None:
    return next(iter(deltas)) if len(deltas) == 1 else None


def _effect(
    key: LockKey, lock: LockRef, exits: list[Exit], likely: list[Exit], tests: Sequence[Test]
) -> Effect | None:
    deltas = _deltas(exits, key)
    raised = _deltas(likely, key)
    if deltas <= {0} and raised <= {0}:
        return None
    normal = _only(deltas) if deltas else 0
    if normal is not None:
        return Effect(lock, key.mode, normal)
    by_truth: dict[bool, set[int | None]] = {True: set(), False: set()}
    for exit_ in exits:
        truth = exit_.returns_truth
        if truth is None:
            return Effect(lock, key.mode, None, decided=_decided(key, exits, tests))
        by_truth[truth] |= _deltas([exit_], key)
    effect = Effect(lock, key.mode, None, _only(by_truth[True]), _only(by_truth[False]))
    return effect if effect.correlated else replace(effect, decided=_decided(key, exits, tests))


def _decided(key: LockKey, exits: list[Exit], tests: Sequence[Test]) -> Decided | None:
    """Return the effects by the outcome of the first test that tells them at all exits."""
    for test in tests:
        fact = facts_of(test)
        by_outcome: dict[bool | None, list[Exit]] = {}
        for exit_ in exits:
            outcome = None if fact is None else exit_.facts.get(fact)
            by_outcome.setdefault(outcome, []).append(exit_)
        if by_outcome.keys() == {True, False}:
            if_true, if_false = (_only(_deltas(by_outcome[o], key)) for o in (True, False))
            if if_true is not None and if_false is not None:
                return Decided(test, if_true, if_false)
    return None


def _unlikely(effect: Effect) -> int | None:
    """The effect at exits that are not likely: an acquire has not happened, a release may have."""
    return None if effect.may_release else 0


def _varies(key: LockKey, states: LockStates) -> bool:
    return len(_deltas(states.yields, key)) > 1 or len(_deltas(states.normal_exits, key)) > 1


def _context_effect(key: LockKey, lock: LockRef, states: LockStates) -> ContextEffect | None:
    enter = _only(_deltas(states.yields, key))  # A context manager runs what is in it there.
    after = _only(_deltas(states.normal_exits, key))
    if enter is None or after is None:
        return None
    thrown = [
        exit_
        for exit_ in states.exits
        if exit_.exception is not None and exit_.exception.cause.kind is CauseKind.YIELD
    ]
    leave = after - enter
    exceptional = _only(_deltas(thrown, key)) if thrown else after
    on_exception = leave if exceptional is None else exceptional - enter
    if enter == leave == on_exception == 0:
        return None
    return ContextEffect(lock, key.mode, enter, leave, on_exception)
