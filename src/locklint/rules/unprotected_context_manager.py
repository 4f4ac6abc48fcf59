"""## What it does

Finds a generator decorated with `@contextmanager` (or `@asynccontextmanager`) that acquires, yields
and releases without a `try`/`finally` around the `yield`.

## Why is this bad?

An exception in the body of the caller's `with` is raised at the `yield`. Without a `finally` the
generator ends there, and the lock is never released.

## Example

```python
import contextlib
import threading

lock = threading.Lock()


@contextlib.contextmanager
def locked():
    lock.acquire()
    yield
    lock.release()
```

## Use instead

```python
import contextlib
import threading

lock = threading.Lock()


@contextlib.contextmanager
def locked():
    with lock:
        yield
```

## Known limits

Only generators that are decorated where they are defined are checked.

## References

- [contextlib.contextmanager](https://docs.python.org/3/library/contextlib.html#contextlib.contextmanager)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.acquisitions import fates
from locklint.analysis.program import Program
from locklint.analysis.story import (
    acquire_steps,
    display_name,
    releasing_help,
    step,
)
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each acquisition that an exception at the yield leaves unreleased."""
    for states in program.solved:
        for fate in fates(states):
            place = fate.yields_unprotected()
            if place is None or not fate.is_released_here:
                continue
            function = states.function
            name = display_name(fate.lock)
            steps = [
                *acquire_steps([fate]),
                step(
                    function,
                    StepRole.RAISE,
                    place,
                    "an exception in the `with` body is raised here",
                    None,
                    (name,),
                ),
            ]
            if fate.first_release is not None:
                steps.append(
                    step(
                        function,
                        StepRole.RELEASE,
                        fate.first_release,
                        "then this release is skipped",
                        fate.lock,
                    )
                )
            yield RULE.finding(
                function,
                fate.span,
                f"`{name}` stays locked if the body of `with {function.name}()` raises",
                severity=fate.severity(proven=True),
                locks=(fate.lock,),
                steps=steps,
                help=releasing_help(program, fate, ": yield"),
            )


RULE = Rule(
    code="LCK108",
    name="unprotected-context-manager",
    severity=Severity.ERROR,
    summary="a context manager does not release its lock when the body raises",
    page=__doc__,
    check=check,
)
