"""## What it does

Finds a `wait`, `wait_for`, `notify` or `notify_all` of a condition with another lock held than the
one that the condition was made over.

## Why is this bad?

The call raises `RuntimeError: cannot notify on un-acquired lock`, though it looks as if a lock were
held. `threading.Condition()` without an argument makes a lock of its own.

## Example

```python
import threading


class Buffer:
    def __init__(self):
        self._lock = threading.Lock()
        self._ready = threading.Condition()
        self._items = []

    def put(self, item):
        with self._lock:
            self._items.append(item)
            self._ready.notify()
```

## Use instead

```python
import threading


class Buffer:
    def __init__(self):
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._items = []

    def put(self, item):
        with self._lock:
            self._items.append(item)
            self._ready.notify()
```

## Known limits

The lock of the condition has to be certainly not held, by callers either: see LCK502.

## References

- [Condition](https://docs.python.org/3/library/threading.html#threading.Condition)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.condition_story import condition_name, doing, effect
from locklint.analysis.events import Held, Used
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, made_step, step
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each wait and notification with another lock held."""
    for found in program.unheld_uses:
        used, instead, function = found.used, found.instead, found.states.function
        if instead is None or instead.since is None:
            continue
        name, other = condition_name(used), display_name(instead.lock)
        made = made_step(program, used.lock)
        yield RULE.finding(
            function,
            used.span,
            f"`{name}` is {doing(used)} with `{other}` held, which is not its lock{effect(found)}",
            severity=Severity.ERROR if found.is_certain else Severity.WARNING,
            locks=(used.lock, instead.lock),
            steps=[
                *((made,) if made is not None else ()),
                step(
                    function,
                    StepRole.ACQUIRE,
                    instead.since.span,
                    f"another lock, `{other}`, is acquired here",
                    instead.lock,
                ),
                step(
                    function,
                    StepRole.RELEASE,
                    used.span,
                    f"{doing(used)} here, where `{display_name(used.lock)}` is not held",
                    used.lock,
                ),
            ],
            help=_help(used, instead),
        )


def _help(used: Used, instead: Held) -> str:
    name, lock = condition_name(used), display_name(used.lock)
    if name == lock:
        return f"make `{name}` over `{display_name(instead.lock)}`, or hold `{name}` here"
    return f"hold `{lock}` here"


RULE = Rule(
    code="LCK504",
    name="condition-lock-mismatch",
    severity=Severity.ERROR,
    summary="a condition is waited on or notified with another lock held than its own",
    page=__doc__,
    check=check,
)
