"""## What it does

Finds locks that are made for a key when it has none yet, with no lock held.

## Why is this bad?

Two threads that need the lock of a new key at the same time both find none, and make two. The one
that is stored last stays, but the other thread has acquired the first one: both run what the lock
was meant to keep apart.

## Example

```python
import threading

locks = {}


def lock_for(name):
    if name not in locks:
        locks[name] = threading.Lock()
    return locks[name]
```

## Use instead

```python
import threading

locks = {}


def lock_for(name):
    return locks.setdefault(name, threading.Lock())
```

`setdefault` is one step for keys whose comparison runs no Python code, such as texts and numbers.
For others hold a lock around the test and the insertion.

## Known limits

The dictionary has to be a global, or an attribute of the method's own object or class; or one
method of the object looks for the lock, and another one stores it. Nothing is reported in
coroutines, in constructors, and in functions that are called with a lock held. `defaultdict(Lock)`
is not reported: in CPython with its global lock a missing element of it is made in one step.

## References

- [`dict.setdefault`](https://docs.python.org/3/library/stdtypes.html#dict.setdefault)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.program import Program
from locklint.analysis.story import step
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.ir.access_path import as_written
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each insertion of a new lock without a lock."""
    for found in program.racy_insertions:
        function, name = found.function, as_written(str(found.target))
        how = "" if found.target.has_element else f" by `{name}()`"
        yield RULE.finding(
            function,
            found.insertion,
            f"a new lock is stored{how or f' as `{name}`'} after a test that found none, with no"
            " lock held: two threads can get different locks for one key",
            steps=[
                step(function, StepRole.TEST, found.test, "this finds no lock"),
                step(function, StepRole.NOTE, found.made, "a lock is made"),
            ],
            help="use `setdefault`, or hold another lock from the test to here",
        )


RULE = Rule(
    code="LCK209",
    name="racy-lock-registry",
    severity=Severity.WARNING,
    summary="two threads may make a lock for the same key",
    page=__doc__,
    on_request=True,
    check=check,
)
