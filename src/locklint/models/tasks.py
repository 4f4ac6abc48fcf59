"""Calls that give what a task waits for, made from coroutines or other tasks.

Facts are those of CPython 3.11 to 3.13.
"""

from __future__ import annotations

from locklint.ir.instruction import Call
from locklint.models.time_limits import limits_wait

RESULT_OF_TASK = "asyncio.Task.__await__"
"""The name of the call, written nowhere, that waits in a task for one of those it awaits."""


CANCELS = "cancel"
"""The method that lets a task end."""

ADDING = frozenset(("add", "append"))
"""The methods of containers that put in what they are given."""

STARTS_IN_GROUP = "asyncio.TaskGroup.create_task"
"""The method of a context manager at whose end a task waits for what it has started in it."""

_STARTING = frozenset(
    (
        "asyncio.create_task",
        "asyncio.ensure_future",
        "asyncio.get_event_loop.create_task",
        "asyncio.get_running_loop.create_task",
        STARTS_IN_GROUP,
    )
)
_ALL_OF = frozenset(("asyncio.gather", "asyncio.wait"))
_ONE_OF = frozenset(("asyncio.shield", "asyncio.wait_for", "asyncio.tasks.wait_for"))
_LIMITS = frozenset(("return_when", "timeout"))


def passes_on(call: Call) -> int:
    """Return how many of a call's positional arguments it waits for, or lets a task run."""
    external = call.external
    if external in _ALL_OF:
        is_limited = any(each.name in _LIMITS for each in call.arguments)
        return 0 if is_limited else len(call.arguments)
    if external in _ONE_OF:
        return 0 if limits_wait(call) is not None else 1
    return 1 if external in _STARTING else 0


def is_about_tasks(call: Call) -> bool:
    """Return whether a call may be one of these."""
    external = call.external
    return external in _ALL_OF or external in _ONE_OF or external in _STARTING
