"""## What it does

Finds constant arguments that make an acquire raise: a timeout together with `blocking=False`, or a
negative timeout other than -1.

## Why is this bad?

The call always raises a `ValueError`.

## Example

```python
import threading

lock = threading.Lock()


def poll(job):
    if not lock.acquire(False, timeout=1):
        return False
    try:
        job()
    finally:
        lock.release()
    return True
```

## Use instead

```python
import threading

lock = threading.Lock()


def poll(job):
    if not lock.acquire(timeout=1):
        return False
    try:
        job()
    finally:
        lock.release()
    return True
```

## Known limits

Only constant arguments are checked.

## References

- [Lock.acquire](https://docs.python.org/3/library/threading.html#threading.Lock.acquire)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.expected import is_expected
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.api_use import UseKind
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report acquires that raise because of their constant arguments."""
    for function in program.ordered_functions:
        for use in function.api_uses:
            if use.kind is not UseKind.BAD_ARGUMENTS or use.lock is None:
                continue
            if is_expected(function, use.span, ("ValueError", "TypeError", "OverflowError")):
                continue
            name = display_name(use.lock)
            yield RULE.finding(
                function,
                use.span,
                f"`{name}.{use.method}()` with {use.detail} always raises an exception",
                severity=(
                    Severity.ERROR if use.lock.confidence > Confidence.LOW else Severity.WARNING
                ),
                locks=(use.lock,),
                help="pass either `blocking=False` or a timeout of 0 or more",
            )


RULE = Rule(
    code="LCK212",
    name="invalid-acquire-arguments",
    severity=Severity.ERROR,
    summary="an acquire has arguments that always raise an exception",
    page=__doc__,
    check=check,
)
