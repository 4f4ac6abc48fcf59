"""## What it does

Finds places where a process forks while a lock of threads is held, and the child goes on to wait
for it. The thread that forks holds the lock itself, or another thread may hold it at that moment.

## Why is this bad?

The child of a fork has a copy of each lock, in the state that it had, and of one thread: the one
that forked. A lock that another thread holds is held in the child forever. A lock that the thread
itself holds is held by its copy, so that a wait for it in the child is a wait for itself. In both
cases the child blocks indefinitely.

## Example

```python
import os
import threading

lock = threading.Lock()
children = set()


def serve(jobs):
    for job in jobs:
        with lock:
            job()


def start(jobs):
    with lock:
        pid = os.fork()
        if pid == 0:
            serve(jobs)
            os._exit(0)
        children.add(pid)
```

## Use instead

Fork without the lock, and acquire it where its data is changed:

```python
import os
import threading

lock = threading.Lock()
children = set()


def serve(jobs):
    for job in jobs:
        with lock:
            job()


def start(jobs):
    pid = os.fork()
    if pid == 0:
        serve(jobs)
        os._exit(0)
    with lock:
        children.add(pid)
```

Where other threads use the lock, make a new one in the child: `os.register_at_fork` runs a function
there. A process that is started by the methods `spawn` or `forkserver` inherits no locks.

## Known limits

It is an error if the thread that forks holds the lock and the child certainly waits for it, else a
warning, and info if nothing in the child is known to need the lock. It is a warning, too, if a
thread acquires a lock that the child waits for, because that thread may hold it at the fork.

An object that compares the id of its process with that of its maker is made to be used on in a
child. So its lock is reported as well, where the child acquires it: a warning if some thread
acquires the lock, else info.

Nothing is reported if a file that makes the lock calls `os.register_at_fork`, if the parent ends
after the fork, or if the lock is re-entrant and held by the thread that forks. The start of a
process by `multiprocessing` is a fork only where the program chooses the method `fork`, and no
other one: the default differs between platforms and versions.

## References

- [os.fork](https://docs.python.org/3/library/os.html#os.fork)
- [os.register_at_fork](https://docs.python.org/3/library/os.html#os.register_at_fork)
- [Contexts and start methods](https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.fork_faults import ForkedObject, HeldFork, ThreadFork
from locklint.analysis.fork_story import ForkStory
from locklint.analysis.program import Program
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.event import EventKind
from locklint.rule import Rule

_MAKE_ANEW = "make a new lock in the child, in a function for `os.register_at_fork`"


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each fork at which a lock is held, or may be, that the child needs."""
    story = ForkStory(program)
    for held in program.fork_faults.held:
        yield _held(program, story, held)
    for beside in program.fork_faults.by_threads:
        yield _beside(program, story, beside)
    for kept in program.fork_faults.of_objects:
        yield _kept(program, story, kept)


def _held(program: Program, story: ForkStory, found: HeldFork) -> Diagnostic:
    lock = found.held.lock
    name = story.name(lock)
    child = f"the child waits for `{name}`, which its only thread holds, and blocks indefinitely"
    if found.reach is None:
        child = f"the child goes on with `{name}` held, and whatever needs it there blocks"
    return RULE.finding(
        program.functions[found.pair.function],
        found.pair.span,
        f"the process forks here while `{name}` is held: {child}",
        severity=found.severity,
        confidence=Confidence.HIGH if found.reach is not None else Confidence.MEDIUM,
        locks=(lock,),
        steps=story.held(found),
        help="release the lock before the fork, or release it first in the child",
    )


def _beside(program: Program, story: ForkStory, found: ThreadFork) -> Diagnostic:
    lock = found.reach.lock
    name = story.name(lock)
    holder = found.thread.states.function.called_name
    return RULE.finding(
        found.states.function,
        found.fork.span,
        f"the process forks here while a thread may hold `{name}` in `{holder}`: then the child,"
        " which has no such thread, waits for it indefinitely",
        severity=found.severity,
        confidence=Confidence.MEDIUM,
        locks=(lock,),
        steps=story.beside(found),
        help=_MAKE_ANEW,
    )


def _kept(program: Program, story: ForkStory, found: ForkedObject) -> Diagnostic:
    name = story.name(found.lock)
    by = "another thread"
    if found.thread is not None:
        by = f"`{found.thread.states.function.called_name}` in another thread"
    return RULE.finding(
        found.states.function,
        found.taken.span,
        f"`{found.states.function.called_name}` is meant to run in a forked child, too: if {by}"
        f" holds `{name}` at the fork, this waits for it indefinitely",
        severity=found.severity,
        confidence=Confidence.MEDIUM,
        locks=(found.lock,),
        steps=story.kept(found),
        help=_MAKE_ANEW,
    )


RULE = Rule(
    code="LCK703",
    name="fork-while-held",
    severity=Severity.ERROR,
    summary="a process forks while a lock is held that its child waits for",
    page=__doc__,
    on_request=True,
    wants=frozenset({EventKind.FORK}),
    check=check,
)
