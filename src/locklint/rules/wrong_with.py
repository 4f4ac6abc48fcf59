"""## What it does

Finds `with` on a lock that needs `async with`, `async with` on a lock that needs `with`, `with` on
a class instead of a lock (`with Lock:`), `with` on primitives that are not context managers
(`Event`, `Barrier`), and `with` on the result of `locked`, `release`, `wait` or `notify`.

## Why is this bad?

The statement always raises a `TypeError` (an `AttributeError` before Python 3.11).

## Example

```python
import asyncio

lock = asyncio.Lock()


async def work(job):
    with lock:
        await job()
```

## Use instead

```python
import asyncio

lock = asyncio.Lock()


async def work(job):
    async with lock:
        await job()
```

## Known limits

No finding for classes that support both `with` and `async with`.

## References

- [asyncio.Lock](https://docs.python.org/3/library/asyncio-sync.html#asyncio.Lock)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.expected import is_expected
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, kind_phrase
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.api_use import ApiUse, UseKind
from locklint.rule import Rule

_KINDS = frozenset(
    (UseKind.WRONG_WITH, UseKind.WITH_CLASS, UseKind.WITH_RESULT, UseKind.AWAITED_WITH)
)

_RAISED = ("AttributeError", "RuntimeError", "TypeError")
"""The exceptions that such a statement raises."""


def check(program: Program) -> Iterator[Diagnostic]:
    """Report `with` statements of the wrong kind."""
    for function in program.ordered_functions:
        for use in function.api_uses:
            if use.kind not in _KINDS:
                continue
            if use.lock is not None and use.lock.confidence is Confidence.LOW:
                # One of several kinds, or a guess: the statement may be right.
                continue
            if is_expected(function, use.span, _RAISED):
                continue
            message, advice = _message(use)
            yield RULE.finding(
                function,
                use.span,
                message,
                locks=(use.lock,) if use.lock is not None else (),
                help=advice,
            )


def _message(use: ApiUse) -> tuple[str, str]:
    statement = "async with" if use.is_async else "with"
    if use.kind is UseKind.WITH_CLASS or use.lock is None:
        return (
            f"`{statement}` on the class `{use.detail}` instead of a lock",
            "create a lock first",
        )
    name, kind = display_name(use.lock), use.lock.api
    if use.kind is UseKind.WITH_RESULT:
        keyword = "async with" if kind.async_with_ok else "with"
        return (
            f"`{statement}` on `{name}.{use.method}()`, which returns no context manager",
            f"write `{keyword} {name}:` to hold the lock"
            if kind.acquire_forms
            else "call it before the block",
        )
    if use.kind is UseKind.AWAITED_WITH:
        return (
            f"`with await {name}` has not worked since Python 3.9",
            f"write `async with {name}:`",
        )
    if not kind.acquire_forms:
        return (
            f"`{statement}` on `{name}`, {kind_phrase(kind)}, which is not a context manager",
            "call its methods",
        )
    other = "with" if use.is_async else "async with"
    return (
        f"`{statement}` on `{name}`, {kind_phrase(kind)}, which needs `{other}`",
        f"write `{other} {name}:`",
    )


RULE = Rule(
    code="LCK204",
    name="wrong-with",
    severity=Severity.ERROR,
    summary="the `with` statement does not fit the kind of lock",
    page=__doc__,
    check=check,
)
