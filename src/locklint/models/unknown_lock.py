"""Objects of unknown type that are used as locks: their names, and what all locks have in common.

Such an object may be re-entrant, and a release of it that is not held may be ignored.
"""

from __future__ import annotations

import re

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

_NAME = re.compile(r"(lock|mutex|sem|semaphore)_?\d*$", re.IGNORECASE)


def named_like_lock(name: str) -> bool:
    """Return whether a name is one that locks have. That alone makes no lock."""
    return _NAME.search(name) is not None
