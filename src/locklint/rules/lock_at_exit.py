"""## What it does

Finds functions that are registered with `atexit` and wait, without a timeout, for a thread that
needs a lock, or for a lock under which a thread waits for something else.

## Why is this bad?

Daemon threads still run when these functions do, but nothing else goes on: what a thread waits for
may never come. If the thread, or another one, holds the lock and waits, the program does not end.

## Example

```python
import atexit
import threading


class Monitor(threading.Thread):
    lock = threading.Lock()

    def __init__(self):
        super().__init__(daemon=True)
        self._stopped = threading.Event()
        atexit.register(self.stop)

    def run(self):
        while not self._stopped.wait(10):
            with self.lock:
                print("working")

    def stop(self):
        self._stopped.set()
        self.join()


def work():
    with Monitor.lock:
        print("alone")
```

## Use instead

Tell the thread to end, and wait for a limited time, if at all. A daemon thread need not be waited
for:

```python
import atexit
import threading


class Monitor(threading.Thread):
    lock = threading.Lock()

    def __init__(self):
        super().__init__(daemon=True)
        self._stopped = threading.Event()
        atexit.register(self._stopped.set)

    def run(self):
        while not self._stopped.wait(10):
            with self.lock:
                print("working")


def work():
    with Monitor.lock:
        print("alone")
```

## Known limits

A wait for a thread is info, because it ends if all who hold the lock release it. It is reported if
the function that the thread runs is known, and acquires a lock that code outside this thread
acquires too. A wait for a lock is a warning, and is reported if a thread holds that lock while it
waits for an event, for an item of a queue, for a notification or for another thread.

## References

- [atexit](https://docs.python.org/3/library/atexit.html)
- [Thread objects](https://docs.python.org/3/library/threading.html#thread-objects)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.deadlock_story import Story
from locklint.analysis.lock_name import lock_name
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Diagnostic, Severity, Step, StepRole
from locklint.ir.cfg import split_key
from locklint.ir.context import Context
from locklint.ir.event import EventKind
from locklint.ir.lock import LockRef
from locklint.ir.registration import Entry
from locklint.rule import Rule

_WAITS = (EventKind.LISTEN, EventKind.PARK, EventKind.JOIN)


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each wait of a function that runs at the exit."""
    for entry in program.interrupting:
        if entry.context is not Context.ATEXIT:
            continue
        pairs = program.composition.pairs.get(entry.function, ())
        for pair in sorted(pairs, key=lambda each: each.rank()):
            if pair.is_concurrent:
                continue
            if pair.event.kind is EventKind.JOIN:
                yield from _for_thread(program, entry, pair)
            elif pair.event.kind is EventKind.ACQUIRE:
                yield from _for_lock(program, entry, pair)


def _for_thread(program: Program, entry: Entry, pair: CriticalPair) -> Iterator[Diagnostic]:
    for key in pair.event.awaited:
        needs = _needed_by(program, key)
        if needs is None or needs.event.lock is None:
            continue
        lock, name = needs.event.lock, program.functions[key].called_name
        yield RULE.finding(
            program.functions[entry.function],
            pair.span,
            f"`{_name(program, entry)}` runs at the exit, and waits for the thread of `{name}`,"
            f" which needs `{display_name(lock)}`",
            severity=Severity.INFO,
            locks=(lock,),
            steps=[*_steps(program, entry, pair), *Story(program, needs).steps()],
            help="tell the thread to end, and wait with a timeout",
        )
        return


def _needed_by(program: Program, key: str) -> CriticalPair | None:
    """Return the best witness that a thread waits for a lock which code outside it acquires."""
    inside = {key, *program.threads.reached_from(key)}
    elsewhere = {
        lock_name(pair.event.lock)
        for other, pairs in program.composition.pairs.items()
        if other not in inside
        for pair in pairs
        if pair.event.kind is EventKind.ACQUIRE and pair.event.lock is not None
    }
    found = [
        each
        for each in program.composition.pairs.get(key, ())
        if each.event.kind is EventKind.ACQUIRE
        and each.event.lock is not None
        and not each.is_concurrent
        and lock_name(each.event.lock) in elsewhere
    ]
    return min(found, key=lambda each: each.rank(), default=None)


def _for_lock(program: Program, entry: Entry, pair: CriticalPair) -> Iterator[Diagnostic]:
    lock = pair.event.lock
    holder = None if lock is None else _waits_under(program, lock)
    if lock is None or holder is None:
        return
    name = program.functions[holder.function].called_name
    yield RULE.finding(
        program.functions[entry.function],
        pair.span,
        f"`{_name(program, entry)}` runs at the exit, and waits for `{display_name(lock)}`, which"
        f" `{name}` holds in a thread while that waits for something else",
        locks=(lock,),
        steps=[*_steps(program, entry, pair), *Story(program, holder).steps("waits")],
        help="acquire the lock with a timeout, or release it before the wait",
    )


def _waits_under(program: Program, lock: LockRef) -> CriticalPair | None:
    """Return a wait of a thread's function, with a lock held, that others have to end."""
    started = program.spawned(is_process=False)
    found = [
        pair
        for key in sorted(started)
        for pair in program.composition.pairs.get(key, ())
        if pair.event.kind in _WAITS
        and not pair.is_concurrent
        and any(lock_name(held.lock) == lock_name(lock) for held in pair.all_held())
    ]
    return min(found, key=lambda each: each.rank(), default=None)


def _name(program: Program, entry: Entry) -> str:
    return program.functions[entry.function].called_name


def _steps(program: Program, entry: Entry, pair: CriticalPair) -> list[Step]:
    """Return the steps from the registration to the wait."""
    steps: list[Step] = []
    if entry.registration is not None:
        text = f"lets `{_name(program, entry)}` run at the exit"
        registrar = split_key(entry.registrar)[1]
        steps.append(Step(StepRole.NOTE, entry.path, entry.registration.span, text, registrar))
    return [*steps, *Story(program, pair).steps("waits")]


RULE = Rule(
    code="LCK706",
    name="lock-at-exit",
    severity=Severity.WARNING,
    summary="a function that runs at the exit waits for a lock, or for a thread that needs one",
    page=__doc__,
    preview=True,
    wants=frozenset({EventKind.INTERRUPT, *_WAITS}),
    check=check,
)
