"""## What it does

Finds a path on which an exception, raised while a lock is held, leaves the function without
releasing the lock, although the normal path releases it. It is an error if a `raise`, an `await`,
a call that fails in ordinary use (`open()`, a callback) or a call of which nothing is known is on
that path. Where the function releases the lock after some exceptions, a call of which nothing is
known makes a warning: it stands outside the `try`, or in a `finally` before the release, or a
handler names what it raises. So does an `await` in a `finally` or a handler. It is info if only an
attribute, a subscript, a division or a missing key could raise, or a function of the program that
calls nothing likely to fail.

## Why is this bad?

The lock is never released. Each thread that acquires it afterwards blocks indefinitely, far away
from the exception that was the cause.

## Example

```python
import threading

lock = threading.Lock()


def read(path):
    lock.acquire()
    text = open(path).read()
    lock.release()
    return text
```

## Use instead

```python
import threading

lock = threading.Lock()


def read(path):
    with lock:
        return open(path).read()
```

## Known limits

A call of an unknown function is assumed to be able to raise. Operations that fail only through a
programming error (an attribute, a subscript, a division) make no more than info, and no finding
if the types of their values are known, as an element of a display. Nor does what fails only for
values of a wrong type (a sum, a comparison), a call that hardly ever fails, such as `print`, a log
line, `append` or `uuid.uuid4()`, or a function of the program in which nothing else may raise.
Functions that return with the lock held are assumed to do so on purpose.

A handler covers the classes that it names, the classes of the program that descend from these, and
what library calls usually raise, here or in a function that is called (`OSError` of `os.remove`).
Two classes of the program with one name are treated as one.

## References

- [CERT LCK08-J: ensure actively held locks are released on exceptional conditions](https://wiki.sei.cmu.edu/confluence/display/java/LCK08-J.+Ensure+actively+held+locks+are+released+on+exceptional+conditions)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.acquisitions import Fate, by_cause, fates, severity_of
from locklint.analysis.guards import conditions_before, is_guarded_release
from locklint.analysis.hand_off import is_given_to_others
from locklint.analysis.hold import CauseKind
from locklint.analysis.program import Program
from locklint.analysis.raising_within import is_found, raised_within
from locklint.analysis.settled import is_contradicted
from locklint.analysis.story import (
    Leak,
    assumption,
    display_name,
    leak_steps,
    releasing_help,
    when_raised,
    worst_leak,
)
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import Assign, Call
from locklint.ir.operands import condition_paths
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each acquisition that an exception can leave unreleased."""
    for states in program.solved:
        leaking = [
            (fate, leak)
            for fate in fates(states)
            if (leak := _leak(program, fate)) is not None and not _is_lost(program, fate, leak)
        ]
        for alike, leak in by_cause(leaking):
            fate, function = alike[0], states.function
            name = display_name(fate.lock)
            proven = fate.is_proven(leak.exception) and is_found(
                function, leak.exception, program.lookup
            )
            severity = severity_of(leak.exception, fate.severity(proven))
            if severity > Severity.INFO and (
                _is_contradicted(program, function, leak) or _is_refusal(program, fate, leak)
            ):
                severity = Severity.INFO
            if fate.is_in_clean_up(leak.exception) or _is_shielded(program, fate, leak):
                severity = Severity.INFO
            elif fate.awaits_in_clean_up(leak.exception):
                severity = min(severity, Severity.WARNING)
            yield RULE.finding(
                function,
                fate.span,
                f"`{name}` stays locked {when_raised(program, function, leak.exception)}"
                + (assumption(fate, severity) if proven else ""),
                severity=severity,
                locks=(fate.lock,),
                steps=leak_steps(
                    program, alike, leak, "then this release is skipped, and the lock stays held"
                ),
                help=releasing_help(program, fate),
            )


def _leak(program: Program, fate: Fate) -> Leak | None:
    if not fate.leaks() or not fate.is_released_here or fate.is_gap():
        return None
    if fate.kept and fate.states.function.name in ("__enter__", "__aenter__"):
        return None  # LCK109: `__exit__` releases it.
    leak = worst_leak(fate)
    if leak is not None and leak.skipped is None and program.is_kept_by_mistake(fate):
        # An exception there skips no release: the path has none.
        return None
    if leak is not None and leak.skipped is None and is_given_to_others(fate):
        return None
    if fate.kept and is_guarded_release(fate):
        # Normal paths keep it too: the tests around it are not understood.
        return None
    return leak


def _is_shielded(program: Program, fate: Fate, leak: Leak) -> bool:
    """Return whether only a shielded `await` of a clean-up raises, there or in what it calls."""
    function = fate.states.function
    if not fate.raises_in_clean_up(leak.exception):
        return False
    if leak.span not in program.shields.awaits(function):
        return False
    within = raised_within(function, leak.exception, program.lookup)
    return within is None or within.cause.kind is CauseKind.AWAIT


def _is_lost(program: Program, fate: Fate, leak: Leak) -> bool:
    """Return whether no other code has the object with the lock, which the exception drops."""
    function = fate.states.function
    return program.composition.is_unshared(function.key, fate.lock, leak.exception.cause.span)


def _is_contradicted(program: Program, function: Function, leak: Leak) -> bool:
    """Return whether a test of the function rules out that its callee raises."""
    within = raised_within(function, leak.exception, program.lookup)
    if within is None or within.cause.kind is not CauseKind.RAISE:
        return False
    place = leak.exception.cause.span, within.function.key, within.cause.span
    return is_contradicted(program.call_graph, function.key, *place)


def _is_refusal(program: Program, fate: Fate, leak: Leak) -> bool:
    """Return whether the release itself raises, by a statement in the function that releases.

    Such a statement mostly refuses to release what the caller does not hold. A test of what the
    caller passes is something else, unless that is what the acquire has given.
    """
    if leak.exception.cause.span not in fate.release_spans:
        return False
    within = raised_within(fate.states.function, leak.exception, program.lookup)
    if within is None or within.cause.kind is not CauseKind.RAISE:
        return False
    tests = conditions_before(within.function, within.cause.span)
    asked = {path.root for test in tests for path in condition_paths(test)}
    if Root.PARAMETER not in asked:
        return True
    return Root.SELF in asked and _is_given_back(fate, leak.exception.cause.span)


def _is_given_back(fate: Fate, release: Span) -> bool:
    """Return whether a release gets nothing but what the acquire has returned."""
    blocks = fate.states.function.blocks.values()
    instructions = [each for block in blocks for each in block.instructions]
    calls = [each for each in instructions if isinstance(each, Call)]
    given = {call.result for call in calls if call.span == fate.span and call.result is not None}
    bound = {
        each.target
        for each in instructions
        if isinstance(each, Assign) and isinstance(each.value, AccessPath) and each.value in given
    }
    passed = [one.value for call in calls if call.span == release for one in call.arguments]
    return bool(passed) and all(value in given | bound for value in passed)


RULE = Rule(
    code="LCK102",
    name="unreleased-on-exception",
    severity=Severity.ERROR,
    summary="an exception can leave a function with the lock held",
    page=__doc__,
    check=check,
    subsumed_by=("LCK108", "LCK206", "LCK606"),
)
