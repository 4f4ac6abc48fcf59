"""threading, _thread and what re-exports them, as CPython 3.11 to 3.13 behave (3.14: ``locked``).

Facts that are easily mistaken: ``Lock`` and ``RLock`` refuse ``timeout=None`` and negative timeouts
other than -1, ``Semaphore`` takes both (None waits indefinitely, negative does not wait).
``Lock.release`` from another thread is legal, ``RLock.release`` by another thread raises.
``Condition()`` is over an ``RLock``; its ``acquire`` and ``release`` are its lock's.
"""

from __future__ import annotations

from locklint.ir.lock import (
    AcquireForm,
    Argument,
    Gives,
    LockKind,
    LockRole,
    Owner,
    Refused,
    ReleaseForm,
    UnheldRelease,
)
from locklint.models.library import Library, dotted

_MODULES = (
    "threading",
    "dummy_threading",
    "_dummy_threading",
    "multiprocessing.dummy",
)
_LOW_LEVEL = (
    "_thread",
    "thread",
    "_dummy_thread",
    "dummy_thread",
)

_BLOCKING = Argument("blocking", 0, True)
_LOCK_TIMEOUT = Argument("timeout", 1, -1)
_SEMAPHORE_TIMEOUT = Argument("timeout", 1, None)

_LOCK_REFUSES = (Refused.UNBLOCKED_TIMEOUT, Refused.NEGATIVE_TIMEOUT, Refused.NONE_TIMEOUT)

_LOCK_ACQUIRE = AcquireForm(
    "acquire", blocking=_BLOCKING, timeout=_LOCK_TIMEOUT, refuses=_LOCK_REFUSES
)
_SEMAPHORE_ACQUIRE = AcquireForm(
    "acquire",
    blocking=_BLOCKING,
    timeout=_SEMAPHORE_TIMEOUT,
    refuses=(Refused.UNBLOCKED_TIMEOUT,),
)
_RELEASE = ReleaseForm("release")
_SLOTS = Argument("value", 0, 1)

LOCK = LockKind(
    name="threading.Lock",
    enter_gives=Gives.BOOL,
    constructors=(
        *dotted(_MODULES, "Lock"),
        *dotted(_LOW_LEVEL, "allocate_lock", "allocate", "LockType"),
        "_thread.lock",
        "threading._allocate_lock",
    ),
    acquire_forms=(
        _LOCK_ACQUIRE,
        AcquireForm(
            "acquire_lock", blocking=_BLOCKING, timeout=_LOCK_TIMEOUT, refuses=_LOCK_REFUSES
        ),
    ),
    release_forms=(_RELEASE, ReleaseForm("release_lock")),
    locked_method="locked",
)

RLOCK = LockKind(
    name="threading.RLock",
    enter_gives=Gives.BOOL,
    reentrant=True,
    owner=Owner.THREAD,
    constructors=(
        *dotted(_MODULES, "RLock"),
        *dotted(_LOW_LEVEL, "RLock"),
        "threading._RLock",
        "threading._PyRLock",
        "threading._CRLock",
    ),
    acquire_forms=(_LOCK_ACQUIRE,),
    release_forms=(_RELEASE,),
    locked_method="locked",  # from 3.14 on; an AttributeError before
    owned_methods=("_is_owned",),
)

CONDITION = LockKind(
    name="threading.Condition",
    enter_gives=Gives.BOOL,
    role=LockRole.CONDITION,
    reentrant=True,
    owner=Owner.THREAD,
    constructors=(*dotted(_MODULES, "Condition"), "threading._Condition"),
    acquire_forms=(_LOCK_ACQUIRE,),
    release_forms=(_RELEASE,),
    underlying=Argument("lock", 0, None),
    waits=("wait", "wait_for"),
    notifies=("notify", "notify_all", "notifyAll"),
    locked_method="locked",  # from 3.14 on
    owned_methods=("_is_owned",),
)

SEMAPHORE = LockKind(
    name="threading.Semaphore",
    enter_gives=Gives.BOOL,
    role=LockRole.SEMAPHORE,
    constructors=(*dotted(_MODULES, "Semaphore"), "threading._Semaphore"),
    slots=_SLOTS,
    acquire_forms=(_SEMAPHORE_ACQUIRE,),
    release_forms=(_RELEASE,),
    unheld_release=UnheldRelease.IGNORED,
)

BOUNDED_SEMAPHORE = LockKind(
    name="threading.BoundedSemaphore",
    enter_gives=Gives.BOOL,
    role=LockRole.SEMAPHORE,
    constructors=(*dotted(_MODULES, "BoundedSemaphore"), "threading._BoundedSemaphore"),
    slots=_SLOTS,
    acquire_forms=(_SEMAPHORE_ACQUIRE,),
    release_forms=(_RELEASE,),
)

EVENT = LockKind(
    name="threading.Event",
    role=LockRole.EVENT,
    constructors=(*dotted(_MODULES, "Event"), "threading._Event"),
    with_ok=False,
    waits=("wait",),
    notifies=("set",),
)

BARRIER = LockKind(
    name="threading.Barrier",
    role=LockRole.BARRIER,
    constructors=dotted(_MODULES, "Barrier"),
    with_ok=False,
    waits=("wait",),
)

LIBRARY = Library(kinds=(LOCK, RLOCK, CONDITION, SEMAPHORE, BOUNDED_SEMAPHORE, EVENT, BARRIER))
