"""Tables of what calls outside the program do that matters to locks: they wait, or write to a log.

Facts are those of CPython 3.11 to 3.13.
"""

from __future__ import annotations

import msgspec

from locklint.ir.event import EventKind
from locklint.models.calls import is_logging

WAITING_METHODS = frozenset(("join", "result", "exception", "shutdown"))
"""Methods by which a thread, future or executor is waited for; to leave its ``with`` waits too."""

_WAITABLE = ("threading.Thread", "threading.Timer", "concurrent.futures.", "multiprocessing.dummy.")


class CallEvent(msgspec.Struct, frozen=True):
    """What a call outside the program does, and the name that it has in messages."""

    kind: EventKind
    name: str

    def ends_by_itself(self, arguments: int) -> bool:
        """Whether a call with that number of arguments stops waiting at some time.

        It has a timeout, or is told not to wait.
        """
        return self.kind is EventKind.JOIN and arguments > 0


_JOINS = {method: CallEvent(EventKind.JOIN, method) for method in (*WAITING_METHODS, "__exit__")}
_LOGS = CallEvent(EventKind.LOG, "logging")


def event_of(dotted: str) -> CallEvent | None:
    """Return what a call of an external name does; None for all that is of no concern to locks."""
    owner, _, method = dotted.rpartition(".")
    if method in _JOINS and owner.startswith(_WAITABLE):
        return _JOINS[method]
    return _LOGS if is_logging(dotted) else None
