"""Functions that have to be lowered because they bind what a later callee tests.

If ``_ensure`` binds ``self._link``, a callee that is called next and tests ``self._link`` may be
known not to acquire its lock (`locklint.analysis.settled`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from locklint.analysis.state_tests import CHANGING_METHODS
from locklint.dataflow.components import components
from locklint.engine.demand import called_while_holding
from locklint.ir.operands import condition_paths
from locklint.ir.terminator import Branch

if TYPE_CHECKING:
    from locklint.analysis.events import LockStates
    from locklint.index.declarations import FunctionDecl

_MOST_CALLS = 2
"""The depth of calls to which the functions that bind what a test is of are searched for."""


class Settling:
    """The functions that decide tests of others, among those that a lock may be held in.

    ``declared`` gives the declaration of a function by its key. The names of attributes that
    functions test are sets of bits: unions of them are made for each call.
    """

    def __init__(
        self,
        states: Mapping[str, LockStates],
        declared: Callable[[str], FunctionDecl | None],
    ) -> None:
        self._states = states
        self._declared = declared
        self._bits: defaultdict[object, int] = defaultdict(lambda: 1 << len(self._bits))
        self._bound: dict[str, int] = {}

    def find(self) -> set[str]:
        """Return the functions without states that bind an attribute that a callee tests.

        Their caller holds a lock or is called with one held, and another callee of it, whose
        tests these are, leads to a lock or an event. A property is among them if its own name is
        tested.
        """
        states = self._states
        tested, below = self._tests_below()
        holding = {key for key, one in states.items() if any(called.held for called in one.calls)}
        found: set[str] = set()
        for caller in tested.keys() & (called_while_holding(states) | holding):
            callees = dict.fromkeys(called.target for called in states[caller].calls)
            for callee in callees:
                asked = tested[caller]
                for other in callees:
                    if other != callee:
                        asked |= below.get(other, 0)
                if asked:
                    found.update(k for k in self._without_states(callee) if self._binds(k) & asked)
        return found

    def _tests_below(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return the names that functions test, and those that they and their callees test.

        Functions that lead to no lock and no event are left out.
        """
        states = self._states
        leading = self._leading()
        tested = {key: self._tested(states[key]) for key in leading}

        def callees(key: str) -> Iterator[str]:
            return (called.target for called in states[key].calls if called.target in leading)

        below: dict[str, int] = {}
        for members in components(sorted(leading), callees):
            names = 0
            for key in members:
                names |= tested[key]
                for callee in callees(key):
                    names |= below.get(callee, 0)
            below.update(dict.fromkeys(members, names))
        return tested, below

    def _leading(self) -> set[str]:
        """Return the functions that acquire a lock or have an event, and those that lead there."""
        callers: dict[str, list[str]] = {}
        for key, one in self._states.items():
            for called in one.calls:
                callers.setdefault(called.target, []).append(key)
        work = [key for key, one in self._states.items() if one.taken or one.events]
        found = set(work)
        while work:
            for caller in callers.get(work.pop(), ()):
                if caller not in found:
                    found.add(caller)
                    work.append(caller)
        return found

    def _tested(self, one: LockStates) -> int:
        """Return the last names of the attributes that a function tests."""
        if "tested" not in one.derived:
            one.derived["tested"] = frozenset(
                path.last
                for block in one.function.blocks.values()
                if isinstance(block.terminator, Branch)
                for path in condition_paths(block.terminator.condition)
                if path.fields
            )
        return self._union(one.derived["tested"])

    def _union(self, names: Collection[object]) -> int:
        union = 0
        for name in names:
            union |= self._bits[name]
        return union

    def _without_states(self, key: str) -> Iterator[str]:
        """Yield a function, or those that it leads to, that have no states yet."""
        seen = {key}
        work = [key]
        for _ in range(_MOST_CALLS + 1):
            following: list[str] = []
            for each in work:
                if each not in self._states:
                    yield each
                    continue
                for called in self._states[each].calls:
                    if called.target not in seen:
                        seen.add(called.target)
                        following.append(called.target)
            work = following

    def _binds(self, key: str) -> int:
        """Return the names that a function binds or changes, or a method that it calls, its own."""
        known = self._bound.get(key)
        if known is None:
            known = self._bound[key] = self._union(set(self._names_of(key, _MOST_CALLS)))
        return known

    def _names_of(self, key: str, depth: int) -> Iterator[str]:
        decl = self._declared(key)
        if decl is None:
            return
        yield decl.name
        yield from decl.self_bindings
        for callee in decl.callees.split("\n"):
            first, *fields = callee.split(".")
            match fields:
                case [*_, name, method] if method in CHANGING_METHODS:
                    yield name
                case [method] if depth and first == "self" and decl.class_name:
                    own = f"{key.removesuffix(decl.name)}{method}"
                    if own != key:
                        yield from self._names_of(own, depth - 1)
