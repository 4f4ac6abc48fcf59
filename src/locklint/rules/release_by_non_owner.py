"""## What it does

Finds a release behind `if lock.locked():` on a path on which the function has released the lock
already, or in a finalizer (`__del__`) of one of several objects that share the lock. And it finds a
lock with an owner, such as an `RLock`, that a new thread releases, though another function has
acquired it.

## Why is this bad?

`locked()` is true if any thread holds the lock. After the function has released the lock, that is
another thread. The release then ends the section of that thread while it is still running, and the
thread's own release raises `RuntimeError: release unlocked lock`. An `RLock`, or a condition,
belongs to the thread that has acquired it: a release by another one raises `RuntimeError`, and the
lock is never released.

## Example

```python
import threading

lock = threading.Lock()


def read(source, buffer):
    try:
        data = source()
        lock.acquire()
        buffer.extend(data)
        lock.release()
    finally:
        if lock.locked():
            lock.release()
```

## Use instead

```python
import threading

lock = threading.Lock()


def read(source, buffer):
    data = source()
    with lock:
        buffer.extend(data)
```

## Known limits

No finding in a function that never acquires the lock, unless a finalizer calls it: its caller may
hold it. Semaphores are not reported, nor locks that another function acquires and leaves held, nor
those that only the one thread in that function acquires. A release in another thread is an error,
all others are warnings. Functions that an executor runs are left out, as its threads may have
acquired the lock before.

## References

- [Lock.locked](https://docs.python.org/3/library/threading.html#threading.Lock.locked)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.acquisitions import Fate, fates
from locklint.analysis.events import LockStates
from locklint.analysis.expected import is_expected
from locklint.analysis.hand_off import held_as, is_own_release
from locklint.analysis.program import Program
from locklint.analysis.story import acquire_steps, display_name, step, user_word
from locklint.analysis.unheld import EXPECTED, releases_of_others
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, StepRole
from locklint.ir.api_use import UseKind
from locklint.ir.cfg import Function
from locklint.ir.context import Context
from locklint.ir.lock import Exactness, LockRef, Owner
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report releases of a lock that another thread or task holds."""
    for states in program.solved:
        function = states.function
        yield from _by_finalizers(program, states)
        yield from _in_threads(program, states)
        for given in releases_of_others(states):
            if held_as(given.lock, given.key.mode) in states.shared.acquired:
                continue  # Others acquire it for this function to release.
            if not _may_be_held_by_others(program, function, given.lock):
                continue
            name = display_name(given.lock)
            user = user_word(given.lock)
            steps = []
            if given.before.where is not None:
                message = f"`{name}` is released here"
                steps.append(
                    step(function, StepRole.RELEASE, given.before.where, message, given.lock)
                )
            last = f"if `{name}` is held after that, it is by another {user}"
            steps.append(step(function, StepRole.RELEASE, given.span, last, given.lock))
            yield RULE.finding(
                function,
                given.span,
                f"`{name}` is released while another {user} holds it",
                locks=(given.lock,),
                steps=steps,
                help="use `with`, which releases only what it has acquired",
            )


def _in_threads(program: Program, states: LockStates) -> Iterator[Diagnostic]:
    """Report releases, in a new thread, of a lock that another function acquires and keeps.

    Only the thread that has acquired the lock may release it.
    """
    function = states.function
    found = {
        given.span: given.lock
        for given in states.given
        if given.lock.kind.owner is Owner.THREAD
        and given.lock.kind.reentrant
        and given.lock.confidence is Confidence.HIGH
        and is_own_release(given)
        and not is_expected(function, given.span, EXPECTED)
    }
    if not found:
        return
    start = next(
        (
            root
            for root in sorted(program.threads.roots(function.key), key=str)
            if root.function == function.key and root.context is Context.THREAD
        ),
        None,
    )
    if start is None or start.span is None:
        return
    name, maker = function.called_name, program.functions[start.spawner]
    for span, lock in sorted(found.items(), key=lambda item: item[0]):
        kept = _kept(program, function, lock)
        if kept is None or _may_own(program, function, lock):
            continue
        yield RULE.finding(
            function,
            span,
            f"`{display_name(lock)}` is released in another thread than the one that has acquired"
            " it, which raises an exception",
            severity=Severity.ERROR,
            locks=(lock,),
            steps=[
                acquire_steps([kept])[0],
                step(maker, StepRole.SPAWN, start.span, f"makes a thread that runs `{name}`"),
                step(function, StepRole.RELEASE, span, "this thread has not acquired it", lock),
            ],
            help="use a lock without an owner, or release it in the thread that has acquired it",
        )


def _kept(program: Program, function: Function, lock: LockRef) -> Fate | None:
    """Return an acquisition by another function, which leaves the lock held."""
    return next(
        (
            fate
            for states in program.solved
            if states.function.key != function.key
            for fate in fates(states)
            if fate.lock.identity == lock.identity
            if not fate.releases and fate.outlives_function
        ),
        None,
    )


def _may_own(program: Program, function: Function, lock: LockRef) -> bool:
    """Return whether the thread of a function may have acquired a lock by then, or a caller has."""
    if any(use.kind is UseKind.LOCKED_TESTED for use in function.api_uses):
        return True
    inside = program.threads.reached_from(function.key)
    return any(
        taken.lock.identity == lock.identity
        for key in inside
        for taken in program.states[key].taken
    ) or any(
        held.lock.identity == lock.identity
        for edge in program.call_graph.callers.get(function.key, ())
        for held in edge.held
    )


def _may_be_held_by_others(program: Program, function: Function, lock: LockRef) -> bool:
    """Return whether another thread than the one that runs a function may acquire a lock.

    A thread that only one place starts, and not in a loop, is the only one of its object.
    """
    if lock.path.is_parameter or any(
        taken.lock.identity == lock.identity
        for states in program.solved
        if states.function.key != function.key
        for taken in states.taken
    ):
        return True
    if lock.exactness is Exactness.FRESH:
        return False  # Each call makes its own.
    roots = program.threads.roots(function.key)
    return len(roots) != 1 or any(each.several or not each.context.is_started for each in roots)


def _by_finalizers(program: Program, states: LockStates) -> Iterator[Diagnostic]:
    """Report releases, for an object that is no longer used, of a lock that others use as well."""
    function = states.function
    tested = {
        use.lock.identity
        for use in function.api_uses
        if use.kind is UseKind.LOCKED_TESTED and use.lock is not None
    }
    found = {
        given.span: given.lock
        for given in states.given
        if given.lock.exactness is Exactness.ONE
        and given.lock.identity in tested
        and is_own_release(given)
    }
    if not found:
        return
    finalizer = _finalizer_before(program, function)
    if finalizer is None:
        return
    for span, lock in sorted(found.items(), key=lambda item: item[0]):
        name, user = display_name(lock), user_word(lock)
        which = "this" if finalizer is function else f"`{finalizer.called_name}`"
        yield RULE.finding(
            function,
            span,
            f"`{name}` may be released while another {user} holds it: {which} runs when an object"
            " is deleted, and all objects share the lock",
            locks=(lock,),
            steps=[step(function, StepRole.RELEASE, span, "released by whichever runs this", lock)],
            help="note in the object that it has acquired the lock, and test that",
        )


def _finalizer_before(program: Program, function: Function) -> Function | None:
    """Return a `__del__` that calls a function, directly or through others, or is it."""
    seen = {function.key}
    work = [function.key]
    while work:
        key = work.pop()
        if program.functions[key].name == "__del__":
            return program.functions[key]
        callers = {edge.caller for edge in program.call_graph.callers.get(key, ())} - seen
        seen |= callers
        work += sorted(callers)
    return None


RULE = Rule(
    code="LCK213",
    name="release-by-non-owner",
    severity=Severity.WARNING,
    summary="a lock is released that another thread or task holds",
    page=__doc__,
    check=check,
)
