"""## What it does

Finds a blocking `acquire()` and `release()` in the same function that `with` could replace. A
correct `try`/`finally` is reported as info only.

## Why is this bad?

Without `with`, each exit path of the section needs its own release, which is easily forgotten when
a `return` or an exception is added. `with` releases on every exit path.

## Example

```python
import threading

lock = threading.Lock()
total = 0


def add(n):
    global total
    lock.acquire()
    total = n
    lock.release()
```

## Use instead

```python
import threading

lock = threading.Lock()
total = 0


def add(n):
    global total
    with lock:
        total = n
```

## Known limits

No finding if `with` cannot replace the calls: an acquire with arguments or a used result, a release
in another function or under another condition, hand-over-hand locking, a lock that is released and
acquired again, or a gate that is acquired and released at once. It is info if the object may be
something else than its annotation or some of its bindings say: the proxy that a `BaseManager` gives
has no `__enter__`.

## References

- [Using locks in the with statement](https://docs.python.org/3/library/threading.html#using-locks-conditions-and-semaphores-in-the-with-statement)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from locklint.analysis.acquisitions import Fate, fates
from locklint.analysis.events import Given, LockStates
from locklint.analysis.guards import comes_first, is_released_at_once
from locklint.analysis.hold import Grade
from locklint.analysis.layout import layout_of
from locklint.analysis.program import Program
from locklint.analysis.raising import is_context_manager
from locklint.analysis.story import (
    display_name,
    step,
    with_statement,
)
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, StepRole
from locklint.core.source import Span
from locklint.ir.instruction import Acquire, Release
from locklint.ir.means import Means, Use
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each acquisition by hand that a `with` statement could replace."""
    for states in program.solved:
        every = fates(states)
        plain = _given_without_exception(states) if every else {}
        for fate in every:
            if not _with_would_do(fate, plain):
                continue
            name = display_name(fate.lock)
            protected = _is_in_finally(fate) or any(
                given.exception is not None and given.exception.grade > Grade.ACQUIRE
                for given in fate.releases
            )
            # Proxies of managers have the methods of locks, but no `__enter__`.
            is_doubtful = fate.lock.confidence < Confidence.HIGH
            release = fate.first_release or fate.release_spans[0]
            function = states.function
            yield RULE.finding(
                function,
                fate.span,
                f"`{name}` is acquired and released by hand",
                severity=Severity.INFO if protected or is_doubtful else Severity.WARNING,
                locks=(fate.lock,),
                steps=(
                    step(
                        function, StepRole.ACQUIRE, fate.span, "acquired here", fate.lock, (name,)
                    ),
                    step(function, StepRole.RELEASE, release, "released here", fate.lock),
                ),
                help=f"use `{with_statement(fate.lock)}:`, which releases on every exit path",
            )


def _given_without_exception(states: LockStates) -> dict[Span, list[Given]]:
    """Return the releases of a function where nothing has raised, by place."""
    found: dict[Span, list[Given]] = defaultdict(list)
    for given in states.given:
        if given.exception is None:
            found[given.span].append(given)
    return found


def _with_would_do(fate: Fate, plain: Mapping[Span, list[Given]]) -> bool:
    instruction = fate.instruction
    if not isinstance(instruction, Acquire) or instruction.call is None:
        return False
    if instruction.call.arguments or instruction.call.use not in (Use.DISCARDED, Use.AWAITED):
        return False
    if not fate.releases or fate.kept or is_context_manager(fate.states.function):
        return False
    if fate.lock.identity in fate.states.function.mentions or fate.outlives_function:
        return False
    if all(given.exception is not None for given in fate.releases):
        return False
    if is_released_at_once(fate.states, instruction):
        return False
    if not fate.lock.api.with_ok and not fate.lock.api.async_with_ok:
        return False
    for given in fate.releases:
        if given.how.means is not Means.METHOD or not given.last:
            return False
        if given.lock.api.release_form(given.how.name) is None:
            return False
        if given.before.levels[-1] != frozenset({fate.acquisition}):
            return False
        column = fate.span.column - (len("await ") if fate.lock.api.is_async else 0)
        if given.span.line < fate.span.line or given.span.column < column:
            return False
        if not comes_first(fate.states, fate.span, given.span):
            return False
    # A release that is also reached without this acquisition belongs to more than this section.
    return not any(
        fate.acquisition not in given.before.acquisitions()
        for place in set(fate.release_spans)
        for given in plain.get(place, ())
    )


def _is_in_finally(fate: Fate) -> bool:
    """Return whether a release runs on several exit paths: lowering copies clean-ups for each."""
    places = set(fate.release_spans)
    copies = [
        instruction.span
        for place in places
        for block, index in layout_of(fate.states).instructions(place)
        if isinstance(instruction := block.instructions[index], Release)
    ]
    return len(copies) > len(set(copies))


RULE = Rule(
    code="LCK101",
    name="manual-acquire",
    severity=Severity.WARNING,
    summary="a lock is acquired and released by hand where `with` would do",
    page=__doc__,
    check=check,
    subsumed_by=("LCK102", "LCK103", "LCK104", "LCK105", "LCK106", "LCK206", "LCK210"),
    fixable="",
)
