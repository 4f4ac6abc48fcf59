"""Locks that one function acquires and another one releases, on its own.

Such a lock is a signal, a baton or a gate rather than a section. Its holder may have lost it by its
next wait, and after a release it may be held again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from locklint.analysis.acquisitions import Fate, fates
from locklint.analysis.events import Given, LockStates, Manner, Shared, Taken
from locklint.analysis.guards import is_taken_again
from locklint.analysis.hold import Acquisition, is_exclusive
from locklint.analysis.unheld import is_bad
from locklint.dataflow.order import loops
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function, split_key
from locklint.ir.instruction import Assign, FunctionRef
from locklint.ir.lock import ENTERING, LockRef, LockRole, Mode
from locklint.ir.operands import terminator_paths, used_paths


class HandOffs:
    """The functions that acquire and release locks for others, by the identity of the locks.

    ``callers`` are those of each function that call it by name. An effect of a function on its
    callers' locks is theirs: a release in a helper that all of them call with the lock held is not
    a release on its own.
    """

    def __init__(self, callers: Mapping[str, Sequence[str]]) -> None:
        self._callers = callers
        self._spawned: set[str] = set()
        self._released: dict[str, set[str]] = defaultdict(set)
        self._acquired: dict[str, set[str]] = defaultdict(set)
        self._blocked: dict[str, set[str]] = defaultdict(set)
        self._released_free: dict[str, set[str]] = defaultdict(set)

    def look_at(self, states: Mapping[str, LockStates]) -> None:
        """Add what is seen in the states of all functions to what was seen before."""
        for one in states.values():
            for called in one.calls:
                if called.manner is Manner.CONCURRENT:
                    self._spawned.add(called.target)
        for key, one in states.items():
            function = one.function
            if one.complete and function.name not in ENTERING and _is_in_reach(function, states):
                if self._is_on_its_own(key):
                    self._note_releases(key, one, set())
                    self._look_at(key, one)
                elif any(map(is_own_release, one.given)):
                    self._note_releases(key, one, self._of_callers(key, states))
            for fate in fates(one) if one.complete else ():
                if fate.kept and fate.lock.kind.reentrant:
                    # Callers hold it then, and may release it by another function.
                    self._acquired[held_as(fate.lock, fate.key.mode)].add(key)
            for identity in function.mentions:
                self._released[identity].add(key)

    def _note_releases(self, key: str, states: LockStates, excepted: set[str]) -> None:
        """Note what a function releases on its own, but for the locks that callers acquire."""
        for given in states.given:
            if is_own_release(given) and given.lock.identity not in excepted:
                if not is_taken_again(states, given.span, given.lock):
                    self._released[held_as(given.lock, given.key.mode)].add(key)

    def _look_at(self, key: str, states: LockStates) -> None:
        for given in states.given:
            if is_bad(given):
                self._released_free[held_as(given.lock, given.key.mode)].add(key)
        for fate in fates(states):
            if fate.kept and all(given.exception is not None for given in fate.releases):
                self._acquired[held_as(fate.lock, fate.key.mode)].add(key)
        for event in states.taken:
            if _is_taken_twice(event):
                self._blocked[event.lock.identity].add(key)
            if _is_taken_twice(event) and event.acquisition in event.before.acquisitions():
                # It is kept from iteration to iteration of a loop that does not end.
                self._acquired[event.lock.identity].add(key)

    def _of_callers(self, key: str, states: Mapping[str, LockStates]) -> set[str]:
        """The identities of the locks that the callers of a function, near and far, acquire."""
        found: set[str] = set()
        work = [key]
        while work:
            for caller in self._callers.get(work.pop(), ()):
                if caller not in found:
                    found.add(caller)
                    work.append(caller)
        return {
            event.lock.identity
            for caller in found - {key}
            if caller in states
            for event in states[caller].taken
        }

    def _is_on_its_own(self, key: str) -> bool:
        """Return whether something else than functions that are known may call a function."""
        return key in self._spawned or all(each == key for each in self._callers.get(key, ()))

    def of(self, states: LockStates) -> Shared:
        """Return the effects of others on the locks of a function."""
        key = states.function.key
        names = {held_as(lock, name.mode) for name, lock in states.locks.items()}

        def others(known: Mapping[str, set[str]], name: str) -> bool:
            return bool(known.get(name, frozenset()) - {key})

        def answers(own: Mapping[str, set[str]], known: Mapping[str, set[str]], name: str) -> bool:
            return key in own.get(name, frozenset()) and others(known, name)

        # One function would wait for itself, and another one releases what is free: both are right
        # if each does it for the other.
        return Shared(
            released=frozenset(
                n
                for n in names
                if others(self._released, n) or answers(self._blocked, self._released_free, n)
            ),
            acquired=frozenset(
                n
                for n in names
                if others(self._acquired, n) or answers(self._released_free, self._blocked, n)
            ),
            turns=states.shared.turns or _is_odd_in_loop(states),
        )


def _is_in_reach(function: Function, states: Mapping[str, LockStates]) -> bool:
    """Return whether other code than its callers may get a function: a nested one is passed on."""
    maker = (
        states.get(f"{split_key(function.key)[0]}:{function.parent}") if function.parent else None
    )
    if maker is None or function.class_key:
        return True  # A method comes with each object of its class.
    if "nested" not in maker.derived:
        maker.derived["nested"] = _Nested(maker.function)
    nested: _Nested = maker.derived["nested"]
    return nested.is_in_reach(function.qualname)


class _Nested:
    """The names of the functions that are nested in one, and what uses each path in it.

    A use is one by a nested function, by its qualified name, or by the function's own code (empty).
    """

    def __init__(self, maker: Function) -> None:
        self._names: dict[str, list[AccessPath]] = defaultdict(list)
        self._users: dict[AccessPath, set[str]] = defaultdict(set)
        for block in maker.blocks.values():
            for path in terminator_paths(block.terminator):
                self._users[path].add("")
            for instruction in block.instructions:
                user = ""
                if isinstance(instruction, Assign) and instruction.target.is_variable:
                    if isinstance(instruction.value, FunctionRef):
                        user = instruction.value.qualname
                        self._names[user].append(instruction.target)
                for path in used_paths(instruction):
                    self._users[path].add(user)

    def is_in_reach(self, qualname: str) -> bool:
        """Return whether something else than a nested function itself uses its name."""
        names = self._names.get(qualname)
        return not names or any(self._users.get(name, set()) - {qualname} for name in names)


def depends_on_others(states: LockStates) -> bool:
    """Return whether a function is seen in another light by what others do to its locks."""
    shared = states.shared
    return (
        shared.turns
        or any(
            event.lock.identity in shared.released and _is_taken_twice(event)
            for event in states.taken
        )
        or any(
            held_as(given.lock, given.key.mode) in shared.acquired and is_bad(given)
            for given in states.given
        )
    )


def _is_taken_twice(event: Taken) -> bool:
    """Return whether the function waits for a lock that it has acquired and not released."""
    before = event.before
    return (
        is_exclusive(event.lock)
        and before.count > 0
        and all(not one.how.means.is_context for one in before.levels[-1])
    )


def _is_odd_in_loop(states: LockStates) -> bool:
    """Return whether a loop waits for a lock that it holds, or releases one that it does not."""
    odd = {event.acquisition.span for event in states.taken if _is_taken_twice(event)}
    odd |= {given.span for given in states.given if is_bad(given)}
    if not odd:
        return False
    function = states.function
    return any(
        instruction.span in odd
        for block in set().union(*loops(function).values())
        for instruction in function.blocks[block].instructions
    )


def may_be_lost(states: LockStates, acquisition: Acquisition | None) -> bool:
    """Return whether other code may release what a function acquires there and does not release."""
    return any(
        fate.acquisition == acquisition
        and fate.lock.identity in states.shared.released
        and all(given.exception is not None for given in fate.releases)
        for fate in fates(states)
    )


def is_given_to_others(fate: Fate) -> bool:
    """Return whether an iteration acquires what other code has to release before the next one."""
    states = fate.states
    if held_as(fate.lock, fate.key.mode) not in states.shared.released:
        return False
    return any(
        instruction.span == fate.span
        for block in set().union(*loops(states.function).values())
        for instruction in states.function.blocks[block].instructions
    )


def is_own_release(given: Given) -> bool:
    """Return whether a function releases a lock that it has not acquired, as far as it knows."""
    if given.how.means.is_context or given.before.forgotten:
        return False
    return given.before.count <= 0 and not given.before.is_free


def held_as(lock: LockRef, mode: Mode) -> str:
    """The identity, and for a read-write lock the mode: releasing one side leaves the other."""
    return (
        f"{lock.identity}/{mode.value}" if lock.kind.role is LockRole.READ_WRITE else lock.identity
    )
