"""Tornado's locks, read in tornado 6.6: ``acquire`` gives a Future, ``release`` is plain.

The result of ``acquire`` is a context manager, as in ``with (yield lock.acquire()):``. A timeout
that passes raises. Conditions of Tornado are over no lock.
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
    UnheldRelease,
)
from locklint.models.library import Library

_MODULE = "tornado.locks"


def _kind(
    name: str,
    role: LockRole,
    unheld: UnheldRelease = UnheldRelease.RAISES,
    slots: Argument | None = None,
) -> LockKind:
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
                timeout=Argument("timeout", 0, None),
                failure=Failure.RAISES,
                gives=Gives.CONTEXT,
            ),
        ),
        release_forms=(ReleaseForm("release"),),
        unheld_release=unheld,
        slots=slots,
    )


_SLOTS = Argument("value", 0, 1)

LIBRARY = Library(
    kinds=(
        _kind("Lock", LockRole.LOCK),
        _kind("Semaphore", LockRole.SEMAPHORE, UnheldRelease.IGNORED, _SLOTS),
        _kind("BoundedSemaphore", LockRole.SEMAPHORE, slots=_SLOTS),
    )
)
