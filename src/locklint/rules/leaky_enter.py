"""## What it does

Finds an `__enter__` that acquires a lock and can still raise afterwards, and an `__exit__` in which an
exception goes past the release.

## Why is this bad?

`__exit__` does not run when `__enter__` raises, so nothing releases what it had acquired. And what
`__exit__` skips because of an exception of its own is released by nobody either.

## Example

```python
import threading


class Session:
    def __init__(self, connect):
        self._lock = threading.Lock()
        self._connect = connect

    def __enter__(self):
        self._lock.acquire()
        self.connection = self._connect()
        return self

    def __exit__(self, *exc):
        self._lock.release()
```

## Use instead

```python
import threading


class Session:
    def __init__(self, connect):
        self._lock = threading.Lock()
        self._connect = connect

    def __enter__(self):
        self._lock.acquire()
        try:
            self.connection = self._connect()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exc):
        self._lock.release()
```

## Known limits

What raises only by a programming error is not reported.

## References

- [object.__enter__](https://docs.python.org/3/reference/datamodel.html#object.__enter__)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.acquisitions import fates
from locklint.analysis.events import LockStates
from locklint.analysis.lockset import Grade
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, raising_phrase, step
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.rule import Rule

_ENTER = ("__enter__", "__aenter__")
_EXIT = ("__exit__", "__aexit__")


def check(program: Program) -> Iterator[Diagnostic]:
    """Report leaky `__enter__` and `__exit__` methods."""
    for states in program.solved():
        if states.function.name in _ENTER:
            yield from _enter(states)
        elif states.function.name in _EXIT:
            yield from _exit(states)


def _enter(states: LockStates) -> Iterator[Diagnostic]:
    function = states.function
    for fate in fates(states):
        leaks = [
            exit_
            for exit_ in fate.leaks()
            if exit_.exception is not None and exit_.exception.grade >= Grade.LIKELY
        ]
        if not leaks or fate.given_back or not fate.kept:
            continue
        name = display_name(fate.lock)
        yield RULE.finding(
            function,
            fate.span,
            f"`{name}` stays locked if the rest of `{function.name}` raises",
            locks=(fate.lock,),
            steps=(
                step(function, "acquire", fate.span, f"`{name}` is acquired", fate.lock, (name,)),
                step(
                    function,
                    "raise",
                    leaks[0].span,
                    f"{raising_phrase(leaks[0])}, and then `__exit__` does not run",
                    None,
                    (name,),
                ),
            ),
            help="acquire last, or release in an `except BaseException:` and raise again",
        )


def _exit(states: LockStates) -> Iterator[Diagnostic]:
    function = states.function
    for key, lock in sorted(states.locks.items(), key=lambda item: str(item[0])):
        normal = [exit_.holds.get(key) for exit_ in states.normal_exits]
        if not normal or not all(h is not None and not h.forgotten and h.count < 0 for h in normal):
            continue
        skipping = [
            exit_
            for exit_ in states.exceptional_exits
            if exit_.exception is not None
            and exit_.exception.grade >= Grade.LIKELY
            and ((hold := exit_.holds.get(key)) is None or (hold.count == 0 and not hold.forgotten))
        ]
        if not skipping:
            continue
        worst = min(skipping, key=lambda exit_: exit_.span)
        release = min(given.span for given in states.given if given.key == key)
        name = display_name(lock)
        yield RULE.finding(
            function,
            release,
            f"`{name}` is not released if `{function.name}` raises before",
            locks=(lock,),
            steps=(
                step(function, "raise", worst.span, raising_phrase(worst), None, (name,)),
                step(function, "release", release, "then this release is skipped", lock, (name,)),
            ),
            help="release in a `finally`",
        )


RULE = Rule(
    code="LCK109",
    name="leaky-enter",
    severity=Severity.WARNING,
    summary="`__enter__` or `__exit__` can leave its lock held",
    page=__doc__,
    check=check,
)
