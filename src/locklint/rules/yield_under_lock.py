"""## What it does

Finds a `yield` in a generator while a lock of threads or processes is held, if a consumer may keep
the generator suspended there, or if nothing is known about its consumers.

## Why is this bad?

At the `yield` the generator stops, and its consumer decides when it goes on, if ever. Until then
the lock stays held: through everything that the consumer does with an item, and for good if it
keeps the generator and wants no more items. If the consumer acquires the lock itself, the thread
blocks indefinitely.

## Example

```python
import threading


class Registry:
    def __init__(self):
        self._lock = threading.Lock()
        self._entries = {}

    def entries(self):
        with self._lock:
            for entry in self._entries.values():
                yield entry
```

## Use instead

```python
import threading


class Registry:
    def __init__(self):
        self._lock = threading.Lock()
        self._entries = {}

    def entries(self):
        with self._lock:
            entries = list(self._entries.values())
        yield from entries
```

## Known limits

A generator is not reported if all of its consumers in the program run it to its end at once, as
`list()` or a `for` loop does, or close it. CPython closes a generator as soon as nothing refers to
it, so a loop that ends early is no fault if only the loop has the generator. A loop that waits for
the lock itself between two items is reported, as far as it does so in its own code or in a function
that it calls. If no consumer is known, the finding is info: to hold the lock during an iteration
may be what the generator is for. A generator with a
decorator is not reported, for the decorator decides who consumes it: a context manager, or a
fixture of pytest. Nor is one that is passed on uncalled, as in
`contextmanager(entries)`. Semaphores with several slots are not looked at.

## References

- [Yield expressions](https://docs.python.org/3/reference/expressions.html#yield-expressions)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.analysis.suspension_story import suspension_steps
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.ir.event import EventKind
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report the first `yield` of a generator under each lock of threads or processes."""
    for found in program.suspended:
        function, lock = program.functions[found.function], found.held.lock
        if function.is_async or found.is_awaited or not found.held.blocks_threads:
            continue
        yield RULE.finding(
            function,
            found.span,
            f"`{display_name(lock)}` is held at this `yield`, until the consumer of"
            f" `{function.called_name}` goes on",
            # Without a known consumer it may be the contract of the generator.
            severity=Severity.WARNING if found.consumers else Severity.INFO,
            locks=(lock,),
            steps=suspension_steps(program, found, "here the generator stops, with the lock held"),
            help="copy what is yielded while the lock is held, and yield it afterwards",
        )


RULE = Rule(
    code="LCK705",
    name="yield-under-lock",
    severity=Severity.WARNING,
    summary="a generator yields while it holds a lock",
    page=__doc__,
    wants=frozenset({EventKind.YIELD}),
    check=check,
)
