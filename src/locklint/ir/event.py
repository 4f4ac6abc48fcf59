"""Events: things a function does that may wait for others, or that others may wait for."""

from __future__ import annotations

import msgspec

from locklint.core.identity_enum import IdentityEnum
from locklint.ir.access_path import AccessPath
from locklint.ir.hierarchy import Holder
from locklint.ir.lock import LockRef, Mode


class EventKind(IdentityEnum):
    """Kinds of events."""

    ACQUIRE = "acquire"  # waits indefinitely
    TRY = "try"  # gives up at once, or after a while
    GAIN = "gain"  # a callee has acquired, and returns with the lock held
    WAIT = "wait"  # waits on a condition: releases its lock, and acquires it again
    JOIN = "join"  # waits for a thread, a future or an executor
    LISTEN = "listen"  # waits for an event to be set, or for an item of a queue
    SIGNAL = "signal"  # lets those that listen go on
    LOG = "log"  # hands a record to handlers, each of which has a lock
    BLOCK = "block"  # does not come back for long: a sleep
    AWAIT = "await"  # suspends the task, and lets others run


ALL_EVENTS = frozenset(EventKind)


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event that may wait, or that acquires a lock.

    ``lock`` and ``mode`` are of an acquisition; ``name`` and ``path`` say what is called outside
    the program, and on what. ``holder`` is what a callee knows about the object whose attribute the
    lock is. ``awaited`` are the functions that run in what is waited for, as far as is known.
    """

    kind: EventKind
    lock: LockRef | None = None
    mode: Mode = Mode.EXCLUSIVE
    name: str = ""
    path: AccessPath | None = None
    holder: Holder | None = None
    awaited: tuple[str, ...] = ()
