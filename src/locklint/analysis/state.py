"""The domain of lock states.

A state is a small bounded set of disjuncts (`lockset`). Disjuncts that together say no more than
one are one (`condensed`). Where that leaves more of them than the bound allows, nothing is
concluded about the function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from locklint.analysis.condensed import condensed
from locklint.analysis.hold import Hold
from locklint.analysis.lockset import Disjunct
from locklint.core.not_analysed import Reason
from locklint.core.source import Span
from locklint.dataflow.solver import GivenUp

MAX_DISJUNCTS = 64


def _join_holds(a: Hold, b: Hold) -> Hold:
    if a == b:
        return a
    return replace(
        a,
        levels=tuple(x | y for x, y in zip(a.levels, b.levels, strict=True)),
        where=_least(a.where, b.where),
    )


def _least(a: Span | None, b: Span | None) -> Span | None:
    if a is None or b is None:
        return a or b
    return min(a, b)


def join_disjuncts(a: Disjunct, b: Disjunct) -> Disjunct:
    """Disjuncts of one identity as one, with the witnesses of both."""
    exception = a.exception
    if a.exception and b.exception:
        exception = a.exception.better(b.exception)
    keys = [*a.holds, *(key for key in b.holds if key not in a.holds)]
    return Disjunct(
        holds={key: _join_holds(a.hold(key), b.hold(key)) for key in keys},
        values=a.values,
        facts=a.facts,
        deferred=a.deferred,
        order=a.order,
        exception=exception,
    )


class State:
    """A bounded set of disjuncts, none of which says only what others say.

    Raises `GivenUp` beyond the bound: to merge there what differs would make up executions.
    """

    __slots__ = ("_disjuncts", "_size")

    def __init__(self, disjuncts: Iterable[Disjunct] = (), bound: int = MAX_DISJUNCTS) -> None:
        members = list(disjuncts)
        # Most states have one alternative, whose identity is seldom needed.
        if len(members) > 1:
            members = list(_collect(members).values())
        if len(members) > 1:
            fewer = condensed(members)
            if fewer is not None:
                members = list(_collect(fewer).values())
        if len(members) > bound:
            raise GivenUp(Reason.TOO_MANY_STATES)
        self._disjuncts = members
        self._size = 0

    def __iter__(self) -> Iterator[Disjunct]:
        return iter(self._disjuncts)

    def __len__(self) -> int:
        return len(self._disjuncts)

    @property
    def size(self) -> int:
        """Return its size: the number of facts in its disjuncts."""
        if not self._size:
            size = len(self._disjuncts)
            for one in self._disjuncts:
                size += len(one.holds) + len(one.values) + len(one.facts)
            self._size = size
        return self._size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self._by_identity() == other._by_identity()

    def __hash__(self) -> int:
        return hash(frozenset(self._by_identity()))

    def _by_identity(self) -> dict[tuple[object, ...], Disjunct]:
        return {disjunct.identity(): disjunct for disjunct in self._disjuncts}

    def join(self, other: State) -> State:
        """The upper bound of both, or this very object where the other adds nothing."""
        if other is self:
            return self
        known = self._by_identity()
        new = [
            disjunct
            for disjunct in other._disjuncts
            if known.get(disjunct.identity()) != disjunct
            and not any(member.covers(disjunct) for member in self._disjuncts)
        ]
        if not new:
            return self
        joined = State([*self._disjuncts, *new])
        return self if joined._by_identity() == known else joined


def _collect(disjuncts: Iterable[Disjunct]) -> dict[tuple[object, ...], Disjunct]:
    members: dict[tuple[object, ...], Disjunct] = {}
    for disjunct in disjuncts:
        name = disjunct.identity()
        old = members.get(name)
        if old is None:
            members[name] = disjunct
        elif old is not disjunct and old != disjunct:
            members[name] = join_disjuncts(old, disjunct)
    return members
