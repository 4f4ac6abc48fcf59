"""## What it does

Finds an acquire inside the `try` whose `finally` (or handler) releases unconditionally.

## Why is this bad?

If the acquire fails, or a statement before it in the `try` raises, the clean-up releases a lock
that is not held. At best, this raises a `RuntimeError` that hides the first exception. At worst, it
releases the lock while another thread holds it.

## Example

```python
import threading

lock = threading.Lock()


def work(job):
    try:
        lock.acquire()
        job()
    finally:
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

No finding if the release depends on the result of the acquire. It is info if the object may be no
lock, and for an acquire that gives a Deferred, if nothing before it may raise: it is hardly ever
cancelled.

## References

- [Lock.release](https://docs.python.org/3/library/threading.html#threading.Lock.release)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.acquisitions import Fate
from locklint.analysis.hold import Grade
from locklint.analysis.program import Program
from locklint.analysis.story import cause_phrase, display_name, step
from locklint.analysis.unheld import early_releases
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, StepRole
from locklint.ir.lock import LockRef, LockRole, UnheldRelease
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each acquisition whose clean-up also runs where it has not happened."""
    for states in program.solved:
        for early in early_releases(states):
            fate = early.fate
            if early.is_handler_only or _is_ignored(fate.lock):
                continue
            function = states.function
            name = display_name(fate.lock)
            cause = early.cause
            own = cause.span == fate.span or early.grade <= Grade.ACQUIRE
            if own:
                when = "if acquiring it fails"
                steps = [
                    step(
                        function,
                        StepRole.ACQUIRE,
                        fate.span,
                        "if the acquire fails, the lock is not held",
                        fate.lock,
                    )
                ]
            else:
                raising = cause_phrase(program, function, cause)
                when = f"if {raising} raises first"
                steps = [
                    step(
                        function,
                        StepRole.RAISE,
                        cause.span,
                        f"if {raising} raises, the lock is not held yet",
                    ),
                    step(
                        function,
                        StepRole.ACQUIRE,
                        fate.span,
                        f"`{name}` is acquired here",
                        fate.lock,
                    ),
                ]
            yield RULE.finding(
                function,
                fate.span,
                f"`{name}` is released even {when}: the acquire is inside the `try`",
                severity=_severity(fate, early.grade),
                locks=(fate.lock,),
                steps=(
                    *steps,
                    step(
                        function,
                        StepRole.RELEASE,
                        early.release,
                        "but this releases it anyway",
                        fate.lock,
                    ),
                ),
                help="acquire before the `try`, or use `with`",
            )


def _is_ignored(lock: LockRef) -> bool:
    """Return whether releasing a lock that is not held is known to do nothing."""
    kind = lock.kind
    if lock.confidence <= Confidence.LOW or kind.role is LockRole.SEMAPHORE:
        return False
    return kind.unheld_release is UnheldRelease.IGNORED


def _severity(fate: Fate, grade: Grade) -> Severity:
    """Return info for what may be no lock, because its release may be ignored if it is not held.

    And for an acquire that hardly anything interrupts, if nothing else raises before it.
    """
    form = fate.instruction.form if fate.instruction is not None else None
    never_fails = grade <= Grade.ACQUIRE and form is not None and form.begins_at_call
    doubtful = never_fails or fate.lock.confidence <= Confidence.LOW
    return Severity.INFO if doubtful else Severity.WARNING


RULE = Rule(
    code="LCK106",
    name="acquire-inside-try",
    severity=Severity.WARNING,
    summary="the clean-up releases a lock even if acquiring it failed",
    page=__doc__,
    check=check,
    subsumed_by=("LCK605",),
)
