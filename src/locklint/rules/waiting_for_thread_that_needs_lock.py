"""## What it does

Finds a thread that holds a lock and waits for another thread, a process, a future or an executor
whose work acquires that lock, and a task that does so and waits for other tasks. It also finds a
wait for an event, for an item of a queue or for room in it, with a lock held that all code acquires
before it sets the event, puts an item in or takes one out.

## Why is this bad?

The first thread waits for the second to finish, and the second waits for the lock that the first
holds. Neither continues.

## Example

```python
import threading


class Ticker:
    def __init__(self):
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run)
        self._running = True

    def _run(self):
        while self._running:
            with self._lock:
                print("tick")

    def stop(self):
        with self._lock:
            self._running = False
            self._thread.join()
```

## Use instead

Signal the other thread under the lock, and wait for it after releasing the lock:

```python
import threading


class Ticker:
    def __init__(self):
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run)
        self._running = True

    def _run(self):
        while self._running:
            with self._lock:
                print("tick")

    def stop(self):
        with self._lock:
            self._running = False
        self._thread.join()
```

## Known limits

A thread is known by the call that makes it, also in a list or dictionary, or by its class. An
executor is known only if it is stored in a variable or an attribute that it is assigned to
directly. Waiting with a timeout is not reported, nor is an
event or a queue that is passed on. The finding is a warning if the lock stands for the locks of all
instances of a class, if the thread is one of several, if the other thread acquires the lock only
under conditions that are not understood, or for an event or a queue.
A task is known where the function that waits for it calls its coroutine, and does not cancel it. If
it was made before the lock was acquired, the finding is a warning.
Nothing is reported where what is waited for has ended: a test has found so (`if job.done()`), or it
was waited for before.

## References

- [threading.Thread.join](https://docs.python.org/3/library/threading.html#threading.Thread.join)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.deadlock_story import Story
from locklint.analysis.program import Program
from locklint.analysis.signals import WaitingForSignal
from locklint.analysis.story import display_name
from locklint.analysis.waiting import WaitingForHolder
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, Step, StepRole
from locklint.ir.event import EventKind
from locklint.ir.lock import LockRef
from locklint.models.events import PROCESS_JOIN, TASK
from locklint.rule import Rule

_WAITED_FOR = {
    "join": "thread",
    PROCESS_JOIN: "process",
    TASK: "task",
    "result": "future",
    "exception": "future",
}


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each place that waits for a thread that waits for a lock that is held there."""
    for found in program.waiting_for_holders:
        pair, lock = found.pair, found.held.lock
        function = program.functions[pair.function]
        who = _WAITED_FOR.get(pair.event.name, "executor")
        callee = _callee(program, found)
        story = Story(program, pair, found.needs)
        yield RULE.finding(
            function,
            pair.span,
            f"this waits for the {who} that runs `{callee}` while `{display_name(lock)}` is held,"
            f" and `{callee}` waits for that lock",
            severity=Severity.ERROR if found.proven else Severity.WARNING,
            confidence=Confidence.HIGH if found.proven else Confidence.MEDIUM,
            locks=(lock,),
            steps=[
                *_steps(program, found, story, who),
                *story.made(lock),
            ],
            help="release the lock before waiting",
        )
    for each in program.waiting_for_signals:
        yield _waits_for_signal(program, each)


def _waits_for_signal(program: Program, found: WaitingForSignal) -> Diagnostic:
    """Return the finding about a wait for an event or a queue."""
    pair, signal, lock = found.pair, found.signal, found.held.lock
    function = program.functions[pair.function]
    other = program.functions[signal.function]
    story = Story(program, pair)
    *_, last = pair.chain()
    call = f"{_shown(last.event.lock)}.{signal.name}()"
    needs = f"calls `{call}`, only after it has acquired `{story.name(lock)}`"
    return RULE.finding(
        function,
        pair.span,
        f"this waits for `{call}` while `{display_name(lock)}` is held, and"
        f" `{other.called_name}` calls that only after it has acquired this lock",
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
        locks=(lock,),
        steps=[
            *story.steps(),
            Step(StepRole.CALL, other.path, signal.span, needs, other.shown_name),
            *story.made(lock),
        ],
        help="release the lock before waiting",
    )


def _shown(lock: LockRef | None) -> str:
    return "" if lock is None else display_name(lock)


def _steps(program: Program, found: WaitingForHolder, story: Story, who: str) -> list[Step]:
    """Return the steps of both threads, with the one that creates the second."""
    steps = story.steps(f"waits for {story.thread(2)} to finish")
    if found.spawn is None:
        return steps
    function, span = program.functions[found.spawn.caller], found.spawn.span
    callee = _callee(program, found)
    message = (
        f"creates {story.thread(2)}, which runs `{callee}`"
        if who in ("thread", "process")
        else f"submits `{callee}`, which runs in {story.thread(2)}"
    )
    # If thread 1 visibly runs that function, the step belongs in its lane.
    place = (function.path, function.shown_name)
    thread = (
        1 if any((each.path, each.function) == place for each in steps if each.thread == 1) else 2
    )
    start = Step(StepRole.SPAWN, function.path, span, message, function.shown_name, thread=thread)
    before = [
        number
        for number, each in enumerate(steps, start=1)
        if (each.path, each.function) == place and each.span < span
    ]
    steps.insert(max(before, default=0), start)
    return steps


def _callee(program: Program, found: WaitingForHolder) -> str:
    """Return the name of the function that the other thread runs."""
    return program.functions[found.needs.function].called_name


RULE = Rule(
    code="LCK307",
    name="waiting-for-thread-that-needs-lock",
    severity=Severity.ERROR,
    summary="a lock is held while waiting for a thread that needs it",
    page=__doc__,
    wants=frozenset({EventKind.JOIN, EventKind.GATHER, EventKind.LISTEN, EventKind.SIGNAL}),
    check=check,
)
