"""## What it does

Finds the coroutine of an asynchronous `acquire()` that is discarded or tested instead of awaited.

## Why is this bad?

The lock is not acquired until the coroutine is awaited. A coroutine object is always true, so
testing it tells nothing.

## Example

```python
import asyncio

lock = asyncio.Lock()


async def work(job):
    lock.acquire()
    try:
        await job()
    finally:
        lock.release()
```

## Use instead

```python
import asyncio

lock = asyncio.Lock()


async def work(job):
    async with lock:
        await job()
```

## Known limits

A coroutine that is passed on, stored or returned is assumed to be awaited elsewhere.

## References

- [asyncio.Lock.acquire](https://docs.python.org/3/library/asyncio-sync.html#asyncio.Lock.acquire)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.api_use import UseKind
from locklint.ir.means import Use
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report coroutines of lock methods that nothing awaits."""
    for function in program.ordered_functions:
        for use in function.api_uses:
            if use.kind is not UseKind.NOT_AWAITED or use.lock is None:
                continue
            name = display_name(use.lock)
            tested = ", and a coroutine is always true" if use.use is Use.TESTED else ""
            yield RULE.finding(
                function,
                use.span,
                f"`{name}.{use.method}()` is not awaited, so nothing is locked" + tested,
                severity=(
                    Severity.ERROR if use.lock.confidence > Confidence.LOW else Severity.WARNING
                ),
                locks=(use.lock,),
                help=f"write `await {name}.{use.method}()`, or `async with {name}:`",
            )


RULE = Rule(
    code="LCK205",
    name="acquire-not-awaited",
    severity=Severity.ERROR,
    summary="the coroutine of an asynchronous acquire is not awaited",
    page=__doc__,
    check=check,
)
