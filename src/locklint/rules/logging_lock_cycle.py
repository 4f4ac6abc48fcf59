"""## What it does

Finds a lock that is held during a log call and that is also acquired while a log record is handled:
in the `emit` or `format` of a handler, or in the `__str__`, `__repr__` or `__format__` of a logged
object.

## Why is this bad?

Every handler has its own lock and holds it while it formats and emits a record. A deadlock occurs
if one thread holds the lock and waits for the handler, while another thread is in the handler and
waits for the lock.

## Example

```python
import logging
import threading

log = logging.getLogger(__name__)
lock = threading.Lock()
lines = []


class Window(logging.Handler):
    def emit(self, record):
        with lock:
            lines.append(record.getMessage())


def clear():
    with lock:
        lines.clear()
        log.info("cleared")
```

## Use instead

Log after releasing the lock:

```python
import logging
import threading

log = logging.getLogger(__name__)
lock = threading.Lock()
lines = []


class Window(logging.Handler):
    def emit(self, record):
        with lock:
            lines.append(record.getMessage())


def clear():
    with lock:
        lines.clear()
    log.info("cleared")
```

## Known limits

A lock is reported once for each function that acquires it while a record is handled, at the
logging call to which the shortest chain of calls leads. A handler that is attached nowhere in the
program, or to a logger that is not known, is assumed to be attached to the logger, unless a
`QueueListener` runs it. Handlers that override `handle` or `filter`, or add a filter to
themselves, and handlers that only put records into a queue, are not reported. The levels of loggers
and handlers are not looked at.

## References

- [logging.Handler.handle](https://docs.python.org/3/library/logging.html#logging.Handler.handle)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.deadlock_story import Story
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.event import EventKind
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each logging call under a lock that handling a record acquires."""
    for found in program.logging_cycles:
        function = program.functions[found.logs.function]
        lock = found.held.lock
        *_, last = found.asks.chain()
        asker = program.functions[last.function].called_name
        story = Story(program, found.logs, found.asks)
        waits = f"waits for the lock of a log handler, which {story.thread(2)} holds"
        yield RULE.finding(
            function,
            found.logs.span,
            f"this logs while `{display_name(lock)}` is held, and `{asker}` acquires it while"
            " handling a record: two threads can deadlock",
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
            locks=(lock,),
            steps=[*story.steps(waits), *story.made(lock)],
            help=f"log after releasing `{story.name(lock)}`{_elsewhere(found.others)}",
        )


def _elsewhere(others: int) -> str:
    if not others:
        return ""
    return f", here and at {others} other place{'s' if others > 1 else ''}"


RULE = Rule(
    code="LCK306",
    name="logging-lock-cycle",
    severity=Severity.WARNING,
    summary="a lock is held while logging, and a log handler acquires it",
    page=__doc__,
    wants=frozenset({EventKind.LOG}),
    check=check,
)
