"""Effects of assignments on one disjunct."""

from __future__ import annotations

from msgspec.structs import replace

from locklint.analysis.function_context import FunctionContext
from locklint.analysis.hold import FORGOTTEN, LockKey
from locklint.analysis.lockset import PRESENCE, Disjunct, Fact
from locklint.analysis.lockset_names import canonical, value_of
from locklint.ir.access_path import AccessPath, ElementField, Root
from locklint.ir.instruction import AN_OBJECT, Constant, FunctionRef, Operand, Unknown

_NEXT = AccessPath("<next>", (), Root.TEMP)


def assign(
    context: FunctionContext, target: AccessPath, value: Operand, disjunct: Disjunct
) -> Disjunct:
    """Return the disjunct after ``target`` was bound to ``value``."""
    if value == target:
        return disjunct
    known = AN_OBJECT if isinstance(value, FunctionRef) else value_of(value, disjunct)
    if known == target:
        return disjunct
    if not target.is_variable:
        disjunct = rebind(context, target, disjunct)
        if isinstance(known, Constant):
            return set_value(context, target, known, disjunct)
        return disjunct
    own = _own_name(context, target)
    for heir, path in _heirs(target, own, disjunct):
        disjunct = _renamed(context, path, heir, disjunct)
        if isinstance(known, AccessPath) and known.starts_with(path):
            known = known.replace_prefix(path, heir)
    if isinstance(known, AccessPath) and _walks_on(context, target, own, known, disjunct):
        disjunct = _renamed(context, known, _NEXT, disjunct)
        disjunct = _renamed(context, _NEXT, own, rebind(context, target, disjunct))
        return set_value(context, target, own, disjunct) if own != target else disjunct
    disjunct = rebind(context, target, disjunct)
    if isinstance(known, Constant) or (
        isinstance(known, AccessPath) and not known.is_vague and not known.starts_with(target)
    ):
        return set_value(context, target, known, disjunct)
    return set_value(context, target, own, disjunct) if own != target else disjunct


def made_anew(context: FunctionContext, temporary: AccessPath, disjunct: Disjunct) -> Disjunct:
    """Return the disjunct before a call that has another result in each iteration."""
    if not disjunct.values and not disjunct.holds and not disjunct.facts:
        return disjunct
    named = (value for value in disjunct.values.values() if isinstance(value, AccessPath))
    asked = (path for fact in disjunct.facts for path in fact.mentions)
    paths = (*named, *asked, *(key.path for key in disjunct.holds))
    if not any(path.starts_with(temporary) for path in paths):
        return disjunct
    return assign(context, temporary, Unknown(), disjunct)


def set_value(
    context: FunctionContext, target: AccessPath, value: Constant | AccessPath, disjunct: Disjunct
) -> Disjunct:
    """Return the disjunct with the value of ``target``, if that is tracked."""
    if target not in context.relevance.tracked:
        return disjunct
    if isinstance(value, Constant) and not context.relevance.constants:
        return disjunct
    return disjunct.with_values({**disjunct.values, target: value}, disjunct.facts)


def rebind(context: FunctionContext, target: AccessPath, disjunct: Disjunct) -> Disjunct:
    """Forget everything that was known through the old value of ``target``."""
    if not disjunct.values and not disjunct.facts and not disjunct.holds:
        return disjunct
    disjunct = _keep_for_copies(target, disjunct)
    if target.is_variable:
        own = _own_name(context, target)
    else:
        own = canonical(target.parent(), disjunct).field(target.last)
    values, facts = disjunct.values, disjunct.facts
    if values:
        values = {
            path: value
            for path, value in values.items()
            if not path.starts_with(target)
            and not (isinstance(value, AccessPath) and value.starts_with(own))
        }
    if facts:
        facts = {
            fact: outcome
            for fact, outcome in facts.items()
            if not any(path.starts_with(target) or path.starts_with(own) for path in fact.mentions)
        }
    if len(values) < len(disjunct.values) or len(facts) < len(disjunct.facts):
        disjunct = disjunct.with_values(values, facts)
    if not disjunct.holds:
        return disjunct
    chosen = ElementField(str(target))
    for key, hold in list(disjunct.holds.items()):
        if key.path.starts_with(own) or chosen in key.path.fields:
            if hold.count == 0 and not hold.forgotten:
                disjunct = disjunct.without_hold(key)
            else:
                disjunct = disjunct.with_hold(key, FORGOTTEN)
    return disjunct


def _keep_for_copies(target: AccessPath, disjunct: Disjunct) -> Disjunct:
    """Keep, before a variable is bound again, the facts about it that apply to its copies."""
    if not disjunct.facts:
        return disjunct
    facts = dict(disjunct.facts)
    for path, value in disjunct.values.items():
        if value != target or path == target:
            continue
        for kind in PRESENCE:
            outcome = facts.get(Fact(kind, str(target), (target,)))
            if outcome is not None:
                facts[Fact(kind, str(path), (path,))] = outcome
    if facts == disjunct.facts:
        return disjunct
    return disjunct.with_values(disjunct.values, facts)


def _own_name(context: FunctionContext, variable: AccessPath) -> AccessPath:
    """Return the name of a variable's value, if it has no other.

    A parameter that is bound again no longer leads to what the caller has passed.
    """
    if variable in context.relevance.parted:
        return AccessPath(variable.root_name, (), Root.LOCAL)
    return variable


def _heirs(
    target: AccessPath, own: AccessPath, disjunct: Disjunct
) -> list[tuple[AccessPath, AccessPath]]:
    """The variables after which something is named that was reached through ``target``.

    ``previous = current; current = current.next``: what ``current`` was is ``previous`` now.
    """
    found: list[tuple[AccessPath, AccessPath]] = []
    if not disjunct.values or disjunct.values.get(target, own) != own:
        return found
    through = sorted(
        (
            (variable, path)
            for variable, path in disjunct.values.items()
            if isinstance(path, AccessPath)
            and path.starts_with(own)
            and variable.is_variable
            and variable != target
        ),
        key=lambda each: (len(each[1].fields), each[0]),
    )
    for variable, path in through:
        for heir, first in found:
            path = path.replace_prefix(first, heir) if path.starts_with(first) else path
        if path.starts_with(own):
            found.append((variable, path))
    return found


def _walks_on(
    context: FunctionContext,
    target: AccessPath,
    own: AccessPath,
    known: AccessPath,
    disjunct: Disjunct,
) -> bool:
    """Return whether a variable advances to an object that is reached through its former value.

    In a loop each turn would make its path longer. So it is named after the variable.
    """
    if known.starts_with(own):
        return True
    before = disjunct.values.get(target, target)
    return (
        isinstance(before, AccessPath)
        and known.starts_with(before)
        and known != before
        and target in context.relevance.advancing
    )


def _renamed(
    context: FunctionContext, old: AccessPath, new: AccessPath, disjunct: Disjunct
) -> Disjunct:
    """The disjunct with the locks of something known by another name."""
    renamed = disjunct.renamed(old, new)
    for keys in disjunct.deferred.values():
        for key in keys:
            if key.path.starts_with(old):
                path = key.path.replace_prefix(old, new)
                lock = context.deferred[key]
                context.deferred[LockKey(path, key.mode)] = replace(lock, path=path)
    return renamed
