"""Functions that have to be lowered although nothing in them mentions a lock.

A call with a lock held may reach another lock through files that never mention one. Following every
call would mean lowering the whole program. So a function is lowered only if it is called with a
lock held, directly or by others, and if the calls that are written in it lead to a function that
uses locks (`engine.call_reach`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from locklint.analysis.state_tests import CHANGING_METHODS
from locklint.index.declarations import FunctionDecl
from locklint.ir.access_path import Root
from locklint.ir.event import EventKind
from locklint.ir.instruction import Acquire, Enter, Release, TryAcquire
from locklint.ir.means import Use
from locklint.ir.operands import (
    bound_temporaries,
    condition_paths,
    receivers,
    returned_temporaries,
)
from locklint.ir.terminator import Branch

if TYPE_CHECKING:
    from locklint.analysis.events import Called, LockStates
    from locklint.core.source import Span
    from locklint.engine.program_files import AnalysedFile
    from locklint.ir.cfg import Function


_ENDING = frozenset((EventKind.JOIN, EventKind.LISTEN, EventKind.BLOCK))
"""The kinds of waits that end at once if what they wait for has ended."""

_MOST_CALLS = 2
"""The depth of calls to which raising code is searched for while a lock is held without `with`."""


def called_as(function: FunctionDecl | Function) -> str:
    """The bare name by which a function is called: a constructor's is its class's."""
    if function.name in ("__init__", "__new__") and function.class_name:
        return function.class_name.rpartition(".")[2].partition("@")[0]
    return function.name


def is_called_by_name(function: Function) -> bool:
    """Return whether all callers of a function are in the program, and write its name."""
    if function.class_name is None:
        return not function.is_anonymous
    return function.name.startswith("_") and not function.name.endswith("__")


def calls_one_of(decl: FunctionDecl, methods: Collection[tuple[str, str]]) -> bool:
    """Return whether a function calls methods of something, each with its name.

    A variable may be another name of it, and so may what is no plain name.
    """
    for callee in decl.callees.split("\n"):
        *before, method = callee.split(".")
        for name, wanted in methods:
            if method == wanted and before:
                is_other = before == [""] or (len(before) == 1 and before[0] in decl.locals)
                if is_other or before[-1] == name:
                    return True
    return False


def called_while_holding(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions, lowered or not, that calls with a lock held reach."""
    return reached({c.target for one in states.values() for c in one.calls if c.held}, states)


def possibly_called_while_holding(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions that calls with a lock held reach, if some calls are only guessed.

    Return nothing if no calls are.
    """
    if not any(one.possible for one in states.values()):
        return set()
    held = {
        called.target
        for one in states.values()
        for called in (*one.calls, *one.possible)
        if called.held
    }
    return reached(held, states, with_possible=True)


def reached(
    keys: Iterable[str], states: Mapping[str, LockStates], *, with_possible: bool = False
) -> set[str]:
    """Return some functions, lowered or not, and those that they lead to.

    ``with_possible``: also by calls that are only guessed.
    """
    found: set[str] = set()
    work = [*keys]
    while work:
        key = work.pop()
        if key in found:
            continue
        found.add(key)
        known = states.get(key)
        if known is not None:
            work.extend(called.target for called in known.calls)
            if with_possible:
                work.extend(called.target for called in known.possible)
    return found


def checking_before(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions that are called, for no result, before a lock is acquired once more.

    They may raise in a state in which their caller is called with that lock held.
    """
    calls = [c for one in states.values() for c in one.calls if c.held]
    held = {each.lock.identity for called in calls for each in called.held}
    found: set[str] = set()
    for key in called_while_holding(states) & states.keys():
        one = states[key]
        again = [
            each.acquisition.span
            for each in one.taken
            if each.lock.identity in held and not each.lock.kind.reentrant
        ]
        if again:
            last = max(again)
            found.update(
                called.target
                for called in one.calls
                if called.span < last
                and called.call is not None
                and called.call.use is Use.DISCARDED
            )
    return found


def called_by_hand(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions that affect the release of a lock held by hand, and their callees.

    Either no code releases it if they raise, or the lock is passed to them. This includes a lock
    that an `__exit__` releases: the `with` does not release it if the method raises before.
    """
    found: set[str] = set()
    for one in states.values():
        if one.calls:
            if "by hand" not in one.derived:
                one.derived["by hand"] = _depended_on(one)
            found |= one.derived["by hand"]
    work, following = sorted(found), list[str]()
    for _ in range(_MOST_CALLS):
        for key in work:
            known = states.get(key)
            if known is not None:
                following += [c.target for c in known.calls if c.target not in found]
        found.update(following)
        work, following = following, []
    return found


def entered_by(states: Mapping[str, LockStates]) -> set[str]:
    """Return the `acquire` methods that an `__enter__` calls: their results decide."""
    return {
        called.target
        for one in states.values()
        if one.function.name in ("__enter__", "__aenter__")
        for called in one.calls
        if called.target.endswith(".acquire")
    }


def awaited_under_lock(states: Mapping[str, LockStates]) -> set[str]:
    """Return the coroutines that are awaited while a lock of threads or processes is held.

    Whether they suspend decides whether other tasks run meanwhile. With them come the functions of
    asynchronous context managers that are entered there.
    """
    entered = {
        key
        for one in states.values()
        for block in (one.function.blocks.values() if one.suspends_with_lock else ())
        for each in block.instructions
        if isinstance(each, Enter) and each.is_async and each.manager is not None
        for key in (each.manager.enter, each.manager.exit, each.manager.generator)
        if key is not None
    }
    return entered | {
        called.target
        for one in states.values()
        if one.function.is_async
        for called in one.calls
        if called.call is not None and called.call.use is Use.AWAITED
        if any(held.blocks_threads for held in called.held)
    }


def awaiting(keys: Collection[str], states: Mapping[str, LockStates]) -> set[str]:
    """Return the coroutines that call some functions."""
    return {
        key
        for key, one in states.items()
        if one.function.is_async and any(called.target in keys for called in one.calls)
    }


def suspended_with_lock(states: Mapping[str, LockStates]) -> set[str]:
    """Return the coroutines that await while they hold a lock of threads or processes."""
    return {key for key, one in states.items() if one.suspends_with_lock}


def passing_on(keys: Collection[str], states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions that call one of some generators, and return it or yield from it."""
    return {
        key
        for key, one in states.items()
        if key not in keys and any(called.target in keys for called in one.calls)
        if one.function.is_generator or returned_temporaries(one.function)
    }


def given_results(keys: Collection[str], states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions that get the result of a call of some functions for an argument."""
    found: set[str] = set()
    for one in states.values():
        made = {
            called.call.result
            for called in one.calls
            if called.target in keys and called.call is not None and called.call.result is not None
        }
        if made:
            found.update(
                called.target
                for called in one.calls
                if called.call is not None
                and any(argument.value in made for argument in called.call.arguments)
            )
    return found


def settling(
    states: Mapping[str, LockStates], declared: Callable[[str], FunctionDecl | None]
) -> set[str]:
    """Return the functions, called with a lock held, that bind an attribute that some test is of.

    The test may be that of another callee, which then does or does not acquire the lock. A property
    is among them if its own name is tested.
    """
    tested = set[object]()
    for one in states.values():
        if "tested" not in one.derived:
            one.derived["tested"] = frozenset(
                path.last
                for block in one.function.blocks.values()
                if isinstance(block.terminator, Branch)
                for path in condition_paths(block.terminator.condition)
                if path.fields
            )
        tested |= one.derived["tested"]
    return {
        key
        for key in called_while_holding(states)
        if key not in states and _settles(key, tested, declared, _MOST_CALLS)
    }


def _settles(
    key: str,
    tested: Collection[object],
    declared: Callable[[str], FunctionDecl | None],
    depth: int,
) -> bool:
    """Return whether a function, or a method that it calls, binds or changes an attribute."""
    decl = declared(key)
    if decl is None:
        return False
    if decl.name in tested or any(name in tested for name in decl.self_bindings):
        return True
    for callee in decl.callees.split("\n"):
        first, *fields = callee.split(".")
        match fields:
            case [*_, name, method] if name in tested and method in CHANGING_METHODS:
                return True
            case [method] if depth and first == "self" and decl.class_name:
                own = f"{key.removesuffix(decl.name)}{method}"
                if own != key and _settles(own, tested, declared, depth - 1):
                    return True
    return False


def waited_for(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions of threads and futures for whose end a function waits.

    The constructor of a thread that is made and waited for in one function, with a lock held, may
    be given that lock. What such a function tests may say that the thread has ended.
    """
    found: set[str] = set()
    for one in states.values():
        if any(each.held and each.event.kind in _ENDING for each in one.events):
            found |= _tested(one)
        joins = [each for each in one.events if each.event.kind is EventKind.JOIN]
        found.update(key for each in joins for key in each.event.awaited)
        if any(each.held for each in joins):
            found.update(
                called.target
                for called in one.calls
                if called.call is not None and called.call.constructs is not None
            )
    return found


def tested_around_locks(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions whose results are tested by functions that acquire a lock.

    With them come those that are called for no result: they may raise.
    """
    found: set[str] = set()
    for one in states.values():
        if one.calls:
            if "tested calls" not in one.derived:
                one.derived["tested calls"] = _tested(one)
            found |= one.derived["tested calls"]
    return found


def _tested(one: LockStates) -> set[str]:
    """Return the functions whose results one tests, or that it calls for no result."""
    branches = [
        block.terminator
        for block in one.function.blocks.values()
        if one.taken and isinstance(block.terminator, Branch)
    ]
    tested = {path for each in branches for path in condition_paths(each.condition)}
    return {
        called.target
        for called in one.calls
        if called.call is not None
        and (called.call.use is Use.DISCARDED or called.call.value in tested)
    }


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


def makers(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions whose results are used with a lock held, and those that make these.

    The attributes of such an object may lead back to the held lock.
    """
    found: set[str] = set()
    work = [one for one in states.values() if any(called.held for called in one.calls)]
    for one in work:
        if "receivers" not in one.derived:
            one.derived["receivers"] = receivers(one.function)
        used = one.derived["receivers"]
        found.update(
            called.target
            for called in one.calls
            if called.call is not None and called.call.result in used
        )
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
        one.derived["made"] = _uses_of_made(one)
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


def takes_what_is_passed(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions that acquire a lock that is a parameter: their callers know which."""
    return {
        key
        for key, one in states.items()
        if any(taken.lock.path.is_parameter for taken in one.taken)
    }


__all__ = [
    "JudgedByRaising",
    "called_as",
    "called_by_hand",
    "called_while_holding",
    "checking_before",
    "entered_by",
    "given_results",
    "holds_by_hand",
    "is_called_by_name",
    "makers",
    "passing_on",
    "reached",
    "settling",
    "takes_what_is_passed",
    "tested_around_locks",
    "waited_for",
]


def methods_beside_locks(
    states: Mapping[str, LockStates], files: Mapping[str, AnalysedFile]
) -> dict[str, set[str]]:
    """Return, by path, all methods of the classes whose own locks some method acquires.

    Of a file that acquires a global lock, all functions.
    """
    owners = {
        (one.function.path, one.function.class_name)
        for one in states.values()
        if any(taken.lock.path.is_own_attribute for taken in one.taken)
    }
    wanted: dict[str, set[str]] = {}
    for path, owner in owners:
        if path in files and owner is not None:
            decls = files[path].index.functions.values()
            own = {decl.qualname for decl in decls if decl.class_name == owner and not decl.parent}
            wanted.setdefault(path, set()).update(own)
    for one in states.values():
        path = one.function.path
        if path in files and any(taken.lock.path.root is Root.GLOBAL for taken in one.taken):
            index = files[path].index
            wanted.setdefault(path, set()).update(
                decl.qualname for decl in index.functions.values() if not decl.parent
            )
    return wanted
