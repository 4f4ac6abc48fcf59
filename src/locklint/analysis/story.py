"""The steps of a finding, and the names of locks and causes in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from locklint.analysis.acquisitions import Fate
from locklint.analysis.hold import Cause, CauseKind, Flow, InFlight
from locklint.analysis.lock_name import lock_name
from locklint.analysis.paths import Paths, Test, said
from locklint.analysis.raising_within import place_of, raised_within
from locklint.analysis.written import written
from locklint.core.diagnostic import Confidence, Severity, Step, StepRole
from locklint.core.source import Span
from locklint.ir.access_path import Root, as_written
from locklint.ir.cfg import Function
from locklint.ir.lock import LockKind, LockRef

if TYPE_CHECKING:
    from locklint.analysis.program import Program

_DOING = {
    CauseKind.ENTER: "entering",
    CauseKind.LEAVE: "leaving",
    CauseKind.ITERATE: "iterating over",
}

_MOST_TESTS = 2
"""The largest number of tests on the path to a place that are shown."""

_SAID_WITH_A_VOWEL = re.compile(r"[aeio]|u(?!ni|s)|[FHLMNRSX](?=[A-Z])", re.ASCII)


def display_name(lock: LockRef) -> str:
    """The lock as the function at hand writes it."""
    if lock.path.root is Root.TEMP:
        return lock.identity.rsplit(".", 1)[-1] or lock.kind.name
    return as_written(str(lock.path))


def with_statement(lock: LockRef) -> str:
    """The words that hold a lock: ``with`` or ``async with``, and its name."""
    return f"{with_word(lock)} {display_name(lock)}"


def releasing_help(program: Program, fate: Fate, ending: str = ":") -> str:
    """Return how to release a lock on every exit path; ``ending`` is what follows the `with`.

    A lock that is private to a wrapper does not occur in the function, and is not named. A `with`
    would release for the second time what other code releases.
    """
    if fate.is_handed_over:
        return "release it on this path, too, such as in `except BaseException`"
    function, source = fate.states.function, program.sources.get(fate.states.function.path)
    lines = source.lines[function.span.line - 1 : function.span.end_line] if source else []
    name = re.escape(display_name(fate.lock))
    is_written = re.search(rf"(?<![\w.]){name}(?!\w)", "\n".join(lines)) is not None
    if not is_written and fate.instruction is None:
        return "release it in a `finally`"
    return f"use `{with_statement(fate.lock)}{ending}`, or release it in a `finally`"


def with_word(lock: LockRef) -> str:
    """Return the statement that holds a lock: ``with`` or ``async with``."""
    return "async with" if lock.api.is_async else "with"


def user_word(lock: LockRef) -> str:
    """Return the word for those that a lock keeps apart: threads, or tasks of an event loop."""
    return "task" if lock.api.is_async else "thread"


def kind_phrase(kind: LockKind) -> str:
    """Return the name of a kind with its article, such as ``an `asyncio.Lock```."""
    return f"{'an' if _SAID_WITH_A_VOWEL.match(kind.name) else 'a'} `{kind.name}`"


def step(
    function: Function,
    role: StepRole,
    span: Span,
    message: str,
    lock: LockRef | None = None,
    held: tuple[str, ...] = (),
) -> Step:
    """Return a step in ``function``."""
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
    """Return the cause of an exception, as its author wrote it: the subject of a sentence."""
    if cause.kind is CauseKind.RAISE:
        return f"`raise {cause.name}`" if cause.name else "`raise`"
    cause = place_of(function, cause, program.lookup)
    text = written(program.sources.get(function.path), cause.span)
    quoted = f"`{text}`" if text else f"the code in line {cause.span.line}"
    return f"{_DOING[cause.kind]} {quoted}" if cause.kind in _DOING else quoted


def raising_phrase(program: Program, function: Function, exception: InFlight | None) -> str:
    """Return a short sentence that says what raises, and how."""
    if exception is None:
        return "this may raise"
    subject = cause_phrase(program, function, exception.cause)
    if exception.cause.kind is CauseKind.RAISE:
        return subject
    if exception.cause.kind is CauseKind.YIELD:
        return f"the generator may be closed at {subject}"
    if exception.flow is Flow.CANCEL:
        return f"{subject} may be cancelled"
    if exception.cause.kind is CauseKind.AWAIT:
        return f"{subject} may raise or be cancelled"
    return f"{subject} may raise"


def outcome(program: Program, function: Function, test: Test) -> str:
    """The outcome of a test as it is written, empty where it cannot be quoted."""
    text = written(program.sources.get(function.path), test.span, keeps_arguments=True)
    if not text or text in ("True", "1"):
        return ""
    return f"`{text}` is exhausted" if test.loop else said(test, text)


def assumption(fate: Fate, severity: Severity) -> str:
    """Return the assumption behind a warning about an acquisition, if the path to it is proven."""
    if severity >= Severity.ERROR:
        return ""
    if fate.lock.confidence <= Confidence.LOW:
        return f", if it is {kind_phrase(fate.lock.kind)}"
    if fate.instruction is None:
        return f", unless another function releases what `{fate.acquisition.how}` acquires"
    return ""


def under(program: Program, function: Function, tests: Sequence[Test]) -> str:
    """The last tests before a place, as the end of a sentence: ``, only if `a` and not `b```."""
    outcomes = [outcome(program, function, test) for test in tests if not test.loop]
    shown = list(dict.fromkeys(filter(None, outcomes)))[-_MOST_TESTS:]
    return f", only if {' and '.join(shown)}" if shown else ""


def acquire_steps(alike: Sequence[Fate]) -> list[Step]:
    """Return the steps that acquire a lock: the first one, then others with the same fault."""
    first, *others = alike
    name = display_name(first.lock)
    function = first.states.function
    said_first = step(
        function, StepRole.ACQUIRE, first.span, f"`{name}` is acquired", first.lock, (name,)
    )
    return [
        said_first,
        *[
            step(function, StepRole.ACQUIRE, each.span, "or here", each.lock, (name,))
            for each in others
        ],
    ]


class Leak(NamedTuple):
    """The likeliest exception that leaves a lock held, and the release that it skips."""

    exception: InFlight
    span: Span
    skipped: Span | None


def worst_leak(fate: Fate) -> Leak | None:
    """The likeliest exception that skips a release; of those that skip none, the likeliest.

    What the acquiring call itself raises comes last: the fault may be the callee's.
    """
    paths = Paths(fate.states.function)
    found: Leak | None = None
    for exit_ in sorted(fate.leaks(), key=lambda exit_: exit_.span == fate.span):
        exception = exit_.exception
        if exception is None:
            continue
        skipped = paths.nearest_release(exit_.span, fate.release_spans, {fate.span})
        if skipped is not None:
            return Leak(exception, exit_.span, skipped)
        found = found or Leak(exception, exit_.span, None)
    return found


def leak_steps(program: Program, alike: Sequence[Fate], leak: Leak, end: str) -> list[Step]:
    """Return the steps by which an exception leaves a lock held; ``end`` explains the release."""
    fate = alike[0]
    function = fate.states.function
    held = (display_name(fate.lock),)
    tests = Paths(function).tests_before(leak.span, fate.span)
    message = raising_phrase(program, function, leak.exception) + under(program, function, tests)
    steps = acquire_steps(alike)
    steps.append(step(function, StepRole.RAISE, leak.span, message, None, held))
    if leak.skipped is not None:
        steps.append(step(function, StepRole.RELEASE, leak.skipped, end, fate.lock, held))
    steps += origin_steps(program, function, leak.exception, held)
    return steps


def origin_steps(
    program: Program, function: Function, exception: InFlight, held: tuple[str, ...]
) -> list[Step]:
    """Return the step that shows which place in a callee raises, if it is another one."""
    within = raised_within(function, exception, program.lookup)
    if within is None or within.cause == place_of(function, exception.cause, program.lookup):
        return []
    does = "raises" if within.cause.kind is CauseKind.RAISE else "may raise"
    if exception.flow is Flow.CANCEL:
        does = "may be cancelled"
    message = f"this {does} in {cause_phrase(program, function, exception.cause)}"
    return [step(within.function, StepRole.ORIGIN, within.cause.span, message, None, held)]


def when_raised(program: Program, function: Function, exception: InFlight) -> str:
    """The exception as the condition of a sentence: ``if `x()` raises``, ``after `raise X```."""
    cause = exception.cause
    phrase = cause_phrase(program, function, cause)
    if cause.kind is CauseKind.YIELD:
        return f"if the generator is closed at {phrase}"
    if exception.flow is Flow.CANCEL and cause.kind is not CauseKind.RAISE:
        return f"if {phrase} is cancelled"
    return f"after {phrase}" if cause.kind is CauseKind.RAISE else f"if {phrase} raises"


def leaving_step(program: Program, fate: Fate) -> Step:
    """Return the step that leaves a function with a lock held, and the test before it."""
    function = fate.states.function
    paths = Paths(function)
    name = display_name(fate.lock)
    for exit_ in sorted(fate.kept, key=lambda exit_: exit_.span):
        found = paths.keeping(fate.span, exit_.span, fate.release_spans)
        if found is None:
            continue
        path, is_implicit = found
        test = paths.decides(path, fate.release_spans)
        span, message = exit_.span, "the function exits here with the lock held"
        if is_implicit:
            span = paths.last_place(path) or exit_.span
            message = "the function ends after this with the lock held"
        if test is not None:
            if is_implicit and span < test.span:
                span = test.span
            text = outcome(program, function, test)
            if text:
                message += f", once {text}" if test.loop else f", if {text}"
        return step(function, StepRole.EXIT, span, message, None, (name,))
    place = min(exit_.span for exit_ in fate.kept)
    return step(
        function, StepRole.EXIT, place, "the function exits here with the lock held", None, (name,)
    )


def made_step(program: Program, lock: LockRef) -> Step | None:
    """Return the step that shows where a lock is created. Return None if that is not known."""
    place = program.made.get(lock.identity)
    if place is None:
        return None
    path, span = place
    source = program.sources.get(path)
    if source is not None:
        text = source.line(span.line)
        start = len(text) - len(text.lstrip()) + 1
        span = Span(span.line, start, span.line, len(text.rstrip()) + 1)
    return Step(StepRole.MADE, path, span, f"`{lock_name(lock)}` is created", lock=lock.identity)
