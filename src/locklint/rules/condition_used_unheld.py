"""## What it does

Finds a `wait`, `wait_for`, `notify` or `notify_all` of a condition whose lock is certainly not
held: neither by the function itself nor by any of its callers.

## Why is this bad?

The call raises `RuntimeError: cannot notify on un-acquired lock`. The threads that wait are not
woken up, and may wait indefinitely. `wait_for` raises only if its predicate is false at first, and
a condition of asyncio only if no other task holds it: these are warnings.

## Example

```python
import threading


class Buffer:
    def __init__(self):
        self._ready = threading.Condition()
        self._items = []

    def put(self, item):
        with self._ready:
            self._items.append(item)
        self._ready.notify()
```

## Use instead

```python
import threading


class Buffer:
    def __init__(self):
        self._ready = threading.Condition()
        self._items = []

    def put(self, item):
        with self._ready:
            self._items.append(item)
            self._ready.notify()
```

## Known limits

A function that does not acquire the lock itself is reported only if everything that is done with
the lock is known: all functions that acquire it release it themselves, none of them leads to the
reported one, and the lock is not passed on. A private function that nothing calls is assumed to be
called with the lock held, and so is one whose name ends in `_locked`, or whose docstring says so.

## References

- [Condition.notify](https://docs.python.org/3/library/threading.html#threading.Condition.notify)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.condition_story import condition_name, doing, effect, lock_phrase
from locklint.analysis.hold import Why
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, made_step, step, with_statement
from locklint.analysis.unheld_conditions import UnheldUse
from locklint.core.diagnostic import Diagnostic, Severity, Step, StepRole
from locklint.ir.lock import Exactness
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each wait and notification without the lock."""
    for found in program.unheld_uses:
        used = found.used
        yield RULE.finding(
            found.states.function,
            used.span,
            f"`{condition_name(used)}` is {doing(used)} while {lock_phrase(used)} is not held"
            f"{effect(found)}",
            severity=Severity.ERROR if found.is_certain else Severity.WARNING,
            locks=(used.lock,),
            steps=_steps(program, found),
            help=f"do this inside `{with_statement(used.lock)}:`",
        )


def _steps(program: Program, found: UnheldUse) -> Iterator[Step]:
    function, used = found.states.function, found.used
    name = display_name(used.lock)
    last = f"{doing(used)} here, where no caller holds `{name}` either"
    made = made_step(program, used.lock)
    if found.before is not None:
        last = f"{doing(used)} here, where `{name}` is not held"
        then = "released here"
        if used.before.why is Why.TRY_FAILED:
            then = "not acquired if this fails"
        elif found.is_by_with:
            then = "released at the end of this block"
        yield step(function, StepRole.RELEASE, found.before, f"`{name}` is {then}", used.lock)
    elif used.lock.exactness is Exactness.FRESH:
        last = f"{doing(used)} here, where `{name}` is not held"
    elif made is not None:
        yield made
    yield step(function, StepRole.RELEASE, used.span, last, used.lock)


RULE = Rule(
    code="LCK502",
    name="condition-used-unheld",
    severity=Severity.ERROR,
    summary="a condition is waited on or notified where its lock is not held",
    page=__doc__,
    subsumed_by=("LCK504",),
    check=check,
)
