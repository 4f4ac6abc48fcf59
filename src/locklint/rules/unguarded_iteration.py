"""## What it does

Finds iterations over a container without the lock with which other code changes it.

## Why is this bad?

If another thread adds or removes an element meanwhile, an iteration over a dictionary or a set
raises `RuntimeError`, and one over a list may leave elements out or see them twice.

## Example

```python
import threading


class Clients:
    def __init__(self):
        self._lock = threading.Lock()
        self._clients = {}

    def add(self, name, client):
        with self._lock:
            self._clients[name] = client

    def remove(self, name):
        with self._lock:
            del self._clients[name]

    def find(self, name):
        with self._lock:
            return self._clients.get(name)

    def count(self):
        with self._lock:
            return len(self._clients)

    def send(self, message):
        for client in self._clients.values():
            client.send(message)
```

## Use instead

```python
import threading


class Clients:
    def __init__(self):
        self._lock = threading.Lock()
        self._clients = {}

    def add(self, name, client):
        with self._lock:
            self._clients[name] = client

    def remove(self, name):
        with self._lock:
            del self._clients[name]

    def find(self, name):
        with self._lock:
            return self._clients.get(name)

    def count(self):
        with self._lock:
            return len(self._clients)

    def send(self, message):
        with self._lock:
            clients = list(self._clients.values())
        for client in clients:
            client.send(message)
```

## Known limits

A lock has to be held at four of five accesses to the attribute, and at two writes that change which
elements there are. Copies that are made in one step, such as `list(self._clients)`, are not
reported. An iteration over the keys, values or items of a dictionary is a warning. Others are info,
because an iteration over a list does not fail. So are those with locks of tasks, and those that
LCK801 would report as info: before the object is shared, after its threads have ended, and in
classes whose unknown base may hold the lock. Generator expressions are not seen.

## References

- [Dictionary view objects](https://docs.python.org/3/library/stdtypes.html#dictionary-view-objects)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.data_guards import DataGuards, GuardedDatum
from locklint.analysis.guarded_data import DataAccess
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, made_step, step
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.ir.event import Access, EventKind
from locklint.rule import Rule

_MOST = 0.8
"""The share of the accesses at which a lock is held that makes it the guard of a container."""

_LEAST_WRITES = 2

_RESIZING = (Access.PUT, Access.DELETE, Access.CHANGE, Access.CLEAR)


def check(program: Program) -> Iterator[Diagnostic]:
    """Report iterations over guarded containers without the guard."""
    guards = program.data_guards
    for datum in guards.guarded:
        writes = [one for one in datum.writes if one.how in _RESIZING]
        if len(writes) < _LEAST_WRITES or datum.share < _MOST:
            continue
        name, lock = datum.key.shown, display_name(datum.lock)
        for one in datum.outside:
            if not one.iterates or guards.needs_none(datum.lock, one):
                continue
            changing = [each for each in writes if _meet(program, one, each)]
            if not changing:
                continue
            made = made_step(program, datum.lock)
            yield RULE.finding(
                one.function,
                one.span,
                f"`{name}` is iterated over without `{lock}`, with which other threads change it",
                severity=_severity(guards, datum, one),
                locks=(datum.lock,),
                steps=[
                    step(
                        changing[0].function,
                        StepRole.NOTE,
                        changing[0].span,
                        f"`{name}` is changed with `{lock}` held",
                        datum.lock,
                    ),
                    *((made,) if made is not None else ()),
                ],
                help=f"copy it with `{lock}` held, and iterate over the copy",
            )


def _meet(program: Program, one: DataAccess, other: DataAccess) -> bool:
    """Return whether two threads may be at these places at the same time."""
    return program.threads.may_run_in_parallel(
        one.function.key, one.span, other.function.key, other.span
    )


def _severity(guards: DataGuards, datum: GuardedDatum, access: DataAccess) -> Severity:
    is_excused = (
        access.how is not Access.ITERATE_VIEW
        or datum.lock.api.is_async
        or guards.is_of_one_thread(access)
        or guards.may_be_held_by_base(datum.lock, access.function)
    )
    return Severity.INFO if is_excused else Severity.WARNING


RULE = Rule(
    code="LCK807",
    name="unguarded-iteration",
    severity=Severity.WARNING,
    summary="an iteration without the lock with which others change the container",
    page=__doc__,
    on_request=True,
    wants=frozenset({EventKind.READ, EventKind.WRITE, EventKind.JOIN}),
    check=check,
)
