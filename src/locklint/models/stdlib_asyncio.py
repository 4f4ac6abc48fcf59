"""asyncio's primitives (CPython 3.11 to 3.13).

``acquire`` is a coroutine and knows no timeout; ``release`` is a plain method that any task may
call. None is re-entrant: ``Condition()`` is over a plain ``Lock``. ``async with`` on a barrier
waits for it and holds nothing.
"""

from __future__ import annotations

from locklint.ir.lock import (
    AcquireForm,
    Argument,
    Failure,
    LockKind,
    LockRole,
    ReleaseForm,
    UnheldRelease,
)
from locklint.models.library import Library, dotted

_MODULES = ("asyncio", "asyncio.locks")
_ACQUIRE = AcquireForm("acquire", is_async=True, failure=Failure.NEVER)
_RELEASE = ReleaseForm("release")
_SLOTS = Argument("value", 0, 1)

LOCK = LockKind(
    name="asyncio.Lock",
    constructors=dotted(_MODULES, "Lock"),
    with_ok=False,
    async_with_ok=True,
    acquire_forms=(_ACQUIRE,),
    release_forms=(_RELEASE,),
    locked_method="locked",
)

CONDITION = LockKind(
    name="asyncio.Condition",
    role=LockRole.CONDITION,
    constructors=dotted(_MODULES, "Condition"),
    with_ok=False,
    async_with_ok=True,
    acquire_forms=(_ACQUIRE,),
    release_forms=(_RELEASE,),
    underlying=Argument("lock", 0, None),
    waits=("wait", "wait_for"),
    notifies=("notify", "notify_all"),
    locked_method="locked",
)

SEMAPHORE = LockKind(
    name="asyncio.Semaphore",
    role=LockRole.SEMAPHORE,
    constructors=dotted(_MODULES, "Semaphore"),
    slots=_SLOTS,
    with_ok=False,
    async_with_ok=True,
    acquire_forms=(_ACQUIRE,),
    release_forms=(_RELEASE,),
    unheld_release=UnheldRelease.IGNORED,
    locked_method="locked",
)

BOUNDED_SEMAPHORE = LockKind(
    name="asyncio.BoundedSemaphore",
    role=LockRole.SEMAPHORE,
    constructors=dotted(_MODULES, "BoundedSemaphore"),
    slots=_SLOTS,
    with_ok=False,
    async_with_ok=True,
    acquire_forms=(_ACQUIRE,),
    release_forms=(_RELEASE,),
    locked_method="locked",
)

EVENT = LockKind(
    name="asyncio.Event",
    role=LockRole.EVENT,
    constructors=dotted(_MODULES, "Event"),
    with_ok=False,
    waits=("wait",),
    notifies=("set",),
)

BARRIER = LockKind(
    name="asyncio.Barrier",
    role=LockRole.BARRIER,
    constructors=dotted(_MODULES, "Barrier"),
    with_ok=False,
    async_with_ok=True,
    waits=("wait",),
)

OF_ASYNCIO = "asyncio."
"""The first part of the names of all kinds of asyncio, queues included."""

LIBRARY = Library(kinds=(LOCK, CONDITION, SEMAPHORE, BOUNDED_SEMAPHORE, EVENT, BARRIER))
