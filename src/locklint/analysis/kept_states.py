"""Solved functions that are used again if the function, and all that was looked up, are the same.

Lock states are a function of a graph, of the summaries that are looked up for its calls, and of
what others do to the same locks. So they are valid as long as each lookup gives what it gave.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from locklint.analysis.events import LockStates, Shared
from locklint.analysis.passed import Passed
from locklint.analysis.summary import Lookup, Summary
from locklint.ir.cfg import Function

Looked: TypeAlias = "tuple[str, Passed | None]"
Found: TypeAlias = "tuple[Function, Summary] | None"


class Solution(msgspec.Struct, frozen=True):
    """The states and the summary of a function, and what was looked up for them."""

    function: Function
    shared: Shared
    looked_up: dict[Looked, Found]
    states: LockStates
    summary: Summary


class Recording:
    """A lookup that records its results."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.results: dict[Looked, Found] = {}

    def __call__(self, key: str, passed: Passed | None = None) -> Found:
        """Return the result for a key and what is passed, and record it."""
        found = self._lookup(key, passed)
        self.results[key, passed] = found
        return found


class KeptStates:
    """The solutions of the last run; those that the present one does not use are dropped."""

    def __init__(self) -> None:
        self._old: dict[Looked, list[Solution]] = {}
        self._used: dict[Looked, list[Solution]] = {}

    def begin(self) -> None:
        """Begin a run."""
        self._old, self._used = self._used, {}

    def forget(self) -> None:
        """Forget all solutions of the last run."""
        self._old = {}

    def find(
        self, function: Function, passed: Passed | None, shared: Shared, lookup: Lookup
    ) -> Solution | None:
        """Return the solution of a function that is still valid, as if it had just been made."""
        key = (function.key, passed)
        for each in self._old.get(key, ()):
            if each.shared == shared and each.function == function and _is_valid(each, lookup):
                self._used.setdefault(key, []).append(each)
                # Rules derive facts from the whole program, and keep them there.
                return msgspec.structs.replace(each, states=_fresh(each.states, shared))
        return None

    def keep(self, solution: Solution, passed: Passed | None) -> None:
        """Keep a solution."""
        kept = msgspec.structs.replace(solution, states=_fresh(solution.states, solution.shared))
        self._used.setdefault((solution.function.key, passed), []).append(kept)


def _fresh(states: LockStates, shared: Shared) -> LockStates:
    return msgspec.structs.replace(states, shared=shared, derived={})


def _is_valid(solution: Solution, lookup: Lookup) -> bool:
    return all(lookup(*asked) == found for asked, found in solution.looked_up.items())
