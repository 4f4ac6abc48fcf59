"""Locks in ZooKeeper, read in kazoo 2.11.0.

``acquire(blocking=False)`` gives False where the lock is held, but a timeout that passes raises
LockTimeout. A release of what is not held gives False. The client makes them:
``client.Lock(path)``.
"""

from __future__ import annotations

from locklint.ir.lock import (
    AcquireForm,
    Argument,
    LockKind,
    LockRole,
    Mode,
    Owner,
    ReleaseForm,
    UnheldRelease,
)
from locklint.models.library import FactoryMethod, Library

_CLIENTS = ("kazoo.client.KazooClient",)


def _kind(name: str, role: LockRole = LockRole.LOCK, mode: Mode = Mode.EXCLUSIVE) -> LockKind:
    return LockKind(
        name=f"kazoo.recipe.lock.{name}",
        role=role,
        owner=Owner.INSTANCE,
        constructors=(f"kazoo.recipe.lock.{name}",),
        with_mode=mode,
        acquire_forms=(
            AcquireForm(
                "acquire",
                mode=mode,
                blocking=Argument("blocking", 0, True),
                timeout=Argument("timeout", 1, None),
                timeout_raises=True,
            ),
        ),
        release_forms=(ReleaseForm("release"),),
        unheld_release=UnheldRelease.IGNORED,
        owned_attributes=("is_acquired",),
        cross_process=True,
        remote=True,
    )


LIBRARY = Library(
    kinds=(
        _kind("Lock"),
        _kind("ReadLock", mode=Mode.SHARED),
        _kind("WriteLock"),
        _kind("Semaphore", LockRole.SEMAPHORE),
    ),
    factory_methods=tuple(
        FactoryMethod(_CLIENTS, name, f"kazoo.recipe.lock.{name}")
        for name in ("Lock", "ReadLock", "WriteLock", "Semaphore")
    ),
)
