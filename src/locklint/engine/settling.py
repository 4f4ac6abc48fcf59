"""Functions that have to be lowered because they bind what a later callee tests.

If ``_ensure`` binds ``self._link``, a callee that is called next and tests ``self._link`` may be
known not to acquire its lock (`locklint.analysis.settled`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from locklint.analysis.state_tests import CHANGING_METHODS
from locklint.dataflow.components import components
from locklint.dataflow.order import reaching
from locklint.ir.operands import condition_paths
from locklint.ir.terminator import Branch

if TYPE_CHECKING:
    from locklint.analysis.events import LockStates
    from locklint.index.declarations import FunctionDecl

_MOST_CALLS = 2
"""The depth of calls to which the functions that bind what a test is of are searched for."""

_Callers: TypeAlias = defaultdict[str, list[str]]


class _Known(NamedTuple):
    """Facts about a function: its callees, the names that it tests, whether they hold a lock.

    ``acts``: it acquires a lock, or has an event.
    """

    states: LockStates
    callees: tuple[str, ...]
    tested: int
    holds: bool
    acts: bool


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
        self._bits: dict[object, int] = {}
        self._bound: dict[str, int] = {}
        self._known: dict[str, _Known] = {}

    def find(self, reached: Collection[str]) -> set[str]:
        """Return the functions without states that bind an attribute that a callee tests.

        Their caller holds a lock or is among ``reached``, which are called with one held. Another
        callee of it, whose tests these are, leads to a lock or an event. A property is among the
        functions if its own name is tested.
        """
        self._renew()
        callers: _Callers = defaultdict(list)
        for key, known in self._known.items():
            for callee in known.callees:
                callers[callee].append(key)
        below = self._tests_below(callers)
        deciding = self._deciding(callers, reduce(or_, below.values(), 0))
        found: set[str] = set()
        for callee in deciding:
            for caller in below.keys() & callers[callee]:
                known = self._known[caller]
                if known.holds or caller in reached:
                    asked = known.tested
                    for other in known.callees:
                        if other != callee:
                            asked |= below.get(other, 0)
                    found.update(key for key in deciding[callee] if self._binds(key) & asked)
        return found

    def _renew(self) -> None:
        """Look at the functions that were solved since the last time."""
        for key, one in self._states.items():
            known = self._known.get(key)
            if known is None or known.states is not one:
                self._known[key] = _Known(
                    one,
                    tuple(dict.fromkeys(called.target for called in one.calls)),
                    self._tested(one),
                    any(called.held for called in one.calls),
                    bool(one.events),
                )

    def _tests_below(self, callers: _Callers) -> dict[str, int]:
        """Return the names that functions test, and that their callees do.

        Functions that lead to no lock and no event are left out.
        """
        acting = [key for key, known in self._known.items() if known.acts]
        leading = reaching(acting, callers)
        callees = {key: leading.intersection(self._known[key].callees) for key in leading}
        below: dict[str, int] = {}
        for members in components(leading, callees.__getitem__):
            names = 0
            for key in members:
                names |= self._known[key].tested
                for callee in callees[key]:
                    names |= below.get(callee, 0)
            below.update(dict.fromkeys(members, names))
        return below

    def _tested(self, one: LockStates) -> int:
        """Return the last names of the attributes that a function tests."""
        return self._union(
            path.last
            for block in one.function.blocks.values()
            if isinstance(block.terminator, Branch)
            for path in condition_paths(block.terminator.condition)
            if path.fields
        )

    def _union(self, names: Iterable[object]) -> int:
        union = 0
        for name in names:
            union |= self._bits.setdefault(name, 1 << len(self._bits))
        return union

    def _deciding(self, callers: _Callers, tested: int) -> dict[str, set[str]]:
        """Return the functions without states that bind what some test is of, by their callers.

        These are their own, with themselves, and those further up as far as tests are followed.
        """
        found: defaultdict[str, set[str]] = defaultdict(set)
        for key in callers.keys() - self._known.keys():
            if self._binds(key) & tested:
                work = {key}
                for _ in range(_MOST_CALLS + 1):
                    for each in work:
                        found[each].add(key)
                    work = {up for each in work for up in callers[each] if key not in found[up]}
        return found

    def _binds(self, key: str) -> int:
        """Return the names that a function binds or changes, or a method that it calls, its own."""
        known = self._bound.get(key)
        if known is None:
            known = self._bound[key] = self._union(self._names_of(key, _MOST_CALLS))
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
