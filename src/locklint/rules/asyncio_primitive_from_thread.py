"""## What it does

Finds a lock, event, condition or queue of asyncio that is used in a thread, while a coroutine waits
for it in the event loop: `event.set()`, `queue.put_nowait()`, `lock.release()` and the like. The
function is run by a thread, by an executor or `asyncio.to_thread`, by a signal handler of
`signal.signal`, or by the `emit` of a log handler.

## Why is this bad?

Nothing in asyncio is protected against threads. The loop sleeps until a file or a timer wakes it,
and another thread does not: the task continues seconds later, or never. And the loop may read what
the thread has changed only in part.

## Example

```python
import asyncio
import threading


class Reader:
    def __init__(self, source):
        self._source = source
        self._queue = asyncio.Queue()

    def start(self):
        threading.Thread(target=self._read).start()

    def _read(self):
        for line in self._source:
            self._queue.put_nowait(line)

    async def next(self):
        return await self._queue.get()
```

## Use instead

Let the loop do it, in its own thread:

```python
import asyncio
import threading


class Reader:
    def __init__(self, source):
        self._source = source
        self._queue = asyncio.Queue()

    def start(self):
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read).start()

    def _read(self):
        for line in self._source:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, line)

    async def next(self):
        return await self._queue.get()
```

A coroutine is run by `asyncio.run_coroutine_threadsafe`. A handler of `loop.add_signal_handler`
runs in the loop.

## Known limits

Reads such as `event.is_set()` and `queue.qsize()` are not reported, nor is a use of an object for
which no coroutine of the program waits. A thread that runs an event loop itself is taken for the
one to which the objects belong, and a function that looks in which thread it runs is taken to know
what it does. In debug mode (`python -X dev`) asyncio raises `RuntimeError` at most of these places,
if a task waits at that moment. A handler that is
registered in `except NotImplementedError` is for loops without handlers of signals, which wake up.

The finding is an error if a thread certainly runs the use. It is a warning if a coroutine calls the
function, too, if a test decides whether it is reached, if the objects may be two, or in a signal
handler or a log handler. It is info if `asyncio.wait_for` ends the wait. Futures are not looked at.

## References

- [Concurrency and multithreading](https://docs.python.org/3/library/asyncio-dev.html#concurrency-and-multithreading)
- [loop.call_soon_threadsafe](https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_soon_threadsafe)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.deadlock_story import Story
from locklint.analysis.foreign_wakes import ForeignWake
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, step
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, Step, StepRole
from locklint.ir.cfg import split_key
from locklint.ir.context import Context
from locklint.ir.event import EventKind
from locklint.rule import Rule

_RUNS = {
    Context.SIGNAL: "in a signal handler",
    Context.MAIN: "by a log handler, in the thread that logs",
}


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each use of a primitive of asyncio in another thread than that of its loop."""
    for found in program.foreign_wakes:
        use = found.use
        function, waiter = program.functions[use.function], found.waiter
        lock, method = use.event.lock or found.lock, use.event.name
        name = display_name(lock)
        waits = waiter.states.function
        yield RULE.finding(
            function,
            use.span,
            f"`{name}.{method}()` is called {_RUNS.get(found.context, 'in a thread')}, not in the"
            f" event loop: `{waits.called_name}` may keep waiting, for this does not wake the loop",
            severity=found.severity,
            confidence=Confidence.HIGH if found.severity is Severity.ERROR else Confidence.MEDIUM,
            locks=(found.lock,),
            steps=[
                step(waits, StepRole.NOTE, waiter.span, "a task waits for it here"),
                *_registered(program, found),
                *Story(program, found.pair).steps(f"calls `{name}.{method}()`"),
                *Story(program, found.pair).made(found.lock),
            ],
            help=f"let the loop do it: `loop.call_soon_threadsafe({name}.{method}, …)`",
        )


def _registered(program: Program, found: ForeignWake) -> list[Step]:
    entry = found.entry
    if entry is None or entry.registration is None:
        return []
    called = program.functions[entry.function].called_name
    message = f"registers the signal handler `{called}`"
    registrar = split_key(entry.registrar)[1]
    return [Step(StepRole.NOTE, entry.path, entry.registration.span, message, registrar)]


RULE = Rule(
    code="LCK603",
    name="asyncio-primitive-from-thread",
    severity=Severity.ERROR,
    summary="a thread uses a lock, event or queue of asyncio without telling the event loop",
    page=__doc__,
    on_request=True,
    wants=frozenset(
        {
            EventKind.INTERRUPT,
            EventKind.LOG,
            EventKind.RUN_LOOP,
            EventKind.SUSPEND,
            EventKind.WAKE,
        }
    ),
    check=check,
)
