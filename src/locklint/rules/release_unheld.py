"""## What it does

Finds a release on a way where the lock is certainly not held: a second release, one after the
`with` block, one after a failed try-acquire, one in a handler that also runs for errors from before
the acquire.

It is an error where each way to that place finds the lock free, and a warning where some do.

## Why is this bad?

`RuntimeError: release unlocked lock` at best. If another thread has taken the lock meanwhile, it is
that thread's lock which is released, and two threads are in the section at once.

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

A function that only releases is taken to give back its caller's lock. Semaphores are not reported,
as releasing one is how it signals.

Where another function acquires the lock and keeps it, that may have happened by the next call or
acquire after a release. A `with` block that releases the lock and acquires it again is reported
only if it does not acquire it again on some path.

## References

- [Lock.release](https://docs.python.org/3/library/threading.html#threading.Lock.release)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.hold import Grade, Why
from locklint.analysis.program import Program
from locklint.analysis.story import cause_phrase, display_name, step
from locklint.analysis.unheld import UnheldRelease, early_releases, unheld_releases
from locklint.core.diagnostic import Diagnostic, Severity, Step
from locklint.ir.cfg import Function
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each release of a lock that is not held."""
    for states in program.solved():
        function = states.function
        for unheld in unheld_releases(states):
            name = display_name(unheld.lock)
            yield RULE.finding(
                function,
                unheld.span,
                f"`{name}` is released while it is not held",
                severity=unheld.severity,
                locks=(unheld.lock,),
                steps=_steps(function, unheld, name),
                help="release once on each way; `with` does it by itself",
            )
        for early in early_releases(states):
            if not early.is_handler_only or early.grade < Grade.LIKELY:
                continue
            name = display_name(early.fate.lock)
            yield RULE.finding(
                function,
                early.release,
                f"`{name}` may be released before it was acquired",
                severity=Severity.WARNING,
                locks=(early.fate.lock,),
                steps=(
                    step(
                        function,
                        "raise",
                        early.cause.span,
                        f"if {cause_phrase(program, function, early.cause)} raises, the lock is not"
                        " held yet",
                    ),
                    step(
                        function, "acquire", early.fate.span, "it is acquired here", early.fate.lock
                    ),
                    step(function, "release", early.release, "but released here", early.fate.lock),
                ),
                help="let the `try` begin after the acquire, or use `with`",
            )


def _steps(function: Function, unheld: UnheldRelease, name: str) -> list[Step]:
    steps = []
    if unheld.before is not None and unheld.before != unheld.span:
        message = (
            f"`{name}` is not acquired if this fails"
            if unheld.why is Why.TRY_FAILED
            else f"`{name}` is released here already"
        )
        steps.append(step(function, "release", unheld.before, message, unheld.lock))
    steps.append(step(function, "release", unheld.span, "released while not held", unheld.lock))
    return steps


RULE = Rule(
    code="LCK107",
    name="release-unheld",
    severity=Severity.ERROR,
    summary="a lock is released where it is not held",
    page=__doc__,
    check=check,
)
