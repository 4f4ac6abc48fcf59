"""A record of an interrupt from the keyboard, even if its exception is lost.

`KeyboardInterrupt` can be raised anywhere. While a class is being made it turns into another
exception, and code that catches it and continues would present partial results as complete ones.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_interrupted = False


@contextmanager
def interrupts_noted() -> Iterator[None]:
    """Note interrupts while the block runs; afterwards they mean what they meant before.

    Does nothing in other threads than the main one, nor where interrupts are ignored.
    """
    global _interrupted
    _interrupted = False
    before = signal.getsignal(signal.SIGINT)
    if (
        threading.current_thread() is not threading.main_thread()
        or before is not signal.default_int_handler
    ):
        yield
        return
    signal.signal(signal.SIGINT, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def was_interrupted() -> bool:
    """Return whether there was an interrupt since the noting began."""
    return _interrupted


def stop_if_interrupted() -> None:
    """Raise `KeyboardInterrupt` again if there was one: the results are not complete."""
    if _interrupted:
        raise KeyboardInterrupt


def _note(number: int, frame: FrameType | None) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt
