"""## What it does

Finds data that is tested without a lock and made with it, but not tested again in between. Also
finds data that other threads see before it is complete.

## Why is this bad?

Two threads can both find that the data is missing. One of them makes it, the other one waits for
the lock and then makes it again: two singletons, two connections, or a cache that loses what was
put into it.

The test without the lock lets other threads pass as soon as the data is bound. If it is completed
after that, they use it half made.

## Example

```python
import threading


class Pool:
    _instance = None
    _lock = threading.Lock()

    @classmethod
    def get(cls):
        if cls._instance is None:
            with cls._lock:
                cls._instance = cls()
        return cls._instance
```

## Use instead

```python
import threading


class Pool:
    _instance = None
    _lock = threading.Lock()

    @classmethod
    def get(cls):
        if cls._instance is None:
            with cls._lock:
                if cls._instance is None:
                    cls._instance = cls()
        return cls._instance
```

Complete a new object in a local variable, and bind it last.

## Known limits

Considered are globals, attributes of the method's own object or class, and elements of these by a
key, if they are tested for being present: by `is None`, truth, `in`, `hasattr`, `get()`, or the
exception of a failed access. Anything after the acquire that may be another test ends the search: a
branch on more than arguments, a call of a function that mentions the data, or a method that is not
known. So does a lock that a caller holds. A thread that asks what it finds before it uses it, and
acquires the lock otherwise (`worker is not None and worker.is_alive()`), sees no incomplete object.

An error needs a new object, of a class or a literal, that a thread uses if it finds it. The result
of another call may be the same each time, and a thread that only returns or raises may be the only
one: each of these lowers the level by one. Binding a constant, such as `self.closed = True`, or a
value that nothing changes, such as a `pathlib.Path`, is info: doing the same twice is mostly
harmless. So are attributes of an object whose lock belongs to its class or module, because such a
lock does not say that threads share the object. With locks of asyncio a finding needs an `await`
before the data is bound, because no other task runs otherwise.

## References

- [Double-checked locking](https://en.wikipedia.org/wiki/Double-checked_locking)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.double_checked import DoubleCheck, Made
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, made_step, step, user_word, with_statement
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.ir.access_path import as_written
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report the data that may be made twice, or that is seen before it is complete."""
    for found in program.double_checks:
        function, lock = found.function, display_name(found.lock)
        name = as_written(str(found.target))
        steps = [
            step(function, StepRole.TEST, found.test.span, f"`{name}` is tested without `{lock}`"),
            step(
                function,
                StepRole.ACQUIRE,
                found.acquire,
                f"`{lock}` is acquired",
                found.lock,
                (lock,),
            ),
            step(function, StepRole.NOTE, found.bound, f"`{name}` is bound", None, (lock,)),
        ]
        if found.late is not None:
            completes = f"`{found.late_name}` is bound later" if found.late_name else "then changed"
            steps.append(step(function, StepRole.NOTE, found.late, completes, None, (lock,)))
        made = made_step(program, found.lock)
        yield RULE.finding(
            function,
            found.test.span,
            _message(found, name, lock),
            severity=_severity(found),
            locks=(found.lock,),
            steps=[*steps, *((made,) if made is not None else ())],
            help=_help(found, name),
            anchors=(found.acquire,),
        )


def _message(found: DoubleCheck, name: str, lock: str) -> str:
    users = f"{user_word(found.lock)}s"
    if found.late_name:
        return (
            f"other {users} pass this test as soon as `{name}` is bound, and use"
            f" `{found.late_name}`, which is bound later"
        )
    if found.late is not None:
        return f"other {users} use `{name}` as soon as it is bound, before it is complete"
    both = "go on" if found.made is Made.FLAG else "bind it"
    return (
        f"`{name}` is tested before `{lock}` is acquired, and not again after that: two"
        f" {users} can both {both}"
    )


def _help(found: DoubleCheck, name: str) -> str:
    if found.late_name:
        return f"bind `{name}` last"
    if found.late is not None:
        return f"complete the object in a local variable, and bind `{name}` last"
    return f"test it again after `{with_statement(found.lock)}:`"


def _severity(found: DoubleCheck) -> Severity:
    if found.late is not None:
        return Severity.WARNING
    if found.made in (Made.FLAG, Made.VALUE) or found.of_others:
        return Severity.INFO
    may_be_equal = found.made is Made.RESULT
    return Severity(max(Severity.INFO, Severity.ERROR - may_be_equal - (not found.used)))


RULE = Rule(
    code="LCK804",
    name="double-checked-locking",
    severity=Severity.ERROR,
    summary="data is made twice, or is seen before it is complete",
    page=__doc__,
    check=check,
)
