"""## What it does

Finds a lock that is made in the very scope that uses it and that nobody else can have: `with Lock():`,
a local variable that does not leave the function, or a lock made anew for each thread that it is given
to.

## Why is this bad?

A lock excludes only those who share it. This one excludes nobody: what it seems to guard is not
guarded.

## Example

```python
import threading

totals = {}


def add(name, amount):
    with threading.Lock():
        totals[name] = totals.get(name, 0) + amount
```

## Use instead

```python
import threading

totals = {}
totals_lock = threading.Lock()


def add(name, amount):
    with totals_lock:
        totals[name] = totals.get(name, 0) + amount
```

## Known limits

A lock that is captured, returned, stored or passed on is taken to be shared, except one that is made
in a loop and given to a single new thread each time.

## References

- [Lock objects](https://docs.python.org/3/library/threading.html#lock-objects)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.escape import fresh_locks
from locklint.analysis.program import Program
from locklint.analysis.story import step
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report locks that cannot exclude anybody."""
    for states in program.solved():
        function = states.function
        for fresh in fresh_locks(function):
            steps = [step(function, "made", fresh.made, "the lock is made here", fresh.lock)]
            if fresh.used != fresh.made:
                steps.append(step(function, "acquire", fresh.used, fresh.story, fresh.lock))
            yield RULE.finding(
                function,
                fresh.used,
                fresh.message,
                locks=(fresh.lock,),
                steps=steps,
                help="make the lock once, where all who need it can reach it",
                anchors=(fresh.made,),
            )


RULE = Rule(
    code="LCK206",
    name="useless-lock",
    severity=Severity.ERROR,
    summary="a lock that nobody else can have excludes nobody",
    page=__doc__,
    check=check,
)
