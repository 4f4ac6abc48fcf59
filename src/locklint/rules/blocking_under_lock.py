"""## What it does

Finds calls that may block for long while a lock is held, in the function that holds it or in one
that it calls: a sleep, a wait for a child process, a thread, a pool, an event, an item of a queue
or room in it, and reading what a user types. Calls that move data are info: sockets, HTTP,
databases and files.

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
let one thread at a time do that, and the finding is info. So is one in these cases:

- What is waited for is a thread whose functions are known, and do not need the lock: it ends by
  itself. A process needs no lock of threads.
- The functions that lead to the call set an attribute that they have tested before it: it is done
  once, as in `start()`, and all others are meant to wait for that.
- It is not certain that the call is reached: by a method of some subclass, by one of several
  methods that may be meant, or by more than six calls.
- The lock is one of tasks, which keeps no thread waiting.

Calls that move data are reported if most of the code that acquires the lock does nothing of the
kind. Otherwise the lock is there to move data in turn. A file is looked at only in the function
that holds the lock.

Semaphores with several permits are left out, and so is a wait for an event in a function that
starts a thread. A call with a timeout is not reported, and neither is a sleep of less than a
second, or one whose duration is a variable or an attribute. A queue may be full if a positive
number is written where it is made: `Queue(10)`. Results of futures are not reported,
because most are there by then. Neither is a wait that ends at once: for what has ended, is killed
or was waited for before, or for an item of a queue that a test under the lock has found not to be
empty. Nor is a wait for threads of which a counter says that they have nothing to do. The setting
`blocking-calls` adds functions. Waiting for what needs the lock is [LCK307](LCK307.md).

## References

- [time.sleep](https://docs.python.org/3/library/time.html#time.sleep)
- [subprocess](https://docs.python.org/3/library/subprocess.html)
- [queue.Queue.get](https://docs.python.org/3/library/queue.html#queue.Queue.get)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator

from locklint.analysis.critical_pair import FEW_CALLS, CriticalPair, best_by_place
from locklint.analysis.deadlock_story import Story
from locklint.analysis.events import Manner
from locklint.analysis.lock_name import lock_name
from locklint.analysis.paths import tested_paths
from locklint.analysis.program import Program
from locklint.analysis.signals import ends_wait_first, is_counted
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.core.source import Span
from locklint.ir.access_path import Root
from locklint.ir.event import Event, EventKind
from locklint.ir.instruction import Assign, Spawn, Unknown
from locklint.ir.lock import LockRole
from locklint.models.events import POOL_TERMINATE, POOLED, PROCESS_JOIN
from locklint.rule import Rule

_WAITS = (EventKind.BLOCK, EventKind.JOIN, EventKind.LISTEN)
_DATA = (EventKind.TRANSFER, EventKind.FILE)
_KINDS = (*_WAITS, *_DATA)
_MOSTLY_DONE = ("result", "exception")
_SHORT = (POOL_TERMINATE,)

_Section = tuple[str, Span]


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each call that blocks under a lock, or leads to one that does."""
    pairs = [each.pair for each in program.waiting_for_holders]
    pairs += [each.pair for each in program.waiting_for_signals]
    deadlocks = {(pair.function, pair.span) for pair in pairs}
    sections = _sections(program)
    blocking = _sections_with(program, _KINDS)
    moving = _sections_with(program, _DATA)
    for key in sorted(program.composition.pairs):
        under = [
            pair
            for pair in program.composition.pairs[key]
            if _blocks(pair)
            and _is_under_lock(pair)
            and (key, pair.span) not in deadlocks
            and not _is_idle(program, pair)
            and not is_counted(program.call_graph, pair)
        ]
        waits = best_by_place(
            pair
            for pair in under
            if pair.event.kind in _WAITS
            and not _is_start(program, pair)
            and not _is_ended_first(program, pair)
        )
        for pair in waits:
            # Other threads need the lock for something short.
            name = lock_name(pair.held[-1].lock)
            is_warning = sections[name] - blocking[name] and not _is_doubtful(program, pair)
            yield _finding(program, pair, Severity.WARNING if is_warning else Severity.INFO)
        reported = {_section_of(pair) for pair in waits}
        for pair in best_by_place(pair for pair in under if pair.event.kind in _DATA):
            name, section = lock_name(pair.held[-1].lock), _section_of(pair)
            others = sections[name] - moving[name]
            # If most of what the lock is for is to move data, it is there to do that in turn.
            if section not in reported and 2 * len(others) > len(sections[name]):
                reported.add(section)
                yield _finding(program, pair, Severity.INFO)


def _is_idle(program: Program, pair: CriticalPair) -> bool:
    """Return whether a test of a counter has found that what is waited for has nothing to do."""
    if pair.event.kind is not EventKind.JOIN:
        return False
    counters = {
        test.path.last
        for test in pair.state
        if test.path.fields and test.answers(0) and not test.answers(1)
    }
    return bool(counters) and any(
        isinstance(each, Assign)
        and each.target.fields
        and each.target.last in counters
        and isinstance(each.value, Unknown)
        and each.value.is_number
        for function in program.functions.values()
        for block in function.blocks.values()
        for each in block.instructions
    )


def _is_doubtful(program: Program, pair: CriticalPair) -> bool:
    """Return whether the wait may do no harm.

    What is waited for needs no lock of threads, or ends soon. A lock of tasks keeps no thread
    waiting. What is done once, behind a test of an attribute that is set then, is meant to be
    waited for by all others. It is not sure that a method of some subclass, or one of several, is
    called, or that a long chain of calls gets that far.
    """
    *_, last = pair.chain()
    event, lock = last.event, pair.held[-1].lock
    if event.awaited or event.name in _SHORT or lock.kind.is_async:
        return True
    if event.name == PROCESS_JOIN and not lock.kind.cross_process:
        return True
    if pair.depth > FEW_CALLS or pair.manner is Manner.OVERRIDE or not pair.certain:
        return True
    return _is_done_once(program, pair)


def _is_done_once(program: Program, pair: CriticalPair) -> bool:
    """Return whether the functions that lead to an event set what they have tested before it.

    A first thread does the work, and all others wait for that.
    """
    chain = [(program.functions[link.function], link.span) for link in pair.chain()]
    chain.append((program.functions[pair.function], _section_of(pair)))
    tested = {
        (function.class_key if path.root is Root.SELF else function.module, path)
        for function, span in chain
        for path in tested_paths(function, span)
        if path.is_own_attribute or path.root is Root.GLOBAL
    }
    return bool(tested) and any(
        isinstance(each, Assign)
        and (function.class_key if each.target.root is Root.SELF else function.module, each.target)
        in tested
        for function, _ in chain
        for block in function.blocks.values()
        for each in block.instructions
    )


def _finding(program: Program, pair: CriticalPair, severity: Severity) -> Diagnostic:
    lock = pair.held[-1].lock
    story = Story(program, pair)
    *_, last = pair.chain()
    return RULE.finding(
        program.functions[pair.function],
        pair.span,
        f"{_described(last.event)} while `{display_name(lock)}` is held",
        severity=severity,
        locks=(lock,),
        steps=[*story.steps("blocks"), *story.made(lock)],
        help="release the lock before this",
    )


def _section_of(pair: CriticalPair) -> Span:
    """Return the place of the acquire after which a pair happens, or of the pair itself."""
    since = pair.held[-1].since
    return pair.span if since is None else since.span


def _blocks(pair: CriticalPair) -> bool:
    """Return whether the event of a pair may take long.

    The result of a future is mostly there. A file is looked at in the function with the lock only.
    """
    event = pair.event
    if event.kind is EventKind.FILE:
        return pair.inner is None
    return event.kind in _KINDS and event.name not in _MOSTLY_DONE


def _is_under_lock(pair: CriticalPair) -> bool:
    """Return whether a function certainly holds a lock there.

    A permit of a semaphore is held for long.
    """
    lock = pair.held[-1].lock if pair.is_innermost else None
    if lock is None or lock.may_be_stand_in:
        return False
    return lock.kind.role is not LockRole.SEMAPHORE


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


def _is_ended_first(program: Program, pair: CriticalPair) -> bool:
    """Return whether all that waits for the lock sets the event of a wait under it before."""
    if pair.event.kind is not EventKind.LISTEN:
        return False
    name, own = lock_name(pair.held[-1].lock), _section_of(pair)
    others = [
        (states.function.key, taken.acquisition.span)
        for states in program.states.values()
        for taken in states.taken
        if taken.waits and lock_name(taken.lock) == name
    ]
    ends = [
        ends_wait_first(program.call_graph, key, span, pair)
        for key, span in others
        if (key, span) != (pair.function, own)
    ]
    return bool(ends) and all(ends)


def _sections(program: Program) -> defaultdict[str, set[_Section]]:
    """Return the places where each lock is acquired, by its name."""
    found: defaultdict[str, set[_Section]] = defaultdict(set)
    for states in program.states.values():
        for taken in states.taken:
            if taken.waits:
                found[lock_name(taken.lock)].add((states.function.path, taken.acquisition.span))
    return found


def _sections_with(
    program: Program, kinds: Container[EventKind]
) -> defaultdict[str, set[_Section]]:
    """Return those of these places after which an event of some kinds happens under the lock."""
    found: defaultdict[str, set[_Section]] = defaultdict(set)
    for key, pairs in program.composition.pairs.items():
        found_here = [
            pair
            for pair in pairs
            if pair.event.kind in kinds and _blocks(pair) and not pair.is_concurrent
        ]
        if not found_here:
            continue
        callees = {pair.inner.function for pair in found_here if pair.inner is not None}
        # Of several places in a function that lead to one event, there is a pair for one only.
        states = program.states[key]
        under = [
            one.held
            for one in states.calls
            if one.target in callees and one.manner is not Manner.CONCURRENT
        ]
        under += [one.held for one in states.events if one.event.kind in kinds]
        under += [pair.held for pair in found_here]
        for held in (each for holders in under for each in holders):
            if held.since is not None:
                found[lock_name(held.lock)].add((states.function.path, held.since.span))
    return found


def _described(event: Event) -> str:
    """Return, for example, ``"`jobs.get()` is called"``."""
    if event.name == POOLED:
        return "this waits for functions that a pool of threads runs"
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
    on_request=True,
    wants=frozenset((*_KINDS, EventKind.SIGNAL)),
    check=check,
)
