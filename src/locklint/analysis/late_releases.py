"""Releases that come after an `await` in a clean-up, so that a cancelled task skips them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from locklint.analysis.acquisitions import Fate
from locklint.analysis.paths import Paths
from locklint.analysis.story import worst_leak
from locklint.core.source import Span
from locklint.dataflow.order import instructions_after
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.instruction import Await, Call, CallArgument, Constant, Enter, Exit, Instruction

_SHIELDS = frozenset(("shield", "shielded"))


class LateRelease(msgspec.Struct, frozen=True):
    """An `await` at ``span`` in a clean-up, and the ``release`` that comes after it.

    ``is_worst``: no other exception is more likely to leave the lock held.
    """

    fate: Fate
    span: Span
    release: Span
    is_worst: bool


def late_releases(fate: Fate) -> Iterator[LateRelease]:
    """Yield each `await` in a clean-up before a release of what was acquired."""
    if not fate.is_released_here:
        return
    function = fate.states.function
    places = {
        exit_.exception.cause.span
        for exit_ in fate.leaks()
        if exit_.exception is not None and fate.awaits_in_clean_up(exit_.exception)
    }
    if not places:
        return
    worst, paths, shielded = worst_leak(fate), Paths(function), shielded_awaits(function)
    for place in sorted(places - shielded):
        release = paths.nearest_release(place, fate.release_spans, {fate.span})
        if release is not None:
            is_worst = worst is not None and worst.exception.cause.span == place
            yield LateRelease(fate, place, release, is_worst)


def shielded_awaits(function: Function) -> frozenset[Span]:
    """Return the places of awaits that their author keeps from being cancelled."""
    instructions = [each for block in function.blocks.values() for each in block.instructions]
    calls = {each.result: each for each in instructions if isinstance(each, Call)}
    found: set[Span] = set()
    for each in instructions:
        match each:
            case Await(span=span, value=AccessPath() as value) if value in calls:
                callee = calls[value].callee
                if callee is not None and callee.name in _SHIELDS:
                    found.add(span)
            case Enter(context=AccessPath() as context) if context in calls:
                if any(_shields(argument) for argument in calls[context].arguments):
                    found.update(_awaits_inside(function, each))
    return frozenset(found)


def _shields(argument: CallArgument) -> bool:
    return argument.name == "shield" and argument.value == Constant(True)


def _awaits_inside(function: Function, scope: Enter) -> Iterator[Span]:
    def ends(each: Instruction) -> bool:
        return isinstance(each, Exit) and each.span == scope.span

    for each in instructions_after(function, lambda each: each is scope, ends):
        if isinstance(each, Await):
            yield each.span
