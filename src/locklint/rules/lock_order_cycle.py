"""## What it does

Finds locks that threads ask for in opposite orders: a ring of two or more locks in which each is
asked for by somebody who holds the one before. The orders may be spread over functions, classes and
files, through calls of any depth, properties, overridden methods, decorators and context managers.

## Why is this bad?

Each of the threads holds what the next one waits for, so all of them hang, and so does everybody
who asks for one of these locks later. It happens only if the threads meet, which in tests they
seldom do.

## Example

```python
import threading

pot = threading.Lock()
stove = threading.Lock()


def cook():
    with pot:
        with stove:
            print("cooking")


def clean():
    with stove:
        with pot:
            print("clean")
```

## Use instead

Everybody takes the locks in one order:

```python
import threading

pot = threading.Lock()
stove = threading.Lock()


def cook():
    with pot, stove:
        print("cooking")


def clean():
    with pot, stove:
        print("clean")
```

## Known limits

Silent where a lock that is held on all ways keeps the threads apart, where an inner acquire gives
up by itself, and where the ways cannot run at the same time: in one thread, before the threads are
started, or after they were joined. A lock of a class stands for the locks of all its instances;
such findings are warnings, because the instances may never meet. Chains within one class (a
parent's lock, then a child's) are no rings. Of several rings around the same locks only the
shortest is reported, and none where a thread that goes round the ring waits for itself (LCK302).

## References

- E. G. Coffman, M. J. Elphick, A. Shoshani: System Deadlocks. ACM Computing Surveys 3 (2), 1971.
- [CWE-833: Deadlock](https://cwe.mitre.org/data/definitions/833.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.deadlock_story import Story
from locklint.analysis.lock_cycles import LockCycle
from locklint.analysis.program import Program
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.lock import Exactness, LockRef
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each cycle of locks once."""
    for cycle in program.lock_cycles:
        first = cycle.witnesses[0]
        function = program.functions[first.function]
        locks = tuple(witness.source.lock for witness in cycle.witnesses)
        story = Story(program, *(witness.pair for witness in cycle.witnesses))
        yield RULE.finding(
            function,
            first.span,
            _message(cycle, story),
            severity=Severity.ERROR if cycle.is_exact else Severity.WARNING,
            confidence=_confidence(locks),
            locks=locks,
            steps=[*story.steps(), *story.made(*locks)],
            help="always acquire these locks in the same order, or release the first before"
            " acquiring the second",
            anchors=tuple(
                witness.span
                for witness in cycle.witnesses
                if program.functions[witness.function].path == function.path
            ),
        )


def _message(cycle: LockCycle, story: Story) -> str:
    parts = [
        f"`{story.name(source)}` then `{story.name(target)}`"
        for source, target in zip(cycle.locks, (*cycle.locks[1:], cycle.locks[0]), strict=True)
    ]
    text = "; ".join(f"another {part}" if index else part for index, part in enumerate(parts))
    return f"{story.actors} can deadlock: one acquires {text}"


def _confidence(locks: tuple[LockRef, ...]) -> Confidence:
    if all(lock.exactness is Exactness.ONE for lock in locks):
        return Confidence.HIGH
    return Confidence.MEDIUM


RULE = Rule(
    code="LCK301",
    name="lock-order-cycle",
    severity=Severity.ERROR,
    summary="threads that acquire locks in opposite orders can deadlock",
    page=__doc__,
    check=check,
)
