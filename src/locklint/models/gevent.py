"""gevent's primitives, read in gevent 26.9.0.

``gevent.thread.LockType`` keeps threading's signature and refusals (but takes ``timeout=None``);
the semaphores wait indefinitely with None. Owners are greenlets. ``DummySemaphore`` locks nothing
and is left out. A semaphore's ``wait`` waits until it could be acquired, and acquires nothing.
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
_ACQUIRE = AcquireForm("acquire", blocking=_BLOCKING, timeout=Argument("timeout", 1, None))
_RELEASE = ReleaseForm("release")
_SLOTS = Argument("value", 0, 1)
_MODULES = ("gevent.lock", "gevent.coros")

LIBRARY = Library(
    kinds=(
        LockKind(
            name="gevent.thread.LockType",
            constructors=(
                *dotted(("gevent.thread",), "LockType", "allocate_lock", "lock"),
                *dotted(("gevent.threading",), "Lock", "_allocate_lock", "allocate_lock"),
            ),
            acquire_forms=(
                AcquireForm(
                    "acquire",
                    blocking=_BLOCKING,
                    timeout=Argument("timeout", 1, -1),
                    refuses=(Refused.UNBLOCKED_TIMEOUT, Refused.NEGATIVE_TIMEOUT),
                ),
            ),
            release_forms=(_RELEASE,),
            locked_method="locked",
        ),
        LockKind(
            name="gevent.lock.RLock",
            reentrant=True,
            owner=Owner.TASK,
            constructors=(*dotted(_MODULES, "RLock"), "gevent.threading.RLock"),
            acquire_forms=(_ACQUIRE,),
            release_forms=(_RELEASE,),
            locked_method="locked",
        ),
        LockKind(
            name="gevent.lock.Semaphore",
            role=LockRole.SEMAPHORE,
            constructors=dotted(_MODULES, "Semaphore"),
            slots=_SLOTS,
            acquire_forms=(_ACQUIRE,),
            release_forms=(_RELEASE,),
            unheld_release=UnheldRelease.IGNORED,
            locked_method="locked",
        ),
        LockKind(
            name="gevent.lock.BoundedSemaphore",
            role=LockRole.SEMAPHORE,
            constructors=dotted(_MODULES, "BoundedSemaphore"),
            slots=_SLOTS,
            acquire_forms=(_ACQUIRE,),
            release_forms=(_RELEASE,),
            locked_method="locked",
        ),
        LockKind(
            name="gevent.event.Event",
            role=LockRole.EVENT,
            constructors=("gevent.event.Event",),
            with_ok=False,
            waits=("wait",),
        ),
        LockKind(
            name="gevent.queue.Queue",
            role=LockRole.QUEUE,
            constructors=dotted(
                ("gevent.queue",),
                "Channel",
                "JoinableQueue",
                "LifoQueue",
                "PriorityQueue",
                "Queue",
                "SimpleQueue",
                "UnboundQueue",
            ),
            with_ok=False,
            waits=("get", "put", "peek", "join"),
        ),
    ),
)
