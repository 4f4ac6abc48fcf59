"""anyio's primitives, read in anyio 4.16.0.

As trio's, with every backend: a lock belongs to its task, a second acquire and a release by another
task raise RuntimeError, ``acquire_nowait`` gives None or raises WouldBlock.
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

_MODULES = ("anyio", "anyio._core._synchronization")
_ACQUIRE_FORMS = (
    AcquireForm("acquire", is_async=True, failure=Failure.NEVER, gives=Gives.NONE),
    AcquireForm("acquire_nowait", always_tries=True, failure=Failure.RAISES, gives=Gives.NONE),
)
_RELEASE_FORMS = (ReleaseForm("release"),)
_SLOTS = Argument("initial_value", 0)

LIBRARY = Library(
    kinds=(
        LockKind(
            name="anyio.Lock",
            owner=Owner.TASK,
            constructors=dotted(_MODULES, "Lock"),
            with_ok=False,
            async_with_ok=True,
            acquire_forms=_ACQUIRE_FORMS,
            release_forms=_RELEASE_FORMS,
            locked_method="locked",
        ),
        LockKind(
            name="anyio.Condition",
            role=LockRole.CONDITION,
            owner=Owner.TASK,
            constructors=dotted(_MODULES, "Condition"),
            with_ok=False,
            async_with_ok=True,
            acquire_forms=_ACQUIRE_FORMS,
            release_forms=_RELEASE_FORMS,
            underlying=Argument("lock", 0, None),
            waits=("wait", "wait_for"),
            notifies=("notify", "notify_all"),
            locked_method="locked",
        ),
        LockKind(
            name="anyio.Semaphore",
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
            name="anyio.CapacityLimiter",
            role=LockRole.SEMAPHORE,
            owner=Owner.TASK,
            constructors=dotted(_MODULES, "CapacityLimiter"),
            with_ok=False,
            async_with_ok=True,
            acquire_forms=_ACQUIRE_FORMS,
            release_forms=_RELEASE_FORMS,
        ),
        LockKind(
            name="anyio.Event",
            role=LockRole.EVENT,
            constructors=dotted(_MODULES, "Event"),
            with_ok=False,
            waits=("wait",),
        ),
    ),
)
