"""Methods that a library calls with a lock of their own object held, for subclasses to replace.

Facts are those of CPython 3.11 to 3.13. Those of handlers run while `Handler.handle` handles a
record, ``flush`` and ``close`` also at the end of the program, where `logging.shutdown` acquires
the lock.
"""

from __future__ import annotations

_OF_QUEUES = frozenset(("_get", "_put", "_qsize"))
_OF_HANDLERS = frozenset(
    "emit format handleError enqueue prepare send makePickle makeSocket createSocket mapLogRecord"
    " mapPriority encodePriority getSubject getConnection getMessageID getEventCategory"
    " getEventType shouldFlush shouldRollover doRollover rotate rotation_filename getFilesToDelete"
    " _open reopenIfNeeded flush close".split()
)
_QUEUES = frozenset(("queue.LifoQueue", "queue.PriorityQueue", "queue.Queue"))


def locked_methods(base: str) -> frozenset[str]:
    """Return the names of such methods of subclasses of a library's class."""
    if base in _QUEUES:
        return _OF_QUEUES
    if base.startswith("logging.") and base.endswith("Handler"):
        return _OF_HANDLERS
    return frozenset()
