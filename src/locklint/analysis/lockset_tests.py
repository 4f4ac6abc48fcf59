"""Outcomes of tests in one disjunct."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from locklint.analysis.function_context import FunctionContext
from locklint.analysis.hold import FORGOTTEN, LockKey
from locklint.analysis.lockset import Disjunct, Fact, FactKind, constants_of
from locklint.analysis.lockset_names import value_of
from locklint.analysis.relevance import facts_of
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import AN_OBJECT, Constant, Operand
from locklint.ir.terminator import Condition, Equals, IsNone, Opaque, Truth, tested_for_built_in


def assume(
    context: FunctionContext, condition: Condition, outcome: bool, disjunct: Disjunct
) -> Disjunct | None:
    """Return the executions in which ``condition`` is ``outcome``, or None if none are."""
    known = evaluate(condition, disjunct)
    if known is None:
        known = _of_result(context, condition, disjunct)
    if known is not None:
        return disjunct if known is outcome else None
    narrowed = _narrowed(condition, outcome, disjunct)
    if narrowed is not None:
        return narrowed
    if not context.relevance.repeated:
        return disjunct
    both = {condition, _followed(condition, disjunct)}
    return _with_outcomes(context, [(one, outcome) for one in both], disjunct)


def is_open(context: FunctionContext, condition: Condition, disjunct: Disjunct) -> bool:
    """Return whether both outcomes of a test are possible, as far as is known."""
    if evaluate(condition, disjunct) is not None:
        return False
    return _of_result(context, condition, disjunct) is None


def forget_tied(
    context: FunctionContext,
    condition: Condition,
    outcome: bool,
    tied: Mapping[LockKey, bool | None],
    disjunct: Disjunct,
) -> Disjunct:
    """Return the disjunct without the locks that the outcome of a test shows in another state."""
    if not is_open(context, condition, disjunct):
        return disjunct
    for key, if_held in tied.items():
        hold = disjunct.hold(key)
        if not hold.forgotten and (if_held is None or (hold.count > 0) is not (outcome is if_held)):
            disjunct = disjunct.with_hold(key, FORGOTTEN)
    return disjunct


def exists(context: FunctionContext, path: AccessPath, disjunct: Disjunct) -> Disjunct:
    """The disjunct after a method of a path's value was called: it is an object, not None."""
    return _with_outcomes(context, ((Truth(path), True), (IsNone(path), False)), disjunct)


def _with_outcomes(
    context: FunctionContext, outcomes: Iterable[tuple[Condition, bool]], disjunct: Disjunct
) -> Disjunct:
    """Return the disjunct with those outcomes of tests that some other test repeats."""
    facts = dict(disjunct.facts)
    for condition, outcome in outcomes:
        fact = facts_of(condition)
        if fact is not None and fact in context.relevance.repeated:
            facts[fact] = outcome
    if facts == disjunct.facts:
        return disjunct
    return disjunct.with_values(disjunct.values, facts)


def _of_result(context: FunctionContext, condition: Condition, disjunct: Disjunct) -> bool | None:
    """Return the outcome of a test of what a call has given. Return None if it is not known."""
    match condition:
        case IsNone(value=AccessPath() as path):
            value = value_of(path, disjunct)
            return False if value in context.never_none or _is_held(value, disjunct) else None
        case Truth(value=AccessPath() as path):
            value = value_of(path, disjunct)
            return True if value in context.always_true or _is_held(value, disjunct) else None
        case _:
            return None


def _is_held(value: Operand, disjunct: Disjunct) -> bool:
    """Return whether a value is a lock that is held, and so an object."""
    return isinstance(value, AccessPath) and any(
        key.path == value and hold.count > 0 for key, hold in disjunct.holds.items()
    )


def evaluate(condition: Condition, disjunct: Disjunct) -> bool | None:
    """Return the outcome of a test. Return None if it is not known."""
    match condition:
        case Truth(value) | IsNone(value) | Equals(value):
            known = value_of(value, disjunct)
            if isinstance(known, Constant):
                return is_met(condition, known)
            if isinstance(value, AccessPath):
                constants = constants_of(disjunct.values.get(value)) or ()
                outcomes = {is_met(condition, each) for each in constants}
                if len(outcomes) == 1:
                    return outcomes.pop()
        case Opaque() if (path := tested_for_built_in(condition)) is not None:
            if disjunct.values.get(path) == AN_OBJECT:
                return False  # It is a lock.
    outcome = _fact_outcome(condition, disjunct)
    if outcome is None:
        followed = _followed(condition, disjunct)
        if followed != condition:
            outcome = _fact_outcome(followed, disjunct)
    return outcome


def _narrowed(condition: Condition, outcome: bool, disjunct: Disjunct) -> Disjunct | None:
    """The disjunct with those of a variable's constants for which the outcome is this one."""
    match condition:
        case Truth(value) | IsNone(value) | Equals(value) if isinstance(value, AccessPath):
            constants = disjunct.values.get(value)
        case _:
            return None
    if not isinstance(constants, frozenset):
        return None
    met = frozenset(each for each in constants if is_met(condition, each) is outcome)
    known = next(iter(met)) if len(met) == 1 else met
    return disjunct.with_values({**disjunct.values, value: known}, disjunct.facts)


def _followed(condition: Condition, disjunct: Disjunct) -> Condition:
    """Return the condition as one on the target of an aliased variable."""
    match condition:
        case Truth(AccessPath() as path) | IsNone(AccessPath() as path):
            value = value_of(path, disjunct)
            if isinstance(value, AccessPath) and value != path:
                return replace(condition, value=value)
    return condition


def _fact_outcome(condition: Condition, disjunct: Disjunct) -> bool | None:
    fact = facts_of(condition)
    if fact is None:
        return None
    outcome = disjunct.facts.get(fact)
    if outcome is None and fact.kind is not FactKind.TEXT:
        kind = FactKind.NONE if fact.kind is FactKind.TRUTH else FactKind.TRUTH
        other = Fact(kind, fact.text, fact.mentions)
        # A true value is not None, and None is not true.
        if disjunct.facts.get(other) is True:
            return False
    return outcome


def is_met(condition: Condition, constant: Constant) -> bool:
    """The outcome of a test of a variable that has this value."""
    match condition:
        case IsNone():
            return constant.value is None
        case Equals(constant=other):
            return bool(constant.value == other.value)
        case _:
            return bool(constant.value)
