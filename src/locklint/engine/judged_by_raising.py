"""Functions that may have to be lowered because a held lock stays acquired if they raise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from locklint.ir.instruction import Acquire, Release, TryAcquire
from locklint.ir.means import Use

if TYPE_CHECKING:
    from locklint.analysis.events import Called, LockStates
    from locklint.core.source import Span
    from locklint.ir.cfg import Function


_MOST_CALLS = 2
"""The depth of calls to which raising code is searched for while a lock is held without `with`."""


def called_by_hand(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions that affect the release of a lock held by hand, and their callees.

    Either no code releases it if they raise, or the lock is passed to them. This includes a lock
    that an `__exit__` releases: the `with` does not release it if the method raises before.
    """
    found: set[str] = set()
    for one in states.values():
        if one.calls:
            if "by hand" not in one.derived:
                one.derived["by hand"] = tuple(_depended_on(one))
            found.update(one.derived["by hand"])
    work, following = sorted(found), list[str]()
    for _ in range(_MOST_CALLS):
        for key in work:
            known = states.get(key)
            if known is not None:
                following += [c.target for c in known.calls if c.target not in found]
        found.update(following)
        work, following = following, []
    return found


def _depended_on(one: LockStates) -> set[str]:
    """The functions that one calls itself and on which its locks depend."""
    if one.ends_with:
        return {called.target for called in one.calls}
    by_hand = [called for called in one.calls if called.is_held_by_hand]
    leaking = _leaking(one) if by_hand else set()
    return {c.target for c in by_hand if _may_leak(c, leaking) or c.passes_lock}


def _may_leak(called: Called, leaking: set[Span]) -> bool:
    """Return whether an exception of a call leaks, or one of the `await` of what it gives."""
    if called.span in leaking:
        return True
    is_awaited = called.call is not None and called.call.use is Use.AWAITED
    return is_awaited and any(span.contains(called.span) for span in leaking)


class JudgedByRaising:
    """The functions, lowered or not, of which it matters how likely they raise.

    They hold a lock that a callee has acquired, or end a `with`, or are called where a lock is held
    by hand, directly or by others. Those that `holds_by_hand` names are not among them. ``keys``
    are those found so far; `renew` adds what has become known since.
    """

    def __init__(self, states: Mapping[str, LockStates]) -> None:
        self.keys: set[str] = set()
        self._states = states
        self._looked_at: dict[str, LockStates] = {}
        self._called: set[str] = set()

    def renew(self) -> None:
        """Look at the functions that were solved since the last time."""
        work: list[str] = []
        for key, one in self._states.items():
            if self._looked_at.get(key) is not one:
                self._looked_at[key] = one
                judges, called = _judged_by(one)
                if judges:
                    self.keys.add(key)
                work += called
                if key in self._called:
                    work += [each.target for each in one.calls]
        while work:
            key = work.pop()
            if key not in self._called:
                self._called.add(key)
                if key in self._states:
                    work += [each.target for each in self._states[key].calls]
        self.keys |= self._called


def _judged_by(one: LockStates) -> tuple[bool, list[str]]:
    """Return whether exceptions in a function matter, and in which of its callees."""
    ends = one.ends_with
    by_hand = any(called.is_held_by_hand for called in one.calls)
    called = [c.target for c in one.calls if ends or c.is_held_by_hand or c.passes_lock]
    return ends or by_hand, called


def holds_by_hand(function: Function) -> bool:
    """Return whether a function acquires something, or releases it, by a method."""
    return any(
        isinstance(each, TryAcquire)
        or (isinstance(each, Acquire) and each.enter is None)
        or (isinstance(each, Release) and each.call is not None)
        for block in function.blocks.values()
        for each in block.instructions
    )


def _leaking(states: LockStates) -> set[Span]:
    """Return where exceptions are raised that leave a function with a lock held."""
    return {
        exit_.exception.cause.span
        for exit_ in states.exceptional_exits
        if exit_.exception is not None and any(hold.count > 0 for hold in exit_.holds.values())
    }
