"""Values of variables, and outcomes of tests, in one disjunct."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import cached_property

import msgspec
from msgspec.structs import replace

from locklint.analysis.events import NOT_SHARED, Shared
from locklint.analysis.hold import FORGOTTEN, LockKey
from locklint.analysis.lockset import PRESENCE, Disjunct, Fact, FactKind, constants_of
from locklint.analysis.recorder import Recorder
from locklint.analysis.relevance import Relevance, facts_of
from locklint.analysis.summary import Lookup
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    AN_OBJECT,
    Acquire,
    Assign,
    Call,
    Constant,
    Operand,
    Release,
    TryAcquire,
    Unknown,
)
from locklint.ir.lock import Exactness, LockRef
from locklint.ir.terminator import Condition, Equals, IsNone, Opaque, Truth, tested_for_built_in

_NOTHING = "contextlib.nullcontext"

_NEXT = AccessPath("<next>", (), Root.TEMP)


class Values:
    """Values, aliases and test outcomes of one function.

    The first of the layers of `lockset_transfer.Transfer`. ``lookup`` gives a callee and its
    summary by key. With a recorder the same walk, over solved states, notes what the rules need.
    ``shared`` says what others do to the same locks.
    """

    def __init__(
        self,
        function: Function,
        relevance: Relevance,
        lookup: Lookup,
        recorder: Recorder | None = None,
        shared: Shared = NOT_SHARED,
    ) -> None:
        self._function = function
        self._relevance = relevance
        self._lookup = lookup
        self._recorder = recorder
        self._shared = shared
        self._deferred_locks: dict[LockKey, LockRef] = {}
        self._identities: dict[LockKey, str] = {}

    def _assign(self, target: AccessPath, value: Operand, disjunct: Disjunct) -> Disjunct:
        if value == target:
            return disjunct
        known = self._value(value, disjunct)
        if known == target:
            return disjunct
        if not target.is_variable:
            disjunct = self._rebind(target, disjunct)
            return self._set(target, known, disjunct) if isinstance(known, Constant) else disjunct
        own = self._own_name(target)
        for heir, path in self._heirs(target, own, disjunct):
            disjunct = self._renamed(path, heir, disjunct)
            if isinstance(known, AccessPath) and known.starts_with(path):
                known = known.replace_prefix(path, heir)
        if isinstance(known, AccessPath) and self._walks_on(target, own, known, disjunct):
            disjunct = self._renamed(known, _NEXT, disjunct)
            disjunct = self._renamed(_NEXT, own, self._rebind(target, disjunct))
            return self._set(target, own, disjunct) if own != target else disjunct
        disjunct = self._rebind(target, disjunct)
        if isinstance(known, Constant) or (
            isinstance(known, AccessPath) and not known.is_vague and not known.starts_with(target)
        ):
            return self._set(target, known, disjunct)
        return self._set(target, own, disjunct) if own != target else disjunct

    def _made_anew(self, temporary: AccessPath, disjunct: Disjunct) -> Disjunct:
        """Return the disjunct before a call that has another result in each iteration."""
        if not disjunct.values and not disjunct.holds and not disjunct.facts:
            return disjunct
        named = (value for value in disjunct.values.values() if isinstance(value, AccessPath))
        asked = (path for fact in disjunct.facts for path in fact.mentions)
        paths = (*named, *asked, *(key.path for key in disjunct.holds))
        if not any(path.starts_with(temporary) for path in paths):
            return disjunct
        return self._assign(temporary, Unknown(), disjunct)

    # -- variables that go through a linked structure -------------------------------------------

    def _own_name(self, variable: AccessPath) -> AccessPath:
        """Return the name of a variable's value, if it has no other.

        A parameter that is bound again no longer leads to what the caller has passed.
        """
        if variable in self._relevance.parted:
            return AccessPath(variable.root_name, (), Root.LOCAL)
        return variable

    @staticmethod
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
        self, target: AccessPath, own: AccessPath, known: AccessPath, disjunct: Disjunct
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
            and target in self._relevance.advancing
        )

    def _renamed(self, old: AccessPath, new: AccessPath, disjunct: Disjunct) -> Disjunct:
        """The disjunct with the locks of something known by another name."""
        renamed = disjunct.renamed(old, new)
        for keys in disjunct.deferred.values():
            for key in keys:
                if key.path.starts_with(old):
                    path = key.path.replace_prefix(old, new)
                    lock = self._deferred_locks[key]
                    self._deferred_locks[LockKey(path, key.mode)] = replace(lock, path=path)
        return renamed

    def _set(
        self, target: AccessPath, value: Constant | AccessPath, disjunct: Disjunct
    ) -> Disjunct:
        if target not in self._relevance.tracked:
            return disjunct
        if isinstance(value, Constant) and not self._relevance.constants:
            return disjunct
        return disjunct.with_values({**disjunct.values, target: value}, disjunct.facts)

    def _rebind(self, target: AccessPath, disjunct: Disjunct) -> Disjunct:
        """Forget everything that was known through the old value of ``target``."""
        disjunct = self._keep_for_copies(target, disjunct)
        if target.is_variable:
            own = self._own_name(target)
        else:
            own = self._canonical(target.parent(), disjunct).field(target.last)
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
                if not any(
                    path.starts_with(target) or path.starts_with(own) for path in fact.mentions
                )
            }
        if len(values) < len(disjunct.values) or len(facts) < len(disjunct.facts):
            disjunct = disjunct.with_values(values, facts)
        if not disjunct.holds:
            return disjunct
        mentions = f"[{target}]"
        for key, hold in list(disjunct.holds.items()):
            if key.path.starts_with(own) or mentions in key.path.fields:
                if hold.count == 0 and not hold.forgotten:
                    disjunct = disjunct.without_hold(key)
                else:
                    disjunct = disjunct.with_hold(key, FORGOTTEN)
        return disjunct

    def _keep_for_copies(self, target: AccessPath, disjunct: Disjunct) -> Disjunct:
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

    def _canonical(self, path: AccessPath, disjunct: Disjunct) -> AccessPath:
        """Return the path with aliased variables replaced by their targets."""
        if not disjunct.values:
            return path
        for _ in range(5):
            root = AccessPath(path.root_name, (), path.root)
            value = disjunct.values.get(root)
            if not isinstance(value, AccessPath) or value == root:
                return path
            path = path.replace_prefix(root, value)
        return path

    def _canonical_lock(self, lock: LockRef, disjunct: Disjunct) -> LockRef:
        path = self._canonical(lock.path, disjunct)
        if path == lock.path:
            return lock
        known = self._single_locks.get(path)
        if known is not None and lock.exactness is not Exactness.ONE:
            return known  # The variable may be one of several locks, and is this one here.
        return msgspec.structs.replace(lock, path=path)

    @cached_property
    def _single_locks(self) -> Mapping[AccessPath, LockRef]:
        """The locks that are one object of the whole program, by their names in this function."""
        return {
            instruction.lock.path: instruction.lock
            for block in self._function.blocks.values()
            for instruction in block.instructions
            if isinstance(instruction, Acquire | TryAcquire | Release)
            and instruction.lock.exactness is Exactness.ONE
        }

    @cached_property
    def _no_locks(self) -> Set[AccessPath]:
        """The paths of objects that acquire nothing: of `contextlib.nullcontext()`."""
        made: set[AccessPath] = set()
        values: dict[AccessPath, set[Operand]] = {}
        for block in self._function.blocks.values():
            for instruction in block.instructions:
                match instruction:
                    case Call(external=name, result=AccessPath() as result) if name == _NOTHING:
                        made.add(result)
                    case Assign(target=target, value=value) if target.root is Root.LOCAL:
                        values.setdefault(target, set()).add(value)
        return made | {target for target, bound in values.items() if bound <= made}

    def _value(self, operand: Operand, disjunct: Disjunct) -> Operand:
        if not isinstance(operand, AccessPath):
            return operand
        value = disjunct.values.get(operand)
        if value is not None and not isinstance(value, frozenset):
            return value
        return self._canonical(operand, disjunct)

    @staticmethod
    def _split(operands: Iterable[Operand | None], disjunct: Disjunct) -> list[Disjunct]:
        """The same executions, in each of which the operands have one constant at most."""
        found = [disjunct]
        for operand in operands:
            value = disjunct.values.get(operand) if isinstance(operand, AccessPath) else None
            if isinstance(value, frozenset) and isinstance(operand, AccessPath):
                found = [
                    one.with_values({**one.values, operand: each}, one.facts)
                    for one in found
                    for each in sorted(value, key=repr)
                ]
        return found

    def _assume(self, condition: Condition, outcome: bool, disjunct: Disjunct) -> Disjunct | None:
        """Return the executions in which ``condition`` is ``outcome``, or None if none are."""
        known = self._evaluate(condition, disjunct)
        if known is not None:
            return disjunct if known is outcome else None
        narrowed = self._narrowed(condition, outcome, disjunct)
        if narrowed is not None:
            return narrowed
        if not self._relevance.repeated:
            return disjunct
        facts = dict(disjunct.facts)
        for one in {condition, self._followed(condition, disjunct)}:
            fact = facts_of(one)
            if fact is not None and fact in self._relevance.repeated:
                facts[fact] = outcome
        if facts == disjunct.facts:
            return disjunct
        return disjunct.with_values(disjunct.values, facts)

    def _exists(self, path: AccessPath, disjunct: Disjunct) -> Disjunct:
        """The disjunct after a method of a path's value was called: it is an object, not None."""
        facts = dict(disjunct.facts)
        for fact, outcome in ((facts_of(Truth(path)), True), (facts_of(IsNone(path)), False)):
            if fact is not None and fact in self._relevance.repeated:
                facts[fact] = outcome
        if facts == disjunct.facts:
            return disjunct
        return disjunct.with_values(disjunct.values, facts)

    def _narrowed(self, condition: Condition, outcome: bool, disjunct: Disjunct) -> Disjunct | None:
        """The disjunct with those of a variable's constants for which the outcome is this one."""
        match condition:
            case Truth(AccessPath() as path) | IsNone(AccessPath() as path):
                pass
            case Equals(AccessPath() as path):
                pass
            case _:
                return None
        constants = disjunct.values.get(path)
        if not isinstance(constants, frozenset):
            return None
        met = frozenset(each for each in constants if is_met(condition, each) is outcome)
        value = next(iter(met)) if len(met) == 1 else met
        return disjunct.with_values({**disjunct.values, path: value}, disjunct.facts)

    def _followed(self, condition: Condition, disjunct: Disjunct) -> Condition:
        """Return the condition as one on the target of an aliased variable."""
        match condition:
            case Truth(AccessPath() as path) | IsNone(AccessPath() as path):
                value = self._value(path, disjunct)
                if isinstance(value, AccessPath) and value != path:
                    return msgspec.structs.replace(condition, value=value)
        return condition

    def _evaluate(self, condition: Condition, disjunct: Disjunct) -> bool | None:
        match condition:
            case Truth(value) | IsNone(value) | Equals(value):
                known = self._value(value, disjunct)
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
        outcome = self._fact_outcome(condition, disjunct)
        if outcome is None:
            followed = self._followed(condition, disjunct)
            if followed != condition:
                outcome = self._fact_outcome(followed, disjunct)
        return outcome

    def _fact_outcome(self, condition: Condition, disjunct: Disjunct) -> bool | None:
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
