"""## What it does

Finds statements that can raise between an acquire and the `try` whose `finally` releases.

## Why is this bad?

The `finally` does not cover these statements. If one of them raises, the lock is never released.

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

What raises only through a programming error (an attribute, an operator, a log line) is not
reported: the author of the `try` has left it out on purpose.

## References

- [The try statement](https://docs.python.org/3/reference/compound_stmts.html#the-try-statement)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.acquisitions import Fate, by_cause, fates, severity_of
from locklint.analysis.hold import CauseKind, Grade
from locklint.analysis.program import Program
from locklint.analysis.raising_within import is_found
from locklint.analysis.story import Leak, display_name, leak_steps, when_raised, worst_leak
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each acquisition with a gap before its `try`."""
    for states in program.solved:
        gaps = [
            (fate, leak) for fate in fates(states) if (leak := _leak(program, fate)) is not None
        ]
        for alike, leak in by_cause(gaps):
            fate, function = alike[0], states.function
            name = display_name(fate.lock)
            when = when_raised(program, function, leak.exception)
            yield RULE.finding(
                function,
                fate.span,
                f"`{name}` stays locked {when} before the `try`",
                severity=severity_of(leak.exception, Severity.WARNING),
                locks=(fate.lock,),
                steps=leak_steps(
                    program, alike, leak, "this release covers only the statements inside the `try`"
                ),
                help="move the `try` up to the line after the acquire, or use `with`",
            )


def _leak(program: Program, fate: Fate) -> Leak | None:
    if not fate.is_gap() or not fate.is_released_here:
        return None
    leak = worst_leak(fate)
    if leak is None or leak.exception.grade < Grade.POSSIBLE:
        return None
    if leak.exception.cause.kind is CauseKind.AWAIT:
        if leak.span in program.shields.awaits(fate.states.function):
            return None  # Of an `await`, a cancelled task is what one has to allow for.
    function = fate.states.function
    if not is_found(function, leak.exception, program.lookup):
        return None
    if program.composition.is_unshared(function.key, fate.lock, leak.exception.cause.span):
        return None  # No other code has the lock, which the exception drops.
    covering = [span for span in fate.covering_releases if span > leak.span]
    return leak._replace(skipped=min(covering)) if covering else leak


RULE = Rule(
    code="LCK105",
    name="gap-before-try",
    severity=Severity.WARNING,
    summary="a statement between the acquire and the `try` can raise",
    page=__doc__,
    check=check,
    subsumed_by=("LCK605",),
)
