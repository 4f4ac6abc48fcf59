"""## What it does

Finds a wait on a condition, without a timeout, while another lock is held.

## Why is this bad?

A wait releases the lock of its condition, and no other one. If the thread that would notify the
condition needs the lock that is still held, both wait indefinitely.

## Example

```python
import threading


class Buffer:
    def __init__(self):
        self._lock = threading.Lock()
        self._ready = threading.Condition()
        self._items = []

    def get(self):
        with self._lock:
            with self._ready:
                while not self._items:
                    self._ready.wait()
                return self._items.pop()

    def put(self, item):
        with self._lock:
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

    def get(self):
        with self._ready:
            while not self._items:
                self._ready.wait()
            return self._items.pop()

    def put(self, item):
        with self._ready:
            self._items.append(item)
            self._ready.notify()
```

## Known limits

It is an error if each notification of the condition needs the lock, and a warning if some do, or
if all callers hold it of the methods of another object that notify.
Otherwise the lock may be one that only those who wait acquire: then it is info, and reported only
if the function that holds the lock waits itself. A wait with a timeout is not reported.

## References

- [Condition.wait](https://docs.python.org/3/library/threading.html#threading.Condition.wait)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.deadlock_story import Story
from locklint.analysis.lock_name import lock_name
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.analysis.waits_with_locks import WaitWithLock
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, Step, StepRole
from locklint.ir.event import EventKind
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each wait with another lock held."""
    for found in program.waits_with_locks:
        pair, lock = found.pair, found.held.lock
        story = Story(program, pair)
        assert pair.event.lock is not None
        yield RULE.finding(
            program.functions[pair.function],
            pair.span,
            f"this waits on the condition of `{story.name(pair.event.lock)}` while"
            f" `{display_name(lock)}` is held{_effect(program, found)}",
            severity=found.severity,
            confidence=Confidence.HIGH if found.is_needed else Confidence.MEDIUM,
            locks=(lock, pair.event.lock),
            steps=[
                *story.steps(),
                *_notifies(program, found, story),
                *story.made(lock, pair.event.lock),
            ],
            help="release the lock before the wait, or make the condition over it",
        )


def _effect(program: Program, found: WaitWithLock) -> str:
    if found.signal is None:
        return ", which the wait does not release"
    name = program.functions[found.signal.function].called_name
    return f", and `{name}` notifies it only after it has acquired this lock"


def _notifies(program: Program, found: WaitWithLock, story: Story) -> Iterator[Step]:
    signal = found.signal
    if signal is not None:
        function = program.functions[signal.function]
        name = story.name(found.held.lock)
        message = f"notifies it, only after it has acquired `{name}`"
        held = (name,) if lock_name(found.held.lock) in signal.holds else ()
        place = function.path, signal.span
        yield Step(StepRole.CALL, *place, message, function.shown_name, held=held)


RULE = Rule(
    code="LCK503",
    name="wait-holding-other-lock",
    severity=Severity.ERROR,
    summary="a wait on a condition while another lock is held",
    page=__doc__,
    wants=frozenset({EventKind.PARK}),
    check=check,
)
