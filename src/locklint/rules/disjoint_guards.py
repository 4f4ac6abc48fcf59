"""## What it does

Finds writes to an attribute with another lock held than at its other accesses.

## Why is this bad?

Two locks exclude nothing from each other: one thread changes the data with the one lock held, while
another thread reads it with the other one. It often comes from a copied section in which the lock
was not exchanged.

## Example

```python
import threading


class Scheduler:
    def __init__(self):
        self._jobs_lock = threading.Lock()
        self._jobs = {}
        self._stores_lock = threading.Lock()
        self._stores = {}

    def add_job(self, name, job):
        with self._jobs_lock:
            self._jobs[name] = job

    def jobs(self):
        with self._jobs_lock:
            return list(self._jobs.values())

    def add_store(self, name, store):
        with self._stores_lock:
            self._stores[name] = store

    def rename_store(self, old, new):
        with self._stores_lock:
            self._stores[new] = self._stores.pop(old)

    def stores(self):
        with self._stores_lock:
            return list(self._stores.values())

    def find_store(self, name):
        with self._stores_lock:
            return self._stores.get(name)

    def remove_store(self, name):
        with self._jobs_lock:
            del self._stores[name]
```

## Use instead

```python
import threading


class Scheduler:
    def __init__(self):
        self._jobs_lock = threading.Lock()
        self._jobs = {}
        self._stores_lock = threading.Lock()
        self._stores = {}

    def add_job(self, name, job):
        with self._jobs_lock:
            self._jobs[name] = job

    def jobs(self):
        with self._jobs_lock:
            return list(self._jobs.values())

    def add_store(self, name, store):
        with self._stores_lock:
            self._stores[name] = store

    def rename_store(self, old, new):
        with self._stores_lock:
            self._stores[new] = self._stores.pop(old)

    def stores(self):
        with self._stores_lock:
            return list(self._stores.values())

    def find_store(self, name):
        with self._stores_lock:
            return self._stores.get(name)

    def remove_store(self, name):
        with self._stores_lock:
            del self._stores[name]
```

## Known limits

An attribute is judged if one lock is held at four of five of those accesses that have a lock, and
at two writes or more. A write with other locks held is a warning if one of these guards other data,
and is held nowhere else at this attribute; otherwise it is info. Reads are not reported. Data that
is written with two locks and read with either of them is right, and not reported.

## References

- [Eraser: A Dynamic Data Race Detector for Multithreaded Programs](https://doi.org/10.1145/265924.265927)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.data_guards import DataGuards, GuardedDatum
from locklint.analysis.guarded_data import DataAccess
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, made_step, step
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.ir.event import Access, EventKind
from locklint.ir.lock import LockRef
from locklint.rule import Rule

_MOST = 0.8
"""The share of the accesses with a lock at which one lock is held."""

_LEAST_WRITES = 2


def check(program: Program) -> Iterator[Diagnostic]:
    """Report writes to guarded attributes with another lock held."""
    guards = program.data_guards
    for datum in guards.guarded:
        # Private methods that only read follow their callers.
        elsewhere = [one for one in datum.elsewhere if one.locks]
        with_lock = len(datum.inside) + len(elsewhere)
        if len(datum.writes) < _LEAST_WRITES or len(datum.inside) < _MOST * with_lock:
            continue
        name, guard = datum.key.shown, display_name(datum.lock)
        for one in elsewhere:
            if not one.is_write or one.how is Access.BIND_CONSTANT:
                continue
            if guards.needs_none(datum.lock, one):
                continue
            example, other = datum.writes[0], one.locks[-1]
            made = [made_step(program, lock) for lock in (datum.lock, other)]
            yield RULE.finding(
                one.function,
                one.span,
                f"`{name}` is written with `{display_name(other)}` held, and nearly everywhere"
                f" else with `{guard}`: the two do not exclude each other",
                severity=_severity(guards, datum, one, other),
                locks=(datum.lock, other),
                steps=[
                    step(
                        example.function,
                        StepRole.NOTE,
                        example.span,
                        f"`{name}` is written with `{guard}` held",
                        datum.lock,
                    ),
                    *[each for each in made if each is not None],
                ],
                help=f"hold `{guard}` here",
            )


def _severity(
    guards: DataGuards, datum: GuardedDatum, access: DataAccess, other: LockRef
) -> Severity:
    """Return a warning if the other lock guards other data, and this only by mistake."""
    if datum.lock.api.is_async or other.api.is_async:
        return Severity.INFO
    if guards.is_of_one_thread(access) or guards.may_be_held_by_base(datum.lock, access.function):
        return Severity.INFO
    places = {one.function.key for one in datum.elsewhere if one.locks}
    guards_others = any(
        one.lock.identity == other.identity and one.key.owner == datum.key.owner
        for one in guards.guarded
    )
    return Severity.WARNING if guards_others and len(places) == 1 else Severity.INFO


RULE = Rule(
    code="LCK803",
    name="disjoint-guards",
    severity=Severity.WARNING,
    summary="an attribute is written with another lock held than everywhere else",
    page=__doc__,
    on_request=True,
    wants=frozenset({EventKind.READ, EventKind.WRITE, EventKind.JOIN}),
    check=check,
)
