"""Events: things a function does that may wait for others, or that others may wait for."""

from __future__ import annotations

import msgspec

from locklint.core.identity_enum import IdentityEnum
from locklint.ir.access_path import AccessPath
from locklint.ir.hierarchy import Holder
from locklint.ir.instruction import Constant
from locklint.ir.lock import LockRef, Mode


class EventKind(IdentityEnum):
    """Kinds of events."""

    ACQUIRE = "acquire"  # waits indefinitely
    TRY = "try"  # gives up at once, or after a while
    GAIN = "gain"  # a callee has acquired, and returns with the lock held
    WAIT = "wait"  # waits on a condition: releases its lock, and acquires it again
    PARK = "park"  # waits on a condition until it is notified, and keeps all other locks
    JOIN = "join"  # waits for a thread, a future or an executor
    GATHER = "gather"  # waits in a task for other tasks
    LISTEN = "listen"  # waits for an event to be set, or for an item of a queue
    SIGNAL = "signal"  # lets those that listen go on
    LOG = "log"  # hands a record to handlers, each of which has a lock
    BLOCK = "block"  # does not come back for long: a sleep
    FORK = "fork"  # makes a process that is a copy of this one, or may be
    TRANSFER = "transfer"  # waits for another computer, or for a database
    FILE = "file"  # reads or writes a file, or starts a program
    CALLBACK = "callback"  # calls what others have passed in
    OBSERVER = "observer"  # calls a method of one of the objects that others have passed in
    ANSWER = (
        "answer"  # calls one after the other of what others have passed in, and uses what it gives
    )
    HOOK = "hook"  # calls a method that does nothing but in subclasses
    IMPORT = "import"  # runs the code of a module, if that is not loaded yet
    AWAIT = "await"  # suspends the task, and lets others run
    WAKE = "wake"  # lets tasks go on that wait for a lock, event or queue of asyncio
    SUSPEND = "suspend"  # waits in a task for an event or a queue of asyncio
    RUN_LOOP = "run loop"  # runs an event loop, until a coroutine has ended, or forever
    READ = "read"  # of an attribute of the object whose method it is
    WRITE = "write"  # of such an attribute, or of what it holds
    YIELD = "yield"  # suspends a generator; never recorded, for it is an exit
    INTERRUPT = "interrupt"  # lets the interpreter run a function in between


class Access(IdentityEnum):
    """Kinds of accesses to an attribute: the names of these events."""

    READ = "read"
    ITERATE = "iterate"
    ITERATE_VIEW = "iterate over a view"  # of a dictionary: its keys, values or items
    BIND = "bind"
    UPDATE = "update"  # binds what was calculated from the old value
    BIND_CONSTANT = "bind a constant"
    PUT = "put an element"
    DELETE = "delete"
    CHANGE = "change"  # by a method of the container
    CLEAR = "clear"  # by the method that needs nothing of what was in it


ACCESSES = frozenset((EventKind.READ, EventKind.WRITE))
"""The kinds that are about data. There are many of each: only rules about data want them."""

NOT_FOR_CALLERS = frozenset((EventKind.FILE, EventKind.IMPORT, EventKind.RUN_LOOP))
"""The kinds that are looked at in the function alone in which they happen."""

ALL_EVENTS = frozenset(EventKind) - ACCESSES
"""The kinds that are about locks and waiting."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A parameter that says whether an acquire waits indefinitely, or until when."""

    parameter: str
    is_timeout: bool

    def allows(self, value: Constant) -> bool:
        """Return whether the acquire waits indefinitely with that argument."""
        if self.is_timeout:
            return value.value is None or value.value == -1
        return bool(value.value)


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event: it may wait, acquire a lock, or access data.

    ``lock`` and ``mode`` are of an acquisition; ``name`` and ``path`` say what is called outside
    the program, and on what; or how an attribute is accessed, and which. ``holder`` is what a
    callee knows about the object whose attribute the lock is. ``awaited`` are the functions that
    run in what is waited for, as far as is known. ``needs`` is a parameter of the function: the
    event happens only if that is true. A ``TRY`` waits indefinitely if all parameters ``waits_if``
    say so.
    """

    kind: EventKind
    lock: LockRef | None = None
    mode: Mode = Mode.EXCLUSIVE
    name: str = ""
    path: AccessPath | None = None
    holder: Holder | None = None
    awaited: tuple[str, ...] = ()
    needs: str = ""
    waits_if: tuple[Waiting, ...] = ()
