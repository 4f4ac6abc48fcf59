"""## What it does

Finds `with lock.acquire():`, where `acquire` returns a bool, None or a coroutine, and
`with lock.acquire:`, where the method is not called.

## Why is this bad?

The lock is acquired, then `with` raises a `TypeError` (an `AttributeError` before Python 3.11)
because a bool is not a context manager, and the lock stays held.

## Example

```python
import threading

lock = threading.Lock()


def work(job):
    with lock.acquire():
        job()
```

## Use instead

```python
import threading

lock = threading.Lock()


def work(job):
    with lock:
        job()
```

## Known limits

No finding for libraries whose `acquire` returns a context manager.

## References

- [The with statement](https://docs.python.org/3/reference/compound_stmts.html#the-with-statement)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.api_use import UseKind
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report `with` over an acquire call."""
    for function in program.ordered_functions:
        for use in function.api_uses:
            if use.kind not in (UseKind.WITH_ACQUIRE, UseKind.WITH_METHOD) or use.lock is None:
                continue
            name = display_name(use.lock)
            keyword = "async with" if use.lock.api.async_with_ok else "with"
            if use.kind is UseKind.WITH_METHOD:
                what = f"`{name}.{use.method}`, a method that is not called"
            else:
                what = f"`{name}.{use.method}()`, which returns no context manager"
            yield RULE.finding(
                function,
                use.span,
                f"`with` on {what}",
                severity=(
                    Severity.ERROR if use.lock.confidence > Confidence.LOW else Severity.WARNING
                ),
                locks=(use.lock,),
                help=f"write `{keyword} {name}:`",
            )


RULE = Rule(
    code="LCK203",
    name="with-acquire-call",
    severity=Severity.ERROR,
    summary="`with` uses the result of an acquire instead of the lock",
    page=__doc__,
    check=check,
)
