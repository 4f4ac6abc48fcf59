"""## What it does

Finds a way through a function on which an exception, raised while a lock is held, leaves the
function without releasing it, although the ordinary way releases it.

It is an error where a call, an `await` or a `raise` stands in between, and a warning where only an
attribute, a subscript or an operator could raise.

## Why is this bad?

The lock stays held for ever: each thread that asks for it from then on hangs, far away from the
exception that was the cause.

## Example

```python
import threading

lock = threading.Lock()


def read(path):
    lock.acquire()
    text = open(path).read()
    lock.release()
    return text
```

## Use instead

```python
import threading

lock = threading.Lock()


def read(path):
    with lock:
        return open(path).read()
```

## Known limits

Whether a call of something unknown can raise is not known. What fails only by a programming error
(an attribute, a subscript, a comparison) makes no more than a warning, and nothing at all where the
types of its values are known: `len` of a list, `append` to one, the sum of two numbers. Functions
that return with the lock held are taken to mean it.

## References

- [CERT LCK08-J: ensure actively held locks are released on exceptional conditions](https://wiki.sei.cmu.edu/confluence/display/java/LCK08-J.+Ensure+actively+held+locks+are+released+on+exceptional+conditions)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.acquisitions import fates
from locklint.analysis.guards import is_guarded_release
from locklint.analysis.hold import Cause, CauseKind, Grade
from locklint.analysis.program import Program
from locklint.analysis.story import cause_phrase, display_name, raising_phrase, step
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.ir.cfg import Function
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each acquisition that an exception can leave unreleased."""
    for states in program.solved():
        for fate in fates(states):
            leaks = fate.leaks()
            if not leaks or not fate.is_released_here or fate.is_gap():
                continue
            if fate.kept and is_guarded_release(fate):
                # Ordinary ways keep it too: the tests around it are not understood.
                continue
            worst = leaks[0]
            assert worst.exception is not None
            function = states.function
            name = display_name(fate.lock)
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
                        "then this release is skipped, and the lock stays held",
                        fate.lock,
                        (name,),
                    )
                )
            yield RULE.finding(
                function,
                fate.span,
                f"`{name}` stays locked {_when(program, function, worst.exception.cause)}",
                severity=fate.severity(worst.exception.grade >= Grade.LIKELY),
                locks=(fate.lock,),
                steps=steps,
                help=f"hold it with `with {name}:`, or release it in a `finally`",
            )


def _when(program: Program, function: Function, cause: Cause) -> str:
    phrase = cause_phrase(program, function, cause)
    return f"after {phrase}" if cause.kind is CauseKind.RAISE else f"if {phrase} raises"


RULE = Rule(
    code="LCK102",
    name="unreleased-on-exception",
    severity=Severity.ERROR,
    summary="an exception can leave the function with the lock still held",
    page=__doc__,
    check=check,
    subsumed_by=("LCK108", "LCK206"),
)
