"""## What it does

Finds a `yield` in an asynchronous generator while a lock of tasks is held, if a consumer may leave
the generator without closing it, or if nothing is known about its consumers.

## Why is this bad?

An `async for` that ends early, by `break`, `return` or an exception, does not close the generator.
The lock stays held until the event loop closes the generator after it was collected, in a task of
its own. Locks of anyio and trio may be released only by the task that has acquired them, so that
this raises.

## Example

```python
import asyncio


class Feed:
    def __init__(self, source):
        self._lock = asyncio.Lock()
        self._source = source

    async def items(self):
        async with self._lock:
            while True:
                yield await self._source.get()


async def first(feed: Feed):
    async for item in feed.items():
        return item
```

## Use instead

Close the generator where it is consumed:

```python
import asyncio
import contextlib


class Feed:
    def __init__(self, source):
        self._lock = asyncio.Lock()
        self._source = source

    async def items(self):
        async with self._lock:
            while True:
                yield await self._source.get()


async def first(feed: Feed):
    async with contextlib.aclosing(feed.items()) as items:
        async for item in items:
            return item
```

## Known limits

A generator is not reported if all of its consumers in the program use `aclosing`, or have no
`break` and no `return` in the loop. Exceptions in the loop are not looked at. It is an error if a
consumer may leave the generator early, and the lock belongs to its task. If nothing is known about
the consumers and the lock has no owner, it is info: a response that is streamed to a client holds
such a lock by design. A generator with a
decorator, such as a context manager, is not reported, nor is one that is passed on uncalled.
Semaphores with several slots are not looked
at.

## References

- [contextlib.aclosing](https://docs.python.org/3/library/contextlib.html#contextlib.aclosing)
- [PEP 533](https://peps.python.org/pep-0533/)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.consumers import Consuming
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.analysis.suspension_story import suspension_steps
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.ir.event import EventKind
from locklint.ir.lock import Owner
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report the first `yield` of an asynchronous generator under each lock of tasks."""
    for found in program.suspended:
        function, lock = program.functions[found.function], found.held.lock
        if not function.is_async or found.held.blocks_threads:
            continue
        is_left = any(each.consuming is Consuming.LEAVES for each in found.consumers)
        is_owned = lock.kind.owner is Owner.TASK
        when = "if a consumer leaves" if is_left else "unless each consumer closes"
        effect = "only its task may release it" if is_owned else "stays locked"
        yield RULE.finding(
            function,
            found.span,
            f"`{display_name(lock)}` is held at this `yield`, and {effect},"
            f" {when} `{function.called_name}`",
            severity=_severity(is_left, is_owned),
            locks=(lock,),
            steps=suspension_steps(program, found, "here the generator stops, with the lock held"),
            help="yield after the lock is released, or consume it in `async with aclosing(…)`",
        )


def _severity(is_left: bool, is_owned: bool) -> Severity:
    """Return the level of a finding.

    A lock without an owner may be held by design if no consumer is known to leave early.
    """
    if is_left:
        return Severity.ERROR if is_owned else Severity.WARNING
    return Severity.WARNING if is_owned else Severity.INFO


RULE = Rule(
    code="LCK607",
    name="yield-under-async-lock",
    severity=Severity.ERROR,
    summary="an asynchronous generator yields while it holds a lock of tasks",
    page=__doc__,
    wants=frozenset({EventKind.YIELD}),
    check=check,
)
