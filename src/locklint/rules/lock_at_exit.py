"""## What it does

Finds functions that run at the end of the interpreter (`atexit.register`) and wait for a lock that
a daemon thread holds while it blocks, or while it runs a loop that does not end.

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

A thread is taken for a daemon if the function that makes it says so, or the constructor of its
class: a literal `daemon=True`, `thread.daemon = True` or `setDaemon(True)`. A thread blocks in a
sleep of a second or more, a wait without a timeout for a thread, a process, an event, an item of a
queue or a condition, and in what a user types; sockets and files are not looked at.

Nothing is reported if the function joins a thread before, or sets the event for which the thread
waits. The finding is info if more than six calls lead to the lock.

## References

- [atexit](https://docs.python.org/3/library/atexit.html)
- [Thread.daemon](https://docs.python.org/3/library/threading.html#threading.Thread.daemon)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.deadlock_story import Story
from locklint.analysis.exits import LockedAtExit
from locklint.analysis.program import Program
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, Step, StepRole
from locklint.core.source import Span
from locklint.ir.cfg import Function, split_key
from locklint.ir.event import EventKind
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each wait at the end for a lock that a daemon thread keeps."""
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
    root, registered = found.root, found.entry.registration
    runs = program.functions[root.function].called_name
    if root.span is not None:
        maker = program.functions[root.spawner]
        steps.append(_note(maker, root.span, f"makes a daemon thread that runs `{runs}`"))
    name, holder = story.name(found.lock), found.states.function
    steps.append(_note(holder, found.taken.span, f"the thread acquires `{name}`"))
    steps.append(_note(holder, found.kept, f"and {keeps} with the lock held"))
    if registered is not None:
        called = program.functions[found.entry.function].called_name
        message = f"lets the interpreter run `{called}` at its end"
        registrar = split_key(found.entry.registrar)[1]
        steps.append(Step(StepRole.NOTE, found.entry.path, registered.span, message, registrar))
    return [*steps, *story.steps(), *story.made(found.lock)]


def _note(function: Function, span: Span, message: str) -> Step:
    return Step(StepRole.NOTE, function.path, span, message, function.shown_name)


RULE = Rule(
    code="LCK706",
    name="lock-at-exit",
    severity=Severity.WARNING,
    summary="a function at the end of the interpreter waits for a lock that a daemon thread keeps",
    page=__doc__,
    preview=True,
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
