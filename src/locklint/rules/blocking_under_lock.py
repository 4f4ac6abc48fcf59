"""## What it does

Finds calls that may block for long while a lock is held, in the function that holds it or in one
that it calls: a sleep, a wait for a child process, a thread, an event or an item of a queue, and
reading what a user types.

## Why is this bad?

All threads that need the lock wait as long as this one, although nothing happens that the lock
protects. Under load they queue up. If what is waited for never comes, they wait forever.

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


def read(name):
    with lock:
        return state.get(name)
```

## Use instead

Release the lock before the call that blocks:

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


def read(name):
    with lock:
        return state.get(name)
```

## Known limits

A finding is a warning if the lock is also acquired where nothing blocks: the threads that do so
wait for nothing of theirs. If something blocks wherever the lock is held, the lock may be there to
let one thread at a time do that, and the finding is info. So is one about a thread whose functions
are known, and do not need the lock: it ends by itself.

Semaphores with several permits are left out, and so is a wait for an event in a function that
starts a thread. A call with a timeout is not reported, and neither is a sleep of less than a
second, or one whose duration is a variable or an attribute. Results of futures are not reported,
because most are there by then. Waiting for what needs the lock is [LCK307](LCK307.md).

## References

- [time.sleep](https://docs.python.org/3/library/time.html#time.sleep)
- [subprocess](https://docs.python.org/3/library/subprocess.html)
- [queue.Queue.get](https://docs.python.org/3/library/queue.html#queue.Queue.get)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from locklint.analysis.critical_pair import CriticalPair, best_by_place
from locklint.analysis.deadlock_story import Story
from locklint.analysis.lock_name import lock_name
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.core.source import Span
from locklint.ir.access_path import Root
from locklint.ir.event import Event, EventKind
from locklint.ir.instruction import Spawn
from locklint.ir.lock import LockRole
from locklint.rule import Rule

_KINDS = (EventKind.BLOCK, EventKind.JOIN, EventKind.LISTEN)
_MOSTLY_DONE = ("result", "exception")
_Section = tuple[str, Span]


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each call that blocks under a lock, or leads to one that does."""
    pairs = [each.pair for each in program.waiting_for_holders]
    pairs += [each.pair for each in program.waiting_for_signals]
    deadlocks = {(pair.function, pair.span) for pair in pairs}
    sections = _sections(program)
    blocking = _sections_that_block(program)
    for key in sorted(program.composition.pairs):
        for pair in best_by_place(
            pair
            for pair in program.composition.pairs[key]
            if _blocks(pair)
            and _is_under_lock(pair)
            and (key, pair.span) not in deadlocks
            and not _is_start(program, pair)
        ):
            lock = pair.held[-1].lock
            story = Story(program, pair)
            *_, last = pair.chain()
            # Other threads need the lock for something short.
            serves_others = sections[lock_name(lock)] - blocking[lock_name(lock)]
            is_warning = serves_others and not last.event.awaited
            yield RULE.finding(
                program.functions[key],
                pair.span,
                f"{_described(last.event)} while `{display_name(lock)}` is held",
                severity=Severity.WARNING if is_warning else Severity.INFO,
                locks=(lock,),
                steps=[*story.steps("blocks"), *story.made(lock)],
                help="release the lock before this",
            )


def _blocks(pair: CriticalPair) -> bool:
    """Return whether the event of a pair may take long. The result of a future is mostly there."""
    return pair.event.kind in _KINDS and pair.event.name not in _MOSTLY_DONE


def _is_under_lock(pair: CriticalPair) -> bool:
    """Return whether a function holds a lock there. A permit of a semaphore is held for long."""
    return pair.is_innermost and pair.held[-1].lock.kind.role is not LockRole.SEMAPHORE


def _is_start(program: Program, pair: CriticalPair) -> bool:
    """Return whether a function waits until the thread runs that it has just started.

    The lock is there so that there is one such thread.
    """
    *_, last = pair.chain()
    return last.event.kind is EventKind.LISTEN and any(
        isinstance(each, Spawn)
        for block in program.functions[last.function].blocks.values()
        for each in block.instructions
    )


def _sections(program: Program) -> defaultdict[str, set[_Section]]:
    """Return the places where each lock is acquired, by its name."""
    found: defaultdict[str, set[_Section]] = defaultdict(set)
    for key, states in program.states.items():
        for taken in states.taken:
            if taken.waits:
                found[lock_name(taken.lock)].add((key, taken.acquisition.span))
    return found


def _sections_that_block(program: Program) -> defaultdict[str, set[_Section]]:
    """Return those of these places after which something blocks while the lock is held."""
    found: defaultdict[str, set[_Section]] = defaultdict(set)
    for key, pairs in program.composition.pairs.items():
        for pair in pairs:
            if _blocks(pair):
                for held in pair.held:
                    if held.since is not None:
                        found[lock_name(held.lock)].add((key, held.since.span))
    return found


def _described(event: Event) -> str:
    """Return, for example, ``"`jobs.get()` is called"``."""
    if event.name == "__exit__":
        return "the end of this `with` waits for an executor"
    owner = ""
    if event.lock is not None:
        owner = f"{display_name(event.lock)}."
    elif event.path is not None and event.path.root is not Root.TEMP:
        owner = f"{event.path}."
    return f"`{owner}{event.name}()` is called"


RULE = Rule(
    code="LCK401",
    name="blocking-under-lock",
    severity=Severity.WARNING,
    summary="a thread blocks while it holds a lock that others need",
    page=__doc__,
    preview=True,
    wants=frozenset((*_KINDS, EventKind.SIGNAL)),
    check=check,
)
