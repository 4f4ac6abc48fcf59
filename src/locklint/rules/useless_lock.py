"""## What it does

Finds a lock that is created in the scope that uses it and that is never shared: `with Lock():`, a
local variable that does not leave the function, a new lock that a method or property returns to
each caller, or one for each thread it is passed to.

## Why is this bad?

A lock excludes only the threads that share it. This lock excludes no thread, so the data that it
seems to protect is not protected. A new semaphore limits nothing; that makes a warning.

## Example

```python
import threading

totals = {}


def add(name, amount):
    with threading.Lock():
        totals[name] = totals.get(name, 0) + amount
```

## Use instead

```python
import threading

totals = {}
totals_lock = threading.Lock()


def add(name, amount):
    with totals_lock:
        totals[name] = totals.get(name, 0) + amount
```

## Known limits

A lock that is captured, returned, stored or passed on is assumed to be shared, except a lock that
is created in a loop and passed to a single new thread in each iteration, which only acquires it.

## References

- [Lock objects](https://docs.python.org/3/library/threading.html#lock-objects)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.escape import fresh_locks
from locklint.analysis.events import LockStates
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, kind_phrase, step
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.ir.lock import Exactness, LockRole
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report locks that cannot exclude any thread."""
    for states in program.solved:
        function = states.function
        for fresh in fresh_locks(states, program.functions):
            maker = fresh.maker or function
            steps = [step(maker, StepRole.MADE, fresh.made, "the lock is created here", fresh.lock)]
            if fresh.story and fresh.used != fresh.made:
                steps.append(step(function, StepRole.ACQUIRE, fresh.used, fresh.story, fresh.lock))
            yield RULE.finding(
                function,
                fresh.used,
                fresh.message,
                severity=fresh.severity,
                locks=(fresh.lock,),
                steps=steps,
                help="create the lock once, where all its users can reach it, or remove it",
                anchors=(fresh.made,),
            )
    yield from _not_shared_by_processes(program)


def _not_shared_by_processes(program: Program) -> Iterator[Diagnostic]:
    """Report thread locks that are only acquired in functions which run in separate processes."""
    in_processes = program.spawned(is_process=True)
    if not in_processes:
        return
    elsewhere = program.spawned(is_process=False) | program.called() | program.unseen_callers
    holders: dict[str, list[LockStates]] = {}
    for states in program.solved:
        for identity in {taken.lock.identity for taken in states.taken}:
            holders.setdefault(identity, []).append(states)
    for identity, users in sorted(holders.items()):
        keys = {states.function.key for states in users}
        if not keys <= in_processes or keys & elsewhere:
            continue
        for states in users:
            taken = min(
                (t for t in states.taken if t.lock.identity == identity),
                key=lambda t: t.acquisition,
            )
            lock = taken.lock
            if lock.kind.cross_process or lock.exactness is not Exactness.ONE:
                continue
            if lock.kind.is_async or lock.kind.role is not LockRole.LOCK:
                continue
            name, function = display_name(lock), states.function
            yield RULE.finding(
                function,
                taken.acquisition.span,
                f"`{name}` is {kind_phrase(lock.kind)}, and `{function.name}` only runs in other"
                " processes, which do not share it",
                severity=Severity.WARNING,
                locks=(lock,),
                steps=(
                    step(
                        function,
                        StepRole.ACQUIRE,
                        taken.acquisition.span,
                        "each process has its own lock",
                        lock,
                    ),
                ),
                help="use a `multiprocessing.Lock`, and pass it to the processes",
            )


RULE = Rule(
    code="LCK206",
    name="useless-lock",
    severity=Severity.ERROR,
    summary="a lock that is not shared excludes no other thread",
    page=__doc__,
    check=check,
    subsumed_by=("LCK203", "LCK204"),
)
