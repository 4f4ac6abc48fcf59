"""Twisted's locks, read in Twisted 26.10: ``acquire`` gives a Deferred, ``release`` is plain.

The Deferred fires with the lock itself. ``locked`` is an attribute. A release that is not held
fails an assertion. ``run`` is a call under the lock, and is not followed.
"""

from __future__ import annotations

from locklint.ir.lock import (
    AcquireForm,
    Argument,
    Failure,
    Gives,
    LockKind,
    LockRole,
    ReleaseForm,
)
from locklint.models.library import Library

_MODULE = "twisted.internet.defer"


def _kind(name: str, role: LockRole, slots: Argument | None = None) -> LockKind:
    return LockKind(
        name=f"{_MODULE}.{name}",
        role=role,
        constructors=(f"{_MODULE}.{name}",),
        with_ok=False,
        async_with_ok=True,
        acquire_forms=(
            AcquireForm(
                "acquire",
                is_async=True,
                begins_at_call=True,
                failure=Failure.NEVER,
                gives=Gives.OTHER,
            ),
        ),
        release_forms=(ReleaseForm("release"),),
        owned_attributes=("locked",) if role is LockRole.LOCK else (),
        slots=slots,
    )


LIBRARY = Library(
    kinds=(
        _kind("DeferredLock", LockRole.LOCK),
        _kind("DeferredSemaphore", LockRole.SEMAPHORE, Argument("tokens", 0)),
    )
)
