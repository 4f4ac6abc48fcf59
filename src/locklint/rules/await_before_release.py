"""## What it does

Finds an `await` in a `finally` or an `except` that comes before the release of a lock, and after
which the release is skipped if the task is cancelled there.

## Why is this bad?

A task that is being cancelled runs its clean-up. If it is cancelled once more, or for the first
time, while the clean-up awaits, the rest of the clean-up does not run. The lock is never released,
and each task that acquires it afterwards waits indefinitely.

## Example

```python
import asyncio

lock = asyncio.Lock()


async def transfer(connection):
    await lock.acquire()
    try:
        await connection.send()
    finally:
        await connection.close()
        lock.release()
```

## Use instead

Release the lock first, or leave that to a statement around the clean-up:

```python
import asyncio

lock = asyncio.Lock()


async def transfer(connection):
    async with lock:
        try:
            await connection.send()
        finally:
            await connection.close()
```

## Known limits

Where the function acquires the lock with `with` or `async with`, the release is never skipped. An
`await` of `shield()`, or in a cancel scope that shields, is not reported, nor is one of a coroutine
that shields all of its own, or that all known callers shield. If this rule reports an `await`,
LCK102 does not report it a second time at the acquire.

## References

- [Task cancellation](https://docs.python.org/3/library/asyncio-task.html#task-cancellation)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.acquisitions import fates
from locklint.analysis.late_releases import LateRelease, late_releases
from locklint.analysis.program import Program
from locklint.analysis.story import acquire_steps, display_name, step
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each `await` of a clean-up that comes before the release of a lock."""
    for states in program.solved:
        found: dict[tuple[object, ...], LateRelease] = {}
        for fate in fates(states) if states.function.is_async else ():
            for late in late_releases(fate, program.shields):
                found.setdefault((late.span, fate.key), late)
        for late in found.values():
            fate, function = late.fate, states.function
            name = display_name(fate.lock)
            yield RULE.finding(
                function,
                late.span,
                f"`{name}` stays locked if the task is cancelled at this await in the clean-up",
                locks=(fate.lock,),
                steps=[
                    *acquire_steps([fate]),
                    step(
                        function,
                        StepRole.RAISE,
                        late.span,
                        "the task may be cancelled here",
                        None,
                        (name,),
                    ),
                    step(
                        function,
                        StepRole.RELEASE,
                        late.release,
                        "then this release is skipped, and the lock stays held",
                        fate.lock,
                        (name,),
                    ),
                ],
                help="release the lock before this, or use a `with` for it",
                anchors=(fate.span,) if late.is_worst else (),
            )


RULE = Rule(
    code="LCK606",
    name="await-before-release",
    severity=Severity.WARNING,
    summary="the clean-up of a coroutine awaits before it releases a lock",
    page=__doc__,
    check=check,
)
