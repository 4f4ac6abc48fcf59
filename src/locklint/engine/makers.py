"""Functions that make objects that are used with a lock held, or that have their own locks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from locklint.ir.access_path import Root
from locklint.ir.operands import bound_temporaries, receivers, returned_temporaries

if TYPE_CHECKING:
    from locklint.analysis.events import LockStates


def makers(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions whose results are used with a lock held, and those that make these.

    The attributes of such an object may lead back to the held lock.
    """
    found: set[str] = set()
    work = [one for one in states.values() if any(called.held for called in one.calls)]
    for one in work:
        if "makers" not in one.derived:
            used = receivers(one.function)
            one.derived["makers"] = tuple(
                dict.fromkeys(
                    called.target
                    for called in one.calls
                    if called.call is not None and called.call.result in used
                )
            )
        found.update(one.derived["makers"])
    for one in states.values():
        if one.calls:
            found |= _with_own_methods(_makers_of_holders(one, states), states)
    for key in sorted(found):
        maker = states.get(key)
        if maker is not None:
            returned = returned_temporaries(maker.function)
            found.update(
                called.target
                for called in maker.calls
                if called.call is not None and called.call.result in returned
            )
    return found


def _makers_of_holders(one: LockStates, states: Mapping[str, LockStates]) -> set[str]:
    """Return the constructors of objects whose methods, called here, acquire their own locks.

    Whether another thread can know the object depends on what the constructor does with it.
    """
    if "made" not in one.derived:
        one.derived["made"] = tuple(_uses_of_made(one))
    return {
        maker
        for maker, method in one.derived["made"]
        if (callee := states.get(method)) is not None
        and any(taken.lock.path.root is Root.SELF for taken in callee.taken)
    }


def _uses_of_made(one: LockStates) -> set[tuple[str, str]]:
    """The constructors that a function calls, each with a method of the object called here."""
    made = {
        called.call.result: called.target
        for called in one.calls
        if called.call is not None and called.call.constructs is not None
    }
    if not made:
        return set()
    names = {result: result for result in made}
    names |= {target: value for target, value in bound_temporaries(one.function) if value in made}
    found: set[tuple[str, str]] = set()
    for called in one.calls:
        call = called.call
        if call is None or call.callee is None or not call.callee.fields:
            continue
        result = names.get(call.callee.parent())
        if result is not None:
            found.add((made[result], called.target))
    return found


def _with_own_methods(keys: set[str], states: Mapping[str, LockStates]) -> set[str]:
    """The constructors, and those methods of their objects that they call."""
    found: set[str] = set()
    work = list(keys)
    while work:
        key = work.pop()
        if key in found:
            continue
        found.add(key)
        one = states.get(key)
        own = one.function.self_name if one is not None else None
        for called in one.calls if one is not None else ():
            path = called.call.callee if called.call is not None else None
            if path is not None and path.fields and path.root_name in (own, "super"):
                work.append(called.target)
    return found
