"""Queues: not locks themselves, but they wait, and queue.Queue shows its locks (CPython 3.11-3.13).

The three conditions of a `queue.Queue` are made over its ``mutex``, which is a plain ``Lock``.
"""

from __future__ import annotations

from locklint.ir.lock import Argument, LockKind, LockRole
from locklint.models.library import Library, TypeAttribute, dotted

_THREAD_QUEUES = ("Queue", "PriorityQueue", "LifoQueue")
QUEUE_TYPES = (
    *dotted(("queue", "Queue", "multiprocessing.dummy"), *_THREAD_QUEUES),
    "multiprocessing.dummy.JoinableQueue",
)
_WAITS = ("get", "put", "join")
_NOTIFIES = ("put_nowait", "task_done")


def _queue(
    name: str,
    *constructors: str,
    cross_process: bool = False,
    notifies: tuple[str, ...] = _NOTIFIES,
    size: Argument | None = None,
) -> LockKind:
    return LockKind(
        name=name,
        role=LockRole.QUEUE,
        constructors=constructors,
        with_ok=False,
        waits=_WAITS,
        notifies=notifies,
        cross_process=cross_process,
        size=size,
    )


_MULTIPROCESSING = ("multiprocessing", "multiprocessing.queues", "torch.multiprocessing")

LIBRARY = Library(
    kinds=(
        _queue("queue.Queue", *QUEUE_TYPES, size=Argument("maxsize", 0)),
        _queue(
            "queue.SimpleQueue", "queue.SimpleQueue", "_queue.SimpleQueue", "queue._PySimpleQueue"
        ),
        _queue(
            "asyncio.Queue",
            *dotted(("asyncio", "asyncio.queues"), *_THREAD_QUEUES),
            notifies=(*_NOTIFIES, "get_nowait"),
        ),
        _queue(
            "multiprocessing.Queue",
            *dotted(_MULTIPROCESSING, "Queue", "JoinableQueue", "SimpleQueue"),
            cross_process=True,
        ),
    ),
    attributes=(
        TypeAttribute(QUEUE_TYPES, "mutex", "threading.Lock"),
        TypeAttribute(QUEUE_TYPES, "not_empty", "threading.Condition", alias_of="mutex"),
        TypeAttribute(QUEUE_TYPES, "not_full", "threading.Condition", alias_of="mutex"),
        TypeAttribute(QUEUE_TYPES, "all_tasks_done", "threading.Condition", alias_of="mutex"),
    ),
)
