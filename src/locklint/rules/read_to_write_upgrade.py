"""## What it does

Finds a thread that acquires the write lock of a reader-writer lock while it holds the read lock.

## Why is this bad?

A writer waits until all readers have released the lock, and this thread is a reader that never
does. Some libraries detect this and raise an error. With all others, the thread blocks
indefinitely.

## Example

```python
import fasteners

lock = fasteners.ReaderWriterLock()
cache = {}


def load(key):
    with lock.read_lock():
        if key not in cache:
            with lock.write_lock():
                cache[key] = key * 2
        return cache[key]
```

## Use instead

Release the read lock first, and check the state again under the write lock, because another thread
may have changed it in between:

```python
import fasteners

lock = fasteners.ReaderWriterLock()
cache = {}


def load(key):
    with lock.read_lock():
        if key in cache:
            return cache[key]
    with lock.write_lock():
        if key not in cache:
            cache[key] = key * 2
        return cache[key]
```

## Known limits

Acquiring the read lock while holding the write lock is not reported. The finding is a warning if a
call on the path may run another function than the one found.

## References

- [fasteners.ReaderWriterLock](https://fasteners.readthedocs.io/en/latest/guide/inter_thread/)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.deadlock_story import Story
from locklint.analysis.program import Program
from locklint.analysis.self_deadlock import upgrades
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each place at which a reader waits for the write lock."""
    for found in upgrades(program.composition):
        lock = found.held.lock
        function = program.functions[found.pair.function]
        story = Story(program, found.pair, relation="whose read lock it already holds")
        yield RULE.finding(
            function,
            found.pair.span,
            f"the write lock of `{display_name(lock)}` is acquired while its read lock is held",
            severity=Severity.ERROR if found.proven else Severity.WARNING,
            locks=(lock,),
            steps=[*story.steps(), *story.made(lock)],
            help="release the read lock first, and check the state again under the write lock",
        )


RULE = Rule(
    code="LCK304",
    name="read-to-write-upgrade",
    severity=Severity.ERROR,
    summary="a thread waits for the write lock while it holds the read lock",
    page=__doc__,
    check=check,
)
