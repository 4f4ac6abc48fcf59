"""Locks that a function passes on, for others to release later, on their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from locklint.analysis.binding import Binding
from locklint.analysis.events import LockStates
from locklint.analysis.hand_off import is_own_release
from locklint.analysis.raising import is_context_manager
from locklint.analysis.summary import Lookup, Summary, is_nameable
from locklint.ir.cfg import Function
from locklint.ir.instruction import Call, HandOver
from locklint.ir.lock import LockRef
from locklint.ir.means import Use
from locklint.ir.parameter import parted
from locklint.ir.terminator import Return, Terminator


class PassedOn(NamedTuple):
    """See `Summary`."""

    locks: tuple[LockRef, ...]
    parameters: tuple[str, ...]


def passed_on(states: LockStates, lookup: Lookup) -> PassedOn:
    """Return what a function passes on, itself or by the functions that it calls."""
    function = states.function
    locks: dict[LockRef, None] = {}
    parameters = set(function.given_away)
    for block in function.blocks.values():
        for instruction in block.instructions:
            if isinstance(instruction, HandOver):
                if not _is_returned(instruction, block.terminator):
                    locks[instruction.lock] = None
            elif isinstance(instruction, Call) and instruction.targets:
                found = lookup(instruction.targets[0])
                if found is not None and (found[1].handed_on or found[1].given_away):
                    binding = Binding(function, found[0], instruction, None)
                    locks.update(dict.fromkeys(locks_handed_on(binding, found[1])))
                    parameters.update(_own_parameters(binding, found[1]))
    if function.is_generator and not is_context_manager(function):
        # Its body runs after its maker has continued, or not at all.
        locks.update((given.lock, None) for given in states.given if is_own_release(given))
    named = sorted(filter(is_nameable, locks), key=lambda lock: (lock.identity, lock.path))
    return PassedOn(tuple(named), tuple(sorted(parameters)))


def locks_handed_on(binding: Binding, summary: Summary) -> Iterator[LockRef]:
    """Yield the locks, as its caller names them, that a callee hands on."""
    for lock in summary.handed_on:
        here = binding.lock(lock)
        if here is not None:
            yield here
    for name in summary.given_away:
        for passed, lock in binding.locks.items():
            if parted(passed)[0] == name:  # Or it is among what ``*name`` collects.
                yield lock


def runs_later(callee: Function, call: Call) -> bool:
    """Return whether a call only makes an object, whose code runs later."""
    return callee.is_generator or (callee.is_async and call.use is not Use.AWAITED)


def _is_returned(instruction: HandOver, end: Terminator) -> bool:
    """Return whether the caller itself gets the lock."""
    return isinstance(end, Return) and not end.implicit and end.span == instruction.span


def _own_parameters(binding: Binding, summary: Summary) -> Iterator[str]:
    """Yield the parameters of the caller that a callee gives away."""
    for name in summary.given_away:
        path = binding.roots.get(name)
        if path is not None and path.is_parameter:
            yield path.root_name
