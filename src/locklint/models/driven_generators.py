"""Decorators that make a coroutine of a generator: its ``yield`` awaits.

Those of Twisted (``inlineCallbacks``) and Tornado (``gen.coroutine``), and the old one of asyncio.
Other than a coroutine, such a function runs up to its first ``yield`` as soon as it is called.
"""

from __future__ import annotations

from collections.abc import Iterable

_DECORATORS = frozenset(("inlineCallbacks", "inline_callbacks", "coroutine"))


def is_driven(decorators: Iterable[str]) -> bool:
    """Return whether one of the decorators, by their last names, is of these."""
    return not _DECORATORS.isdisjoint(decorators)
