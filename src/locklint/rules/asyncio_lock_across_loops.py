"""## What it does

Finds a lock, condition or semaphore of asyncio that tasks of several event loops acquire: threads
each run a loop of their own, with `asyncio.run` or `asyncio.new_event_loop`, and share the lock.

## Why is this bad?

Since Python 3.10 such a lock belongs to the loop in which a task first has to wait for it. It works
as long as no task waits. Then a task of another loop that has to wait raises `RuntimeError: … is
bound to a different event loop`. And the task that waits is woken by the thread of another loop,
which does not wake its own: it may wait indefinitely.

## Example

```python
import asyncio
import threading


class Client:
    def __init__(self, session):
        self._session = session
        self._lock = asyncio.Lock()

    async def fetch(self, name):
        async with self._lock:
            return await self._session.get(name)

    def fetch_now(self, name):
        return asyncio.run(self.fetch(name))


def fetch_all(session, names):
    client = Client(session)
    for name in names:
        threading.Thread(target=client.fetch_now, args=(name,)).start()
```

## Use instead

Run one loop, and give it what the threads want done:

```python
import asyncio
import threading


class Client:
    def __init__(self, session):
        self._session = session
        self._lock = asyncio.Lock()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    async def fetch(self, name):
        async with self._lock:
            return await self._session.get(name)

    def fetch_now(self, name):
        return asyncio.run_coroutine_threadsafe(self.fetch(name), self._loop).result()


def fetch_all(session, names):
    client = Client(session)
    for name in names:
        threading.Thread(target=client.fetch_now, args=(name,)).start()
```

Or make a lock for each loop, in a coroutine. To keep threads out, use a lock of `threading` for
short sections without an `await`.

## Known limits

A lock of a module or class proves nothing by itself. A finding rests on threads that the program
starts: several at a time that run a loop each, or one beside the loop of the main program, for
which the lock has to be that of a module or class. Loops that run one after the other are not
reported. Neither are events and queues, nor a lock that not only a constructor or a module binds.

## References

- [asyncio.Lock](https://docs.python.org/3/library/asyncio-sync.html#asyncio.Lock)
- [asyncio.run_coroutine_threadsafe](https://docs.python.org/3/library/asyncio-task.html#asyncio.run_coroutine_threadsafe)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.lock_name import lock_name, short_names
from locklint.analysis.locks_across_loops import LockAcrossLoops, LoopUse
from locklint.analysis.program import Program
from locklint.analysis.story import kind_phrase, made_step, step
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, Step, StepRole
from locklint.ir.event import EventKind
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each lock of asyncio that several event loops use, where it is made."""
    for found in program.locks_across_loops:
        made = made_step(program, found.lock)
        if made is None:
            continue
        modules = {source.key for source in program.sources.values()}
        full = lock_name(found.lock)
        name = short_names([full], modules)[full]
        uses = (found.use,) if found.other is None else (found.use, found.other)
        yield RULE.at(
            made.path,
            made.span,
            f"{kind_phrase(found.lock.kind)} belongs to one event loop, but `{name}` is acquired in"
            f" several: {_loops(program, found)}",
            confidence=Confidence.MEDIUM,
            locks=(found.lock,),
            steps=[each for use in uses for each in _steps(program, use, name)],
            help="run one loop, and pass coroutines to it with `asyncio.run_coroutine_threadsafe`",
        )


def _loops(program: Program, found: LockAcrossLoops) -> str:
    runner = program.functions[found.use.runner.function].called_name
    if found.other is None:
        return f"each thread runs one of its own in `{runner}`"
    other = program.functions[found.other.runner.function].called_name
    return f"a thread runs one in `{runner}`, and `{other}` runs another one"


def _steps(program: Program, use: LoopUse, name: str) -> Iterator[Step]:
    """Yield the path to an acquire: the start of the thread, calls, and the start of the loop."""
    for link in use.pair.chain():
        role, says = StepRole.CALL, "calls"
        if link is use.runner:
            says = "runs a new event loop, and in it"
        elif link is use.pair:
            says = "makes a thread that runs"
        if link.inner is None:
            role, message = StepRole.WAIT, f"a task waits for `{name}`"
        else:
            message = f"{says} `{program.functions[link.inner.function].called_name}`"
        yield step(program.functions[link.function], role, link.span, message)


RULE = Rule(
    code="LCK604",
    name="asyncio-lock-across-loops",
    severity=Severity.WARNING,
    summary="several event loops use one lock of asyncio",
    page=__doc__,
    on_request=True,
    wants=frozenset({EventKind.RUN_LOOP}),
    check=check,
)
