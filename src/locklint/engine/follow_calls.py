"""Steps that lower what functions with locks call, who calls them, and what ends their waits."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from locklint.analysis.events import Manner
from locklint.analysis.suspended import held_at_yields
from locklint.engine.call_reach import CallReach
from locklint.engine.demand import (
    awaited_under_lock,
    called_as,
    called_while_holding,
    checking_before,
    given_results,
    is_called_by_name,
    passing_on,
    possibly_called_while_holding,
    reached,
    tested_around_locks,
    waited_for,
)
from locklint.engine.function_search import naming, unlowered_callers
from locklint.engine.judged_by_raising import called_by_hand
from locklint.engine.makers import makers
from locklint.engine.program_files import outermost
from locklint.engine.settling import Settling
from locklint.engine.solved_functions import SolvedFunctions
from locklint.ir.cfg import Function
from locklint.ir.event import EventKind
from locklint.models.calls import LOGGING_METHODS
from locklint.models.events import ENDS_OF_WAITS, NAMES_TELLING_THREAD

MAX_ROUNDS = 4
"""Through how many callers functions are looked for."""

_MAX_DEPTH = 12
"""Through how many calls functions are lowered on demand."""

_TEXT_METHODS = frozenset(("__str__", "__repr__", "__format__"))


def follow_calls(solved: SolvedFunctions) -> None:
    """Lower functions that are called while a lock is held and may reach another one."""
    states = solved.states
    if not any(called.held for one in states.values() for called in one.calls) and not any(
        one.taken for one in states.values()
    ):
        return
    solved.add(_logging_of_locked_texts(solved))
    calls = solved.call_reach(solved.wanted, solved.declared.blocking)
    settling = Settling(states, solved.declaration)
    for _ in range(_MAX_DEPTH):
        known = solved.functions.keys()
        held = called_while_holding(states)
        fresh = solved.on_demand(sorted(held - known), calls)
        unconditional = makers(states) | called_by_hand(states) | checking_before(states)
        unconditional |= settling.find(held)
        if EventKind.AWAIT in solved.wanted:
            unconditional |= awaited_under_lock(states)
        if EventKind.JOIN in solved.wanted:
            unconditional |= waited_for(states)
        unconditional |= _telling_threads(solved, tested_around_locks(states) - known)
        fresh += solved.on_demand(sorted(unconditional - known), None)
        if not fresh:
            break
        solved.add(fresh)
        solved.drop_read()
        calls.renew()


def follow_possible_calls(solved: SolvedFunctions) -> None:
    """Lower functions that are perhaps called while a lock is held and may reach another."""
    states = solved.states
    reach: CallReach | None = None
    for _ in range(_MAX_DEPTH):
        wanted = possibly_called_while_holding(states)
        if not wanted:
            return
        reach = reach or solved.call_reach(frozenset())
        reach.renew()
        fresh = solved.on_demand(sorted(wanted - solved.functions.keys()), reach)
        if not fresh:
            return
        solved.add(fresh)


def lower_up_to_locks(
    solved: SolvedFunctions, keys: Collection[str], waits: frozenset[EventKind] = frozenset()
) -> None:
    """Lower functions, and those that they lead to, as far as they may reach a lock.

    With ``waits``, as far as they may wait like this, and what they wait for as well.
    """
    states = solved.states
    calls = solved.call_reach(waits)
    for _ in range(_MAX_DEPTH):
        known = solved.functions.keys()
        reachable = reached(keys, states)
        if waits:
            ends = waited_for({key: states[key] for key in reachable if key in states})
            reachable |= reached(ends, states)
        fresh = solved.on_demand(sorted(reachable - known), calls)
        if not fresh:
            break
        solved.add(fresh)
        calls.renew()


def _logging_of_locked_texts(solved: SolvedFunctions) -> list[Function]:
    """Return the logging calls whose texts acquire a lock under which others log (LCK306)."""
    every = solved.states.values()
    taken = {
        event.lock.identity
        for one in every
        if one.function.name in _TEXT_METHODS
        for event in one.taken
    }
    logged = {
        held.lock.identity
        for one in every
        for event in one.events
        if event.event.kind is EventKind.LOG
        for held in event.held
    }
    if not taken & logged:
        return []
    return solved.lowered(
        {
            path: {
                outermost(file.index, decl).qualname
                for decl in file.index.functions.values()
                if not LOGGING_METHODS.isdisjoint(decl.called)
            }
            for path, file in solved.files.searched.items()
        }
    )


def _telling_threads(solved: SolvedFunctions, keys: Iterable[str]) -> set[str]:
    """Return those of some functions that look in which thread they run."""
    found: set[str] = set()
    for key in keys:
        decl = solved.declaration(key)
        if decl is not None and not NAMES_TELLING_THREAD.isdisjoint(decl.called):
            found.add(key)
    return found


def signalling(solved: SolvedFunctions) -> list[Function]:
    """Return the functions that let a wait for an event or a queue end (LCK307)."""
    if EventKind.LISTEN not in solved.wanted:
        return []
    states = solved.states
    waits = [
        (key, each)
        for key, one in states.items()
        for each in one.events
        if each.event.kind is EventKind.LISTEN
    ]
    if not waits:
        return []
    nested = called_while_holding(states)
    asked = {
        (each.event.lock.identity.rpartition(".")[2], method)
        for key, each in waits
        if each.event.lock is not None and (each.held or key in nested)
        for method in ENDS_OF_WAITS[each.event.name]
    }
    return solved.lowered(naming(solved, asked))


def look_for_callers(solved: SolvedFunctions) -> None:
    """Lower what calls those that nest locks, up to where threads begin.

    Public methods are left out, for any code may call them, and names that many call.
    """
    asked = {
        key
        for key, one in solved.states.items()
        if any(event.held for event in one.taken) or any(called.held for called in one.calls)
    }
    for _ in range(MAX_ROUNDS):
        names = {
            key: called_as(function)
            for key in asked
            if is_called_by_name(function := solved.functions[key])
        }
        found = solved.lowered(unlowered_callers(solved, set(names.values()), names.keys()))
        if not found:
            return
        solved.add(found)
        asked = {function.key for function in found}


def look_for_consumers(solved: SolvedFunctions) -> None:
    """Lower the consumers of generators that yield with a lock held (LCK705)."""
    if EventKind.YIELD not in solved.wanted:
        return
    states = solved.states
    asked = {key for key, one in states.items() if any(held_at_yields(one))}
    for _ in range(MAX_ROUNDS):
        names = {states[key].function.name for key in asked} - {"__iter__", "__aiter__"}
        found = solved.lowered(unlowered_callers(solved, names))
        solved.add(found)
        callees = given_results(asked, states) - solved.functions.keys()
        solved.add(solved.on_demand(sorted(callees), None))
        asked = passing_on(asked, states)
        if not asked:
            return


def spawned(solved: SolvedFunctions) -> set[str]:
    """The functions that run in threads of their own and are not lowered yet."""
    return {
        called.target
        for one in solved.states.values()
        for called in one.calls
        if called.manner is Manner.CONCURRENT
    } - solved.functions.keys()
