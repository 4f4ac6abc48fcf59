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

An attribute is judged if a lock of the object, or of the program, is held at half of the accesses
to it. A write without it is a warning at four of five accesses, with two writes among them, or if
it calculates the new value from the old one, as another write with the lock does. The constructor,
and private methods that only it calls, do not count, except for an attribute of the class. A
private method holds what all calls of it hold. Not reported are methods whose names, decorators,
docstrings or first comments say that the caller holds the lock, methods that raise if it is not
held, or that release it, private methods that only nested functions call, accesses with another
lock held (LCK803), what comes after a test of the thread that runs there, attributes of other
objects than the method's own, and globals.

Info is what is mostly harmless. To bind a new object or a constant, or to clear a container, mostly
prepares what other threads use later, or comes after them; a constant is reported only if it is
tested and bound with the lock. So do `__enter__`, and what comes after a wait for a thread or an
executor in the same method. A base class outside the program that is called with the lock held may
call any method with it. A method that some callers call with the lock held is info. Tasks need no
lock where nothing awaits.

## References

- [Eraser: A Dynamic Data Race Detector for Multithreaded Programs](https://doi.org/10.1145/265924.265927)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.data_guards import GuardedDatum
from locklint.analysis.guarded_data import CONSTRUCTION, DataAccess
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, made_step, step
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.ir.event import Access, EventKind
from locklint.rule import Rule

_MOST = 0.8
"""The share of the accesses at which a lock is held that makes it the guard of an attribute."""

_HALF = 0.5
"""The share at which it may be the guard."""

_RESETTING = (Access.BIND, Access.BIND_CONSTANT, Access.CLEAR)
"""Writes that do not depend on the old value."""

_LEAST_ACCESSES = 2
_LEAST_WRITES = 2


def check(program: Program) -> Iterator[Diagnostic]:
    """Report writes to guarded attributes without the guard."""
    guards = program.data_guards
    for datum in guards.guarded:
        if datum.share < _HALF or len(datum.inside) < _LEAST_ACCESSES:
            continue
        name, lock = datum.key.shown, display_name(datum.lock)
        for one in datum.outside:
            if not _is_judged(datum, one) or guards.needs_none(datum.lock, one):
                continue
            example = datum.writes[0]
            made = made_step(program, datum.lock)
            is_excused = (
                guards.is_of_one_thread(one)
                or guards.may_be_held_by_base(datum.lock, one.function)
                or guards.is_called_with(datum.lock, one.function)
            )
            yield RULE.finding(
                one.function,
                one.span,
                f"`{name}` is written without `{lock}`, which is held at {len(datum.inside)} of"
                f" {len(datum.accesses)} accesses to it",
                severity=Severity.INFO if is_excused else _severity(datum, one),
                locks=(datum.lock,),
                steps=[
                    step(
                        example.function,
                        StepRole.NOTE,
                        example.span,
                        f"`{name}` is written with `{lock}` held",
                        datum.lock,
                    ),
                    *((made,) if made is not None else ()),
                ],
                help=f"hold `{lock}` here, too",
            )


def _is_judged(datum: GuardedDatum, access: DataAccess) -> bool:
    """Return whether an access may be a fault: of a constant only what decides elsewhere."""
    return access.is_write and (access.how is not Access.BIND_CONSTANT or datum.is_tested_and_set)


def _severity(datum: GuardedDatum, access: DataAccess) -> Severity:
    if access.how is Access.PUT and access.function.name in CONSTRUCTION:
        return Severity.INFO  # Mostly under a key of the new object's own.
    if access.how in _RESETTING or datum.lock.api.is_async:
        return Severity.INFO
    if datum.share >= _MOST and len(datum.writes) >= _LEAST_WRITES:
        return Severity.WARNING
    counts = access.how is Access.UPDATE and any(one.how is Access.UPDATE for one in datum.writes)
    return Severity.WARNING if counts and datum.share > _HALF else Severity.INFO


RULE = Rule(
    code="LCK801",
    name="unguarded-access",
    severity=Severity.WARNING,
    summary="an attribute is written without the lock that guards it",
    page=__doc__,
    on_request=True,
    wants=frozenset({EventKind.READ, EventKind.WRITE, EventKind.JOIN}),
    check=check,
)
