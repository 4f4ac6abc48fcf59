"""Functions that have to be lowered because they wake tasks, or run event loops.

Both matter only in threads. So those that lead there are lowered too, and coroutines if they wait
for what a thread wakes, or if a thread runs their loop.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING

from locklint.engine.demand import awaiting, reached, suspended_with_lock
from locklint.engine.follow_calls import MAX_ROUNDS, lower_up_to_locks, spawned
from locklint.engine.function_search import (
    callers,
    calling,
    names_of_threads,
    naming,
    unlowered_callers,
    with_few_callers,
)
from locklint.engine.program_files import outermost
from locklint.engine.solved_functions import SolvedFunctions
from locklint.ir.cfg import split_key
from locklint.ir.event import EventKind
from locklint.models.events import WAKES, names_about_loops, names_of_runners

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


def follow_loops(solved: SolvedFunctions) -> None:
    """Find what wakes tasks or runs event loops, and who leads there (LCK603, LCK604).

    Coroutines are looked at only if they wait for what a thread wakes, or if a thread runs
    their loop.
    """
    if EventKind.RUN_LOOP not in solved.wanted:
        return
    states = solved.states
    solved.add(solved.lowered(_waking(solved)))
    keys = {key for key, one in states.items() if wakes_or_runs_loop(one)}
    if not keys:
        return
    solved.add(solved.new(calling(solved, names_of_threads)))
    asked: set[str] = set()
    for _ in range(MAX_ROUNDS):
        keys = plain_callers(keys, states) - asked
        asked |= keys
        fresh = solved.lowered(callers(solved, with_few_callers(solved, keys)))
        fresh += solved.lowered(unlowered_callers(solved, classes_that_run(keys)))
        if not fresh:
            break
        solved.add(fresh)
        keys = asked
    solved.add(solved.on_demand(sorted(spawned(solved)), None))
    in_threads = reached(given_to_threads(states), states) & states.keys()
    coroutines = run_in_loops(in_threads, states)
    if coroutines:
        solved.add(solved.new(calling(solved, names_of_runners)))
        lower_up_to_locks(solved, coroutines)
    woken = woken_in(in_threads | reached(interrupting(states), states), states)
    solved.add(solved.lowered(naming(solved, woken)))


def _waking(solved: SolvedFunctions) -> dict[str, set[str]]:
    """Return, by path, the functions, not lowered yet, that wake tasks or run event loops."""
    happens = solved.written_calls().happens
    wanted: dict[str, set[str]] = {}
    for path in solved.working(sorted(solved.files.searched)):
        file = solved.files.searched[path]
        names = names_about_loops(file.source.text)
        for decl in file.index.functions.values() if names else ():
            if decl.is_async or names.isdisjoint(decl.called):
                continue
            outer = outermost(file.index, decl).qualname
            asked = partial(happens, file.index, decl, names, OF_LOOPS)
            if outer not in file.lowered and solved.answer(file, asked, False):
                wanted.setdefault(path, set()).add(outer)
    return wanted


def look_for_runners(solved: SolvedFunctions) -> None:
    """Find what awaits, starts or runs coroutines that hold a lock of threads at an `await`.

    So it is seen whether there are other tasks in the loop (LCK601).
    """
    if EventKind.AWAIT not in solved.wanted:
        return
    states = solved.states
    keys = suspended_with_lock(states)
    seen: set[str] = set()
    while keys:
        seen |= keys
        solved.add(solved.lowered(callers(solved, with_few_callers(solved, keys))))
        keys = awaiting(keys, states) - seen
