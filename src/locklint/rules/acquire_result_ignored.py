"""## What it does

Finds an acquire that can fail (`acquire(timeout=…)`, `acquire(False)`) and whose result is ignored.
It is an error if the lock is released afterwards, because then the lock may be released without
having been acquired. The call of a function that returns whether it acquired a lock is treated like
an acquire if a release follows, and in `__enter__`.

## Why is this bad?

If the acquire fails, the section runs without the lock, and the release releases the lock of
another thread.

## Example

```python
import threading

lock = threading.Lock()


def flush(rows):
    lock.acquire(timeout=5)
    try:
        rows.clear()
    finally:
        lock.release()
```

## Use instead

```python
import threading

lock = threading.Lock()


def flush(rows):
    if not lock.acquire(timeout=5):
        raise TimeoutError("the rows are in use")
    try:
        rows.clear()
    finally:
        lock.release()
```

## Known limits

A class that keeps no known lock, such as one over a row of a database, is seen only where its
`__enter__` drops the result of its own `acquire`, which returns False if it fails.

Libraries that raise an exception instead of returning false need no test. If the timeout is a
variable that may mean "no limit", the finding is a warning at most.

## References

- [Lock.acquire](https://docs.python.org/3/library/threading.html#threading.Lock.acquire)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.events import LockStates
from locklint.analysis.expected import is_expected
from locklint.analysis.hold import Why
from locklint.analysis.own_locks import dropped_results
from locklint.analysis.program import Program
from locklint.analysis.results import ignored_results, ignored_tries, is_held_either_way
from locklint.analysis.story import display_name, step
from locklint.analysis.unheld import EXPECTED
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, StepRole
from locklint.core.source import Span
from locklint.ir.api_use import UseKind
from locklint.ir.instruction import Acquire, TryAcquire
from locklint.ir.lock import LockRole
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each try-acquire whose outcome is not tested."""
    yield from _of_own_locks(program)
    closed, latches = _acquired_for_others(program), _latches(program)
    for states in program.solved:
        function = states.function
        asked = {
            use.lock.identity
            for use in function.api_uses
            if use.kind is UseKind.LOCKED_TESTED and use.lock is not None
        }
        yield from _in_callees(states)
        for span, attempt in sorted(ignored_tries(states).items()):
            if attempt.lock.identity in asked:
                continue
            release = _release_after_failure(states, span)
            if not _is_worth_saying(attempt, release):
                continue
            if is_held_either_way(function, attempt, latches):
                continue
            if release is None and (
                (function.key, attempt.lock.identity) in closed
                or (function.class_key, attempt.lock.identity) in closed
                or not states.normal_exits
            ):
                continue  # It waits for the release of another, or for the end of the process.
            name = display_name(attempt.lock)
            steps = [
                step(
                    function,
                    StepRole.ACQUIRE,
                    span,
                    f"`{name}` might not have been acquired",
                    attempt.lock,
                )
            ]
            if release is not None:
                steps.append(
                    step(
                        function, StepRole.RELEASE, release, "but it is released here", attempt.lock
                    )
                )
            proven = (
                release is not None and attempt.certain and attempt.lock.confidence > Confidence.LOW
            )
            yield RULE.finding(
                function,
                span,
                f"the result of `{name}.{attempt.how}()` is ignored, so the section may run without"
                " the lock",
                severity=Severity.ERROR if proven else Severity.WARNING,
                locks=(attempt.lock,),
                steps=steps,
                help="test the result, or acquire without a timeout",
            )


def _acquired_for_others(program: Program) -> set[tuple[str, str]]:
    """Return the locks that a function acquires for others to release, with its own key.

    For those that a constructor acquires, that is the key of the class.
    """
    found: set[tuple[str, str]] = set()
    for states in program.solved:
        function = states.function
        released = {given.lock.identity for given in states.given}
        for taken in states.taken:
            is_kept = isinstance(taken.instruction, Acquire) and not taken.instruction.enter
            if is_kept and taken.lock.identity not in released:
                is_constructor = function.name == "__init__"
                owner = function.class_key if is_constructor else function.key
                found.add((owner, taken.lock.identity))
    return found


def _latches(program: Program) -> frozenset[str]:
    """Return the locks of which a release expects that they may not be held, by their identities.

    Such a lock is a latch: to close it again is as good as to close it.
    """
    return frozenset(
        given.lock.identity
        for states in program.solved
        for given in states.given
        if is_expected(states.function, given.span, EXPECTED)
    )


def _of_own_locks(program: Program) -> Iterator[Diagnostic]:
    """Report each `__enter__` that drops the result of the `acquire` of its own class."""
    for found in dropped_results(program.functions):
        if found.call.span in program.states[found.function.key].tried:
            continue
        name = f"{found.call.callee}()"
        yield RULE.finding(
            found.function,
            found.call.span,
            f"the result of `{name}` is ignored, so the section may run without the lock",
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
            steps=[
                step(
                    found.function,
                    StepRole.ACQUIRE,
                    found.call.span,
                    f"`{found.callee.called_name}()` returns False if it fails",
                )
            ],
            help="raise an exception if the result is false",
        )


def _in_callees(states: LockStates) -> Iterator[Diagnostic]:
    """Report calls of functions whose result says whether they have acquired a lock.

    If nothing is released after a failure, the object's state may be tested instead. Not so in
    `__enter__`, for its `with` runs the section in any case.
    """
    function = states.function
    for span, tried in sorted(ignored_results(states).items()):
        release = _release_after_failure(states, span)
        if not tried.certain and not tried.limited:
            continue
        entering = function.name in ("__enter__", "__aenter__") and tried.certain
        if release is None and (tried.hidden or not entering):
            continue
        name = display_name(tried.lock)
        what = f"`{tried.callee}()` might not have acquired `{name}`"
        steps = [step(function, StepRole.ACQUIRE, span, what, tried.lock)]
        if release is not None:
            steps.append(
                step(function, StepRole.RELEASE, release, "but it is released here", tried.lock)
            )
        proven = release is not None and tried.certain and tried.lock.confidence > Confidence.LOW
        yield RULE.finding(
            function,
            span,
            f"the result of `{tried.callee}()` is ignored, so the section may run without `{name}`",
            severity=Severity.ERROR if proven else Severity.WARNING,
            locks=(tried.lock,),
            steps=steps,
            help="test the result, or acquire without a timeout",
        )


def _release_after_failure(states: LockStates, span: Span) -> Span | None:
    return min(
        (
            given.span
            for given in states.given
            if given.before.why is Why.TRY_FAILED and given.before.where == span
        ),
        default=None,
    )


def _is_worth_saying(attempt: TryAcquire, release: Span | None) -> bool:
    if not (attempt.certain or attempt.timed):
        return False
    if release is not None:
        return True
    # Acquiring the rest of a semaphore without testing the results drains it.
    return attempt.lock.kind.role is not LockRole.SEMAPHORE


RULE = Rule(
    code="LCK201",
    name="acquire-result-ignored",
    severity=Severity.ERROR,
    summary="the result of an acquire that can fail is ignored",
    page=__doc__,
    check=check,
)
