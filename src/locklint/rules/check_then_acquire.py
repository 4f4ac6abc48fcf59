"""## What it does

Finds a decision on `lock.locked()` after which the same lock is acquired.

## Why is this bad?

Another thread may acquire the lock between the test and the acquire, so the result may be stale by
the time it is used. Code that was meant not to wait then waits.

## Example

```python
import threading

lock = threading.Lock()


def refresh(cache):
    if not lock.locked():
        with lock:
            cache.clear()
```

## Use instead

```python
import threading

lock = threading.Lock()


def refresh(cache):
    if lock.acquire(blocking=False):
        try:
            cache.clear()
        finally:
            lock.release()
```

## Known limits

No finding for an asyncio lock if there is no `await` between the test and the acquire.

## References

- [Lock.locked](https://docs.python.org/3/library/threading.html#threading.Lock.locked)
- [CWE-367: Time-of-check Time-of-use Race
Condition](https://cwe.mitre.org/data/definitions/367.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.program import Program
from locklint.analysis.story import display_name, step
from locklint.core.diagnostic import Diagnostic, Severity, StepRole
from locklint.core.source import Span
from locklint.dataflow.order import all_successors
from locklint.ir.api_use import ApiUse, UseKind
from locklint.ir.cfg import Function
from locklint.ir.instruction import Acquire, Await, BlockId
from locklint.ir.terminator import Branch, Raise
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report acquires that a test of `locked()` decides on."""
    for states in program.solved:
        function = states.function
        for use in function.api_uses:
            if use.kind is not UseKind.LOCKED_TESTED or use.lock is None or use.branch is None:
                continue
            place = _acquired_after(function, use)
            if place is None:
                continue
            if any(each.held and each.span == place for each in states.taken):
                continue  # The lock that is held keeps others away.
            name = display_name(use.lock)
            yield RULE.finding(
                function,
                use.span,
                f"`{name}.locked()` is tested before `{name}` is acquired: the result may be"
                " stale by then",
                locks=(use.lock,),
                steps=(
                    step(function, StepRole.TEST, use.span, "tested here", use.lock),
                    step(
                        function,
                        StepRole.ACQUIRE,
                        place,
                        "acquired here, possibly after a wait",
                        use.lock,
                    ),
                ),
                help="use `acquire(blocking=False)` and test its result",
            )


def _acquired_after(function: Function, use: ApiUse) -> Span | None:
    assert use.branch is not None
    assert use.lock is not None
    branch = function.blocks[use.branch].terminator
    if not isinstance(branch, Branch) or _is_assertion(function, branch):
        return None
    # An action because the lock is held is no race: it says that the lock has to be held.
    around = _reachable(function, function.entry, {use.branch: branch.then})
    decided = _reachable(function, branch.otherwise, {}) - around
    acquires = [
        instruction.span
        for block_id in decided
        for instruction in function.blocks[block_id].instructions
        if isinstance(instruction, Acquire) and instruction.lock.path == use.lock.path
    ]
    if not acquires:
        return None
    place = min(acquires)
    if use.lock.kind.is_async and not _is_suspended(function, decided, place):
        return None
    return place


def _is_assertion(function: Function, branch: Branch) -> bool:
    """Return whether the result is only asserted."""
    for side in (branch.then, branch.otherwise):
        terminator = function.blocks[side].terminator
        if isinstance(terminator, Raise) and terminator.exception == "AssertionError":
            return True
    return False


def _is_suspended(function: Function, blocks: set[BlockId], acquire: Span) -> bool:
    """Return whether other tasks may run before the acquire: its own await is not meant."""
    return any(
        isinstance(instruction, Await) and instruction.span.end_line < acquire.line
        for block_id in blocks
        for instruction in function.blocks[block_id].instructions
    )


def _reachable(function: Function, start: BlockId, only: dict[BlockId, BlockId]) -> set[BlockId]:
    """Return the blocks reachable from ``start``; a block in ``only`` has that one successor."""
    seen = {start}
    work = [start]
    while work:
        block = work.pop()
        targets = (only[block],) if block in only else all_successors(function.blocks[block])
        for target in targets:
            if target not in seen:
                seen.add(target)
                work.append(target)
    return seen


RULE = Rule(
    code="LCK211",
    name="check-then-acquire",
    severity=Severity.WARNING,
    summary="the result of `locked()` may be stale when the lock is acquired",
    page=__doc__,
    check=check,
)
