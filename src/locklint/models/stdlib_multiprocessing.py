"""multiprocessing: primitives over OS semaphores, contexts and managers (CPython 3.11 to 3.13).

Facts that are easily mistaken: the argument is ``block``, not ``blocking``; a timeout beside
``block=False`` is not refused but ignored, a negative one does not wait, None waits indefinitely.
An over-released ``Lock`` raises ValueError, an ``RLock`` released by a stranger AssertionError. A
manager's locks are proxies of threading's and take threading's ``blocking`` and its refusals, with
None for "no timeout".
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
from locklint.models.library import CallResult, FactoryMethod, Library, TypeAttribute, dotted

_CONTEXT_NAMES = (
    "BaseContext",
    "DefaultContext",
    "ForkContext",
    "SpawnContext",
    "ForkServerContext",
)
CONTEXT_TYPES = dotted(("multiprocessing.context",), *_CONTEXT_NAMES)
MANAGER_TYPES = ("multiprocessing.managers.SyncManager",)
# torch.multiprocessing is a star import of multiprocessing.
_MODULES = ("multiprocessing", "multiprocessing.synchronize", "torch.multiprocessing")
_MANAGER = "multiprocessing.managers.SyncManager"

_ACQUIRE = AcquireForm(
    "acquire", blocking=Argument("block", 0, True), timeout=Argument("timeout", 1, None)
)
_PROXY_BLOCKING = Argument("blocking", 0, True)
_PROXY_TIMEOUT = Argument("timeout", 1, None)
_PROXY_LOCK_ACQUIRE = AcquireForm(
    "acquire",
    blocking=_PROXY_BLOCKING,
    timeout=_PROXY_TIMEOUT,
    refuses=(Refused.UNBLOCKED_TIMEOUT, Refused.NEGATIVE_TIMEOUT),
)
_PROXY_SEMAPHORE_ACQUIRE = AcquireForm(
    "acquire",
    blocking=_PROXY_BLOCKING,
    timeout=_PROXY_TIMEOUT,
    refuses=(Refused.UNBLOCKED_TIMEOUT,),
)
_RELEASE = ReleaseForm("release")
_SLOTS = Argument("value", 0, 1)

_KINDS = (
    LockKind(
        name="multiprocessing.Lock",
        constructors=dotted(_MODULES, "Lock"),
        acquire_forms=(_ACQUIRE,),
        release_forms=(_RELEASE,),
        locked_method="locked",  # from 3.14 on
        cross_process=True,
    ),
    LockKind(
        name="multiprocessing.RLock",
        reentrant=True,
        owner=Owner.THREAD,
        constructors=dotted(_MODULES, "RLock"),
        acquire_forms=(_ACQUIRE,),
        release_forms=(_RELEASE,),
        locked_method="locked",  # from 3.14 on
        cross_process=True,
    ),
    LockKind(
        name="multiprocessing.Condition",
        role=LockRole.CONDITION,
        reentrant=True,
        owner=Owner.THREAD,
        constructors=dotted(_MODULES, "Condition"),
        acquire_forms=(_ACQUIRE,),
        release_forms=(_RELEASE,),
        underlying=Argument("lock", 0, None),
        waits=("wait", "wait_for"),
        notifies=("notify", "notify_all"),
        cross_process=True,
    ),
    LockKind(
        name="multiprocessing.Semaphore",
        role=LockRole.SEMAPHORE,
        constructors=dotted(_MODULES, "Semaphore"),
        slots=_SLOTS,
        acquire_forms=(_ACQUIRE,),
        release_forms=(_RELEASE,),
        unheld_release=UnheldRelease.IGNORED,
        cross_process=True,
    ),
    LockKind(
        name="multiprocessing.BoundedSemaphore",
        role=LockRole.SEMAPHORE,
        constructors=dotted(_MODULES, "BoundedSemaphore"),
        slots=_SLOTS,
        acquire_forms=(_ACQUIRE,),
        release_forms=(_RELEASE,),
        cross_process=True,
    ),
    LockKind(
        name="multiprocessing.Event",
        role=LockRole.EVENT,
        constructors=dotted(_MODULES, "Event"),
        with_ok=False,
        waits=("wait",),
        cross_process=True,
    ),
    LockKind(
        name="multiprocessing.Barrier",
        role=LockRole.BARRIER,
        constructors=dotted(_MODULES, "Barrier"),
        with_ok=False,
        waits=("wait",),
        cross_process=True,
    ),
)

_MANAGER_KINDS = (
    LockKind(
        name=f"{_MANAGER}.Lock",
        acquire_forms=(_PROXY_LOCK_ACQUIRE,),
        release_forms=(_RELEASE,),
        cross_process=True,
    ),
    LockKind(
        name=f"{_MANAGER}.RLock",
        reentrant=True,
        owner=Owner.THREAD,
        acquire_forms=(_PROXY_LOCK_ACQUIRE,),
        release_forms=(_RELEASE,),
        cross_process=True,
    ),
    LockKind(
        name=f"{_MANAGER}.Condition",
        role=LockRole.CONDITION,
        reentrant=True,
        owner=Owner.THREAD,
        acquire_forms=(_PROXY_LOCK_ACQUIRE,),
        release_forms=(_RELEASE,),
        underlying=Argument("lock", 0, None),
        waits=("wait", "wait_for"),
        notifies=("notify", "notify_all"),
        cross_process=True,
    ),
    LockKind(
        name=f"{_MANAGER}.Semaphore",
        role=LockRole.SEMAPHORE,
        acquire_forms=(_PROXY_SEMAPHORE_ACQUIRE,),
        release_forms=(_RELEASE,),
        unheld_release=UnheldRelease.IGNORED,
        cross_process=True,
    ),
    LockKind(
        name=f"{_MANAGER}.BoundedSemaphore",
        role=LockRole.SEMAPHORE,
        acquire_forms=(_PROXY_SEMAPHORE_ACQUIRE,),
        release_forms=(_RELEASE,),
        cross_process=True,
    ),
    LockKind(
        name=f"{_MANAGER}.Event",
        role=LockRole.EVENT,
        with_ok=False,
        waits=("wait",),
        cross_process=True,
    ),
    LockKind(
        name=f"{_MANAGER}.Barrier",
        role=LockRole.BARRIER,
        with_ok=False,
        waits=("wait",),
        cross_process=True,
    ),
)

_PRIMITIVES = (
    "Lock",
    "RLock",
    "Condition",
    "Semaphore",
    "BoundedSemaphore",
    "Event",
    "Barrier",
)

_SYNCHRONIZED_TYPES = dotted(
    ("multiprocessing.sharedctypes",),
    "SynchronizedBase",
    "Synchronized",
    "SynchronizedArray",
    "SynchronizedString",
)

LIBRARY = Library(
    kinds=(*_KINDS, *_MANAGER_KINDS),
    factory_methods=(
        *(FactoryMethod(CONTEXT_TYPES, name, f"multiprocessing.{name}") for name in _PRIMITIVES),
        *(FactoryMethod(MANAGER_TYPES, name, f"{_MANAGER}.{name}") for name in _PRIMITIVES),
        # The lock of a shared value is an RLock unless another one is given to its constructor.
        FactoryMethod(_SYNCHRONIZED_TYPES, "get_lock", "multiprocessing.RLock", fresh=False),
    ),
    attributes=(TypeAttribute(_SYNCHRONIZED_TYPES, "_lock", "multiprocessing.RLock"),),
    results=(
        CallResult(
            (
                "multiprocessing.get_context",
                "torch.multiprocessing.get_context",
                *dotted(CONTEXT_TYPES, "get_context"),
            ),
            "multiprocessing.context.BaseContext",
        ),
        CallResult(
            (
                "multiprocessing.Manager",
                "torch.multiprocessing.Manager",
                *dotted(CONTEXT_TYPES, "Manager"),
            ),
            _MANAGER,
        ),
        CallResult(
            (
                "multiprocessing.Value",
                "multiprocessing.sharedctypes.Value",
                *dotted(CONTEXT_TYPES, "Value"),
            ),
            "multiprocessing.sharedctypes.Synchronized",
        ),
        CallResult(
            (
                "multiprocessing.Array",
                "multiprocessing.sharedctypes.Array",
                *dotted(CONTEXT_TYPES, "Array"),
            ),
            "multiprocessing.sharedctypes.SynchronizedArray",
        ),
    ),
)
