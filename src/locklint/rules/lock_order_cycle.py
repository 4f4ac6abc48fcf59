"""## What it does

Finds locks that threads acquire in opposite orders: a cycle of two or more locks, each of which is
acquired while the one before it is held. The acquires may be spread over functions, classes and
files: they are followed through calls of any depth, properties, overridden methods, decorators and
context managers.

## Why is this bad?

Each of the threads holds the lock that the next one waits for, so none of them ever continues.
Every other thread that acquires one of these locks later blocks as well. The deadlock happens only
if the threads run these sections at the same time, which is rare in tests.

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

Acquire the locks in the same order everywhere:

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

No finding if another lock, held on all paths, keeps the threads apart, if an inner acquire does not
block or has a timeout, or if the paths cannot run at the same time: in one thread, before the
threads are started, or after they were joined.

A lock attribute of a class stands for the locks of all instances. Such findings are warnings,
because the threads may use different instances. Chains within one class (the lock of a parent, then
that of a child) are not reported as cycles. If more than ten calls lead to the locks of such a
cycle, it is info.

Of several cycles over the same locks, only the shortest is reported. A cycle is not reported if it
contains a thread that deadlocks with itself (see LCK302).

## References

- E. G. Coffman, M. J. Elphick, A. Shoshani: System Deadlocks. ACM Computing Surveys 3 (2), 1971.
- [CWE-833: Deadlock](https://cwe.mitre.org/data/definitions/833.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.critical_pair import MOST_CALLS
from locklint.analysis.deadlock_story import Story
from locklint.analysis.lock_cycles import LockCycle
from locklint.analysis.program import Program
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.event import EventKind
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
            severity=_severity(cycle),
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


def _severity(cycle: LockCycle) -> Severity:
    if cycle.is_exact:
        return Severity.ERROR
    calls = sum(witness.pair.depth for witness in cycle.witnesses)
    return Severity.INFO if calls > MOST_CALLS else Severity.WARNING


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
    wants=frozenset({EventKind.WAIT}),
    check=check,
)
