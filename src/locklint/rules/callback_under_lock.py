"""## What it does

Finds calls, with a lock held, of callables that users of a class have passed to it, and calls that
run the callbacks of a future at once (`set_result`, `set_exception`, `cancel`). It also finds other
calls of code that the class does not know: of observers in a loop, of hooks that do nothing but in
subclasses, of a callable that is a parameter, and of the receivers of a signal.

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
attribute's container, or if a public attribute is only ever bound to None; the object that holds
the lock keeps the callback itself; the lock is not re-entrant; and a public function acquires it,
which is no method of a private class. A parameter of a constructor does not count if the program
makes the objects, and passes only what it has made itself, nor does one that stands for a certain
function: `sleep=time.sleep`. Users have a future if its attribute is public, or something
returns it, passes it on or knows it by another name. Other findings are info.

Observers are objects that users pass in, and that a loop tells something: it calls a method of
each, passes an argument, and ignores the result. A loop that closes them tells them nothing. A hook
is a method of the object itself that does nothing, and that a subclass in the program replaces.
`add_done_callback` is reported for callables that are not known, because a future that is done runs
them at once. None of these is looked for beyond three calls.

A call whose result is used is not reported, because that is no notification: `self._clock()`. The
exception is a loop over callbacks that keeps their results. A parameter is reported where a public
function that holds the lock calls it as a statement, and passes something. Functions of the program
that are passed are followed by the rules for deadlocks.

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
from locklint.ir.access_path import AccessPath, ElementField, Root
from locklint.ir.event import EventKind
from locklint.ir.lock import LockRef, LockRole
from locklint.models.events import MAY_RUN_CALLBACKS, RUNS_CALLBACKS
from locklint.rule import Rule

_MOST_CALLS = 3
"""The largest number of calls that lead to what is no plain callback."""

_KINDS = (EventKind.CALLBACK, EventKind.ANSWER, EventKind.OBSERVER, EventKind.HOOK)


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each call of a callback under a lock, or a call that leads to one."""
    public = _acquired_in_public(program)
    for key in sorted(program.composition.pairs):
        pairs = program.composition.pairs[key]
        for pair in best_by_place(each for each in pairs if _matters(program, each)):
            lock = pair.held[-1].lock
            story = Story(program, pair)
            *_, last = pair.chain()
            is_needed_again = not lock.kind.reentrant and lock_name(lock) in public
            is_own = pair.event.path is not None and _is_of_holder(pair.event.path)
            is_warning = is_needed_again and is_own and _is_of_user(program, last)
            yield RULE.finding(
                program.functions[key],
                pair.span,
                _message(last, display_name(lock)),
                severity=Severity.WARNING if is_warning else Severity.INFO,
                locks=(lock,),
                steps=[*story.steps("runs code of others"), *story.made(lock)],
                help="copy what is called, and call it after the release",
            )


def _message(last: CriticalPair, lock: str) -> str:
    name = last.event.name
    match last.event.kind:
        case EventKind.HOOK:
            return f"`{name}()`, which subclasses replace, is called while `{lock}` is held"
        case EventKind.OBSERVER:
            return f"`{name}()` is called of objects of others while `{lock}` is held"
        case _ if name in RUNS_CALLBACKS:
            return f"`{name}()` runs callbacks while `{lock}` is held"
        case _:
            return f"callback `{name}()` is called while `{lock}` is held"


def _matters(program: Program, pair: CriticalPair) -> bool:
    """Return whether the function itself holds a lock of threads where a callback is called.

    A future that the function has made itself has no callbacks yet.
    """
    if pair.event.kind not in _KINDS or not pair.is_innermost:
        return False
    *_, last = pair.chain()
    path = last.event.path
    if path is None or not _excludes_threads(pair.held[-1].lock):
        return False
    is_plain = last.event.kind is EventKind.CALLBACK and last.event.name not in MAY_RUN_CALLBACKS
    if not is_plain and pair.depth > _MOST_CALLS:
        return False
    if last.event.kind is EventKind.OBSERVER:
        return _is_given(program, last)
    if last.event.kind is EventKind.HOOK:
        # Of another object, the class is mostly known, and with it the method.
        return pair.event.path is not None and pair.event.path.is_own_attribute
    if path.root is Root.PARAMETER:
        function = program.functions[last.function]
        return pair.inner is None and not function.name.startswith("_")
    if last.event.name in MAY_RUN_CALLBACKS:
        # Calls of a known callback are followed.
        return all(called.span != last.span for called in program.states[last.function].calls)
    return path.root not in (Root.LOCAL, Root.TEMP)


def _excludes_threads(lock: LockRef) -> bool:
    return not lock.kind.is_async and lock.kind.role is not LockRole.SEMAPHORE


def _is_of_holder(path: AccessPath) -> bool:
    """Return whether the object that holds the lock keeps a callback, in the terms of the holder.

    Another object may have none: whether users give it one depends on who has made it.
    """
    named = [each for each in path.fields if not isinstance(each, ElementField)]
    return path.root is Root.SELF and len(named) == 1


def _is_of_user(program: Program, last: CriticalPair) -> bool:
    """Return whether users of a class have passed what is called, or wait for the future."""
    event = last.event
    if event.kind is not EventKind.CALLBACK or event.name in MAY_RUN_CALLBACKS:
        return False
    if event.name in RUNS_CALLBACKS and not (event.path is not None and _is_of_holder(event.path)):
        return True
    return _is_given(program, last)


def _is_given(program: Program, last: CriticalPair) -> bool:
    """Return whether users of a class have passed what an attribute keeps."""
    path, key = last.event.path, program.functions[last.function].class_key
    is_own = path is not None and path.root is Root.SELF
    return is_own and path is not None and (key, path.name) in program.user_callbacks


def _acquired_in_public(program: Program) -> set[str]:
    """Return the names of the locks that public functions acquire.

    A callback cannot reach the object of a private class.
    """
    return {
        lock_name(taken.lock)
        for states in program.states.values()
        if not any(name.startswith("_") for name in states.function.qualname.split("."))
        for taken in states.taken
        if taken.waits
    }


RULE = Rule(
    code="LCK402",
    name="callback-under-lock",
    severity=Severity.WARNING,
    summary="a callback of others runs while a lock is held",
    page=__doc__,
    wants=frozenset(_KINDS),
    check=check,
    subsumed_by=("LCK302",),
)
