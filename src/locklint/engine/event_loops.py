"""Functions that have to be lowered because they wake tasks, or run event loops.

Both matter only in threads. So those that lead there are lowered too, and coroutines if they wait
for what a thread wakes, or if a thread runs their loop.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from locklint.ir.cfg import split_key
from locklint.ir.event import EventKind
from locklint.models.events import WAKES

if TYPE_CHECKING:
    from locklint.analysis.events import LockStates

OF_LOOPS = frozenset((EventKind.WAKE, EventKind.RUN_LOOP))
"""The kinds of events for which threads are looked for that lead to them."""


def wakes_or_runs_loop(one: LockStates) -> bool:
    """Return whether a function that is no coroutine wakes tasks, or runs an event loop."""
    return not one.function.is_async and any(each.event.kind in OF_LOOPS for each in one.events)


def plain_callers(keys: Collection[str], states: Mapping[str, LockStates]) -> set[str]:
    """Return some functions, and those without `async` that lead to them in the same thread."""
    callers: dict[str, set[str]] = {}
    for key, one in states.items():
        for called in one.calls if not one.function.is_async else ():
            if called.call is not None:
                callers.setdefault(called.target, set()).add(key)
    found: set[str] = set()
    work = [*keys]
    while work:
        key = work.pop()
        if key not in found:
            found.add(key)
            work.extend(callers.get(key, ()))
    return found


def classes_that_run(keys: Collection[str]) -> set[str]:
    """Return the names of the classes of some functions that a thread may run as its own."""
    owners = [key.removesuffix(".run") for key in keys if key.endswith(".run")]
    return {split_key(key)[1].rpartition(".")[2].partition("@")[0] for key in owners}


def given_to_threads(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions that are given to threads and to event loops."""
    return {
        called.target
        for one in states.values()
        for called in one.calls
        if called.call is None and called.implicit is None
    }


def run_in_loops(keys: Collection[str], states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions that those of some functions call that run an event loop."""
    return {
        called.target
        for key in keys
        if any(each.event.kind is EventKind.RUN_LOOP for each in states[key].events)
        for called in states[key].calls
    }


def woken_in(keys: Collection[str], states: Mapping[str, LockStates]) -> set[tuple[str, str]]:
    """Return how tasks wait for what some functions wake: names of locks, and their methods."""
    return {
        (each.event.lock.identity.rpartition(".")[2], method)
        for key in keys
        if key in states and not states[key].function.is_async
        for each in states[key].events
        if each.event.kind is EventKind.WAKE and each.event.lock is not None
        for method in WAKES.get(each.event.name, ())
    }


def interrupting(states: Mapping[str, LockStates]) -> set[str]:
    """Return the functions that are given to the interpreter, and those that handle log records."""
    given = {
        key for one in states.values() for each in one.function.registers for key in each.targets
    }
    return given | {key for key, one in states.items() if one.function.name == "emit"}
