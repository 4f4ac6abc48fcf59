"""## What it does

Finds a release behind `if lock.locked():` on a path on which the function has released the lock
already.

## Why is this bad?

`locked()` is true if any thread holds the lock. After the function has released the lock, that is
another thread. The release then ends the section of that thread while it is still running, and the
thread's own release raises `RuntimeError: release unlocked lock`.

## Example

```python
import threading

lock = threading.Lock()


def read(source, buffer):
    try:
        data = source()
        lock.acquire()
        buffer.extend(data)
        lock.release()
    finally:
        if lock.locked():
            lock.release()
```

## Use instead

```python
import threading

lock = threading.Lock()


def read(source, buffer):
    data = source()
    with lock:
        buffer.extend(data)
```

## Known limits

No finding in a function that never acquires the lock: its caller may hold it. Semaphores are not
reported, nor locks that another function acquires and leaves held.

## References

- [Lock.locked](https://docs.python.org/3/library/threading.html#threading.Lock.locked)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.hand_off import held_as
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, step, user_word
from locklint.analysis.unheld import releases_of_others
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report releases of a lock that another thread or task holds."""
    for states in program.solved:
        function = states.function
        for given in releases_of_others(states):
            if held_as(given.lock, given.key.mode) in states.shared.acquired:
                continue  # Others acquire it for this function to release.
            name = display_name(given.lock)
            user = user_word(given.lock)
            steps = []
            if given.before.where is not None:
                message = f"`{name}` is released here"
                steps.append(
                    step(function, StepRole.RELEASE, given.before.where, message, given.lock)
                )
            last = f"if `{name}` is held after that, it is by another {user}"
            steps.append(step(function, StepRole.RELEASE, given.span, last, given.lock))
            yield RULE.finding(
                function,
                given.span,
                f"`{name}` is released while another {user} holds it",
                locks=(given.lock,),
                steps=steps,
                help="use `with`, which releases only what it has acquired",
            )


RULE = Rule(
    code="LCK213",
    name="release-by-non-owner",
    severity=Severity.WARNING,
    summary="a lock is released that another thread or task holds",
    page=__doc__,
    check=check,
)
