"""## What it does

Finds a thread that waits for itself: it holds a lock that is not re-entrant, and acquires it again
on the same path, directly or through calls, properties, operators, decorators, `super()` and
overridden methods. `logging` holds the `lock` of a handler during `emit`.

## Why is this bad?

The thread blocks indefinitely, and so does every other thread that acquires the lock afterwards. No
other thread is involved: it happens each time this path is taken.

## Example

```python
import threading


class Till:
    def __init__(self):
        self._lock = threading.Lock()
        self._coins = []

    @property
    def total(self):
        with self._lock:
            return sum(self._coins)

    def pay(self, coin):
        with self._lock:
            self._coins.append(coin)
            print(self.total)
```

## Use instead

Do the inner work before or after the section, split off a method that expects the lock to be held,
or make the lock an `RLock`:

```python
import threading


class Till:
    def __init__(self):
        self._lock = threading.Lock()
        self._coins = []

    @property
    def total(self):
        with self._lock:
            return self._total()

    def _total(self):
        return sum(self._coins)

    def pay(self, coin):
        with self._lock:
            self._coins.append(coin)
            print(self._total())
```

## Known limits

The finding is a warning if a call may run another method than the one found, such as one that only
a subclass has, and info if more than ten calls lead to the lock. There is no finding for re-entrant
locks, an acquire that does not block or has a timeout, and locks of another instance. A semaphore
is reported only if it is made with one slot, and no function releases it without having acquired
it.
Parameters that are passed as literals (`self.close(locked=True)`) are followed through the tests
that use them. So are tests that the
caller has made (`if request.action == "stop"`, `if key in self.jobs`), until the caller itself
changes what it tested. Nothing is reported of a child of a fork if the file that makes the lock
calls `os.register_at_fork`, or where a test of which thread runs (`get_ident() == self._owner`),
made with the lock held, decides on the acquire.

There is no finding if another function releases the lock without having acquired it: then the lock
is a signal, and the wait ends. If some iterations of a loop acquire the lock and others release it,
nothing is assumed about its state at the start of an iteration.

## References

- [threading.Lock](https://docs.python.org/3/library/threading.html#lock-objects)
- [CWE-764: Multiple Locks of a Critical Resource](https://cwe.mitre.org/data/definitions/764.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.critical_pair import MOST_CALLS
from locklint.analysis.deadlock_story import Story
from locklint.analysis.program import Program
from locklint.analysis.self_deadlock import SelfDeadlock
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.rule import Rule

_ONCE = (
    "acquire the lock only once: release it before this, or split off a function that"
    " expects the lock to be held"
)
_HANDLERS_OWN = "give the lock another name: `lock` is that of `logging`, which holds it meanwhile"


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each place at which a thread waits for itself."""
    for found in program.self_deadlocks:
        pair, lock = found.pair, found.held.lock
        function = program.functions[pair.function]
        story = Story(program, pair)
        since = found.held.since
        yield RULE.finding(
            function,
            pair.span,
            _message(program, found, story.actor(1)),
            severity=_severity(found),
            confidence=Confidence.HIGH if found.proven else Confidence.MEDIUM,
            locks=(lock,),
            steps=[*story.steps(), *story.made(lock)],
            help=_HANDLERS_OWN if found.by_logging else _ONCE,
            anchors=() if since is None else (since.span,),
        )


def _severity(found: SelfDeadlock) -> Severity:
    if found.proven:
        return Severity.ERROR
    return Severity.INFO if found.pair.depth > MOST_CALLS else Severity.WARNING


def _message(program: Program, found: SelfDeadlock, actor: str) -> str:
    pair = found.pair
    name = display_name(found.held.lock)
    if found.by_logging:
        what = "this" if pair.inner is None else "a callee"
        return (
            f"`logging` calls this method with `{name}` held, and {what} waits for it: the {actor}"
            " blocks indefinitely"
        )
    if pair.inner is None:
        return f"`{name}` is already held, and this waits for it: the {actor} blocks indefinitely"
    *_, last = pair.chain()
    callee = program.functions[last.function].called_name
    return f"`{name}` is held here, and `{callee}` waits for it: the {actor} blocks indefinitely"


RULE = Rule(
    code="LCK302",
    name="self-deadlock",
    severity=Severity.ERROR,
    summary="a thread waits for a lock that it already holds",
    page=__doc__,
    check=check,
)
