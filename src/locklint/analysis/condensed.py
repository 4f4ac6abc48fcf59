"""Lock states in fewer alternatives, without loss: what says nothing more than others is one.

Two alternatives that differ in the outcome of one test alone, which is true here and false there,
are together one that says nothing of that test. Two that differ in the constant of one variable
alone are one in which it has either. And what is a special case of another goes into it. What is
known of the locks, the acquisitions behind it included, has to be the same: so no knowledge of
which outcome goes with which lock state is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import Constant

if TYPE_CHECKING:
    from locklint.analysis.lockset import Disjunct, Fact, Value

Constants = frozenset[Constant]


def constants_of(value: Value | None) -> Constants | None:
    """The constants that a variable may have; None where it is not known."""
    if isinstance(value, frozenset):
        return value
    return frozenset((value,)) if isinstance(value, Constant) else None


def includes(general: Value, special: Value | None) -> bool:
    """Whether a variable that has one of the values ``special`` has one of ``general``."""
    if general == special:
        return True
    if not isinstance(general, frozenset):
        return False
    constants = constants_of(special)
    return constants is not None and constants <= general


def condensed(disjuncts: Iterable[Disjunct]) -> list[Disjunct]:
    """The alternatives, as few of them as say the same."""
    groups: defaultdict[object, list[Disjunct]] = defaultdict(list)
    for disjunct in disjuncts:
        groups[disjunct.lock_identity()].append(disjunct)
    found: list[Disjunct] = []
    for group in groups.values():
        found += _condensed_group(group) if len(group) > 1 else group
    return found


def _condensed_group(group: list[Disjunct]) -> list[Disjunct]:
    """The same for alternatives with equal locks."""
    while True:
        count = len(group)
        group = _without_special_cases(group)
        for name in dict.fromkeys(fact for each in group for fact in each.facts):
            group = _without_test(group, name)
        for variable in dict.fromkeys(path for each in group for path in each.values):
            group = _with_either(group, variable)
        if len(group) == count:
            return group


def _without_special_cases(group: list[Disjunct]) -> list[Disjunct]:
    kept: list[Disjunct] = []
    for each in sorted(group, key=_how_special):
        if not any(general.covers(each) for general in kept):
            kept.append(each)
    return group if len(kept) == len(group) else kept


def _how_special(disjunct: Disjunct) -> tuple[int, int]:
    """Less for what covers others than for these."""
    choices = sum(len(each) for each in disjunct.values.values() if isinstance(each, frozenset))
    return len(disjunct.values) + len(disjunct.facts), -choices


def _without_test(group: list[Disjunct], fact: Fact) -> list[Disjunct]:
    """Alternatives that differ in the outcome of one test only, as one."""
    found: list[Disjunct] = []
    waiting: dict[object, list[int]] = {}
    for each in group:
        outcome = each.facts.get(fact)
        if outcome is None:
            found.append(each)
            continue
        facts = {key: value for key, value in each.facts.items() if key != fact}
        rest = (frozenset(each.values.items()), frozenset(facts.items()))
        for place in waiting.setdefault(rest, []):
            other = found[place]
            if other.facts.get(fact) is (not outcome) and other.same_locks(each):
                found[place] = other.with_values(other.values, facts)
                waiting[rest].remove(place)
                break
        else:
            waiting[rest].append(len(found))
            found.append(each)
    return found


def _with_either(group: list[Disjunct], variable: AccessPath) -> list[Disjunct]:
    """Alternatives that differ in the constant of one variable only, as one."""
    found: list[Disjunct] = []
    waiting: dict[object, list[int]] = {}
    for each in group:
        constants = constants_of(each.values.get(variable))
        if constants is None:
            found.append(each)
            continue
        values = {key: value for key, value in each.values.items() if key != variable}
        rest = (frozenset(values.items()), frozenset(each.facts.items()))
        for place in waiting.setdefault(rest, []):
            other = found[place]
            if other.same_locks(each):
                both = constants | (constants_of(other.values[variable]) or frozenset())
                found[place] = other.with_values({**values, variable: both}, other.facts)
                break
        else:
            waiting[rest].append(len(found))
            found.append(each)
    return found
