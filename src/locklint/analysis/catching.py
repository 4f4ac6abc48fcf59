"""Which handler takes which exception."""

from __future__ import annotations

import builtins
from enum import Enum

from locklint.analysis.lockset import Flow, InFlight
from locklint.ir.instruction import Handler


class Verdict(Enum):
    """Whether a handler takes an exception."""

    YES = "yes"
    MAYBE = "maybe"
    NO = "no"


_CANCELS = frozenset({"CancelledError", "GeneratorExit", "Cancelled", "StopAsyncIteration"})
_EXITS = frozenset({"SystemExit", "KeyboardInterrupt"})


def _builtin(name: str) -> type[BaseException] | None:
    found = getattr(builtins, name, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def takes(handler: Handler, exception: InFlight) -> Verdict:
    """Whether ``handler`` takes ``exception``; classes that are not builtin go by their name."""
    if not handler.types:
        return Verdict.YES
    best = Verdict.NO
    for dotted in handler.types:
        verdict = _takes_one(dotted.rsplit(".", 1)[-1], exception)
        if verdict is Verdict.YES:
            return verdict
        if verdict is Verdict.MAYBE:
            best = verdict
    return best


def _takes_one(name: str, exception: InFlight) -> Verdict:
    if name == "BaseException":
        return Verdict.YES
    if exception.flow is Flow.EXIT:
        return Verdict.YES if name in _EXITS else Verdict.NO
    if exception.flow is Flow.CANCEL:
        return Verdict.YES if name in _CANCELS else Verdict.NO
    if name == "Exception":
        return Verdict.YES
    if name in _CANCELS or name in _EXITS:
        return Verdict.NO
    if exception.type is None:
        return Verdict.MAYBE
    raised = exception.type.rsplit(".", 1)[-1]
    if raised == name:
        return Verdict.YES
    raised_class, caught_class = _builtin(raised), _builtin(name)
    if raised_class is not None and caught_class is not None:
        return Verdict.YES if issubclass(raised_class, caught_class) else Verdict.NO
    if raised_class is not None:
        # A class of the program's own cannot be a base of a builtin one.
        return Verdict.NO
    return Verdict.MAYBE
