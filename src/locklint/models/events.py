"""Tables of what calls outside the program do that matters to locks: they wait, or write to a log.

Facts are those of CPython 3.11 to 3.13.
"""

from __future__ import annotations

import msgspec

from locklint.ir.access_path import AccessPath, Root
from locklint.ir.event import EventKind
from locklint.ir.instruction import CallArgument, Constant
from locklint.models.calls import is_logging

# A thread, future or executor is waited for; to leave the ``with`` of one waits too.
_WAITS = ("join", "result", "exception", "shutdown", "__exit__")
_WAITABLE = ("threading.Thread", "threading.Timer", "concurrent.futures.", "multiprocessing.dummy.")

_LONG = 1.0
"""The number of seconds of sleep that is worth a finding."""


class CallEvent(msgspec.Struct, frozen=True):
    """The event of a call outside the program, and its name in messages."""

    kind: EventKind
    name: str

    def ends_soon(self, arguments: tuple[CallArgument, ...]) -> bool:
        """Return whether a call with these arguments may end soon.

        It has a timeout, or an argument not to wait; or its duration is short, or is chosen
        elsewhere.
        """
        match self.kind:
            case EventKind.JOIN:
                return bool(arguments)
            case EventKind.BLOCK if arguments:
                value = arguments[0].value
                if isinstance(value, Constant) and isinstance(value.value, int | float):
                    return value.value < _LONG
                return not isinstance(value, AccessPath) or value.root is not Root.TEMP
            case _:
                return False


_JOINS = {method: CallEvent(EventKind.JOIN, method) for method in _WAITS}
_LOGS = CallEvent(EventKind.LOG, "logging")
_BLOCKS = {name: CallEvent(EventKind.BLOCK, name) for name in ("time.sleep",)}


def event_of(dotted: str) -> CallEvent | None:
    """Return what a call of an external name does; None for all that is of no concern to locks."""
    owner, _, method = dotted.rpartition(".")
    if method in _JOINS and owner.startswith(_WAITABLE):
        return _JOINS[method]
    if dotted in _BLOCKS:
        return _BLOCKS[dotted]
    return _LOGS if is_logging(dotted) else None


def event_names(kinds: frozenset[EventKind]) -> frozenset[str]:
    """Return the last names of all calls that are events of some kinds, but for log records.

    Log records are looked for where locks are held, never in callees.
    """
    known = {**_JOINS, **_BLOCKS}
    return frozenset(
        name.rpartition(".")[2] for name, event in known.items() if event.kind in kinds
    )
