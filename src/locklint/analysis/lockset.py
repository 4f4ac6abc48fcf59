"""The domain of lock states.

A state is a small bounded set of disjuncts, each of which stands for some of the executions that
reach a place. A disjunct maps locks to how often this function holds them, relative to its entry,
and knows those values and test outcomes on which the rest of the function depends. So the outcome
of a try-acquire, a flag, or a repeated condition stays tied to the lock state that goes with it.

At the bound disjuncts are merged: first those that differ in values only, then all; a lock on which
merged disjuncts disagree is forgotten, not guessed, and no rule speaks of it any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from locklint.analysis.hold import FORGOTTEN, UNTOUCHED, Hold, InFlight, LockKey
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import Constant

MAX_DISJUNCTS = 64


Value: TypeAlias = "Constant | AccessPath"


class Fact(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A test: of a path's truth, of its being None, or one that is known by its text."""

    kind: str  # "truth", "none", "text"
    text: str
    mentions: tuple[AccessPath, ...]


class Disjunct:
    """Some of the executions that reach a place. Never changed once it is made.

    What tells it apart is worked out once: states ask for it again and again.
    """

    __slots__ = (
        "_identity",
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
        """This disjunct with one lock's state changed, and the order of acquisition kept."""
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
        return new

    def with_exception(self, exception: InFlight | None) -> Disjunct:
        """This disjunct with another exception in flight."""
        new = Disjunct(self.holds, self.values, self.facts, self.deferred, self.order, exception)
        # The other one is asked for its identity as well, so this is no work in vain.
        new._lock_part = self._locks()
        new._value_part = self._known()
        return new

    def _locks(self) -> tuple[object, ...]:
        part = self._lock_part
        if part is None:
            held = frozenset((key, hold.identity()) for key, hold in self.holds.items())
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
        return (*self._locks(), self.exception and self.exception.identity())

    def covers(self, other: Disjunct) -> bool:
        """Whether all that this says is true of the executions that ``other`` stands for."""
        if self.exception_identity() != other.exception_identity():
            return False
        if not (
            self.values.items() <= other.values.items()
            and self.facts.items() <= other.facts.items()
        ):
            return False
        if self.exception is not None and other.exception is not None:
            if self.exception.better(other.exception) != self.exception:
                return False
        return all(hold.covers(other.hold(key)) for key, hold in self.holds.items()) and all(
            key in self.holds or UNTOUCHED.covers(hold) for key, hold in other.holds.items()
        )

    def exception_identity(self) -> tuple[object, ...]:
        """What is never merged: the kind of exception, and what waits to be cleaned up."""
        return (self._locks()[1], self.exception and self.exception.identity())


EMPTY = Disjunct({}, {}, {}, {})


class Raised:
    """What leaves a block by exceptions, each kind of exception once for each disjunct.

    With ``every`` all of them are kept, as those who note each witness need them.
    """

    def __init__(self, every: bool = False) -> None:
        self._every = every
        self._found: dict[object, tuple[Disjunct, InFlight]] = {}

    def add(self, disjunct: Disjunct, exception: InFlight) -> None:
        """Note that the exception may be raised in that state."""
        # Disjuncts are alive as long as they stand here, so that their ids stay their own.
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


def _join_holds(a: Hold, b: Hold) -> Hold:
    if a.forgotten or b.forgotten or a.count != b.count or len(a.levels) != len(b.levels):
        return replace(FORGOTTEN, taken_last=a.taken_last and b.taken_last)
    if a == b:
        return a
    same_why = a.why is b.why
    return Hold(
        count=a.count,
        levels=tuple(x | y for x, y in zip(a.levels, b.levels, strict=True)),
        free_at=a.free_at if a.free_at == b.free_at else None,
        why=a.why if same_why else None,
        where=_least(a.where, b.where) if same_why else None,
        handed_over=a.handed_over or b.handed_over,
        taken_last=a.taken_last and b.taken_last,
    )


def _least(a: Span | None, b: Span | None) -> Span | None:
    if a is None or b is None:
        return a or b
    return min(a, b)


def join_disjuncts(a: Disjunct, b: Disjunct) -> Disjunct:
    """The least disjunct that stands for the executions of both."""
    keys = [*a.holds, *(key for key in b.holds if key not in a.holds)]
    exception = a.exception
    if a.exception and b.exception:
        exception = a.exception.better(b.exception)
        if (a.exception.flow, a.exception.type) != (b.exception.flow, b.exception.type):
            exception = replace(exception, type=None)
        excluded = a.exception.excluded & b.exception.excluded
        caught = a.exception.caught if a.exception.caught == b.exception.caught else frozenset()
        exception = replace(exception, excluded=excluded, caught=caught)
    return Disjunct(
        holds={key: _join_holds(a.hold(key), b.hold(key)) for key in keys},
        values={k: v for k, v in a.values.items() if b.values.get(k) == v},
        facts={k: v for k, v in a.facts.items() if b.facts.get(k) is v},
        deferred=a.deferred if a.deferred == b.deferred else {},
        order=a.order if a.order == b.order else (),
        exception=exception,
    )


class State:
    """A bounded set of disjuncts.

    Once it had to merge, what a member covers is not added again: else a loop could bring back,
    round after round, what the bound has just merged away.
    """

    __slots__ = ("_members", "_merged")

    def __init__(self, disjuncts: Iterable[Disjunct] = (), bound: int = MAX_DISJUNCTS) -> None:
        members = _collect(disjuncts, Disjunct.identity)
        self._merged = len(members) > bound
        if self._merged:
            members = _collect(members.values(), Disjunct.lock_identity)
            if len(members) > bound:
                members = _collect(members.values(), Disjunct.exception_identity)
            members = {disjunct.identity(): disjunct for disjunct in members.values()}
        self._members = members

    def __iter__(self) -> Iterator[Disjunct]:
        return iter(self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    @property
    def size(self) -> int:
        """How much there is in it to look at: what the disjuncts know."""
        return sum(
            1 + len(one.holds) + len(one.values) + len(one.facts) for one in self._members.values()
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self._members == other._members

    def __hash__(self) -> int:
        return hash(frozenset(self._members))

    @property
    def is_merged(self) -> bool:
        """Whether the bound was reached on the way here, so that outcomes came apart from locks."""
        return self._merged

    def join(self, other: State) -> State:
        """The upper bound of both, or this very object where the other adds nothing."""
        new = [
            disjunct
            for identity, disjunct in other._members.items()
            if self._members.get(identity) != disjunct
            and not (self._merged and any(member.covers(disjunct) for member in self))
        ]
        if not new:
            return self
        joined = State([*self, *new])
        joined._merged = joined._merged or self._merged
        return self if joined == self else joined


def _collect(
    disjuncts: Iterable[Disjunct], identity: Callable[[Disjunct], tuple[object, ...]]
) -> dict[tuple[object, ...], Disjunct]:
    members: dict[tuple[object, ...], Disjunct] = {}
    for disjunct in disjuncts:
        name = identity(disjunct)
        old = members.get(name)
        if old is None:
            members[name] = disjunct
        elif old is not disjunct and old != disjunct:
            members[name] = join_disjuncts(old, disjunct)
    return members
