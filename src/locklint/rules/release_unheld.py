"""## What it does

Finds a release on a path on which the lock is certainly not held: a second release, a release after
the `with` block or after a failed try-acquire, or a release in a handler that also runs if a
statement before the acquire raises. It is an error if the lock is not held on any path to the
release, and a warning if it is not held on some of them.

## Why is this bad?

At best, the release raises `RuntimeError: release unlocked lock`. If another thread has acquired
the lock meanwhile, the release releases the lock of that thread, and two threads run the section at
the same time.

## Example

```python
import threading

lock = threading.Lock()


def work(job):
    with lock:
        job()
    lock.release()
```

## Use instead

```python
import threading

lock = threading.Lock()


def work(job):
    with lock:
        job()
```

## Known limits

A function that only releases is assumed to release a lock that its caller holds, unless each
function of the program that acquires the lock also releases it, and the lock is not passed on.
Semaphores are not reported, because releasing one is how it signals. A bounded semaphore is, if one
function releases it more often than it acquires it, and no other function acquires it by hand. A
release that `if lock.locked():` guards is the matter of LCK213.

If another function acquires the lock and keeps it, the lock may be held again at the next call or
acquire after a release. A `with` block that releases the lock and acquires it again is reported
only if some path does not acquire it again.

## References

- [Lock.release](https://docs.python.org/3/library/threading.html#threading.Lock.release)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.events import LockStates
from locklint.analysis.hold import Grade, LockKey
from locklint.analysis.paths import Paths
from locklint.analysis.program import Program
from locklint.analysis.story import (
    cause_phrase,
    display_name,
    kind_phrase,
    made_step,
    outcome,
    raising_phrase,
    step,
    when_raised,
)
from locklint.analysis.unheld import (
    NotHeld,
    UnheldRelease,
    early_releases,
    lends,
    unheld_releases,
)
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, Step, StepRole
from locklint.core.source import Span
from locklint.ir.cfg import Function
from locklint.ir.lock import LockRole
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each release of a lock that is not held."""
    for states in program.solved:
        function = states.function
        early = early_releases(states)
        # If the acquire is inside the `try`, that is the fault, and LCK106 reports it.
        inside = {(each.release, each.fate.key) for each in early if not each.is_handler_only}
        told: set[tuple[Span, LockKey]] = set()
        for unheld in (*unheld_releases(states), *_never_left(program, states)):
            if unheld.severity < Severity.ERROR and (unheld.span, unheld.key) in inside:
                continue
            if (unheld.span, unheld.key) in told or _is_lent_by_callee(program, states, unheld):
                continue
            if unheld.lock.kind.role is LockRole.SEMAPHORE and program.has_other_slots(
                unheld.lock, function
            ):
                continue
            told.add((unheld.span, unheld.key))
            name = display_name(unheld.lock)
            steps, assumption = _story(program, function, unheld)
            yield RULE.finding(
                function,
                unheld.span,
                f"`{name}` is released while it is not held{assumption}",
                severity=unheld.severity,
                locks=(unheld.lock,),
                steps=steps,
                help=_help(unheld),
            )
        for each in early:
            if not each.is_handler_only or each.grade < Grade.POSSIBLE:
                continue
            if (each.release, each.fate.key) in told:
                continue
            name = display_name(each.fate.lock)
            raising = cause_phrase(program, function, each.cause)
            yield RULE.finding(
                function,
                each.release,
                f"`{name}` is released without having been acquired if {raising} raises",
                severity=Severity.WARNING,
                locks=(each.fate.lock,),
                steps=(
                    step(
                        function,
                        StepRole.RAISE,
                        each.cause.span,
                        f"if {raising} raises, the lock is not held yet",
                    ),
                    step(
                        function,
                        StepRole.ACQUIRE,
                        each.fate.span,
                        "it is acquired here",
                        each.fate.lock,
                    ),
                    step(
                        function,
                        StepRole.RELEASE,
                        each.release,
                        "but it is released here",
                        each.fate.lock,
                    ),
                ),
                help="move the acquire before the `try`, or use `with`",
            )


def _never_left(program: Program, states: LockStates) -> Iterator[UnheldRelease]:
    for each in program.leftover_releases.get(states.function.key, ()):
        why, acquires = NotHeld.NEVER_LEFT, tuple[Span, ...]()
        if each.instead is not None:
            why, acquires = NotHeld.SWAPPED, (each.instead.span,)
        given = each.given
        yield UnheldRelease(
            given.span, given.key, given.lock, Severity.WARNING, why, None, acquires
        )


def _is_lent_by_callee(program: Program, states: LockStates, unheld: UnheldRelease) -> bool:
    """Return whether a call raises while it has lent the lock, which it acquires again."""
    where = unheld.span if unheld.why is NotHeld.MANAGED else unheld.before
    if unheld.exception is None or unheld.exception.cause.span != where:
        return False
    called = [each.target for each in states.calls if each.span == where]
    found = [program.states[each] for each in called if each in program.states]
    return len(found) == len(called) > 0 and all(map(lends, found))


def _help(unheld: UnheldRelease) -> str:
    match unheld.why:
        case NotHeld.TRY_FAILED:
            return "leave the function if the acquire fails, or release only if it succeeded"
        case NotHeld.MANAGED:
            return "remove this release: `with` releases the lock at the end of the block"
        case NotHeld.SWAPPED:
            return "release the lock that is acquired; `with` does that"
        case _:
            return "release exactly once on each path; `with` does that"


def _story(program: Program, function: Function, unheld: UnheldRelease) -> tuple[list[Step], str]:
    """Return the steps that lead to the release, and the assumption behind them."""
    name = display_name(unheld.lock)
    before, span = unheld.before, unheld.span
    steps: list[Step] = []
    last = "released while not held"
    assumption = ""
    if unheld.lock.kind.reentrant:
        assumption = ", unless a caller holds it"
    elif unheld.lock.confidence <= Confidence.LOW:
        assumption = f", if it is {kind_phrase(unheld.lock.kind)}"
    elif unheld.severity < Severity.ERROR and unheld.exception is not None:
        assumption = f", {when_raised(program, function, unheld.exception)}"

    def note(role: StepRole, place: Span, message: str) -> None:
        steps.append(step(function, role, place, message, unheld.lock))

    match unheld.why:
        case NotHeld.RELEASED if before == span:
            last = f"`{name}` is released in each iteration of the loop, but not acquired again"
        case NotHeld.RELEASED if before is not None and before > span:
            note(StepRole.RELEASE, before, f"`{name}` is released here, in the previous iteration")
        case NotHeld.RELEASED if before is not None:
            note(StepRole.RELEASE, before, f"`{name}` is already released here")
        case NotHeld.TRY_FAILED if before is not None:
            note(StepRole.RELEASE, before, f"`{name}` is not acquired if this fails")
        case NotHeld.MANAGED if before is not None:
            note(
                StepRole.ACQUIRE,
                before,
                f"this acquires `{name}`, and releases it at the end of the block",
            )
            last = "released here, so it is no longer held at the end of the block"
        case NotHeld.BYPASSED:
            paths = Paths(function)
            path = paths.around(span, unheld.acquires)
            test = paths.decides(path, unheld.acquires) if path is not None else None
            text = outcome(program, function, test) if test is not None else ""
            if test is not None and text:
                note(StepRole.TEST, test.span, f"if {text}, `{name}` is not acquired")
                assumption = f", if {text}"
            for place in unheld.acquires[:1]:
                note(StepRole.ACQUIRE, place, f"`{name}` is acquired here, but not on every path")
        case NotHeld.NEVER_LEFT:
            assumption = ": no function leaves it held"
            last = "released here, but each function that acquires it releases it itself"
        case NotHeld.SWAPPED:
            assumption = ", and the lock that is acquired stays locked"
            place = unheld.acquires[0]
            steps.append(step(function, StepRole.ACQUIRE, place, "another lock is acquired here"))
        case NotHeld.NEVER_TAKEN:
            made = made_step(program, unheld.lock)
            if made is not None:
                steps.append(made)
            last = "released here, but never acquired"
    exception = unheld.exception
    if exception is not None and before is not None and exception.cause.span > before:
        steps.append(
            step(
                function,
                StepRole.RAISE,
                exception.cause.span,
                raising_phrase(program, function, exception),
            )
        )
    steps.append(step(function, StepRole.RELEASE, span, last, unheld.lock))
    return steps, assumption


RULE = Rule(
    code="LCK107",
    name="release-unheld",
    severity=Severity.ERROR,
    summary="a lock is released where it is not held",
    page=__doc__,
    check=check,
)
