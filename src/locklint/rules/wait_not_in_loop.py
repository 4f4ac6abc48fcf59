"""## What it does

Finds a `Condition.wait()` after which nothing tests again what the function waits for. An `if`
decides whether to wait, or the test comes before the lock is acquired, or there is none.

## Why is this bad?

A wait ends when another thread notifies the condition. That need not be for this thread: a third
one may have taken the item meanwhile, or something else may have changed. The function continues as
if its test had succeeded.

If the test comes before the lock is acquired, another thread may change what was tested, and
notify, in between. No thread waits yet, so the notification is lost, and the wait may never end.

## Example

```python
import threading


class Buffer:
    def __init__(self):
        self._ready = threading.Condition()
        self._items = []

    def put(self, item):
        with self._ready:
            self._items.append(item)
            self._ready.notify_all()

    def get(self):
        with self._ready:
            if not self._items:
                self._ready.wait()
            return self._items.pop()
```

## Use instead

```python
import threading


class Buffer:
    def __init__(self):
        self._ready = threading.Condition()
        self._items = []

    def put(self, item):
        with self._ready:
            self._items.append(item)
            self._ready.notify_all()

    def get(self):
        with self._ready:
            while not self._items:
                self._ready.wait()
            return self._items.pop()
```

`self._ready.wait_for(lambda: self._items)` is the same.

## Known limits

What a wait is for is seen from the tests that lead to it. They have to read attributes or globals
that some function changes before it notifies the condition. A wait without a test is assumed to be
that of a wrapper, whose callers test, unless the function then takes an element of what is changed
before notifications. A wait in any loop is assumed to be tested again there,
unless all tests come before the lock is acquired.

It is an error if another function notifies the condition for something else, a warning if the
function takes what other threads may have taken, or if threads that have waited notify too, and
info otherwise: if all notifications come after a change of what was tested, the wait may be right.
A wait with a timeout is reported only if something else ends it early.

## References

- [Condition objects](https://docs.python.org/3/library/threading.html#condition-objects)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.condition_story import condition_name
from locklint.analysis.condition_waits import Fault, FaultyWait, Witness
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, outcome, step, with_statement
from locklint.core.diagnostic import Diagnostic, Severity, Step, StepRole
from locklint.rule import Rule

_SHOWN = {
    Witness.FOREIGN: "this ends the wait, too, and changes nothing that was tested",
    Witness.WAITER: "this ends the wait of others, too, and changes nothing that was tested",
    Witness.TAKEN: "another thread may have taken it meanwhile",
    Witness.NONE: "after this change it is notified",
}


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each wait after which nothing is tested again."""
    for found in program.faulty_waits:
        match found.fault:
            case Fault.ONCE:
                yield _once(program, found)
            case Fault.UNTESTED:
                yield _untested(program, found)
            case Fault.OUTSIDE:
                yield _outside(program, found)


def _once(program: Program, found: FaultyWait) -> Diagnostic:
    name = condition_name(found.used)
    function = found.states.function
    last = _SHOWN[found.witness]
    return RULE.finding(
        function,
        found.used.span,
        f"`{name}.wait()` is not in a loop: {_tested(program, found)} may still hold when it ends",
        severity=found.severity,
        locks=(found.used.lock,),
        steps=[*_steps(program, found, "tested here, once"), *_last(found, last)],
        help=f"use `while` in place of `if`, or `{name}.wait_for(…)`",
    )


def _untested(program: Program, found: FaultyWait) -> Diagnostic:
    name = condition_name(found.used)
    last = "this takes what may be missing: an earlier notification is lost, others may come first"
    return RULE.finding(
        found.states.function,
        found.used.span,
        f"`{name}.wait()` is not in a loop that tests what it waits for",
        severity=found.severity,
        locks=(found.used.lock,),
        steps=[*_steps(program, found, ""), *_last(found, last)],
        help=f"test it in a loop around the wait, or use `{name}.wait_for(…)`",
    )


def _outside(program: Program, found: FaultyWait) -> Diagnostic:
    name, lock = condition_name(found.used), display_name(found.used.lock)
    last = "a change and its notification in between are missed: the wait may never end"
    return RULE.finding(
        found.states.function,
        found.used.span,
        f"`{name}.wait()` may miss its notification: {_tested(program, found)} is tested before"
        f" `{lock}` is acquired",
        severity=found.severity,
        locks=(found.used.lock,),
        steps=[
            *_steps(program, found, f"tested here, without `{lock}`"),
            *_last(found, last),
        ],
        help=f"test it inside `{with_statement(found.used.lock)}:`, in a loop around the wait",
    )


def _tested(program: Program, found: FaultyWait) -> str:
    text = found.test and outcome(program, found.states.function, found.test)
    return text or "what was tested"


def _steps(program: Program, found: FaultyWait, tested: str) -> Iterator[Step]:
    function, lock = found.states.function, found.used.lock
    if found.test is not None:
        yield step(function, StepRole.TEST, found.test.span, tested)
    yield step(function, StepRole.WAIT, found.used.span, "waits here", lock)


def _last(found: FaultyWait, message: str) -> Iterator[Step]:
    if found.function is not None and found.span is not None:
        yield step(found.function, StepRole.NOTE, found.span, message)


RULE = Rule(
    code="LCK501",
    name="wait-not-in-loop",
    severity=Severity.ERROR,
    summary="a wait on a condition after which nothing tests again what it waited for",
    page=__doc__,
    check=check,
)
