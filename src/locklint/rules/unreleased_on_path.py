"""## What it does

Finds a path on which a function returns with a lock held while another path releases it: a
`return`, `break`, `continue` or branch that skips the release.

## Why is this bad?

The caller cannot know which path was taken, so nothing releases the lock afterwards, and the next
thread that acquires it blocks indefinitely.

## Example

```python
import threading

lock = threading.Lock()
free = {"a"}


def take(name):
    lock.acquire()
    if name not in free:
        return False
    free.remove(name)
    lock.release()
    return True
```

## Use instead

```python
import threading

lock = threading.Lock()
free = {"a"}


def take(name):
    with lock:
        if name not in free:
            return False
        free.remove(name)
        return True
```

## Known limits

No finding if the result tells the caller that the lock is held, or if another function releases the
same lock without having acquired it: such functions are assumed to be a pair. The finding is a
warning, which names the place, if such a function first tests whether the lock is held, or if a
function of the same file releases an unknown object of the same name. It is a warning, too, if the
function returns only from a loop that a handler ends.

## References

- [CWE-667: Improper Locking](https://cwe.mitre.org/data/definitions/667.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.acquisitions import by_cause, fates
from locklint.analysis.program import Program
from locklint.analysis.released_elsewhere import OtherRelease
from locklint.analysis.story import (
    acquire_steps,
    assumption,
    display_name,
    leaving_step,
    releasing_help,
    step,
)
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each acquisition that one path releases and another one keeps."""
    for states in program.solved:
        kept = [(fate, fate.leaving) for fate in fates(states) if program.is_kept_by_mistake(fate)]
        for alike, _ in by_cause(kept):
            fate, function = alike[0], states.function
            other = program.released_elsewhere.counterpart(fate)
            name = display_name(fate.lock)
            steps = [*acquire_steps(alike), leaving_step(program, fate)]
            if fate.first_release is not None:
                steps.append(
                    step(
                        function,
                        StepRole.RELEASE,
                        fate.first_release,
                        "only this path releases it",
                        fate.lock,
                    )
                )
            if other is not None and other.span is not None:
                steps.append(
                    step(other.function, StepRole.RELEASE, other.span, "unless this releases it")
                )
            severity = fate.severity(proven=other is None and bool(fate.given_back))
            yield RULE.finding(
                function,
                fate.span,
                f"`{name}` is not released on every exit path of `{function.name}`"
                + (_unless(other) or assumption(fate, severity)),
                severity=severity,
                locks=(fate.lock,),
                steps=steps,
                help=releasing_help(program, fate),
            )


def _unless(other: OtherRelease | None) -> str:
    """The one thing on which a finding rests if something else may release the lock."""
    if other is None:
        return ""
    if other.span is None:
        return ", unless another function of this file releases it"
    return f", unless `{other.function.called_name}` releases it"


RULE = Rule(
    code="LCK103",
    name="unreleased-on-path",
    severity=Severity.ERROR,
    summary="one exit path of a function keeps the lock, another releases it",
    page=__doc__,
    check=check,
    subsumed_by=("LCK206",),
)
