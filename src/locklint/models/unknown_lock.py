"""Objects of unknown type that are used as locks: what all locks have in common.

Such an object may be re-entrant, and a release of it that is not held may be ignored.
"""

from __future__ import annotations

from locklint.ir.lock import AcquireForm, Argument, LockKind, ReleaseForm, UnheldRelease

UNKNOWN_LOCK = LockKind(
    name="lock",
    reentrant=True,
    async_with_ok=True,
    acquire_forms=(
        AcquireForm(
            "acquire",
            blocking=Argument("blocking", 0, True),
            timeout=Argument("timeout", 1, None),
        ),
    ),
    release_forms=(ReleaseForm("release"),),
    unheld_release=UnheldRelease.IGNORED,
)
