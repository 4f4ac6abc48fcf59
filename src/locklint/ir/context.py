"""Contexts: what a function may run in, such as a thread of its own or a task."""

from __future__ import annotations

from locklint.core.identity_enum import IdentityEnum


class Context(IdentityEnum):
    """Contexts that run a function.

    The tables in `locklint.models.spawns` say which call starts which context. The contexts from
    FINALIZER on are those of `locklint.models.registrations`: what runs in them interrupts other
    code, rather than running beside it.
    """

    MAIN = "main"  # the code of modules, and what it calls
    TEST = "test"  # a test, which its runner runs alone
    THREAD = "thread"  # timers too: each has a thread of its own
    TASK = "task"  # of an event loop, or a green thread
    EXECUTOR = "executor"  # one of the threads of a pool
    PROCESS = "process"
    UNKNOWN = "unknown"  # a caller that is not known, in any thread
    FINALIZER = "finalizer"
    SIGNAL = "signal"
    ATEXIT = "atexit"
    FORK = "fork"

    @property
    def is_started(self) -> bool:
        """Return whether it begins at a call that starts it, and runs beside the caller."""
        return self in _STARTED

    @property
    def starts_at_once(self) -> bool:
        """Return whether it may run as soon as it is made, without a call of ``start()``."""
        return self is Context.EXECUTOR or self is Context.TASK


_STARTED = frozenset((Context.THREAD, Context.TASK, Context.EXECUTOR, Context.PROCESS))
