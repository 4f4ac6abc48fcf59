"""The steps of a finding's story, and how locks and causes are called in it."""

from __future__ import annotations

from locklint.analysis.events import Exit
from locklint.core.diagnostic import Step
from locklint.core.source import Span
from locklint.ir.access_path import Root
from locklint.ir.cfg import Function
from locklint.ir.lock import LockRef


def display_name(lock: LockRef) -> str:
    """The lock as the function at hand writes it."""
    if lock.path.root is Root.TEMP:
        return lock.identity.rsplit(".", 1)[-1] or lock.kind.name
    return str(lock.path)


def step(
    function: Function,
    role: str,
    span: Span,
    message: str,
    lock: LockRef | None = None,
    held: tuple[str, ...] = (),
) -> Step:
    """One step in ``function``."""
    return Step(
        role=role,
        path=function.path,
        span=span,
        message=message,
        function=function.qualname,
        lock=lock.identity if lock else "",
        held=held,
    )


def raising_phrase(exit_: Exit) -> str:
    """What raises, as the subject of a sentence."""
    what = exit_.exception.cause.what if exit_.exception else ""
    if what.startswith("raise"):
        return f"`{what}`"
    if what.startswith(("await", "async")):
        return f"`{what}` may raise or be cancelled"
    if what:
        return f"`{what}` may raise"
    return "this may raise"
