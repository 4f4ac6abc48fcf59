"""filelock, read in filelock 4.2.11 (and unchanged in these respects since 3.4).

``acquire`` raises Timeout where it gives up, however it was called, so after it the lock is held.
It gives a proxy that releases when it is left: ``with lock.acquire(timeout=1):`` is legal, and so
is ``async with await lock.acquire():``. A negative timeout waits indefinitely; None means the
instance's own, which is -1 unless set. Holding is counted by instance, and a release of what is not
held is ignored (a read-write lock's raises).
"""

from __future__ import annotations

from locklint.ir.lock import (
    AcquireForm,
    Argument,
    ContextForm,
    Failure,
    Gives,
    LockKind,
    LockRole,
    Mode,
    Owner,
    ReleaseForm,
    Setting,
    UnheldRelease,
)
from locklint.models.library import Library, dotted

_TIMEOUT = Argument("timeout", 0, None)
_BLOCKING = Argument("blocking", None, True)


def _acquire(name: str, mode: Mode = Mode.EXCLUSIVE, *, is_async: bool = False) -> AcquireForm:
    return AcquireForm(
        name,
        mode=mode,
        is_async=is_async,
        blocking=_BLOCKING,
        timeout=_TIMEOUT,
        failure=Failure.RAISES,
        gives=Gives.CONTEXT,
    )


def _read_write(name: str, *constructors: str, is_async: bool = False) -> LockKind:
    return LockKind(
        name=name,
        role=LockRole.READ_WRITE,
        reentrant=True,
        owner=Owner.INSTANCE,
        constructors=constructors,
        with_ok=False,
        acquire_forms=(
            _acquire("acquire_read", Mode.SHARED, is_async=is_async),
            _acquire("acquire_write", is_async=is_async),
        ),
        release_forms=(ReleaseForm("release", is_async=is_async),),
        context_forms=(
            ContextForm("read_lock", Mode.SHARED, is_async=is_async),
            ContextForm("write_lock", is_async=is_async),
        ),
        cross_process=True,
    )


LIBRARY = Library(
    kinds=(
        LockKind(
            name="filelock.FileLock",
            reentrant=True,
            owner=Owner.INSTANCE,
            constructors=(
                *dotted(
                    ("filelock",),
                    "BaseFileLock",
                    "FileLock",
                    "MarkerSoftFileLock",
                    "SoftFileLease",
                    "SoftFileLock",
                    "StrictSoftFileLock",
                    "UnixFileLock",
                    "WindowsFileLock",
                ),
                "filelock._api.BaseFileLock",
                "filelock._soft.SoftFileLock",
                "filelock._unix.UnixFileLock",
                "filelock._windows.WindowsFileLock",
            ),
            acquire_forms=(_acquire("acquire"),),
            release_forms=(ReleaseForm("release"),),
            unheld_release=UnheldRelease.IGNORED,
            owned_attributes=("is_locked",),
            cross_process=True,
            gives_up_if=(
                Setting(Argument("timeout", 1), "0"),
                Setting(Argument("timeout", 1), "0.0"),
                Setting(Argument("blocking", None), "False"),
            ),
        ),
        LockKind(
            name="filelock.AsyncFileLock",
            reentrant=True,
            owner=Owner.INSTANCE,
            constructors=dotted(
                ("filelock", "filelock.asyncio"),
                "AsyncFileLock",
                "AsyncSoftFileLease",
                "AsyncSoftFileLock",
                "AsyncStrictSoftFileLock",
                "AsyncUnixFileLock",
                "AsyncWindowsFileLock",
                "BaseAsyncFileLock",
            ),
            with_ok=False,
            async_with_ok=True,
            acquire_forms=(_acquire("acquire", is_async=True),),
            release_forms=(ReleaseForm("release", is_async=True),),
            unheld_release=UnheldRelease.IGNORED,
            owned_attributes=("is_locked",),
            cross_process=True,
        ),
        _read_write(
            "filelock.ReadWriteLock",
            "filelock.ReadWriteLock",
            "filelock.ReadWriteLock.get_lock",
            "filelock.SoftReadWriteLock",
            "filelock.SoftReadWriteLock.get_lock",
        ),
        _read_write(
            "filelock.AsyncReadWriteLock",
            "filelock.AsyncReadWriteLock",
            "filelock.AsyncSoftReadWriteLock",
            is_async=True,
        ),
    ),
)
