"""Room for walks over deep trees."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LIMIT = 20_000
"""Trees are at most `parse.MAX_DEPTH` deep, and each level takes a few calls.

Python's own calls do not use the machine's stack, so that a high limit is safe for as long as
nothing but the walk runs under it.
"""


@contextmanager
def room_for_recursion() -> Iterator[None]:
    """Raise the limit of recursion for a while."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
