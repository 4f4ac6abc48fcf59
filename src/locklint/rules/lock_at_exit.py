"""## What it does

Finds functions that run at the end of the interpreter (`atexit.register`) and wait for a lock that
a daemon thread holds while it blocks, or while it runs a loop that does not end. As information, it
also finds such functions that wait for a thread which needs a lock of others.

## Why is this bad?

The interpreter joins all threads at the end, except daemon threads. These still run when the
functions of `atexit` do, and hold what they hold. So the process ends only when the daemon thread
releases the lock by chance, or never.

## Example

```python
import atexit
import queue
import threading

lock = threading.Lock()
jobs = queue.Queue()


def work():
    while True:
        with lock:
            print(jobs.get())


def close():
    with lock:
        print("closed")


def main():
    atexit.register(close)
    threading.Thread(target=work, daemon=True).start()
```

## Use instead

Block without the lock, and let the function at the end wait for a limited time:

```python
import atexit
import queue
import threading

lock = threading.Lock()
jobs = queue.Queue()


def work():
    while True:
        job = jobs.get()
        with lock:
            print(job)


def close():
    if lock.acquire(timeout=1):
        print("closed")
        lock.release()


def main():
    atexit.register(close)
    threading.Thread(target=work, daemon=True).start()
```

## Known limits

A thread is taken for a daemon if the function that makes it says so, or its class: a literal
`daemon=True`, `thread.daemon = True`, `setDaemon(True)`, or `daemon = True` in the body of the
class. A thread blocks in a sleep of a second or more, a wait without a timeout for a thread, a
process, an event, an item of a queue or a condition, and in what a user types; sockets and files
are not looked at.

Nothing is reported if the function joins a thread before, or sets the event for which the thread
waits. The finding is info if more than six calls lead to the lock. A wait for a thread is info,
because it ends if all who hold the lock release it; the function that the thread runs has to be
known, and other code has to acquire the lock too.

## References

- [atexit](https://docs.python.org/3/library/atexit.html)
- [Thread.daemon](https://docs.python.org/3/library/threading.html#threading.Thread.daemon)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.deadlock_story import Story
from locklint.analysis.exits import LockedAtExit
from locklint.analysis.lock_name import lock_name
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, Step, StepRole
from locklint.core.source import Span
from locklint.ir.cfg import Function, split_key
from locklint.ir.context import Context
from locklint.ir.event import EventKind
from locklint.ir.registration import Entry
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each wait at the end for a lock that a daemon thread keeps, or for a thread."""
    yield from _for_threads(program)
    for found in program.locked_at_exit:
        story = Story(program, found.pair)
        name = story.name(found.lock)
        holder = found.states.function.called_name
        keeps = "runs a loop without an end" if found.is_loop else "blocks"
        entry = program.functions[found.entry.function]
        yield RULE.finding(
            entry,
            found.pair.span,
            f"`{entry.called_name}` runs when the interpreter ends, and waits for `{name}`, which a"
            f" daemon thread holds in `{holder}` while it {keeps}",
            severity=found.severity,
            confidence=Confidence.MEDIUM,
            locks=(found.lock,),
            steps=_steps(program, story, found, keeps),
            help="give the wait a timeout, or join the thread first",
        )


def _steps(program: Program, story: Story, found: LockedAtExit, keeps: str) -> list[Step]:
    steps: list[Step] = []
    root = found.root
    runs = program.functions[root.function].called_name
    if root.span is not None:
        maker = program.functions[root.spawner]
        steps.append(_note(maker, root.span, f"makes a daemon thread that runs `{runs}`"))
    name, holder = story.name(found.lock), found.states.function
    steps.append(_note(holder, found.taken.span, f"the thread acquires `{name}`"))
    steps.append(_note(holder, found.kept, f"and {keeps} with the lock held"))
    steps += _registered(program, found.entry)
    return [*steps, *story.steps(), *story.made(found.lock)]


def _for_threads(program: Program) -> Iterator[Diagnostic]:
    for entry in program.interrupting:
        if entry.context is not Context.ATEXIT:
            continue
        pairs = program.composition.pairs.get(entry.function, ())
        for pair in sorted(pairs, key=lambda each: each.rank()):
            if pair.event.kind is EventKind.JOIN and not pair.is_concurrent:
                yield from _for_thread(program, entry, pair)


def _for_thread(program: Program, entry: Entry, pair: CriticalPair) -> Iterator[Diagnostic]:
    for key in pair.event.awaited:
        needs = _needed_by(program, key, entry.function)
        if needs is None or needs.event.lock is None:
            continue
        lock, name = needs.event.lock, program.functions[key].called_name
        waits, runs = Story(program, pair).steps("waits"), Story(program, needs).steps()
        yield RULE.finding(
            program.functions[entry.function],
            pair.span,
            f"`{program.functions[entry.function].called_name}` runs when the interpreter ends, and"
            f" waits for the thread of `{name}`, which needs `{display_name(lock)}`",
            severity=Severity.INFO,
            confidence=Confidence.MEDIUM,
            locks=(lock,),
            steps=[*_registered(program, entry), *waits, *runs],
            help="tell the thread to end, and wait with a timeout",
        )
        return


def _needed_by(program: Program, key: str, joining: str) -> CriticalPair | None:
    """Return the best witness that a thread waits for a lock which code outside it acquires.

    The function that joins the thread holds no lock while it does.
    """
    inside = {
        each for root in (key, joining) for each in (root, *program.threads.reached_from(root))
    }
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


def _registered(program: Program, entry: Entry) -> list[Step]:
    """Return the step that lets the interpreter run a function at its end."""
    if entry.registration is None:
        return []
    called = program.functions[entry.function].called_name
    message = f"lets the interpreter run `{called}` at its end"
    registrar = split_key(entry.registrar)[1]
    return [Step(StepRole.NOTE, entry.path, entry.registration.span, message, registrar)]


def _note(function: Function, span: Span, message: str) -> Step:
    return Step(StepRole.NOTE, function.path, span, message, function.shown_name)


RULE = Rule(
    code="LCK706",
    name="lock-at-exit",
    severity=Severity.WARNING,
    summary="a function at the end of the interpreter waits for a lock that a daemon thread keeps",
    page=__doc__,
    on_request=True,
    wants=frozenset(
        {
            EventKind.INTERRUPT,
            EventKind.BLOCK,
            EventKind.JOIN,
            EventKind.LISTEN,
            EventKind.PARK,
            EventKind.SIGNAL,
        }
    ),
    check=check,
)
