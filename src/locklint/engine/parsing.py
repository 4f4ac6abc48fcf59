"""Python's parser, as it is used on analysed code."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_RECURSION_LIMIT = 10_000


@contextmanager
def undisturbed_parsing() -> Iterator[None]:
    """Keep quiet about what parsing warns of, and leave room for deep trees.

    A `SyntaxWarning` about analysed code is not for locklint to report. Chains of names across
    modules are followed by recursion: each kind of step has its own bound, far below this limit.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.setrecursionlimit(limit)
