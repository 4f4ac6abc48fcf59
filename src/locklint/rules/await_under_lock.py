"""## What it does

Finds an `await`, `async for` or `async with` in a coroutine while a lock of threads or processes is
held. A `yield` in an asynchronous generator is one as well, and so is one in `__await__`.

## Why is this bad?

At the `await` other tasks run, in the same thread. If one of them acquires the lock, it blocks the
thread, and with it the event loop: the task that holds the lock never continues. A re-entrant lock
does not block the task, which has the same thread, and so does not protect anything from it.

## Example

```python
import threading


class Client:
    def __init__(self, session):
        self._lock = threading.Lock()
        self._session = session

    async def get(self, url):
        with self._lock:
            return await self._session.get(url)
```

## Use instead

```python
import asyncio


class Client:
    def __init__(self, session):
        self._lock = asyncio.Lock()
        self._session = session

    async def get(self, url):
        async with self._lock:
            return await self._session.get(url)
```

If threads need the lock, too, release it before the `await`.

## Known limits

Each lock makes one finding in a function, at the first `await`. It is an error if a coroutine of
another task acquires the same lock, and it is not reentrant; else a warning. An `await` of a
coroutine of the program that never suspends is not reported, nor is a lock for which no task of the
same loop may wait: it is only tried, only threads wait for it, a lock of tasks keeps the others
away, or the coroutine is the one task of its loop (`asyncio.run`). The `yield` of an asynchronous
generator makes a warning, unless all of its consumers in the program run it to its end without an
`await` in between, or a decorator decides who consumes it.

## References

- [Developing with asyncio](https://docs.python.org/3/library/asyncio-dev.html#concurrency-and-multithreading)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.deadlock_story import Story
from locklint.analysis.events import Held
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.analysis.suspension_story import suspension_steps
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.access_path import Root
from locklint.ir.event import EventKind
from locklint.ir.lock import LockRef
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report the first `await` under each lock of threads or processes in a function."""
    waiting = program.loop_tasks.waiting
    reported: set[tuple[str, str]] = set()
    for key in sorted(program.composition.pairs):
        first: dict[str, tuple[CriticalPair, Held]] = {}
        for pair in program.composition.pairs[key]:
            held = _held(pair)
            if held is None or program.composition.is_unshared(key, held.lock, pair.span):
                continue
            if waiting(key, held.lock, pair.held):
                old = first.get(held.lock.identity)
                if old is None or (pair.span, pair.rank()) < (old[0].span, old[0].rank()):
                    first[held.lock.identity] = pair, held
        reported.update((key, identity) for identity in first)
        for pair, held in sorted(first.values(), key=lambda each: each[0].span):
            story = Story(program, pair)
            lock = held.lock
            contended = _is_surely_shared(lock) and any(
                _is_other_task(program, key, other) for other in waiting(key, lock, pair.held)
            )
            yield RULE.finding(
                program.functions[key],
                pair.span,
                f"`{display_name(lock)}` is held at this `{_form(pair)}`: {_effect(lock)}",
                severity=_severity(lock, contended),
                locks=(lock,),
                steps=[*story.steps("other tasks run here"), *story.made(lock)],
                help="use a lock of asyncio, or release the lock before this",
            )
    yield from _at_yields(program, reported)


def _at_yields(program: Program, reported: set[tuple[str, str]]) -> Iterator[Diagnostic]:
    """Report each lock of threads that a generator holds while its task is suspended at a yield."""
    for found in program.suspended:
        function, lock = program.functions[found.function], found.held.lock
        if (function.key, lock.identity) in reported:
            continue
        if not found.held.surely_blocks_threads or not (function.is_async or found.is_awaited):
            continue
        if not program.loop_tasks.waiting(function.key, lock, ()):
            continue
        yield RULE.finding(
            function,
            found.span,
            f"`{display_name(lock)}` is held at this `yield`: {_effect(lock)}",
            severity=_severity(lock, False),
            locks=(lock,),
            steps=suspension_steps(program, found, "other tasks run here"),
            help="use a lock of asyncio, or release the lock before this",
        )


def _is_surely_shared(lock: LockRef) -> bool:
    """Return whether a lock excludes other tasks, and two of them certainly have the same one.

    What a call is given may belong to that call alone.
    """
    is_passed = lock.path.root is Root.PARAMETER
    return not (lock.kind.reentrant or is_passed or lock.confidence is Confidence.LOW)


def _severity(lock: LockRef, contended: bool) -> Severity:
    """Return the level; whether the locks that each call makes are for one file is not known."""
    if contended:
        return Severity.ERROR
    return Severity.INFO if lock.kind.reentrant and _is_of_one_call(lock) else Severity.WARNING


def _is_of_one_call(lock: LockRef) -> bool:
    """Return whether each call makes an object of its own, which is another lock."""
    return ".<locals>." in lock.identity and lock.path.root is not Root.PARAMETER


def _effect(lock: LockRef) -> str:
    """Return the effect of a held lock on other tasks, which run in the same thread."""
    if lock.kind.reentrant and not _is_of_one_call(lock):
        return "it is re-entrant, and keeps no other task of this thread out"
    return "another task that acquires it blocks the event loop"


def _is_other_task(program: Program, key: str, other: str) -> bool:
    """Return whether another function is a coroutine that runs apart from one.

    Coroutines of which one awaits the other are one task, unless they are started twice.
    """
    if other == key or not program.functions[other].is_async:
        return False
    reached = program.threads.reached_from
    return other not in reached(key) and key not in reached(other)


def _held(pair: CriticalPair) -> Held | None:
    """Return the lock of threads that a function holds innermost at an `await`."""
    if pair.event.kind is not EventKind.AWAIT or pair.is_concurrent:
        return None
    if any(one.blocks_threads for one in pair.inside):
        return None  # A callee holds one, and has a finding of its own.
    own = [one for one in pair.held if one.surely_blocks_threads]
    return own[-1] if own else None


def _form(pair: CriticalPair) -> str:
    return pair.event.name if pair.inner is None else "await"


RULE = Rule(
    code="LCK601",
    name="await-under-lock",
    severity=Severity.ERROR,
    summary="a coroutine awaits while it holds a lock of threads",
    page=__doc__,
    wants=frozenset({EventKind.AWAIT, EventKind.YIELD}),
    check=check,
)
