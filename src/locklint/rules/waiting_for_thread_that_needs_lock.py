"""## What it does

Finds a thread that holds a lock and waits for another thread, a future or an executor whose own
work asks for that lock.

## Why is this bad?

The one waits for the other to end, the other for the lock, and neither comes any further.

## Example

```python
import threading


class Ticker:
    def __init__(self):
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run)
        self._running = True

    def _run(self):
        while self._running:
            with self._lock:
                print("tick")

    def stop(self):
        with self._lock:
            self._running = False
            self._thread.join()
```

## Use instead

Tell it to stop under the lock, and wait for it outside:

```python
import threading


class Ticker:
    def __init__(self):
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run)
        self._running = True

    def _run(self):
        while self._running:
            with self._lock:
                print("tick")

    def stop(self):
        with self._lock:
            self._running = False
        self._thread.join()
```

## Known limits

Which thread is waited for is known where it is kept in a variable or an attribute that is bound to
it directly. Waiting with a timeout is left alone. A warning where the lock stands for those of all
instances of a class, or the thread asks for it only under conditions that are not understood.

## References

- [threading.Thread.join](https://docs.python.org/3/library/threading.html#threading.Thread.join)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.deadlock_story import Story
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.rule import Rule

_WAITED_FOR = {"join": "thread", "result": "future", "exception": "future"}


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each place that waits for somebody who waits for a lock that is held there."""
    for found in program.waiting_for_holders:
        pair, lock = found.pair, found.held.lock
        function = program.functions[pair.function]
        who = _WAITED_FOR.get(pair.event.name, "executor")
        callee = program.functions[found.spawn.callee].called_name
        story = Story(program, pair, found.needs)
        yield RULE.finding(
            function,
            pair.span,
            f"this waits for the {who} that runs `{callee}` while `{display_name(lock)}` is held,"
            f" and `{callee}` waits for that lock",
            severity=Severity.ERROR if found.proven else Severity.WARNING,
            confidence=Confidence.HIGH if found.proven else Confidence.MEDIUM,
            locks=(lock,),
            steps=[
                *story.steps(f"waits for {story.thread(2)} to finish"),
                *story.made(lock),
            ],
            help="release the lock before waiting",
        )


RULE = Rule(
    code="LCK307",
    name="waiting-for-thread-that-needs-lock",
    severity=Severity.ERROR,
    summary="a lock is held while waiting for a thread that needs it",
    page=__doc__,
    check=check,
)
