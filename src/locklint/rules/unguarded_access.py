"""## What it does

Finds writes to an attribute without the lock that is held at nearly all other accesses to it.

## Why is this bad?

While one thread reads and writes the attribute with the lock held, another one changes it in
between: an update is lost, or a container changes during an iteration.

## Example

```python
import threading


class Account:
    def __init__(self):
        self._lock = threading.Lock()
        self.balance = 0

    def deposit(self, amount):
        with self._lock:
            self.balance += amount

    def pay(self, amount):
        with self._lock:
            self.balance -= amount

    def add_interest(self, rate):
        with self._lock:
            self.balance *= 1 + rate

    def show(self):
        with self._lock:
            return f"{self.balance:.2f}"

    def correct(self, amount):
        self.balance += amount
```

## Use instead

```python
import threading


class Account:
    def __init__(self):
        self._lock = threading.Lock()
        self.balance = 0

    def deposit(self, amount):
        with self._lock:
            self.balance += amount

    def pay(self, amount):
        with self._lock:
            self.balance -= amount

    def add_interest(self, rate):
        with self._lock:
            self.balance *= 1 + rate

    def show(self):
        with self._lock:
            return f"{self.balance:.2f}"

    def correct(self, amount):
        with self._lock:
            self.balance += amount
```

## Known limits

An attribute is judged if a lock of the object, or of the program, is held at four of five accesses
to it, and at two writes or more. The constructor, and private methods that only it calls, do not
count. A private method holds what all calls of it hold. Not reported are binding a constant, such
as `self.closed = True`, methods whose names or docstrings say that the caller holds the lock,
accesses with another lock held, attributes of other objects than the method's own, and globals.
Binding a new object is info: most such methods prepare what other threads use later.

## References

- [Eraser: A Dynamic Data Race Detector for Multithreaded Programs](https://doi.org/10.1145/265924.265927)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from locklint.analysis.contracts import says_caller_holds
from locklint.analysis.guarded_data import DataAccess
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, made_step, step
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.ir.cfg import Function
from locklint.ir.event import Access, EventKind
from locklint.ir.lock import LockRef
from locklint.rule import Rule

_SHARE = 0.8
"""The share of the accesses at which a lock is held that makes it the guard of an attribute."""

_LEAST_WRITES = 2


def check(program: Program) -> Iterator[Diagnostic]:
    """Report writes to guarded attributes without the guard."""
    for key, accesses in program.data.items():
        if key.is_global:
            continue  # Its plain reads are no accesses, so that too little is known of it.
        shared = _by_line(one for one in accesses if not one.builds)
        guard = _guard(shared)
        if guard is None:
            continue
        inside = [one for one in shared if guard.identity in one.held]
        for one in shared:
            if one.held or not _is_judged(one) or _is_left_to_callers(program, one.function):
                continue
            name = f"self.{key.name}"
            lock = display_name(guard)
            example = next(each for each in inside if each.is_write)
            made = made_step(program, guard)
            yield RULE.finding(
                one.function,
                one.span,
                f"`{name}` is written without `{lock}`, which is held at {len(inside)} of"
                f" {len(shared)} accesses to it",
                severity=Severity.INFO if one.how is Access.BIND else Severity.WARNING,
                locks=(guard,),
                steps=[
                    step(
                        example.function,
                        StepRole.NOTE,
                        example.span,
                        f"`{name}` is written with `{lock}` held",
                        guard,
                    ),
                    *((made,) if made is not None else ()),
                ],
                help=f"hold `{lock}` here, too",
            )


def _by_line(accesses: Iterator[DataAccess]) -> list[DataAccess]:
    """Return one access for each line of a function: a write before a read."""
    found: dict[tuple[str, int], DataAccess] = {}
    for one in accesses:
        # A call of a method of a container reads the container, too.
        place = (one.function.key, one.span.line)
        if place not in found or one.is_write:
            found[place] = one
    return list(found.values())


def _guard(accesses: list[DataAccess]) -> LockRef | None:
    """Return the lock that guards an attribute with these accesses, if there is one."""
    counts = Counter(identity for one in accesses for identity in sorted(one.held))
    if not counts:
        return None
    ((identity, count),) = counts.most_common(1)
    inside = [one for one in accesses if identity in one.held]
    if count < _SHARE * len(accesses) or sum(one.is_write for one in inside) < _LEAST_WRITES:
        return None
    locks = (lock for one in inside for lock in one.locks if lock.identity == identity)
    return next(locks, None)


def _is_judged(access: DataAccess) -> bool:
    """Return whether an access without the guard is a fault: a write of more than a constant."""
    return access.kind is EventKind.WRITE and access.how is not Access.BIND_CONSTANT


def _is_left_to_callers(program: Program, function: Function) -> bool:
    """Return whether a method expects its callers to hold the lock, or may: nothing calls it."""
    if function.name.startswith("_") and not function.name.endswith("__"):
        if function.key in program.unseen_callers or not program.call_graph.callers.get(
            function.key
        ):
            return True
    return says_caller_holds(function, program.sources)


RULE = Rule(
    code="LCK801",
    name="unguarded-access",
    severity=Severity.WARNING,
    summary="an attribute is written without the lock that guards it",
    page=__doc__,
    preview=True,
    wants=frozenset({EventKind.READ, EventKind.WRITE}),
    check=check,
)
