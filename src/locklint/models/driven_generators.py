"""Decorators that make a coroutine of a generator: its ``yield`` awaits.

Those of Twisted (``inlineCallbacks``) and Tornado (``gen.coroutine``), and the old ones of the
standard library. Other than a coroutine, a function under the first two runs up to its first
``yield`` as soon as it is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_NAMES = frozenset(("inlineCallbacks", "inline_callbacks"))
_COROUTINE = "coroutine"
_MODULES = frozenset(("asyncio", "gen", "types"))
"""The last names of the modules whose ``coroutine`` is one. Others often only start a generator."""


def is_driven(decorators: Iterable[Sequence[str]]) -> bool:
    """Return whether one of the decorators, by their dotted names, is of these."""
    return any(
        names[-1] in _NAMES or (names[-1] == _COROUTINE and _MODULES.intersection(names[-2:-1]))
        for names in decorators
    )
