"""## What it does

Finds a signal handler that waits for a lock that the main thread may hold when the signal arrives:
other code of the main thread acquires it, or the handler itself, which a second signal interrupts.

## Why is this bad?

Python runs the handlers of `signal.signal` in the main thread, between any two of its instructions.
If the main thread holds the lock at that moment, the handler waits for the code that it interrupts,
which cannot go on: the process blocks indefinitely.

## Example

```python
import signal
import threading

lock = threading.Lock()
jobs = []


def stop(number, frame):
    with lock:
        jobs.clear()


def main():
    signal.signal(signal.SIGTERM, stop)
    while True:
        job = input()
        with lock:
            jobs.append(job)
```

## Use instead

Let the handler only set a flag, and do the work in the main thread, where nothing is interrupted:

```python
import signal
import threading

lock = threading.Lock()
jobs = []
stopping = False


def stop(number, frame):
    global stopping
    stopping = True


def main():
    signal.signal(signal.SIGTERM, stop)
    while not stopping:
        job = input()
        with lock:
            jobs.append(job)
    with lock:
        jobs.clear()
```

With asyncio, `loop.add_signal_handler` runs the handler as a callback of the loop, which interrupts
nothing. A re-entrant lock ends the deadlock, too. Then the handler may see data that the
interrupted code has changed only in part.

## Known limits

The finding rests on code of the main thread that acquires the lock after the registration: in the
function that registers the handler, in its callers, or in what they call, as long as no other
handler takes its place. It is an error if the main program certainly comes to that code, and a
warning otherwise, or if only a second signal can find the lock held. It is info if nothing shows
which thread runs the code that holds the lock, if more than six calls lead to the lock, if only
coroutines, or functions that the handler itself calls, hold the lock, or if they call nothing and
repeat nothing while they do: CPython up to 3.13 runs no handler in between.

Code that blocks the signal is left out, and so is code that sets what the handler tests, or that
finds out in which thread it runs. A handler is not seen in a file that neither mentions a lock nor
uses a class that has one. Locks inside an event or a queue are not looked at. A handler that lets
signals be ignored, or blocks them, is taken to run only once.

## References

- [Signals and threads](https://docs.python.org/3/library/signal.html#signals-and-threads)
- [loop.add_signal_handler](https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.add_signal_handler)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.interrupted import Interrupted
from locklint.analysis.interruption_story import interruption_steps, waiting
from locklint.analysis.program import Program
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.context import Context
from locklint.ir.event import EventKind
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each wait for a lock in a signal handler."""
    for found in program.locked_in_handlers:
        yield RULE.finding(
            program.functions[found.pair.function],
            found.pair.span,
            f"the signal handler {waiting(program, found)}: if {_interrupted(found)}, the main"
            " thread blocks indefinitely",
            severity=found.severity,
            confidence=Confidence.HIGH if found.proven else Confidence.MEDIUM,
            locks=(found.lock,),
            steps=interruption_steps(program, found, "registers the signal handler"),
            help="only set a flag in the handler, and do the work in the code that tests it",
        )


def _interrupted(found: Interrupted) -> str:
    if found.holder.context is Context.SIGNAL:
        return "a second signal interrupts it while it holds the lock"
    return f"it interrupts `{found.holder.function.called_name}`, which holds the lock"


RULE = Rule(
    code="LCK702",
    name="lock-in-signal-handler",
    severity=Severity.ERROR,
    summary="a signal handler waits for a lock that the main thread may hold",
    page=__doc__,
    on_request=True,
    wants=frozenset({EventKind.INTERRUPT}),
    check=check,
)
