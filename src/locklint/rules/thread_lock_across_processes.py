"""## What it does

Finds locks of `threading` that are meant to exclude processes: one that is passed to a process and
acquired there, one that an object of a subclass of `Process` acquires on both sides, and one that
only functions of several processes acquire. Finds objects with such a lock, too, that are pickled
or copied deeply.

## Why is this bad?

A lock of threads is known to one process only. A child that is forked has a copy, which excludes
no thread of the parent, so both change what they share at the same time. No other child can get the
lock at all, for it cannot be pickled: `TypeError` is raised.

## Example

```python
import multiprocessing
import threading


def count(total, lock):
    with lock:
        total.value += 1


def main():
    lock = threading.Lock()
    total = multiprocessing.Value("i", 0)
    workers = [multiprocessing.Process(target=count, args=(total, lock)) for _ in range(4)]
    for worker in workers:
        worker.start()
```

## Use instead

```python
import multiprocessing


def count(total, lock):
    with lock:
        total.value += 1


def main():
    lock = multiprocessing.Lock()
    total = multiprocessing.Value("i", 0)
    workers = [multiprocessing.Process(target=count, args=(total, lock)) for _ in range(4)]
    for worker in workers:
        worker.start()
```

A class whose objects are pickled leaves the lock out in `__getstate__`, and makes a new one in
`__setstate__`.

## Known limits

It is an error if an object with a lock is certainly copied, or if both sides are seen to acquire a
lock that was passed. It is a warning if only one process is seen to get the lock, or if both sides
find it by its name: then nothing but the absence of threads shows for what it is meant.
It is info if that lock belongs to another file, which may be a library.

A class is left alone if it, one that descends from it or one of its bases has a method such as
`__getstate__`, `__reduce__` or `__deepcopy__`, or has a base that is not part of the program. So is
a copy whose failure a handler expects, and one of an object that lost the lock in the same function
before. The arguments of a process are treated as pickled where the program chooses only other
methods than `fork`.

## References

- [Synchronization between processes](https://docs.python.org/3/library/multiprocessing.html#synchronization-between-processes)
- [object.\\_\\_getstate\\_\\_](https://docs.python.org/3/library/pickle.html#object.__getstate__)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.copies import fails
from locklint.analysis.lock_name import short_names
from locklint.analysis.process_locks import Place, SharedWithProcess
from locklint.analysis.program import Program
from locklint.analysis.story import kind_phrase, made_step
from locklint.core.diagnostic import Confidence, Diagnostic, Severity, Step, StepRole
from locklint.ir.api_use import ApiUse, UseKind
from locklint.ir.cfg import Function
from locklint.ir.event import EventKind
from locklint.ir.lock import LockRef
from locklint.models.processes import FORK_METHOD, is_deep_copy
from locklint.rule import Rule

_LOCALS = "<locals>."


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each lock of threads that several processes use as one, or that is copied."""
    copied: set[tuple[str, object]] = set()
    for function in program.ordered_functions:
        for use in function.api_uses:
            if use.lock is not None and _is_copied(program, function, use):
                copied.add((function.key, use.span))
                yield _copied(program, function, use, use.lock)
    for found in program.locks_of_processes:
        if (found.maker.key, found.span) not in copied:
            yield _shared(program, found)


def _is_copied(program: Program, function: Function, use: ApiUse) -> bool:
    if use.kind is UseKind.COPIED_TO_PROCESS:
        methods = program.processes.methods
        if not methods or FORK_METHOD in methods:
            return False
    elif use.kind is not UseKind.COPIED:
        return False
    return use.lock is not None and fails(function, use.span, use.lock)


def _copied(program: Program, function: Function, use: ApiUse, lock: LockRef) -> Diagnostic:
    doing = "copied deeply" if is_deep_copy(use.method) else "pickled"
    what = kind_phrase(lock.kind)
    if lock.path.fields and str(lock.path) != use.detail:
        owner = f"`{use.detail}`" if use.detail else "the object"
        what = f"{owner} holds {what} in `{lock.path.name}`, and"
    made = made_step(program, lock)
    return RULE.finding(
        function,
        use.span,
        f"{what} cannot be {doing}: `TypeError` is raised",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        locks=(lock,),
        steps=() if made is None else (made,),
        help="leave the lock out in `__getstate__`, and make a new one in `__setstate__`",
    )


def _shared(program: Program, found: SharedWithProcess) -> Diagnostic:
    modules = {source.key for source in program.sources.values()}
    name = short_names([found.lock.identity], modules)[found.lock.identity]
    if _LOCALS in name:
        name = name.rpartition(_LOCALS)[2]
    run = program.functions[found.run].called_name
    how = "is passed to the process" if found.is_passed else "is acquired in the process"
    made = made_step(program, found.lock) if found.is_of_object else None
    return RULE.finding(
        found.maker,
        found.span if made is None else made.span,
        f"{kind_phrase(found.lock.kind)} does not exclude other processes: `{name}` {how} that runs"
        f" `{run}`, which has at most a copy of it",
        severity=found.severity,
        confidence=Confidence.HIGH if found.severity is Severity.ERROR else Confidence.MEDIUM,
        locks=(found.lock,),
        steps=list(_steps(program, found, name)),
        help="use a lock of `multiprocessing`, and pass it to the process",
    )


def _steps(program: Program, found: SharedWithProcess, name: str) -> Iterator[Step]:
    maker = found.maker
    run = program.functions[found.run].called_name
    if not found.is_of_object:
        message = f"makes a process that runs `{run}`"
        yield Step(StepRole.NOTE, maker.path, found.span, message, maker.shown_name)
    yield _acquire(program, found.child, f"the process acquires its copy of `{name}`")
    other = found.other
    if other is not None:
        is_twin = (other.function, other.span) == (found.child.function, found.child.span)
        message = f"so does another process: both hold `{name}`"
        if not is_twin:
            message = f"another process acquires `{name}`, which both then hold"
        yield _acquire(program, other, message)
    made = made_step(program, found.lock)
    if made is not None:
        yield made


def _acquire(program: Program, place: Place, message: str) -> Step:
    function = program.functions[place.function]
    return Step(StepRole.NOTE, function.path, place.span, message, function.shown_name)


RULE = Rule(
    code="LCK704",
    name="thread-lock-across-processes",
    severity=Severity.ERROR,
    summary="a lock of threads is meant to exclude processes, or is copied",
    page=__doc__,
    on_request=True,
    wants=frozenset({EventKind.FORK}),
    check=check,
)
