"""The steps of a finding's story, and how locks and causes are called in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.hold import Cause, CauseKind, InFlight
from locklint.analysis.lock_name import lock_name
from locklint.analysis.written import written
from locklint.core.diagnostic import Step
from locklint.core.source import Span
from locklint.ir.access_path import Root
from locklint.ir.cfg import Function
from locklint.ir.lock import LockRef

if TYPE_CHECKING:
    from locklint.analysis.program import Program

_SERIAL = re.compile(r"%\d+")
"""What sets the variables of comprehensions apart from the function's own."""


def display_name(lock: LockRef) -> str:
    """The lock as the function at hand writes it."""
    if lock.path.root is Root.TEMP:
        return lock.identity.rsplit(".", 1)[-1] or lock.kind.name
    return _SERIAL.sub("", str(lock.path))


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
        function=function.shown_name,
        lock=lock.identity if lock else "",
        held=held,
    )


def cause_phrase(program: Program, function: Function, cause: Cause) -> str:
    """What raises, as its author wrote it: the subject of a sentence."""
    if cause.kind is CauseKind.RAISE:
        return f"`raise {cause.name}`" if cause.name else "`raise`"
    text = written(program.sources.get(function.path), cause.span)
    quoted = f"`{text}`" if text else f"the code in line {cause.span.line}"
    if cause.kind is CauseKind.ITERATE:
        return f"iterating over {quoted}"
    if cause.kind is CauseKind.LEAVE:
        return f"leaving {quoted}"
    return quoted


def raising_phrase(program: Program, function: Function, exception: InFlight | None) -> str:
    """What raises, and how: a short sentence."""
    if exception is None:
        return "this may raise"
    subject = cause_phrase(program, function, exception.cause)
    if exception.cause.kind is CauseKind.RAISE:
        return subject
    if exception.cause.kind is CauseKind.AWAIT:
        return f"{subject} may raise or be cancelled"
    return f"{subject} may raise"


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
                    function.shown_name,
                    one.lock.identity,
                    held,
                    thread,
                )
            )
        inner = link.inner
        if inner is not None:
            callee = program.functions[inner.function].called_name
            steps.append(
                Step(
                    "call",
                    function.path,
                    link.span,
                    _call_phrase(link, callee),
                    function.shown_name,
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
                function.shown_name,
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
    """The name of a lock across the program, with no more of its module than its last part."""
    return shortened(lock_name(lock))


def shortened(name: str) -> str:
    """A lock's name without the packages that its module is in: ``audit.Auditor._lock``."""
    name, of, user = name.partition(" of ")
    parts = name.split(".")
    kept = 3 if parts[-2:-1] != ["<locals>"] else 4
    return ".".join(parts[-kept:]) + of + user


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
    return Step("made", path, span, f"`{short_name(lock)}` is made", lock=lock.identity)
