"""Releases of a function's locks by other functions, and by other iterations of its loops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from locklint.analysis.acquisitions import Fate
from locklint.analysis.events import Given, LockStates
from locklint.analysis.guards import comes_first, is_taken_again
from locklint.analysis.hand_off import held_as
from locklint.analysis.interprocedural import callees
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Field, Root
from locklint.ir.api_use import UseKind, not_done
from locklint.ir.cfg import Function
from locklint.ir.instruction import Call, HandOver
from locklint.ir.lock import Exactness, LockRef
from locklint.ir.means import How, Means
from locklint.models.words import RELEASE_NAMES

_MOST_CALLEES = 50
"""The largest number of callees in which a function is searched for."""


class OtherRelease(msgspec.Struct, frozen=True):
    """A release that may release what another function has acquired.

    ``of_callee`` are the functions called there that have acquired it. ``is_sure``: it belongs to
    the acquire, for it is the same lock, and it is released without testing whether it is held.
    ``span`` is None where the place is not known.
    """

    function: Function
    span: Span | None
    is_sure: bool
    of_callee: frozenset[How] = frozenset()


class OwnRelease(NamedTuple):
    """A release, in another function, of what that function has acquired at ``acquire``."""

    function: Function
    span: Span
    acquire: Span


class ReleasedElsewhere:
    """All releases of a program that are not those of their own function's acquisitions.

    ``unseen`` are the paths of unknown objects that functions release which were not lowered, each
    after the path of its file. A lock that some function stores or passes on may be released under
    any name, and so may one that a callee releases on some of its paths. A variable or an element
    may be any lock of its file.
    """

    def __init__(
        self, states: Mapping[str, LockStates], unseen: Iterable[tuple[str, AccessPath]] = ()
    ) -> None:
        self._functions = {key: one.function for key, one in states.items()}
        self._unseen = frozenset((file, path.last) for file, path in unseen)
        self._mentioned: dict[str, set[str]] = defaultdict(set)
        self._known: dict[str, list[OtherRelease]] = defaultdict(list)
        self._unknown: dict[Field, list[OtherRelease]] = defaultdict(list)
        self._own: dict[str, list[OwnRelease]] = defaultdict(list)
        self._passed_on: set[str] = set()
        self._any_of = {file for file, path in unseen if path.is_variable}
        for key, one in states.items():
            for identity in one.function.mentions:
                self._mentioned[identity].add(key)
            untaken = not_done(one.function.api_uses)
            for given in one.given:
                if given.lock.identity in untaken:
                    continue
                if not _is_loose(given):
                    self._own[held_as(given.lock, given.key.mode)] += _own_release(one, given)
                    continue
                if not _is_early(one, given) and not is_taken_again(one, given.span, given.lock):
                    name = held_as(given.lock, given.key.mode)
                    self._known[name].append(_other_release(one, given))
                    if _may_be_any(given.lock):
                        self._any_of.add(one.function.path)
            if one.names_locks:
                self._passed_on.update(_passed_on(one.function))
            self._passed_on.update(one.varied)
            for call in _releasing_calls(one.function):
                assert call.callee is not None
                other = OtherRelease(one.function, call.span, False)
                released = call.callee.parent()
                self._unknown[released.last].append(other)
                if released.is_variable:
                    self._any_of.add(one.function.path)

    def is_released(self, fate: Fate) -> bool:
        """Return whether any code, the function itself included, may release an acquisition.

        A release of an unknown object of the same name may be that, wherever it is.
        """
        name = fate.lock.identity.rsplit(".", 1)[-1]
        return (
            bool(self._others(fate))
            or self._is_mentioned(fate)
            or name in self._unknown
            or fate.lock.identity in self._passed_on
            or fate.states.function.path in self._any_of
            or any(name == each for _, each in self._unseen)
            or any(_may_be_of(fate, given) for given in fate.states.given)
        )

    def is_passed_on(self, lock: LockRef) -> bool:
        """Return whether unknown code may have a lock, or a method that releases it."""
        return lock.identity in self._passed_on or lock.identity in self._mentioned

    def counterpart(self, fate: Fate) -> OtherRelease | None:
        """Return the release in another function that most likely belongs to an acquisition.

        Of unknown objects of the same name only those in the same file are considered.
        """
        path = fate.states.function.path
        name = fate.lock.identity.rsplit(".", 1)[-1]
        found = [*self._others(fate)]
        found += [each for each in self._unknown.get(name, ()) if each.function.path == path]
        if self._is_mentioned(fate):
            found.append(OtherRelease(fate.states.function, None, True))
        if (path, name) in self._unseen:
            found.append(OtherRelease(fate.states.function, None, False))
        return min(found, key=_by_conviction, default=None)

    def own_release(self, fate: Fate) -> OwnRelease | None:
        """Return a release call of a lock by another function that ends that function's own hold.

        Return None if there is none. One in the same file comes first.
        """
        path = fate.states.function.path
        found = [
            each
            for each in self._own.get(held_as(fate.lock, fate.key.mode), ())
            if each.function is not fate.states.function
        ]
        return min(
            found,
            key=lambda each: (each.function.path != path, each.function.path, each.span),
            default=None,
        )

    def _is_mentioned(self, fate: Fate) -> bool:
        """Return whether a release method is passed on or stored somewhere else."""
        return bool(self._mentioned.get(fate.lock.identity, set()) - _not_others(fate))

    def _others(self, fate: Fate) -> list[OtherRelease]:
        names = {fate.lock.identity, held_as(fate.lock, fate.key.mode)}
        function = fate.states.function
        own = _not_others(fate)
        return [
            each
            for name in sorted(names)
            for each in self._known.get(name, ())
            if each.function.key not in own
            and (
                not each.of_callee
                or fate.instruction is not None
                or How(function.name, Means.CALL) in each.of_callee
                or self._leads_to(each, function.key)
            )
        ]

    def _leads_to(self, other: OtherRelease, key: str) -> bool:
        """Return whether what acquires the lock for a release calls a function in the end."""
        called = (callee for callee in callees(other.function) if callee in self._functions)
        work = [
            each
            for each in called
            if How(self._functions[each].name, Means.CALL) in other.of_callee
        ]
        seen = set(work)
        while work and len(seen) <= _MOST_CALLEES:
            for callee in callees(self._functions[work.pop()]):
                if callee in self._functions and callee not in seen:
                    seen.add(callee)
                    work.append(callee)
        return key in seen


def _not_others(fate: Fate) -> set[str]:
    """The function itself, and what it acquires and releases with where a callee did so."""
    function = fate.states.function
    return {function.key, *(callees(function) if fate.instruction is None else ())}


def _by_conviction(other: OtherRelease) -> tuple[bool, bool, str, Span | None]:
    return (not other.is_sure, other.span is None, other.function.path, other.span)


def _other_release(states: LockStates, given: Given) -> OtherRelease:
    function = states.function
    if_held = any(
        use.kind is UseKind.LOCKED_TESTED
        and use.lock is not None
        and use.lock.identity == given.lock.identity
        and comes_first(states, use.span, given.span)
        for use in function.api_uses
    )
    of_callee = frozenset(
        acquisition.how for level in given.before.levels[-1:] for acquisition in level
    )
    return OtherRelease(function, given.span, not if_held, of_callee)


def _is_loose(given: Given) -> bool:
    """Return whether a release releases what its function has not acquired, or only by a callee."""
    before = given.before
    if before.count <= 0:
        return not before.is_free
    if given.how.means is Means.CALL:
        return False
    return any(a.how.means is Means.CALL for level in before.levels[-1:] for a in level)


def _is_early(states: LockStates, given: Given) -> bool:
    """Return whether a release belongs to an acquire of its function, which has raised or not run.

    A `try` that begins before its acquire releases what it may not have acquired (LCK106).
    """
    return given.exception is not None and any(
        given.exception.cause.span <= acquisition.span < given.span
        for each in states.given
        if each.span == given.span and each.key == given.key and not _is_loose(each)
        for acquisition in each.before.acquisitions()
    )


def _own_release(states: LockStates, given: Given) -> Iterable[OwnRelease]:
    """Yield the release of what its function has acquired, unless a `with` ends there."""
    acquired = given.before.acquisitions()
    if acquired and not given.how.means.is_context:
        yield OwnRelease(states.function, given.span, min(each.span for each in acquired))


def _may_be_of(fate: Fate, given: Given) -> bool:
    """Return whether a release of the same function may be for another call, or iteration."""
    if held_as(given.lock, given.key.mode) != held_as(fate.lock, fate.key.mode):
        return False
    before = given.before
    if before.count > 0 or (before.is_free and not before.forgotten):
        return False
    return (
        given.key in fate.keys
        or _is_one_of_several(given.lock.path)
        or _is_one_of_several(fate.lock.path)
    )


def _may_be_any(lock: LockRef) -> bool:
    """Return whether a lock is an element, or in a variable that has been bound to several."""
    if lock.exactness is Exactness.ELEMENT:
        return True
    return lock.exactness is Exactness.UNKNOWN and lock.path.root is Root.LOCAL


def _is_one_of_several(path: AccessPath) -> bool:
    """Return whether a path leads to an element, or through a variable for several objects."""
    return path.root in (Root.LOCAL, Root.TEMP) or path.has_element or path.is_vague


def _passed_on(function: Function) -> Iterable[str]:
    """Yield the identities of the locks that a function stores or passes on."""
    for block in function.blocks.values():
        for instruction in block.instructions:
            if isinstance(instruction, HandOver):
                yield instruction.lock.identity


def _releasing_calls(function: Function) -> Iterable[Call]:
    for block in function.blocks.values():
        for instruction in block.instructions:
            if isinstance(instruction, Call) and not instruction.targets:
                callee = instruction.callee
                if callee is not None and callee.fields and callee.name in RELEASE_NAMES:
                    yield instruction


__all__ = ["OtherRelease", "OwnRelease", "ReleasedElsewhere"]
