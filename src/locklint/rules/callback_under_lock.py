"""## What it does

Finds calls, with a lock held, of callables that users of a class have passed to it, and calls that
run the callbacks of a future at once (`set_result`, `set_exception`, `cancel`).

## Why is this bad?

The class does not know what the callback does. If it calls the class back, and that needs the
same lock, the thread waits for itself. If it waits for a lock of its own, under which other threads
call the class, two threads wait for each other. And all who need the lock wait as long as the
callback runs.

## Example

```python
import threading


class Bus:
    def __init__(self):
        self._lock = threading.Lock()
        self._listeners = []

    def add(self, listener):
        with self._lock:
            self._listeners.append(listener)

    def send(self, message):
        with self._lock:
            for listener in self._listeners:
                listener(message)
```

A listener that calls `add()` never returns.

## Use instead

Copy what is needed under the lock, and call it after the release:

```python
import threading


class Bus:
    def __init__(self):
        self._lock = threading.Lock()
        self._listeners = []

    def add(self, listener):
        with self._lock:
            self._listeners.append(listener)

    def send(self, message):
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(message)
```

## Known limits

A finding is a warning if a public method binds the attribute to a parameter or puts it into the
attribute's container, or if a public attribute is only ever bound to None; the lock is not
re-entrant; and a public function acquires it. Other findings are info.

A call whose result is used is not reported, because that is no notification: `self._clock()`. Calls
of parameters are not reported, because most are made by design (`key`, `factory`), and neither are
methods of objects that are passed in. Functions of the program that are passed are followed by the
rules for deadlocks.

## References

- [concurrent.futures.Future.add_done_callback](https://docs.python.org/3/library/concurrent.futures.html#concurrent.futures.Future.add_done_callback)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.critical_pair import CriticalPair, best_by_place
from locklint.analysis.deadlock_story import Story
from locklint.analysis.lock_name import lock_name
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.ir.access_path import Root
from locklint.ir.event import EventKind
from locklint.ir.lock import LockRef, LockRole
from locklint.models.events import RUNS_CALLBACKS
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each call of a callback under a lock, or a call that leads to one."""
    public = _acquired_in_public(program)
    for key in sorted(program.composition.pairs):
        for pair in best_by_place(filter(_matters, program.composition.pairs[key])):
            lock = pair.held[-1].lock
            story = Story(program, pair)
            *_, last = pair.chain()
            name = last.event.name
            is_needed_again = not lock.kind.reentrant and lock_name(lock) in public
            is_warning = is_needed_again and _is_of_user(program, last)
            yield RULE.finding(
                program.functions[key],
                pair.span,
                f"`{name}()` runs callbacks while `{display_name(lock)}` is held"
                if name in RUNS_CALLBACKS
                else f"callback `{name}()` is called while `{display_name(lock)}` is held",
                severity=Severity.WARNING if is_warning else Severity.INFO,
                locks=(lock,),
                steps=[*story.steps("runs code of others"), *story.made(lock)],
                help="copy what is called, and call it after the release",
            )


def _matters(pair: CriticalPair) -> bool:
    """Return whether the function itself holds a lock of threads where a callback is called.

    A future that the function has made itself has no callbacks yet.
    """
    if pair.event.kind is not EventKind.CALLBACK or not pair.is_innermost:
        return False
    *_, last = pair.chain()
    path = last.event.path
    if path is None or path.root in (Root.LOCAL, Root.TEMP):
        return False
    return _excludes_threads(pair.held[-1].lock)


def _excludes_threads(lock: LockRef) -> bool:
    return not lock.kind.is_async and lock.kind.role is not LockRole.SEMAPHORE


def _is_of_user(program: Program, last: CriticalPair) -> bool:
    """Return whether users of a class have passed what is called, or wait for the future."""
    path = last.event.path
    if last.event.name in RUNS_CALLBACKS:
        return True
    key = program.functions[last.function].class_key
    return path is not None and (key, path.name) in program.user_callbacks


def _acquired_in_public(program: Program) -> set[str]:
    """Return the names of the locks that public functions acquire."""
    return {
        lock_name(taken.lock)
        for states in program.states.values()
        if not states.function.name.startswith("_")
        for taken in states.taken
        if taken.waits
    }


RULE = Rule(
    code="LCK402",
    name="callback-under-lock",
    severity=Severity.WARNING,
    summary="a callback of others runs while a lock is held",
    page=__doc__,
    preview=True,
    wants=frozenset({EventKind.CALLBACK}),
    check=check,
)
