"""The alternatives of lock states.

A disjunct represents some of the executions that reach a place. It maps locks to how often this
function holds them, relative to its entry, and knows those values and test outcomes on which the
rest of the function depends. So the outcome of a try-acquire, a flag, or a repeated condition stays
tied to the lock state that goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from locklint.analysis.hold import UNTOUCHED, Acquisition, Hold, InFlight, LockKey
from locklint.core.identity_enum import IdentityEnum
from locklint.core.not_analysed import Reason
from locklint.dataflow.solver import GivenUp
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import Constant

MAX_LOCKS = 500
"""The largest number of locks in a state: all is copied whenever one of them changes."""


Value: TypeAlias = "Constant | AccessPath | frozenset[Constant]"
"""A constant, another name, or one of several constants."""

Constants = frozenset[Constant]


def constants_of(value: Value | None) -> Constants | None:
    """Return the constants that a variable may have. Return None if it is not known."""
    if type(value) is frozenset:
        return value
    return frozenset((value,)) if type(value) is Constant else None


def includes(general: Value, special: Value | None) -> bool:
    """Return whether a variable that has one of the values ``special`` has one of ``general``."""
    if general == special:
        return True
    if not isinstance(general, frozenset):
        return False
    constants = constants_of(special)
    return constants is not None and constants <= general


class FactKind(IdentityEnum):
    """The kinds of tests whose outcome a state tracks."""

    TRUTH = "truth"  # of a path
    NONE = "none"  # whether a path is None
    TEXT = "text"  # any other test that is known by its text


PRESENCE = (FactKind.TRUTH, FactKind.NONE)
"""The kinds that imply outcomes of each other: a true value is not None."""


class Fact(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A test, with the paths that it depends on."""

    kind: FactKind
    text: str
    mentions: tuple[AccessPath, ...]


class Disjunct:
    """Some of the executions that reach a place. Never changed once it is made.

    Its identity is computed once: states need it again and again.
    """

    __slots__ = (
        "_identity",
        "_lock_identity",
        "_lock_part",
        "_value_part",
        "deferred",
        "exception",
        "facts",
        "holds",
        "order",
        "values",
    )

    def __init__(
        self,
        holds: Mapping[LockKey, Hold],
        values: Mapping[AccessPath, Value],
        facts: Mapping[Fact, bool],
        deferred: Mapping[AccessPath, tuple[LockKey, ...]],
        order: tuple[LockKey, ...] = (),
        exception: InFlight | None = None,
    ) -> None:
        self.holds = holds
        self.values = values
        self.facts = facts
        self.deferred = deferred
        self.order = order
        self.exception = exception
        self._identity: tuple[object, ...] | None = None
        self._lock_identity: tuple[object, ...] | None = None
        self._lock_part: tuple[object, ...] | None = None
        self._value_part: tuple[object, ...] | None = None

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Disjunct)
            and self.holds == other.holds
            and self.values == other.values
            and self.facts == other.facts
            and self.deferred == other.deferred
            and self.order == other.order
            and self.exception == other.exception
        )

    __hash__ = None  # type: ignore[assignment]

    def hold(self, key: LockKey) -> Hold:
        """The state of a lock."""
        return self.holds.get(key, UNTOUCHED)

    def with_hold(self, key: LockKey, hold: Hold) -> Disjunct:
        """This disjunct with one lock's state changed, and the order of acquisition kept.

        Raise `GivenUp` at a bound.
        """
        if len(self.holds) >= MAX_LOCKS and key not in self.holds:
            raise GivenUp(Reason.TOO_MANY_LOCKS)
        if hold.count > self.hold(key).count:
            order = (*(k for k in self.order if k != key), key)
        elif hold.count <= 0:
            order = tuple(k for k in self.order if k != key)
        else:
            order = self.order
        return self._with_locks({**self.holds, key: hold}, self.deferred, order)

    def without_hold(self, key: LockKey) -> Disjunct:
        """This disjunct with nothing said of one lock."""
        holds = {k: hold for k, hold in self.holds.items() if k != key}
        return self._with_locks(holds, self.deferred, self.order)

    def renamed(self, old: AccessPath, new: AccessPath) -> Disjunct:
        """This disjunct with what ``old`` leads to known by the name of ``new``."""

        def path(one: AccessPath) -> AccessPath:
            return one.replace_prefix(old, new) if one.starts_with(old) else one

        def key(one: LockKey) -> LockKey:
            return LockKey(path(one.path), one.mode) if one.path.starts_with(old) else one

        kept = {k: hold for k, hold in self.holds.items() if not k.path.starts_with(old)}
        moved = {key(k): hold for k, hold in self.holds.items() if k.path.starts_with(old)}
        values: dict[AccessPath, Value] = {}
        for variable, value in self.values.items():
            if isinstance(value, AccessPath):
                value = path(value)
            if value != path(variable):
                values[path(variable)] = value
        return Disjunct(
            {**kept, **moved},
            values,
            self.facts,
            {path(stack): tuple(map(key, keys)) for stack, keys in self.deferred.items()},
            tuple(map(key, self.order)),
            self.exception,
        )

    def with_deferred(self, deferred: Mapping[AccessPath, tuple[LockKey, ...]]) -> Disjunct:
        """This disjunct with other releases left to stacks of clean-ups."""
        return self._with_locks(self.holds, deferred, self.order)

    def _with_locks(
        self,
        holds: Mapping[LockKey, Hold],
        deferred: Mapping[AccessPath, tuple[LockKey, ...]],
        order: tuple[LockKey, ...],
    ) -> Disjunct:
        new = Disjunct(holds, self.values, self.facts, deferred, order, self.exception)
        new._value_part = self._value_part
        return new

    def with_values(
        self, values: Mapping[AccessPath, Value], facts: Mapping[Fact, bool]
    ) -> Disjunct:
        """This disjunct with other values and outcomes known."""
        new = Disjunct(self.holds, values, facts, self.deferred, self.order, self.exception)
        new._lock_part = self._lock_part
        new._lock_identity = self._lock_identity
        return new

    @property
    def is_improbable(self) -> bool:
        """Return whether only an exception leads to the state that hardly ever happens."""
        return self.exception is not None and self.exception.is_improbable

    def with_exception(self, exception: InFlight | None) -> Disjunct:
        """This disjunct with another exception in flight."""
        new = Disjunct(self.holds, self.values, self.facts, self.deferred, self.order, exception)
        # The identity of the other one is needed as well, so this is no work in vain.
        new._lock_part = self._locks()
        new._value_part = self._known()
        return new

    def _locks(self) -> tuple[object, ...]:
        part = self._lock_part
        if part is None:
            held = frozenset([(key, hold.identity()) for key, hold in self.holds.items()])
            part = self._lock_part = (held, frozenset(self.deferred.items()))
        return part

    def _known(self) -> tuple[object, ...]:
        part = self._value_part
        if part is None:
            values, facts = self.values, self.facts
            part = self._value_part = (frozenset(values.items()), frozenset(facts.items()))
        return part

    def identity(self) -> tuple[object, ...]:
        """Equal for disjuncts that behave alike from here on."""
        if self._identity is None:
            self._identity = (*self.lock_identity(), *self._known())
        return self._identity

    def lock_identity(self) -> tuple[object, ...]:
        """The part of the identity that concerns locks and the exception in flight."""
        if self._lock_identity is None:
            if self.exception is None:
                self._lock_identity = (*self._locks(), None)
            else:
                self._lock_identity = (*self._locks(), self.exception.identity(), self._levels())
        return self._lock_identity

    def _levels(self) -> frozenset[tuple[LockKey, tuple[frozenset[Acquisition], ...]]]:
        """The acquisitions of the locks that are held, each of which an exception may leak."""
        return frozenset((key, hold.levels) for key, hold in self.holds.items() if hold.count > 0)

    def same_locks(self, other: Disjunct) -> bool:
        """Return whether both have the same locks and exception in flight, witnesses included."""
        return (
            self.holds == other.holds
            and self.exception == other.exception
            and self.order == other.order
            and self.deferred == other.deferred
        )

    def covers(self, other: Disjunct) -> bool:
        """Return whether ``other`` is a special case of this, without own locks or witnesses."""
        return self.lock_identity() == other.lock_identity() and self.covers_alike(other)

    def covers_alike(self, other: Disjunct) -> bool:
        """Return whether this covers another of the same `lock_identity`."""
        if self.facts and not self.facts.items() <= other.facts.items():
            return False
        if self.values is not other.values:
            for key, value in self.values.items():
                known = other.values.get(key)
                if known != value and not includes(value, known):
                    return False
        if self.exception is not None and other.exception is not None:
            if self.exception.better(other.exception) != self.exception:
                return False
        if self.holds is other.holds:
            return True
        return all(self.hold(key).covers(hold) for key, hold in other.holds.items())


EMPTY = Disjunct({}, {}, {}, {})


class Raised:
    """The states that leave a block by exceptions, each kind once for each disjunct.

    With ``every`` all of them are kept, as needed for noting each witness.
    """

    def __init__(self, every: bool = False) -> None:
        self._every = every
        self._found: dict[object, tuple[Disjunct, InFlight]] = {}

    def add(self, disjunct: Disjunct, exception: InFlight) -> None:
        """Note that the exception may be raised in that state.

        It is doubtful if the exception by which that state was reached hardly ever happens.
        """
        if disjunct.is_improbable and not exception.is_improbable:
            exception = msgspec.structs.replace(exception, is_doubtful=True)
        # Disjuncts are alive as long as they are held here, so that their ids stay their own.
        key = len(self._found) if self._every else (id(disjunct), exception.identity())
        old = self._found.get(key)
        if old is not None:
            exception = old[1].better(exception)
        self._found[key] = (disjunct, exception)

    def disjuncts(self) -> list[Disjunct]:
        """The states, with the exceptions in flight."""
        return [
            disjunct if disjunct.exception is exception else disjunct.with_exception(exception)
            for disjunct, exception in self._found.values()
        ]
