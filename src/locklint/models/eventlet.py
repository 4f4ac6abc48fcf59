"""eventlet's primitives, read in eventlet 0.41.3.

Timeouts of None and -1 wait indefinitely, other negative ones and a timeout beside
``blocking=False`` are refused. ``eventlet.green.threading`` is the standard module over green
locks: all but ``Lock`` are the standard library's own classes there.
"""

from __future__ import annotations

from locklint.ir.lock import (
    AcquireForm,
    Argument,
    LockKind,
    LockRole,
    Owner,
    Refused,
    ReleaseForm,
    UnheldRelease,
)
from locklint.models.library import Library, dotted

_BLOCKING = Argument("blocking", 0, True)
_ACQUIRE = AcquireForm(
    "acquire",
    blocking=_BLOCKING,
    timeout=Argument("timeout", 1, None),
    refuses=(Refused.UNBLOCKED_TIMEOUT, Refused.NEGATIVE_TIMEOUT),
)
_THREADING_ACQUIRE = AcquireForm(
    "acquire",
    blocking=_BLOCKING,
    timeout=Argument("timeout", 1, -1),
    refuses=(Refused.UNBLOCKED_TIMEOUT, Refused.NEGATIVE_TIMEOUT),
)
_SEMAPHORE_ACQUIRE = AcquireForm(
    "acquire",
    blocking=_BLOCKING,
    timeout=Argument("timeout", 1, None),
    refuses=(Refused.UNBLOCKED_TIMEOUT,),
)
_RELEASE = ReleaseForm("release")
_SLOTS = Argument("value", 0, 1)
_GREEN = "eventlet.green.threading"

LIBRARY = Library(
    kinds=(
        LockKind(
            name="eventlet.lock.Lock",
            constructors=(
                "eventlet.lock.Lock",
                *dotted(("eventlet.green.thread",), "LockType", "allocate_lock", "allocate"),
                *dotted((_GREEN,), "Lock", "_allocate_lock"),
            ),
            acquire_forms=(_ACQUIRE,),
            release_forms=(_RELEASE,),
            locked_method="locked",
        ),
        LockKind(
            name="eventlet.semaphore.Semaphore",
            role=LockRole.SEMAPHORE,
            constructors=dotted(("eventlet", "eventlet.semaphore"), "Semaphore"),
            slots=_SLOTS,
            acquire_forms=(_ACQUIRE,),
            release_forms=(_RELEASE,),
            unheld_release=UnheldRelease.IGNORED,
            locked_method="locked",
        ),
        LockKind(
            name="eventlet.semaphore.BoundedSemaphore",
            role=LockRole.SEMAPHORE,
            constructors=dotted(("eventlet", "eventlet.semaphore"), "BoundedSemaphore"),
            slots=_SLOTS,
            acquire_forms=(_ACQUIRE,),
            release_forms=(_RELEASE,),
            locked_method="locked",
        ),
        LockKind(
            name="eventlet.semaphore.CappedSemaphore",
            role=LockRole.SEMAPHORE,
            constructors=dotted(("eventlet", "eventlet.semaphore"), "CappedSemaphore"),
            acquire_forms=(AcquireForm("acquire", blocking=_BLOCKING),),
            release_forms=(_RELEASE,),
            unheld_release=UnheldRelease.IGNORED,  # it waits until something is acquired
            locked_method="locked",
        ),
        LockKind(
            name="eventlet.event.Event",
            role=LockRole.EVENT,
            constructors=dotted(("eventlet", "eventlet.event"), "Event"),
            with_ok=False,
            waits=("wait",),
        ),
        LockKind(
            name=f"{_GREEN}.RLock",
            reentrant=True,
            owner=Owner.THREAD,
            constructors=dotted((_GREEN,), "RLock", "_RLock", "_PyRLock"),
            acquire_forms=(_THREADING_ACQUIRE,),
            release_forms=(_RELEASE,),
        ),
        LockKind(
            name=f"{_GREEN}.Condition",
            role=LockRole.CONDITION,
            reentrant=True,
            owner=Owner.THREAD,
            constructors=(f"{_GREEN}.Condition",),
            acquire_forms=(_THREADING_ACQUIRE,),
            release_forms=(_RELEASE,),
            underlying=Argument("lock", 0, None),
            waits=("wait", "wait_for"),
            notifies=("notify", "notify_all", "notifyAll"),
        ),
        LockKind(
            name=f"{_GREEN}.Semaphore",
            role=LockRole.SEMAPHORE,
            constructors=(f"{_GREEN}.Semaphore",),
            slots=_SLOTS,
            acquire_forms=(_SEMAPHORE_ACQUIRE,),
            release_forms=(_RELEASE,),
            unheld_release=UnheldRelease.IGNORED,
        ),
        LockKind(
            name=f"{_GREEN}.BoundedSemaphore",
            role=LockRole.SEMAPHORE,
            constructors=(f"{_GREEN}.BoundedSemaphore",),
            slots=_SLOTS,
            acquire_forms=(_SEMAPHORE_ACQUIRE,),
            release_forms=(_RELEASE,),
        ),
        LockKind(
            name=f"{_GREEN}.Event",
            role=LockRole.EVENT,
            constructors=(f"{_GREEN}.Event",),
            with_ok=False,
            waits=("wait",),
        ),
        LockKind(
            name="eventlet.queue.Queue",
            role=LockRole.QUEUE,
            constructors=(
                "eventlet.Queue",
                *dotted(("eventlet.queue",), "Queue", "LightQueue", "LifoQueue", "PriorityQueue"),
            ),
            with_ok=False,
            waits=("get", "put", "join"),
        ),
    ),
)
