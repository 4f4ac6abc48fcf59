"""Let libcst's parser make its nodes without checking each of them.

Every node checks, in Python, that it can be written down again: that a name is not empty, that
there is a space after `not`, and so on. That is useful for trees that are built by other code. The
parser makes nodes from a text that it has just understood, and there the checks take a sixth of its
time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import libcst as cst

_NODE: Any = cst.CSTNode
_CHECK: Any = vars(cst.CSTNode).get("__post_init__")

ONLY_CHECKS = getattr(getattr(_CHECK, "__code__", None), "co_names", ()) == ("_validate",)
"""True if this version of libcst does nothing else after it has made a node."""


@contextmanager
def unvalidated() -> Iterator[None]:
    """Switch off the checks of nodes while the block runs, in all threads: they share the class.

    The restored value is the one that libcst had when it was imported. So overlapping blocks in two
    threads can only end with more checks.
    """
    if not ONLY_CHECKS:
        yield
        return
    _NODE.__post_init__ = _accept
    try:
        yield
    finally:
        _NODE.__post_init__ = _CHECK


def _accept(node: cst.CSTNode) -> None:
    """Accept a node as it is."""
