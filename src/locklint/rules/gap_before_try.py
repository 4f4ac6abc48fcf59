"""## What it does

Finds statements that can raise between an acquire and the `try` whose `finally` releases.

## Why is this bad?

The `finally` does not cover the gap. An exception there leaves the lock held for ever.

## Example

```python
import threading

lock = threading.Lock()


def store(path, rows):
    lock.acquire()
    handle = open(path, "w")
    try:
        handle.writelines(rows)
    finally:
        lock.release()
```

## Use instead

```python
import threading

lock = threading.Lock()


def store(path, rows):
    with lock:
        with open(path, "w") as handle:
            handle.writelines(rows)
```

## Known limits

Constants and plain names in the gap are harmless and not reported.

## References

- [The try statement](https://docs.python.org/3/reference/compound_stmts.html#the-try-statement)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.acquisitions import fates
from locklint.analysis.hold import CauseKind
from locklint.analysis.program import Program
from locklint.analysis.story import cause_phrase, display_name, raising_phrase, step
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each acquisition with a gap before its `try`."""
    for states in program.solved():
        for fate in fates(states):
            if not fate.is_gap() or not fate.is_released_here:
                continue
            worst = fate.leaks()[0]
            assert worst.exception is not None
            function = states.function
            name = display_name(fate.lock)
            cause = worst.exception.cause
            when = f"if {cause_phrase(program, function, cause)} raises"
            if cause.kind is CauseKind.RAISE:
                when = f"after {cause_phrase(program, function, cause)}"
            steps = [
                step(function, "acquire", fate.span, f"`{name}` is acquired", fate.lock, (name,)),
                step(
                    function,
                    "raise",
                    worst.span,
                    raising_phrase(program, function, worst.exception),
                    None,
                    (name,),
                ),
            ]
            if fate.first_release is not None:
                steps.append(
                    step(
                        function,
                        "release",
                        fate.first_release,
                        "this release covers only what comes after `try:`",
                        fate.lock,
                        (name,),
                    )
                )
            yield RULE.finding(
                function,
                fate.span,
                f"`{name}` stays locked {when} before the `try`",
                locks=(fate.lock,),
                steps=steps,
                help="move the `try` up to the line after the acquire, or use `with`",
            )


RULE = Rule(
    code="LCK105",
    name="gap-before-try",
    severity=Severity.WARNING,
    summary="something can raise between the acquire and the `try` that releases",
    page=__doc__,
    check=check,
)
