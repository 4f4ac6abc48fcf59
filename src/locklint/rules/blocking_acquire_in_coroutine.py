"""## What it does

Finds a coroutine that waits for a lock of threads, if other code sleeps, waits or awaits while it
holds that lock. A wait for a lock of several processes makes info.

## Why is this bad?

While the coroutine waits for the lock, the event loop cannot run any other task: the whole program
seems to have stopped. If the holder is a task of the same loop, it cannot go on, and the thread
blocks indefinitely.

## Example

```python
import threading
import time


class Cache:
    def __init__(self, source):
        self._lock = threading.Lock()
        self._source = source
        self._items = {}

    def refresh(self):
        with self._lock:
            while not self._source.ready():
                time.sleep(5)
            self._items = self._source.read()

    async def get(self, name):
        with self._lock:
            return self._items.get(name)
```

## Use instead

Hold the lock only for as long as the data needs:

```python
import threading
import time


class Cache:
    def __init__(self, source):
        self._lock = threading.Lock()
        self._source = source
        self._items = {}

    def refresh(self):
        while not self._source.ready():
            time.sleep(5)
        items = self._source.read()
        with self._lock:
            self._items = items

    async def get(self, name):
        with self._lock:
            return self._items.get(name)
```

## Known limits

A lock that is held for short sections only is right in a coroutine, too, and is not reported. How
long a section lasts is known only of calls that certainly wait: a sleep of a second or more, a
thread or future that is waited for, a condition, an `await`. Waits for an event or a queue are not
among them, for it may be set already, or have an item. A try, or a wait with a timeout, is not
reported, nor is a wait of a coroutine that is the one task of its loop.

## References

- [Developing with asyncio](https://docs.python.org/3/library/asyncio-dev.html#concurrency-and-multithreading)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from locklint.analysis.critical_pair import CriticalPair, is_known
from locklint.analysis.deadlock_story import Story
from locklint.analysis.events import Held, Taken
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, step
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.core.source import Span
from locklint.ir.cfg import Function
from locklint.ir.event import EventKind
from locklint.ir.lock import LockRole
from locklint.models.spawns import is_of_tests
from locklint.rule import Rule

_DOES = {
    EventKind.AWAIT: "awaits",
    EventKind.BLOCK: "sleeps",
    EventKind.JOIN: "waits for a thread",
    EventKind.WAIT: "waits on a condition",
}


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each wait of a coroutine for a lock that others hold for long."""
    long = _held_for_long(program)
    for states in program.solved:
        function = states.function
        if function.is_async and program.loop_tasks.is_alone(function.key):
            continue  # No other task has to wait.
        seen: set[tuple[Span, str]] = set()
        for taken in states.taken if function.is_async else ():
            lock = taken.lock
            if taken.event.kind is not EventKind.ACQUIRE or lock.kind.is_async:
                continue
            if lock.may_be_stand_in:
                continue
            if (taken.span, lock.identity) in seen or lock.kind.role is LockRole.SEMAPHORE:
                continue
            seen.add((taken.span, lock.identity))
            name = display_name(lock)
            begin = step(
                function, StepRole.WAIT, taken.span, f"waits for `{name}` in the event loop", lock
            )
            pair = _holder(program, function, taken, long[lock.identity])
            if pair is not None:
                does = _DOES[pair.event.kind]
                holder = program.functions[pair.function].called_name
                story = Story(program, pair)
                yield RULE.finding(
                    function,
                    taken.span,
                    f"this wait for `{name}` may block the event loop for long:"
                    f" `{holder}` {does} while it holds the lock",
                    severity=Severity.WARNING,
                    locks=(lock,),
                    steps=[begin, *story.steps(does), *story.made(lock)],
                    help=f"release the lock in `{holder}` before it {does}",
                )
            elif lock.kind.cross_process:
                yield RULE.finding(
                    function,
                    taken.span,
                    f"this wait for `{name}` blocks the event loop while another process holds it",
                    severity=Severity.INFO,
                    locks=(lock,),
                    steps=[begin],
                    help="acquire it with a timeout, or in a thread",
                )


def _held_for_long(program: Program) -> dict[str, list[tuple[CriticalPair, Held]]]:
    """Return the pairs in which a function holds a lock and waits or awaits, by the lock."""
    found: dict[str, list[tuple[CriticalPair, Held]]] = defaultdict(list)
    for key in sorted(program.composition.pairs):
        for pair in program.composition.pairs[key]:
            if pair.event.kind in _DOES and not pair.is_concurrent:
                for held in pair.held:
                    if is_known(held.lock) and held.lock.kind.role is not LockRole.SEMAPHORE:
                        found[held.lock.identity].append((pair, held))
    return found


def _holder(
    program: Program, function: Function, taken: Taken, pairs: list[tuple[CriticalPair, Held]]
) -> CriticalPair | None:
    """Return the shortest chain of calls by which another function holds a lock for long."""
    is_own = taken.lock.path.is_own_attribute
    receivers = program.composition.receivers
    beside = [
        each
        for each, held in pairs
        if _runs_beside(program, function, taken, each)
        and (not is_own or receivers.is_object_of(each, held, function))
    ]
    return min(beside, key=lambda each: (each.depth, each.function, each.rank()), default=None)


def _runs_beside(program: Program, function: Function, taken: Taken, pair: CriticalPair) -> bool:
    """Return whether a holder of the lock is another task, or runs in another thread.

    A task of the same loop keeps no other one waiting unless it awaits. Tasks of one thread enter a
    re-entrant lock together.
    """
    threads, other = program.threads, program.functions[pair.function]
    if other.key == function.key or is_of_tests(other.module) > is_of_tests(function.module):
        return False
    if other.is_async:
        reached = threads.reached_from
        is_one_task = other.key in reached(function.key) or function.key in reached(other.key)
        if is_one_task or taken.lock.kind.reentrant or pair.event.kind is not EventKind.AWAIT:
            return False
        return not program.loop_tasks.are_apart(other.key, pair.held, function.key, taken.held)
    from_threads = any(
        not program.functions[root.function].is_async for root in threads.roots(other.key)
    )
    return from_threads and threads.may_run_in_parallel(
        function.key, taken.span, other.key, pair.span
    )


RULE = Rule(
    code="LCK602",
    name="blocking-acquire-in-coroutine",
    severity=Severity.WARNING,
    summary="a coroutine waits for a lock that others hold for long",
    page=__doc__,
    on_request=True,
    wants=frozenset((*_DOES, EventKind.RUN_LOOP)),
    check=check,
)
