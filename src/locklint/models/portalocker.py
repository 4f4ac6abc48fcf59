"""portalocker, read in portalocker 4.4.2.

``acquire`` gives the open file (a context manager that closes it) and raises where it gives up. A
``Lock`` that is acquired again gives the same file without waiting. Releasing what is not held is
ignored, except by ``RLock``. ``PidFileLock`` is left out: its ``with`` body runs even if another
process has the lock.
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
    Setting,
    UnheldRelease,
)
from locklint.models.library import Library, dotted

_MODULES = ("portalocker", "portalocker.utils")
_ACQUIRE = AcquireForm(
    "acquire",
    timeout=Argument("timeout", 0, None),
    failure=Failure.RAISES,
    gives=Gives.OTHER,
)
_RELEASE = ReleaseForm("release")
_GIVES_UP = (
    Setting(Argument("timeout", 2), "0"),
    Setting(Argument("fail_when_locked", 4), "True"),
)

LIBRARY = Library(
    kinds=(
        LockKind(
            name="portalocker.Lock",
            reentrant=True,
            owner=Owner.INSTANCE,
            constructors=dotted(_MODULES, "Lock", "TemporaryFileLock"),
            acquire_forms=(_ACQUIRE,),
            release_forms=(_RELEASE,),
            unheld_release=UnheldRelease.IGNORED,
            cross_process=True,
            gives_up_if=_GIVES_UP,
        ),
        LockKind(
            name="portalocker.RLock",
            reentrant=True,
            owner=Owner.INSTANCE,
            constructors=dotted(_MODULES, "RLock"),
            acquire_forms=(_ACQUIRE,),
            release_forms=(_RELEASE,),
            cross_process=True,
            gives_up_if=_GIVES_UP,
        ),
        LockKind(
            name="portalocker.BoundedSemaphore",
            role=LockRole.SEMAPHORE,
            owner=Owner.INSTANCE,
            constructors=dotted(_MODULES, "BoundedSemaphore", "NamedBoundedSemaphore"),
            acquire_forms=(_ACQUIRE,),
            release_forms=(_RELEASE,),
            unheld_release=UnheldRelease.IGNORED,
            cross_process=True,
        ),
        LockKind(
            name="portalocker.RedisLock",
            owner=Owner.INSTANCE,
            constructors=("portalocker.RedisLock", "portalocker.redis.RedisLock"),
            acquire_forms=(_ACQUIRE,),
            release_forms=(_RELEASE,),
            unheld_release=UnheldRelease.IGNORED,
            cross_process=True,
            remote=True,
        ),
    ),
)
