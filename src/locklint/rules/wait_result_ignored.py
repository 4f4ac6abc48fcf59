"""## What it does

Finds a wait with a timeout, on a condition, whose result is not used, and after which the function
takes what it has waited for, without a test.

## Why is this bad?

If the timeout passes, the wait returns False, and what it waited for is still missing. Taking it
raises an exception, such as `IndexError: pop from empty list`.

## Example

```python
import threading


class Buffer:
    def __init__(self):
        self._ready = threading.Condition()
        self._items = []

    def get(self):
        with self._ready:
            self._ready.wait_for(lambda: self._items, timeout=5)
            return self._items.pop()
```

## Use instead

```python
import threading


class Buffer:
    def __init__(self):
        self._ready = threading.Condition()
        self._items = []

    def get(self):
        with self._ready:
            if not self._ready.wait_for(lambda: self._items, timeout=5):
                raise TimeoutError("nothing has come")
            return self._items.pop()
```

## Known limits

Only `pop()`, `del` and an index are known to take something. A handler for the `IndexError` or
`KeyError` that this raises is taken for a test. The predicate of `wait_for`, or an
`if` before `wait`, shows what a function waits for.

## References

- [Condition.wait_for](https://docs.python.org/3/library/threading.html#threading.Condition.wait_for)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.condition_story import condition_name
from locklint.analysis.condition_waits import Fault, FaultyWait
from locklint.analysis.program import Program
from locklint.analysis.story import step
from locklint.core.diagnostic import Diagnostic, Severity, Step, StepRole
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each wait with a timeout that nothing asks about."""
    for found in program.faulty_waits:
        if found.fault is Fault.RESULT:
            method = found.used.instruction.method
            name = f"{condition_name(found.used)}.{method}()"
            yield RULE.finding(
                found.states.function,
                found.used.span,
                f"`{name}` may end by its timeout, and its result is ignored",
                locks=(found.used.lock,),
                steps=_steps(found),
                help="test the result, and do without what is missing if it is false",
            )


def _steps(found: FaultyWait) -> Iterator[Step]:
    function = found.states.function
    yield step(
        function, StepRole.WAIT, found.used.span, "returns False after the timeout", found.used.lock
    )
    if found.span is not None:
        yield step(function, StepRole.NOTE, found.span, "this takes what may be missing then")


RULE = Rule(
    code="LCK506",
    name="wait-result-ignored",
    severity=Severity.WARNING,
    summary="a wait with a timeout is assumed to have succeeded",
    page=__doc__,
    check=check,
)
