"""trio's primitives, read in trio 0.35.0.

A lock, condition or limiter belongs to its task: acquiring it again raises RuntimeError at once,
and so does a release by another task. ``acquire_nowait`` gives None or raises WouldBlock.
Semaphores have no owner, and without ``max_value`` releasing one too often is no error. A limiter's
``acquire_on_behalf_of`` takes a token for something else, not for the caller.
"""

from __future__ import annotations

from locklint.ir.lock import (
    AcquireForm,
    Argument,
    Failure,
    Gives,
    LockKind,
    LockRole,
    Owner,
    ReleaseForm,
    UnheldRelease,
)
from locklint.models.library import Library, dotted

_MODULES = ("trio", "trio._sync")
_ACQUIRE_FORMS = (
    AcquireForm("acquire", is_async=True, failure=Failure.NEVER, gives=Gives.NONE),
    AcquireForm("acquire_nowait", always_tries=True, failure=Failure.RAISES, gives=Gives.NONE),
)
_RELEASE_FORMS = (ReleaseForm("release"),)
_SLOTS = Argument("initial_value", 0)

LIBRARY = Library(
    kinds=(
        LockKind(
            name="trio.Lock",
            owner=Owner.TASK,
            constructors=dotted(_MODULES, "Lock", "StrictFIFOLock"),
            with_ok=False,
            async_with_ok=True,
            acquire_forms=_ACQUIRE_FORMS,
            release_forms=_RELEASE_FORMS,
            locked_method="locked",
        ),
        LockKind(
            name="trio.Condition",
            role=LockRole.CONDITION,
            owner=Owner.TASK,
            constructors=dotted(_MODULES, "Condition"),
            with_ok=False,
            async_with_ok=True,
            acquire_forms=_ACQUIRE_FORMS,
            release_forms=_RELEASE_FORMS,
            underlying=Argument("lock", 0, None),
            waits=("wait",),
            notifies=("notify", "notify_all"),
            locked_method="locked",
        ),
        LockKind(
            name="trio.Semaphore",
            role=LockRole.SEMAPHORE,
            constructors=dotted(_MODULES, "Semaphore"),
            slots=_SLOTS,
            with_ok=False,
            async_with_ok=True,
            acquire_forms=_ACQUIRE_FORMS,
            release_forms=_RELEASE_FORMS,
            unheld_release=UnheldRelease.IGNORED,
        ),
        LockKind(
            name="trio.CapacityLimiter",
            role=LockRole.SEMAPHORE,
            owner=Owner.TASK,
            constructors=dotted(_MODULES, "CapacityLimiter"),
            with_ok=False,
            async_with_ok=True,
            acquire_forms=_ACQUIRE_FORMS,
            release_forms=_RELEASE_FORMS,
        ),
        LockKind(
            name="trio.Event",
            role=LockRole.EVENT,
            constructors=dotted(_MODULES, "Event"),
            with_ok=False,
            waits=("wait",),
        ),
    ),
)
