"""## What it does

Finds code that runs when an object is freed, and waits for a lock that other code holds at a place
where objects may be freed. Such code is a method `__del__`, the callback of a weak reference or of
`weakref.finalize`, and a function in `gc.callbacks`.

## Why is this bad?

An object that is part of a reference cycle is freed when the collector runs, and that is between
any two instructions of any thread. If this thread holds the lock at that moment, the finalizer
waits for the code that it interrupts, which cannot go on: the thread blocks indefinitely.

## Example

```python
import threading


class Connection:
    _lock = threading.Lock()
    _open = set()

    def __init__(self, number):
        self.number = number
        with Connection._lock:
            Connection._open.add(number)

    def __del__(self):
        with Connection._lock:
            Connection._open.discard(self.number)
```

## Use instead

Leave the work to other code, by a step that needs no lock. `append` of a `deque` is one, and so is
`put` of a `queue.SimpleQueue`:

```python
import collections
import threading


class Connection:
    _lock = threading.Lock()
    _open = set()
    _freed = collections.deque()

    def __init__(self, number):
        self.number = number
        with Connection._lock:
            while Connection._freed:
                Connection._open.discard(Connection._freed.popleft())
            Connection._open.add(number)

    def __del__(self):
        Connection._freed.append(self.number)
```

A re-entrant lock ends the deadlock, too. Then the finalizer may see data that the interrupted code
has changed only in part.

## Known limits

Whether objects of the class are ever part of a cycle, or are freed by the code that holds the lock,
is not known. So the finding is info, except for a function in `gc.callbacks`, which is run again
and again, and where the code that holds the lock makes an object of the class, which may take the
place of an older one. A function in `gc.callbacks` is no more than info in a file that also removes
such functions, and code is left out that turns the collector off first. The lock of the freed
object itself is not reported, nor is that of an object that it has made: code that holds it has a
reference to the object. Locks inside a `queue.Queue` are not looked at.

## References

- [object.\\_\\_del\\_\\_](https://docs.python.org/3/reference/datamodel.html#object.__del__)
- [weakref.finalize](https://docs.python.org/3/library/weakref.html#weakref.finalize)
- [gc.callbacks](https://docs.python.org/3/library/gc.html#gc.callbacks)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.interrupted import Interrupted
from locklint.analysis.interruption_story import interruption_steps, waiting
from locklint.analysis.program import Program
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.ir.event import EventKind
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each wait for a lock in a finalizer."""
    for found in program.locked_in_finalizers:
        when = _when(found)
        finalizer = program.functions[found.entry.function].called_name
        holder = found.holder.function.called_name
        yield RULE.finding(
            program.functions[found.pair.function],
            found.pair.span,
            f"`{finalizer}` runs {when}, and {waiting(program, found)}: if it interrupts"
            f" `{holder}`, which holds the lock, the thread blocks indefinitely",
            severity=found.severity,
            confidence=Confidence.HIGH if found.proven else Confidence.MEDIUM,
            locks=(found.lock,),
            steps=interruption_steps(program, found, f"lets the interpreter run, {when},"),
            help="only note the work here, in a `deque` or a `SimpleQueue`, and do it elsewhere",
        )


def _when(found: Interrupted) -> str:
    registered = found.entry.registration
    if registered is not None and registered.of is None:
        return "when the collector begins or ends"
    return "when an object is freed"


RULE = Rule(
    code="LCK701",
    name="lock-in-finalizer",
    severity=Severity.ERROR,
    summary="a finalizer waits for a lock that the code which it interrupts may hold",
    page=__doc__,
    on_request=True,
    wants=frozenset({EventKind.INTERRUPT}),
    check=check,
)
