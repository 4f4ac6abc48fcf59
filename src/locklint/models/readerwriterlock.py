"""readerwriterlock, read in readerwriterlock 1.0.10.

``gen_rlock()`` and ``gen_wlock()`` each make a small lock object over the shared state, which is
released through the same object. A timeout of -1 waits indefinitely. The downgradable classes'
write locks are left out: ``downgrade()`` exchanges a held lock for another.
"""

from __future__ import annotations

from locklint.ir.lock import (
    AcquireForm,
    Argument,
    ContextForm,
    LockKind,
    LockRole,
    Mode,
    ReleaseForm,
)
from locklint.models.library import FactoryMethod, Library, dotted

_PLAIN = dotted(("readerwriterlock.rwlock",), "RWLockRead", "RWLockWrite", "RWLockFair")
_DOWNGRADABLE = dotted(("readerwriterlock.rwlock",), "RWLockReadD", "RWLockWriteD", "RWLockFairD")
_READER = "readerwriterlock.rwlock.Reader"
_WRITER = "readerwriterlock.rwlock.Writer"


def _acquire(mode: Mode) -> AcquireForm:
    return AcquireForm(
        "acquire",
        mode=mode,
        blocking=Argument("blocking", 0, True),
        timeout=Argument("timeout", 1, -1),
    )


def _view(name: str, mode: Mode, *, reentrant: bool) -> LockKind:
    return LockKind(
        name=name,
        role=LockRole.READ_WRITE,
        reentrant=reentrant,
        with_mode=mode,
        acquire_forms=(_acquire(mode),),
        release_forms=(ReleaseForm("release", mode),),
        locked_method="locked",
    )


LIBRARY = Library(
    kinds=(
        LockKind(
            name="readerwriterlock.rwlock.RWLock",
            role=LockRole.READ_WRITE,
            constructors=_PLAIN,
            with_ok=False,
            context_forms=(ContextForm("gen_rlock", Mode.SHARED), ContextForm("gen_wlock")),
        ),
        LockKind(
            name="readerwriterlock.rwlock.RWLockD",
            role=LockRole.READ_WRITE,
            constructors=_DOWNGRADABLE,
            with_ok=False,
            context_forms=(ContextForm("gen_rlock", Mode.SHARED),),
        ),
        # Reading twice waits only where a writer waits in between.
        _view(_READER, Mode.SHARED, reentrant=True),
        _view(_WRITER, Mode.EXCLUSIVE, reentrant=False),
    ),
    factory_methods=(
        FactoryMethod((*_PLAIN, *_DOWNGRADABLE), "gen_rlock", _READER, view=True),
        FactoryMethod(_PLAIN, "gen_wlock", _WRITER, view=True),
    ),
)
