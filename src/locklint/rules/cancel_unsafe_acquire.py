"""## What it does

Finds acquires in a coroutine that do not allow for a cancelled task:

- an `await` between the acquire and the `try` that releases the lock;
- `wait_for(lock.acquire(), …)` in a `try` whose clean-up releases the lock in any case;
- an acquire in a `finally` or a handler, of a lock that was released for a while and that the
  caller, or a `with` around it, releases again. Nothing is reported if no task holds the lock at an
  `await`: then the acquire never waits.

An acquire that another thread does, as in `await asyncio.to_thread(lock.acquire)`, makes info.

## Why is this bad?

Each `await` may raise `CancelledError`, when a timeout has passed or the program ends. In the first
case the lock is never released then, in the others a release comes without an acquire: it raises
`RuntimeError`, or releases the lock of another task. A thread goes on when the task that waits for
it is cancelled: once it has acquired the lock, no code releases it.

## Example

```python
import asyncio

lock = asyncio.Lock()


async def transfer(connection):
    await lock.acquire()
    await connection.begin()
    try:
        await connection.send()
    finally:
        lock.release()
```

## Use instead

```python
import asyncio

lock = asyncio.Lock()


async def transfer(connection):
    async with lock:
        await connection.begin()
        await connection.send()
```

To limit the time, use `async with asyncio.timeout(…)` around the `async with`.

## Known limits

Whether a task is ever cancelled is not known. A wait in another thread is often meant, for it keeps
the event loop free, and is no more than info.

## References

- [Task cancellation](https://docs.python.org/3/library/asyncio-task.html#task-cancellation)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.cancelled_acquires import (
    CancelledAcquire,
    Unsafe,
    cancelled_acquires,
    held_at_awaits,
)
from locklint.analysis.events import LockStates
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, step, with_statement
from locklint.core.diagnostic import Diagnostic, Severity, Step, StepRole
from locklint.ir.cfg import Function
from locklint.ir.event import EventKind
from locklint.rule import Rule

_WHEN = {
    Unsafe.GAP: "stays locked if the task is cancelled before the `try`",
    Unsafe.TIMEOUT: "is released even if this wait gives up, or is cancelled",
    Unsafe.THREAD: "stays locked if the task is cancelled while another thread waits for it",
    Unsafe.CLEAN_UP: "is not held afterwards if the task is cancelled at this await",
}


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each acquire that a cancelled task leaves undone, or does not release."""
    for states in program.solved:
        for found in cancelled_acquires(states, program.shields):
            # Few findings are of this kind, so that few runs look at all functions for it.
            if _acquires_again(states, found):
                if found.lock.identity not in held_at_awaits(program.solved):
                    continue
            in_thread = found.unsafe is Unsafe.THREAD
            yield RULE.finding(
                states.function,
                found.span,
                f"`{display_name(found.lock)}` {_WHEN[found.unsafe]}",
                severity=Severity.INFO if in_thread else Severity.WARNING,
                locks=(found.lock,),
                steps=_steps(states.function, found),
                help=_help(found),
            )


def _acquires_again(states: LockStates, found: CancelledAcquire) -> bool:
    """Return whether a clean-up acquires again what its own function has acquired before."""
    return found.unsafe is Unsafe.CLEAN_UP and any(
        taken.lock.identity == found.lock.identity and taken.acquisition.span < found.other
        for taken in states.taken
    )


def _steps(function: Function, found: CancelledAcquire) -> list[Step]:
    name, lock, role = display_name(found.lock), found.lock, StepRole.RELEASE
    match found.unsafe:
        case Unsafe.GAP:
            return [
                step(
                    function, StepRole.ACQUIRE, found.span, f"`{name}` is acquired", lock, (name,)
                ),
                step(function, StepRole.RAISE, found.other, "the task may be cancelled here"),
            ]
        case Unsafe.TIMEOUT:
            first, then = "if this raises, the lock is not held", "but this releases it anyway"
        case Unsafe.THREAD:
            first = "if the task is cancelled here, the thread still acquires the lock"
            then = "then this release is skipped"
        case Unsafe.CLEAN_UP:
            return [
                step(function, role, found.other, f"`{name}` is released for a while", lock),
                step(
                    function,
                    StepRole.RAISE,
                    found.span,
                    "if the task is cancelled here, the lock is not acquired again",
                    lock,
                ),
            ]
    return [
        step(function, StepRole.RAISE, found.span, first, lock),
        step(function, role, found.other, then, lock),
    ]


def _help(found: CancelledAcquire) -> str:
    match found.unsafe:
        case Unsafe.GAP:
            return f"use `{with_statement(found.lock)}:`, or move the `try` up"
        case Unsafe.TIMEOUT:
            return f"acquire before the `try`, or use `{with_statement(found.lock)}:` in a timeout"
        case Unsafe.THREAD:
            return "shield the wait, and release the lock when it ends"
        case Unsafe.CLEAN_UP:
            return "repeat the acquire until it succeeds, and raise the cancellation afterwards"


RULE = Rule(
    code="LCK605",
    name="cancel-unsafe-acquire",
    severity=Severity.WARNING,
    summary="a cancelled task leaves a lock in the wrong state",
    page=__doc__,
    check=check,
    wants=frozenset({EventKind.AWAIT, EventKind.PARK}),
)
