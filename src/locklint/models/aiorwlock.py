"""aiorwlock, read in aiorwlock 1.5.1.

The lock itself is no context manager; its ``reader`` and ``writer`` (``reader_lock`` and
``writer_lock`` before) are, with ``async with``. Both are re-entrant by task, and reading while
writing is allowed; acquiring the writer while reading raises RuntimeError.
"""

from __future__ import annotations

from locklint.ir.lock import (
    AcquireForm,
    ContextForm,
    Failure,
    Gives,
    LockKind,
    LockRole,
    Mode,
    Owner,
    ReleaseForm,
)
from locklint.models.library import Library, TypeAttribute

_LOCK = "aiorwlock.RWLock"
_READER = "aiorwlock._ReaderLock"
_WRITER = "aiorwlock._WriterLock"


def _view(name: str, mode: Mode) -> LockKind:
    return LockKind(
        name=name,
        role=LockRole.READ_WRITE,
        reentrant=True,
        owner=Owner.TASK,
        constructors=(name,),
        with_ok=False,
        async_with_ok=True,
        with_mode=mode,
        acquire_forms=(
            AcquireForm(
                "acquire", mode=mode, is_async=True, failure=Failure.NEVER, gives=Gives.NONE
            ),
        ),
        release_forms=(ReleaseForm("release", mode),),
    )


LIBRARY = Library(
    kinds=(
        LockKind(
            name=_LOCK,
            role=LockRole.READ_WRITE,
            reentrant=True,
            owner=Owner.TASK,
            constructors=(_LOCK,),
            with_ok=False,
            context_forms=(
                ContextForm("reader", Mode.SHARED, is_async=True, is_attribute=True),
                ContextForm("reader_lock", Mode.SHARED, is_async=True, is_attribute=True),
                ContextForm("writer", is_async=True, is_attribute=True),
                ContextForm("writer_lock", is_async=True, is_attribute=True),
            ),
        ),
        _view(_READER, Mode.SHARED),
        _view(_WRITER, Mode.EXCLUSIVE),
    ),
    attributes=(
        TypeAttribute((_LOCK,), "reader", _READER, view=True),
        TypeAttribute((_LOCK,), "reader_lock", _READER, view=True),
        TypeAttribute((_LOCK,), "writer", _WRITER, view=True),
        TypeAttribute((_LOCK,), "writer_lock", _WRITER, view=True),
    ),
)
