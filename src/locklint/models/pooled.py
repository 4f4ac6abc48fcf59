"""Calls that wait for all, or one after the other, of the functions that a pool of threads runs.

Facts are those of CPython 3.11 to 3.13.
"""

from __future__ import annotations

from locklint.core.identity_enum import IdentityEnum
from locklint.ir.instruction import Call, CallArgument, Constant, has_timeout
from locklint.ir.parameter import Star

RESULT_OF_ITEM = "concurrent.futures.Executor.map().__next__"
"""The name of the call, written nowhere, that waits for the next result of a pool."""

RESULT_OF_EACH = "concurrent.futures.wait().result"
"""The name of the call, written nowhere, that waits for one of several futures."""


RESULTS_OF_POOLS = frozenset((RESULT_OF_ITEM, RESULT_OF_EACH))

AS_COMPLETED = "concurrent.futures.as_completed"


class Pooled(IdentityEnum):
    """Kinds of calls after which something waits for pooled functions."""

    MAPS = "maps"  # runs a function, and gives an iterator that waits for the results
    RUNS = "runs"  # runs a function, and waits for the results
    YIELDS = "yields"  # gives an iterator that waits for the futures that it is given
    WAITS = "waits"  # waits for the futures that it is given

    @property
    def is_lazy(self) -> bool:
        """Return whether only going through the result waits."""
        return self is Pooled.MAPS or self is Pooled.YIELDS

    @property
    def takes_futures(self) -> bool:
        """Return whether the first argument is a collection of futures."""
        return self is Pooled.YIELDS or self is Pooled.WAITS


_EXECUTORS = ("concurrent.futures.Executor", "concurrent.futures.ThreadPoolExecutor")
_POOLS = ("multiprocessing.pool.ThreadPool", "multiprocessing.dummy.Pool")

_KINDS: dict[str, Pooled] = {
    **{f"{executor}.map": Pooled.MAPS for executor in _EXECUTORS},
    **{f"{pool}.{name}": Pooled.MAPS for pool in _POOLS for name in ("imap", "imap_unordered")},
    **{f"{pool}.{name}": Pooled.RUNS for pool in _POOLS for name in ("apply", "map", "starmap")},
    AS_COMPLETED: Pooled.YIELDS,
    "concurrent.futures.wait": Pooled.WAITS,
}


def pooled(call: Call) -> Pooled | None:
    """Return the kind of a call without a timeout, which waits until the functions have ended."""
    kind = _KINDS.get(call.external or "")
    if kind is None:
        return None
    if not kind.takes_futures:
        return None if any(map(_limits, call.arguments)) else kind
    # The third argument of `wait` may say that the first that ends is enough.
    is_limited = len(call.arguments) > 2 or any(
        each.name == "return_when" for each in call.arguments
    )
    return None if is_limited or has_timeout(call.arguments, 1) else kind


def is_pooled(dotted: str) -> bool:
    """Return whether something may wait for pooled functions after a call of that name."""
    return dotted in _KINDS


def _limits(argument: CallArgument) -> bool:
    if argument.star is Star.KEYWORDS:
        return True
    return argument.name == "timeout" and argument.value != Constant(None)
