"""Functions that have to be lowered although nothing in them mentions a lock.

A call with a lock held may reach another lock through files that never mention one. Following every
call would mean lowering the whole program. So a function is lowered only if it is called with a
lock held, directly or by others, and if the calls that are written in it lead to a function that
uses locks (`engine.call_reach`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from locklint.index.declarations import FunctionDecl
from locklint.ir.access_path import Root
from locklint.ir.event import EventKind
from locklint.ir.instruction import Enter
from locklint.ir.means import Use
from locklint.ir.operands import (
    condition_paths,
    returned_temporaries,
)
from locklint.ir.terminator import Branch

if TYPE_CHECKING:
    from locklint.analysis.events import LockStates
    from locklint.engine.program_files import AnalysedFile
    from locklint.ir.cfg import Function


_ENDING = frozenset((EventKind.JOIN, EventKind.LISTEN, EventKind.BLOCK))
"""The kinds of waits that end at once if what they wait for has ended."""


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
                one.derived["tested calls"] = tuple(_tested(one))
            found.update(one.derived["tested calls"])
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


def takes_what_is_passed(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions that acquire a lock that is a parameter: their callers know which."""
    return {
        key
        for key, one in states.items()
        if any(taken.lock.path.is_parameter for taken in one.taken)
    }


__all__ = [
    "called_as",
    "called_while_holding",
    "checking_before",
    "entered_by",
    "given_results",
    "is_called_by_name",
    "passing_on",
    "reached",
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
