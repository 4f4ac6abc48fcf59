"""## What it does

Finds a call of `time.sleep` while a lock is held, in the function that holds it or in one that it
calls. More calls that block will follow.

## Why is this bad?

All threads that need the lock wait as long as the sleep, although nothing happens that the lock
protects. Under load they queue up.

## Example

```python
import threading
import time

lock = threading.Lock()
state = {}


def refresh(load):
    with lock:
        while not state:
            state.update(load())
            time.sleep(5)
```

## Use instead

Release the lock before the sleep:

```python
import threading
import time

lock = threading.Lock()
state = {}


def refresh(load):
    while True:
        with lock:
            state.update(load())
            if state:
                return
        time.sleep(5)
```

## Known limits

A sleep of less than a second is not reported, and neither is one whose duration is a variable or an
attribute. A lock that exists to let one thread at a time sleep, such as that of a rate limit, is
reported.

## References

- [time.sleep](https://docs.python.org/3/library/time.html#time.sleep)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.deadlock_story import Story
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.core.source import Span
from locklint.ir.event import EventKind
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each call that blocks under a lock, or leads to one that does."""
    for key in sorted(program.composition.pairs):
        found: dict[Span, CriticalPair] = {}
        for pair in program.composition.pairs[key]:
            if pair.event.kind is EventKind.BLOCK and _is_innermost(pair):
                old = found.get(pair.span)
                if old is None or pair.rank() < old.rank():
                    found[pair.span] = pair
        for _, pair in sorted(found.items()):
            lock = pair.held[-1].lock
            story = Story(program, pair)
            *_, last = pair.chain()
            yield RULE.finding(
                program.functions[key],
                pair.span,
                f"`{last.event.name}()` is called while `{display_name(lock)}` is held",
                locks=(lock,),
                steps=[*story.steps("blocks"), *story.made(lock)],
                help="release the lock before this",
            )


def _is_innermost(pair: CriticalPair) -> bool:
    """Return whether the function itself holds a lock there, and none of its callees does."""
    return bool(pair.held) and not pair.inside and not pair.is_concurrent


RULE = Rule(
    code="LCK401",
    name="blocking-under-lock",
    severity=Severity.WARNING,
    summary="a thread sleeps while it holds a lock",
    page=__doc__,
    preview=True,
    wants=frozenset({EventKind.BLOCK}),
    check=check,
)
