"""Releases that come after an `await` in a clean-up, so that a cancelled task skips them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from locklint.analysis.acquisitions import Fate
from locklint.analysis.paths import Paths
from locklint.analysis.shields import Shields
from locklint.analysis.story import worst_leak
from locklint.core.source import Span


class LateRelease(msgspec.Struct, frozen=True):
    """An `await` at ``span`` in a clean-up, and the ``release`` that comes after it.

    ``is_worst``: no other exception is more likely to leave the lock held.
    """

    fate: Fate
    span: Span
    release: Span
    is_worst: bool


def late_releases(fate: Fate, shields: Shields) -> Iterator[LateRelease]:
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
    worst, paths, shielded = worst_leak(fate), Paths(function), shields.awaits(function)
    for place in sorted(places - shielded):
        release = paths.nearest_release(place, fate.release_spans, {fate.span})
        if release is not None:
            is_worst = worst is not None and worst.exception.cause.span == place
            yield LateRelease(fate, place, release, is_worst)
