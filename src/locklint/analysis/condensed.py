"""Lock states in fewer alternatives, without loss: those that add nothing are merged.

Two alternatives that differ only in the outcome of one test, true in one and false in the other,
become one without that test. Two that differ only in the constant of one variable become one with
both constants. A special case is merged into the general one. The facts about locks, with the
acquisitions behind them, have to be the same: so the relation of outcomes and lock states is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import TypeVar

from locklint.analysis.lockset import Disjunct, Fact, constants_of
from locklint.ir.access_path import AccessPath

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def condensed(disjuncts: Collection[Disjunct]) -> list[Disjunct] | None:
    """Return equivalent, fewer alternatives. Return None if no two have the same locks."""
    groups: dict[object, list[Disjunct]] = {}
    for disjunct in disjuncts:
        name = disjunct.lock_identity()
        if name in groups:
            groups[name] += (disjunct,)
        else:
            groups[name] = [disjunct]
    if len(groups) == len(disjuncts):
        return None
    found: list[Disjunct] = []
    for group in groups.values():
        found += _condensed_group(group) if len(group) > 1 else group
    return found


def _condensed_group(group: list[Disjunct]) -> list[Disjunct]:
    """The same for alternatives with equal locks."""
    while True:
        count = len(group)
        group = _without_special_cases(group)
        for fact in _in_dispute([each.facts for each in group]):
            group = _without_test(group, fact)
        for variable in _in_dispute([each.values for each in group]):
            group = _with_either(group, variable)
        if len(group) == count:
            return group


def _in_dispute(known: list[Mapping[_Key, _Value]]) -> list[_Key]:
    """Return the facts in which several alternatives differ."""
    first = dict(known[0])
    found: dict[_Key, None] = {}
    for each in known:
        if each == known[0]:
            continue
        for key, value in each.items():
            if first.setdefault(key, value) != value:
                found[key] = None
    return list(found)


def _without_special_cases(group: list[Disjunct]) -> list[Disjunct]:
    kept: list[Disjunct] = []
    # Alternatives with fewer facts come first, and only a choice covers an alternative with as many
    # facts.
    generals: list[Disjunct] = []
    waiting: list[Disjunct] = []
    size = -1
    special = [_how_special(each) for each in group]
    for place in sorted(range(len(group)), key=special.__getitem__):
        each, (own_size, choices) = group[place], special[place]
        if own_size != size:
            generals += waiting
            waiting, size = [], own_size
        for general in generals:
            if general.covers_alike(each):
                break
        else:
            kept.append(each)
            (generals if choices else waiting).append(each)
    return group if len(kept) == len(group) else kept


def _how_special(disjunct: Disjunct) -> tuple[int, int]:
    """Less for what covers others than for these."""
    choices = 0
    for each in disjunct.values.values():
        if each.__class__ is frozenset:
            choices -= len(each)
    return len(disjunct.values) + len(disjunct.facts), choices


def _without_test(group: list[Disjunct], fact: Fact) -> list[Disjunct]:
    """Alternatives that differ in the outcome of one test only, as one."""
    found: list[Disjunct] = []
    waiting: defaultdict[object, list[int]] = defaultdict(list)
    for each in group:
        outcome = each.facts.get(fact)
        if outcome is None:
            found.append(each)
            continue
        facts = {key: value for key, value in each.facts.items() if key != fact}
        rest = waiting[frozenset(each.values.items()), frozenset(facts.items())]
        for place in rest:
            other = found[place]
            if other.facts.get(fact) is (not outcome) and other.same_locks(each):
                found[place] = other.with_values(other.values, facts)
                rest.remove(place)
                break
        else:
            rest.append(len(found))
            found.append(each)
    return found


def _with_either(group: list[Disjunct], variable: AccessPath) -> list[Disjunct]:
    """Alternatives that differ in the constant of one variable only, as one."""
    found: list[Disjunct] = []
    waiting: defaultdict[object, list[int]] = defaultdict(list)
    for each in group:
        constants = constants_of(each.values.get(variable))
        if constants is None:
            found.append(each)
            continue
        values = {key: value for key, value in each.values.items() if key != variable}
        rest = waiting[frozenset(values.items()), frozenset(each.facts.items())]
        for place in rest:
            other = found[place]
            if other.same_locks(each):
                both = constants | (constants_of(other.values[variable]) or frozenset())
                found[place] = other.with_values({**values, variable: both}, other.facts)
                break
        else:
            rest.append(len(found))
            found.append(each)
    return found
