"""## What it does

Finds an `__enter__` that acquires a lock and can raise afterwards, and an `__exit__` in which an
exception can skip the release.

## Why is this bad?

`__exit__` does not run if `__enter__` raises, so the lock that `__enter__` acquired is never
released. Nor is a lock whose release an exception in `__exit__` skips.

## Example

```python
import threading


class Session:
    def __init__(self, connect):
        self._lock = threading.Lock()
        self._connect = connect

    def __enter__(self):
        self._lock.acquire()
        self.connection = self._connect()
        return self

    def __exit__(self, *exc):
        self._lock.release()
```

## Use instead

```python
import threading


class Session:
    def __init__(self, connect):
        self._lock = threading.Lock()
        self._connect = connect

    def __enter__(self):
        self._lock.acquire()
        try:
            self.connection = self._connect()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exc):
        self._lock.release()
```

## Known limits

Statements that raise only through a programming error are not reported.

## References

- [object.__enter__](https://docs.python.org/3/reference/datamodel.html#object.__enter__)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from locklint.analysis.acquisitions import fates, severity_of
from locklint.analysis.events import Exit, LockStates
from locklint.analysis.hold import Grade, LockKey
from locklint.analysis.program import Program
from locklint.analysis.raising_within import is_found
from locklint.analysis.story import acquire_steps, display_name, origin_steps, raising_phrase, step
from locklint.core.diagnostic import Diagnostic, Severity, Step, StepRole
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import Call
from locklint.ir.operands import terminator_paths
from locklint.ir.terminator import Branch
from locklint.models.plain_values import TAKING
from locklint.rule import Rule

_ENTER = ("__enter__", "__aenter__")
_EXIT = ("__exit__", "__aexit__")
_FILLING = frozenset("add append appendleft insert".split())


def check(program: Program) -> Iterator[Diagnostic]:
    """Report leaky `__enter__` and `__exit__` methods."""
    for states in program.solved:
        if states.function.name in _ENTER:
            yield from _enter(program, states)
        elif states.function.name in _EXIT:
            yield from _exit(program, states, _partner(program, states.function))


def _partner(program: Program, function: Function) -> LockStates | None:
    """The `__enter__` that belongs to an `__exit__`."""
    name = _ENTER[_EXIT.index(function.name)]
    return program.states.get(f"{function.key.rpartition('.')[0]}.{name}")


def _enter(program: Program, states: LockStates) -> Iterator[Diagnostic]:
    function = states.function
    for fate in fates(states):
        leaks = [
            exit_
            for exit_ in fate.leaks()
            if exit_.exception is not None
            and exit_.exception.grade >= Grade.POSSIBLE
            and is_found(function, exit_.exception, program.lookup)
        ]
        if not leaks or fate.given_back or not fate.kept:
            continue
        name = display_name(fate.lock)
        raised = leaks[0].exception
        assert raised is not None
        raising = raising_phrase(program, function, raised)
        yield RULE.finding(
            function,
            fate.span,
            f"`{name}` stays locked if the rest of `{function.name}` raises",
            severity=severity_of(raised, Severity.WARNING),
            locks=(fate.lock,),
            steps=(
                *acquire_steps([fate]),
                step(
                    function,
                    StepRole.RAISE,
                    leaks[0].span,
                    f"{raising}, and then `{_EXIT[_ENTER.index(function.name)]}` does not run",
                    None,
                    (name,),
                ),
                *origin_steps(program, function, raised, (name,)),
            ),
            help="acquire last, or release in an `except BaseException:` and re-raise",
        )


def _exit(program: Program, states: LockStates, partner: LockStates | None) -> Iterator[Diagnostic]:
    if partner is None:
        return
    function = states.function
    for fate in fates(partner):
        if fate.given_back or not fate.kept or fate.key not in states.locks:
            continue
        releases = [g.span for g in states.given if g.key in fate.keys and g.before.count == 0]
        releases_or_takes = [*releases, *_taking_back(partner.function, function)]
        skipped = _skipping(program, states, fate.key, releases_or_takes)
        if not releases or skipped is None:
            continue
        name = display_name(fate.lock)
        why = "the method exits here without a release"
        origin: list[Step] = []
        severity = Severity.WARNING
        if skipped.exception is not None:
            severity = severity_of(skipped.exception, severity)
            raising = raising_phrase(program, function, skipped.exception)
            why = f"{raising}, and then the release is skipped"
            origin = origin_steps(program, function, skipped.exception, (name,))
        yield RULE.finding(
            partner.function,
            fate.span,
            f"`{name}` is acquired here, and `{function.name}` does not release it on every path",
            severity=severity,
            locks=(fate.lock,),
            steps=(
                step(
                    partner.function,
                    StepRole.ACQUIRE,
                    fate.span,
                    "acquired here",
                    fate.lock,
                    (name,),
                ),
                step(function, StepRole.EXIT, skipped.span, why, None, (name,)),
                step(function, StepRole.RELEASE, min(releases), "only this releases it", fate.lock),
                *origin,
            ),
            help=f"release at the start of `{function.name}`, or in a `finally`",
        )


def _skipping(
    program: Program, states: LockStates, key: LockKey, expected: Sequence[Span]
) -> Exit | None:
    """The most convincing exit path of an `__exit__` that skips the release.

    The calls at the ``expected`` places do not raise. A call that releases is one: its caller can
    do no more than call it.
    """
    knows_nothing = _asks_only_arguments(states.function)
    candidates = list(states.normal_exits) if knows_nothing else []
    candidates += [
        exit_
        for exit_ in states.exceptional_exits
        if exit_.exception is not None
        and exit_.exception.cause.span not in expected
        and is_found(states.function, exit_.exception, program.lookup)
        and (
            Grade.POSSIBLE <= exit_.exception.grade <= Grade.LIKELY
            or (knows_nothing and _is_raised(exit_))
        )
    ]
    kept = [
        exit_
        for exit_ in candidates
        if (hold := exit_.holds.get(key)) is None or (hold.count == 0 and not hold.forgotten)
    ]
    return min(kept, key=lambda exit_: exit_.span, default=None)


def _taking_back(enter: Function, leave: Function) -> Iterator[Span]:
    """Yield the places at which `__exit__` takes out what `__enter__` has put into a container."""
    filled = {path for path, name, _ in _methods(enter) if name in _FILLING}
    for path, name, span in _methods(leave):
        if path in filled and name in TAKING:
            yield span


def _methods(function: Function) -> Iterator[tuple[AccessPath, str, Span]]:
    """Yield the receiver, the name and the place of each call of a method."""
    for block in function.blocks.values():
        for each in block.instructions:
            if isinstance(each, Call) and each.callee is not None and each.callee.fields:
                yield each.callee.parent(), each.callee.name, each.span


def _is_raised(exit_: Exit) -> bool:
    """Return whether a path ends with a `raise`, which may follow a test as a `return` may."""
    return exit_.exception is not None and exit_.exception.grade is Grade.CERTAIN


def _asks_only_arguments(function: Function) -> bool:
    """Return whether all tests are of arguments: one of the object may know that it is not held."""
    for block in function.blocks.values():
        if isinstance(block.terminator, Branch):
            if any(path.root is not Root.PARAMETER for path in terminator_paths(block.terminator)):
                return False
    return True


RULE = Rule(
    code="LCK109",
    name="leaky-enter",
    severity=Severity.WARNING,
    summary="`__enter__` or `__exit__` can leave its lock held",
    page=__doc__,
    check=check,
)
