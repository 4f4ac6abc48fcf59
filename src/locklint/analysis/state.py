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

    __slots__ = ("_members",)

    def __init__(self, disjuncts: Iterable[Disjunct] = (), bound: int = MAX_DISJUNCTS) -> None:
        members = _collect(disjuncts)
        if len(members) > 1:
            fewer = condensed(members.values())
            if fewer is not None:
                members = _collect(fewer)
        if len(members) > bound:
            raise GivenUp(Reason.TOO_MANY_STATES)
        self._members = members

    def __iter__(self) -> Iterator[Disjunct]:
        return iter(self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    @property
    def size(self) -> int:
        """Return its size: the number of facts in its disjuncts."""
        size = len(self._members)
        for one in self._members.values():
            size += len(one.holds) + len(one.values) + len(one.facts)
        return size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self._members == other._members

    def __hash__(self) -> int:
        return hash(frozenset(self._members))

    def join(self, other: State) -> State:
        """The upper bound of both, or this very object where the other adds nothing."""
        new = [
            disjunct
            for identity, disjunct in other._members.items()
            if self._members.get(identity) != disjunct
            and not any(member.covers(disjunct) for member in self)
        ]
        if not new:
            return self
        joined = State([*self, *new])
        return self if joined == self else joined


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
