"""## What it does

Finds a release behind `if lock.locked():` on a path on which the function has released the lock
already, or in a finalizer (`__del__`) of one of several objects that share the lock.

## Why is this bad?

`locked()` is true if any thread holds the lock. After the function has released the lock, that is
another thread. The release then ends the section of that thread while it is still running, and the
thread's own release raises `RuntimeError: release unlocked lock`.

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
those that only the one thread in that function acquires.

## References

- [Lock.locked](https://docs.python.org/3/library/threading.html#threading.Lock.locked)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.events import LockStates
from locklint.analysis.hand_off import held_as, is_own_release
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, step, user_word
from locklint.analysis.unheld import releases_of_others
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.ir.api_use import UseKind
from locklint.ir.cfg import Function
from locklint.ir.lock import Exactness, LockRef
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report releases of a lock that another thread or task holds."""
    for states in program.solved:
        function = states.function
        yield from _by_finalizers(program, states)
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
