"""Calls that limit the time for which a task waits, and scopes that end where it is cancelled.

Facts are those of Python 3.11 to 3.13, Trio 0.33, AnyIO 4.16 and async-timeout 5. None of them
stops a thread that waits for a lock of threads.
"""

from __future__ import annotations

from locklint.ir.instruction import Call, CallArgument, Constant

_SCOPES = frozenset(
    {
        "anyio.fail_after",
        "anyio.move_on_after",
        "async_timeout.timeout",
        "async_timeout.timeout_at",
        "asyncio.timeout",
        "asyncio.timeout_at",
        "trio.fail_after",
        "trio.fail_at",
        "trio.move_on_after",
        "trio.move_on_at",
    }
)
"""Context managers whose first argument is the time after which their body is cancelled."""

_PLAIN_SCOPES = frozenset({"anyio.CancelScope", "trio.CancelScope"})
"""Scopes that other code cancels, unless they have a deadline."""

_MOVING_ON = frozenset(
    {"anyio.move_on_after", "trio.move_on_after", "trio.move_on_at"} | _PLAIN_SCOPES
)
"""Scopes after which the code goes on: they swallow the exception with which they cancel."""

CANCELLED = "trio.Cancelled"
"""The exception that cancels a body, by the name of one library for all of them."""

TELLING = ("cancelled_caught", "cancel_called")
"""The attributes of a scope that tell afterwards if it has cancelled its body."""

_WAITS = {"asyncio.wait_for": 1, "asyncio.tasks.wait_for": 1}
"""Functions that wait for what is passed first, by the position of the limit."""


def limits_body(manager: str, call: Call) -> bool:
    """Return whether a context manager that a call makes limits the time of its body."""
    if manager in _PLAIN_SCOPES:
        return any(each.name == "deadline" for each in call.arguments)
    return manager in _SCOPES and _is_given(call, 0)


def limits_wait(call: Call) -> CallArgument | None:
    """Return the argument for which a call waits for a limited time only, or None."""
    position = _WAITS.get(call.external or "")
    if position is None or not call.arguments or not _is_given(call, position):
        return None
    return call.arguments[0]


def swallows(manager: str) -> bool:
    """Return whether code goes on after a context manager whose body was cancelled."""
    return manager in _MOVING_ON


def is_time_limit(manager: str) -> bool:
    """Return whether a context manager does no more than to cancel its body."""
    return manager in _SCOPES or manager in _PLAIN_SCOPES


def is_plain(manager: str) -> bool:
    """Return whether a context manager is a scope that only other code cancels, by its name."""
    return manager in _PLAIN_SCOPES


def _is_given(call: Call, position: int) -> bool:
    """Return whether the argument at a position is not None; it may also be the named one."""
    plain = [each for each in call.arguments if each.name is None]
    named = [each for each in call.arguments if each.name in ("delay", "when", "timeout")]
    found = plain[position : position + 1] or named[:1]
    return bool(found) and found[0].value != Constant(None)
