"""## What it does

Finds a lock that is acquired without `with` and that nothing in the function, the class, the module
or the rest of the analysed code releases.

## Why is this bad?

The next acquire blocks indefinitely.

## Example

```python
import threading

session_lock = threading.Lock()


def main():
    session_lock.acquire()
    print("busy")
```

## Use instead

```python
import threading

session_lock = threading.Lock()


def main():
    with session_lock:
        print("busy")
```

## Known limits

A release of an object that cannot be resolved is treated as a release of every lock with that name,
and so is a release method that is passed on. There is no finding if the function, or one that it
calls, stores the lock or passes it on, nor if nothing waits for the lock of an object:
`self._claim.acquire(blocking=False)` alone says who came first. Semaphores, locks that are created
in the locked state on purpose, and file locks held for the life of the process are not reported.

## References

- [Lock objects](https://docs.python.org/3/library/threading.html#lock-objects)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.acquisitions import Fate, by_cause, fates
from locklint.analysis.program import Program
from locklint.analysis.released_elsewhere import OwnRelease
from locklint.analysis.story import (
    acquire_steps,
    display_name,
    leaving_step,
    step,
    with_statement,
)
from locklint.core.diagnostic import Diagnostic, Severity, Step, StepRole
from locklint.ir.access_path import Root
from locklint.ir.instruction import Assign, Call, Release
from locklint.ir.lock import Exactness, LockRef, LockRole
from locklint.ir.means import How
from locklint.ir.operands import operand_paths
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each acquisition that nothing releases."""
    for states in program.solved:
        kept = [
            (fate, fate.leaving)
            for fate in fates(states)
            if not _is_mark(program, fate) and _is_never_released(program, fate)
        ]
        for alike, _ in by_cause(kept):
            fate, function = alike[0], states.function
            name = display_name(fate.lock)
            steps = [*acquire_steps(alike), leaving_step(program, fate)]
            other = program.released_elsewhere.own_release(fate)
            if other is None:
                message = f"`{name}` is acquired, and nothing in the analysed code releases it"
            else:
                message = f"`{name}` is acquired, and no release belongs to this acquire"
                steps.append(_own_step(program, fate.lock, other))
            yield RULE.finding(
                function,
                fate.span,
                message,
                locks=(fate.lock,),
                steps=steps,
                help=f"use `{with_statement(fate.lock)}:`",
            )


def _own_step(program: Program, lock: LockRef, other: OwnRelease) -> Step:
    """Return the step at a release that another function has for its own acquire."""
    message = f"this release belongs to the acquire in line {other.acquire.line}"
    return step(other.function, StepRole.RELEASE, other.span, message, lock)


_ENTERING = (How("__enter__"), How("__aenter__"))
_RELEASED = frozenset({LockRole.LOCK, LockRole.READ_WRITE, LockRole.CONDITION})
"""The roles of locks that each holder releases. A semaphore may count or signal instead."""


def _is_mark(program: Program, fate: Fate) -> bool:
    """Return whether the lock marks the first thread to reach an object, so it is never released.

    Such a lock is only tried. A lock of the whole program would never be available again.
    """
    of_object = fate.lock.exactness is Exactness.PER_INSTANCE
    return of_object and fate.lock.identity not in program.waiting_functions


def _is_never_released(program: Program, fate: Fate) -> bool:
    if fate.releases or not fate.kept or not _needs_release(fate):
        return False
    return not (fate.is_handed_on or program.released_elsewhere.is_released(fate))


def _needs_release(fate: Fate) -> bool:
    if fate.instruction is None or fate.acquisition.how in _ENTERING:
        return False
    if fate.states.function.name in ("__enter__", "__aenter__"):
        return False
    lock = fate.lock
    if lock.kind.role not in _RELEASED or lock.kind.cross_process:
        return False
    if lock.exactness is Exactness.FRESH or lock.path.root is Root.PARAMETER:
        return False
    return not _has_another_name(fate)


def _has_another_name(fate: Fate) -> bool:
    """Return whether a loop's lock is one that the function releases, or passes on, otherwise.

    ``for lock in (a, b): lock.acquire()``, then ``a.release()``; or ``start(*locks)``.
    """
    blocks = fate.states.function.blocks.values()
    instructions = [each for block in blocks for each in block.instructions]
    path = fate.acquisition.written
    collected = {
        found.parent() if found.is_element else found
        for each in instructions
        if isinstance(each, Assign) and each.target == path
        for found in operand_paths(each.value)
    }
    return any(
        each.lock.path in collected
        if isinstance(each, Release)
        else isinstance(each, Call)
        and any(argument.star and argument.value in collected for argument in each.arguments)
        for each in instructions
    )


RULE = Rule(
    code="LCK104",
    name="never-released",
    severity=Severity.WARNING,
    summary="a lock is acquired and never released",
    page=__doc__,
    check=check,
    subsumed_by=("LCK103",),
)
