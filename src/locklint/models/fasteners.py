"""fasteners, read in fasteners 0.20 (oslo.concurrency 7.6.1 re-exports its read-write lock).

A ``ReaderWriterLock`` counts by thread: reading again, writing again and reading while writing are
fine, acquiring the write lock while reading raises RuntimeError. The locks between processes do not
block the process that has them on POSIX, where the system's file locks belong to a process, so they
are entered as re-entrant although one release is enough.
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
    Refused,
    ReleaseForm,
)
from locklint.models.library import Library, dotted

_CONTEXT_FORMS = (ContextForm("read_lock", Mode.SHARED), ContextForm("write_lock"))
_RELEASE_FORMS = (
    ReleaseForm("release_read_lock", Mode.SHARED),
    ReleaseForm("release_write_lock", Mode.EXCLUSIVE),
)


def _acquire_file(name: str, mode: Mode = Mode.EXCLUSIVE) -> AcquireForm:
    return AcquireForm(
        name,
        mode=mode,
        blocking=Argument("blocking", 0, True),
        timeout=Argument("timeout", 3, None),
        refuses=(Refused.NEGATIVE_TIMEOUT,),
    )


def _acquire_thread(name: str, mode: Mode) -> AcquireForm:
    return AcquireForm(name, mode=mode, failure=Failure.NEVER, gives=Gives.NONE)


LIBRARY = Library(
    kinds=(
        LockKind(
            name="fasteners.InterProcessLock",
            reentrant=True,
            owner=Owner.PROCESS,
            constructors=dotted(("fasteners", "fasteners.process_lock"), "InterProcessLock"),
            acquire_forms=(_acquire_file("acquire"),),
            release_forms=(ReleaseForm("release"),),
            owned_attributes=("acquired",),
            cross_process=True,
        ),
        LockKind(
            name="fasteners.InterProcessReaderWriterLock",
            role=LockRole.READ_WRITE,
            reentrant=True,
            owner=Owner.PROCESS,
            constructors=dotted(
                ("fasteners", "fasteners.process_lock"), "InterProcessReaderWriterLock"
            ),
            with_ok=False,
            acquire_forms=(
                _acquire_file("acquire_read_lock", Mode.SHARED),
                _acquire_file("acquire_write_lock"),
            ),
            release_forms=_RELEASE_FORMS,
            context_forms=_CONTEXT_FORMS,
            cross_process=True,
        ),
        LockKind(
            name="fasteners.ReaderWriterLock",
            role=LockRole.READ_WRITE,
            reentrant=True,
            owner=Owner.THREAD,
            constructors=dotted(
                ("fasteners", "fasteners.lock", "oslo_concurrency.lockutils"),
                "ReaderWriterLock",
            ),
            with_ok=False,
            acquire_forms=(
                _acquire_thread("acquire_read_lock", Mode.SHARED),
                _acquire_thread("acquire_write_lock", Mode.EXCLUSIVE),
            ),
            release_forms=_RELEASE_FORMS,
            context_forms=_CONTEXT_FORMS,
        ),
    ),
)
