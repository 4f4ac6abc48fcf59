"""The steps of a finding's story, and how locks and causes are called in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.events import Exit
from locklint.analysis.lock_name import lock_name
from locklint.core.diagnostic import Step
from locklint.core.source import Span
from locklint.ir.access_path import Root
from locklint.ir.cfg import Function
from locklint.ir.lock import LockRef

if TYPE_CHECKING:
    from locklint.analysis.program import Program


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


def thread_steps(
    program: Program, pair: CriticalPair, *, thread: int = 0, waits: str = "waits for it"
) -> list[Step]:
    """The story of a pair: what is taken on the way, through which calls, and what waits at last.

    Locks are called by their names across the program, for the steps stand in several functions.
    """
    steps: list[Step] = []
    held: tuple[str, ...] = ()
    event = pair.event
    target = short_name(event.lock) if event.lock is not None else event.name
    for link in pair.chain():
        function = program.functions[link.function]
        for one in link.held:
            name = short_name(one.lock)
            if name not in held:
                held = (*held, name)
            if one.since is None:
                continue
            steps.append(
                Step(
                    "acquire",
                    function.path,
                    one.since.span,
                    f"takes `{name}`",
                    function.qualname,
                    one.lock.identity,
                    held,
                    thread,
                )
            )
        inner = link.inner
        if inner is not None:
            callee = program.functions[inner.function].qualname
            steps.append(
                Step(
                    "call",
                    function.path,
                    link.span,
                    _call_phrase(link, callee),
                    function.qualname,
                    "",
                    held,
                    thread,
                )
            )
            continue
        steps.append(
            Step(
                "wait",
                function.path,
                link.span,
                f"waits for `{target}`" if event.lock is not None else waits,
                function.qualname,
                event.lock.identity if event.lock is not None else "",
                held,
                thread,
                target,
            )
        )
    return steps


def _call_phrase(link: CriticalPair, callee: str) -> str:
    if link.implicit == "property":
        return f"reads a property, which runs `{callee}`"
    if link.implicit == "log":
        return f"formatting the record runs `{callee}`"
    if link.implicit == "with":
        return f"enters a context manager, which runs `{callee}`"
    if link.implicit:
        return f"`{link.implicit}` runs `{callee}`"
    if link.is_concurrent and not (link.inner and link.inner.is_concurrent):
        return f"starts a thread that runs `{callee}`"
    return f"calls `{callee}`"


def short_name(lock: LockRef) -> str:
    """The name of a lock across the program, without the module where a class says enough."""
    return lock_name(lock)


def made_step(program: Program, lock: LockRef) -> Step | None:
    """Where a lock is made; None where that is not known."""
    place = program.made.get(lock.identity)
    if place is None:
        return None
    path, span = place
    source = program.sources.get(path)
    if source is not None:
        text = source.line(span.line)
        start = len(text) - len(text.lstrip()) + 1
        span = Span(span.line, start, span.line, len(text.rstrip()) + 1)
    return Step("made", path, span, f"`{lock_name(lock)}` is made", lock=lock.identity)
