"""## What it does

Finds a function that holds the lock of one instance and acquires the same lock of another instance
of the class, or holds one lock of a list or dict and acquires another one of it, where nothing
determines which of the two is acquired first. Where only a callee acquires the second one, the
finding is no more than info: what is passed may never be swapped.

## Why is this bad?

If one thread calls `transfer(a, b)` and another `transfer(b, a)`, they acquire the two locks in
opposite orders and can deadlock. `transfer(a, a)` deadlocks with itself, unless the lock is
re-entrant.

## Example

```python
import threading


class Account:
    def __init__(self):
        self.lock = threading.Lock()
        self.balance = 0


def transfer(source: Account, target: Account, amount):
    with source.lock:
        with target.lock:
            source.balance -= amount
            target.balance += amount
```

## Use instead

Acquire them in an order that does not depend on the arguments:

```python
import threading


class Account:
    def __init__(self):
        self.lock = threading.Lock()
        self.balance = 0


def transfer(source: Account, target: Account, amount):
    if source is target:
        return
    first, second = sorted((source, target), key=id)
    with first.lock, second.lock:
        source.balance -= amount
        target.balance += amount
```

## Known limits

No finding if the two are compared or sorted, if one is part of the other (a parent and its child),
or if a lock that is already held lets only one thread run this section. Only instances that are
parameters or `self` are considered, because instances found in a data structure often have an order
of their own.

## References

- [CWE-833: Deadlock](https://cwe.mitre.org/data/definitions/833.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.deadlock_story import Story
from locklint.analysis.program import Program
from locklint.analysis.two_instances import TwoInstances
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.lock import Exactness
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each place that acquires a second lock of one name."""
    for found in program.two_instances:
        lock = found.first.lock
        function = program.functions[found.holder.function]
        is_element = lock.exactness is Exactness.ELEMENT
        relation = f"that of another {'element' if is_element else 'instance'}"
        story = Story(program, found.pair, relation=relation)
        since = found.first.since
        yield RULE.finding(
            function,
            found.holder.span,
            _message(found, story.name(lock)),
            severity=_severity(found),
            confidence=Confidence.MEDIUM,
            locks=(lock,),
            steps=[*story.steps(), *story.made(lock)],
            help="acquire the two in an order that does not depend on the arguments, such as by"
            " `id()`",
            anchors=() if since is None else (since.span,),
        )


def _severity(found: TwoInstances) -> Severity:
    """Return a warning if one function acquires both: there its author sees both orders."""
    is_direct = found.holder.inner is None
    return Severity.WARNING if is_direct else Severity.INFO


def _message(found: TwoInstances, name: str) -> str:
    if found.first.lock.exactness is Exactness.ELEMENT:
        return f"two locks of `{name}` are acquired in no fixed order: threads can deadlock"
    first, second = found.first.lock.path, found.second.lock.path
    return (
        f"`{second}` is acquired while `{first}` is held, and both are `{name}`: threads that do"
        " this with the two swapped can deadlock"
    )


RULE = Rule(
    code="LCK303",
    name="two-instances-of-one-lock-class",
    severity=Severity.WARNING,
    summary="the locks of two instances of a class are acquired in no fixed order",
    page=__doc__,
    check=check,
    subsumed_by=("LCK302",),
)
