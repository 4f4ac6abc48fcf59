"""Locks in a Redis server, read in redis 8.1.0 (aioredis 2 is the same code).

``acquire(sleep, blocking, blocking_timeout)`` gives a bool. What it does without arguments may have
been set by the constructor (``client.lock(name, blocking_timeout=5)``), so that even a plain call
may give False. ``with`` raises LockError where the lock cannot be acquired. A release of a lock
that is not held raises. The token is kept by thread in the instance.
"""

from __future__ import annotations

from locklint.ir.lock import AcquireForm, Argument, LockKind, Owner, ReleaseForm
from locklint.models.library import CallResult, FactoryMethod, Library, dotted

_CLIENTS = (
    *dotted(("redis", "redis.client"), "Redis", "StrictRedis"),
    *dotted(("redis", "redis.cluster"), "RedisCluster"),
)
_ASYNC_CLIENTS = (
    *dotted(
        ("redis.asyncio", "redis.asyncio.client", "aioredis", "aioredis.client"),
        "Redis",
        "StrictRedis",
    ),
    *dotted(("redis.asyncio", "redis.asyncio.cluster"), "RedisCluster"),
)


def _acquire(*, is_async: bool) -> AcquireForm:
    return AcquireForm(
        "acquire",
        is_async=is_async,
        blocking=Argument("blocking", 1, True),
        timeout=Argument("blocking_timeout", 2, None),
        result_decides=True,
    )


LIBRARY = Library(
    kinds=(
        LockKind(
            name="redis.lock.Lock",
            owner=Owner.INSTANCE,
            constructors=("redis.lock.Lock", "redis.lock.LuaLock"),
            acquire_forms=(_acquire(is_async=False),),
            release_forms=(ReleaseForm("release"),),
            locked_method="locked",
            owned_methods=("owned",),
            cross_process=True,
            remote=True,
        ),
        LockKind(
            name="redis.asyncio.lock.Lock",
            owner=Owner.INSTANCE,
            constructors=("redis.asyncio.lock.Lock", "aioredis.lock.Lock"),
            with_ok=False,
            async_with_ok=True,
            acquire_forms=(_acquire(is_async=True),),
            release_forms=(ReleaseForm("release", is_async=True),),
            locked_method="locked",
            owned_methods=("owned",),
            cross_process=True,
            remote=True,
        ),
    ),
    factory_methods=(
        FactoryMethod(_CLIENTS, "lock", "redis.lock.Lock"),
        FactoryMethod(_ASYNC_CLIENTS, "lock", "redis.asyncio.lock.Lock"),
    ),
    results=(
        CallResult(
            ("redis.from_url", "redis.utils.from_url", *dotted(_CLIENTS, "from_url")),
            "redis.Redis",
        ),
        CallResult(
            (
                "redis.asyncio.from_url",
                "redis.asyncio.utils.from_url",
                "aioredis.from_url",
                *dotted(_ASYNC_CLIENTS, "from_url"),
            ),
            "redis.asyncio.Redis",
        ),
    ),
)
