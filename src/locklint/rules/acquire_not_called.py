"""## What it does

Finds `lock.acquire` or `lock.release` as a statement, `if lock.acquire:`, and `if lock:` on a lock
that is never None.

## Why is this bad?

Without the parentheses, the method is not called. A bound method and a lock object are always true,
whatever the state of the lock.

## Example

```python
import threading

lock = threading.Lock()


def finish():
    lock.acquire()
    try:
        print("done")
    finally:
        lock.release
```

## Use instead

```python
import threading

lock = threading.Lock()


def finish():
    with lock:
        print("done")
```

## Known limits

No finding for a test of a lock that can be None, or of a lock that is used on one side of the test
only: such a test checks whether there is a lock.

## References

- [Truth value testing](https://docs.python.org/3/library/stdtypes.html#truth-value-testing)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.catching import names_of
from locklint.analysis.program import Program
from locklint.analysis.story import display_name, kind_phrase, with_statement
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.core.source import SourceFile
from locklint.dataflow.order import reached
from locklint.ir.access_path import Root
from locklint.ir.api_use import ApiUse, UseKind
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Acquire,
    BlockId,
    Call,
    Instruction,
    Read,
    Release,
    TryAcquire,
)
from locklint.ir.lock import LockRef, LockRole
from locklint.ir.terminator import Branch, Catch
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report lock methods that are named but not called."""
    for function in program.ordered_functions:
        for use in function.api_uses:
            message = _message(use)
            if message is None or use.lock is None:
                continue
            if _guards_use(function, use) or _looks_for_method(function, use):
                continue
            yield RULE.finding(
                function,
                use.span,
                message,
                severity=(
                    Severity.ERROR if use.lock.confidence > Confidence.LOW else Severity.WARNING
                ),
                locks=(use.lock,),
                help=_help(function, use, program.sources.get(function.path)),
            )


def _guards_use(function: Function, use: ApiUse) -> bool:
    """Return whether a test only checks that there is a lock, as its use on one side shows."""
    if use.kind is not UseKind.LOCK_TESTED or use.branch is None or use.lock is None:
        return False
    branch = function.blocks[use.branch].terminator
    if not isinstance(branch, Branch):
        return False
    here = use.branch

    def behind(side: BlockId) -> set[BlockId]:
        return reached(function, [side], lambda block, successor: successor != here)

    sides = (behind(branch.then), behind(branch.otherwise))
    return any(
        _is_use(instruction, use.lock)
        for block in sides[0] ^ sides[1]
        for instruction in function.blocks[block].instructions
    )


def _looks_for_method(function: Function, use: ApiUse) -> bool:
    """Return whether a handler takes an `AttributeError` for the absence of a method."""
    for block in function.blocks.values():
        if block.on_exception is None or not any(
            isinstance(each, Read) and each.span == use.span for each in block.instructions
        ):
            continue
        terminator = function.blocks[block.on_exception].terminator
        if isinstance(terminator, Catch):
            return any("AttributeError" in names_of(each) for each in terminator.handlers)
    return False


def _is_use(instruction: Instruction, lock: LockRef) -> bool:
    """Return whether an instruction acquires or releases a lock, or calls a method of it."""
    if isinstance(instruction, Call):
        callee = instruction.callee
        return callee is not None and bool(callee.fields) and callee.parent() == lock.path
    used = getattr(instruction, "lock", None)
    return used is not None and bool(used.path == lock.path)


def _help(function: Function, use: ApiUse, source: SourceFile | None) -> str:
    if use.lock is None or not use.method:
        line = source.line(use.span.line).split() if source is not None else []
        if "and" in line and (line[:1] == ["with"] or line[:2] == ["async", "with"]):
            return "write `with x, y:` to acquire both locks: `x and y` is only the second"
        is_event = use.lock is not None and use.lock.kind.role is LockRole.EVENT
        return "call `is_set()`" if is_event else "call `locked()` or `acquire()`"
    calling = f"write `{display_name(use.lock)}.{use.method}()`"
    form = use.lock.api.acquire_form(use.method)
    is_section, is_tried, is_managed = _section(function, use.lock)
    if form is None and is_managed:
        return "remove it: `with` releases the lock at the end of the block"
    if not is_section or (form is None and use.lock.api.release_form(use.method) is None):
        return calling
    if form is None and is_tried:
        return f"{calling} in a `finally`"
    if use.kind is UseKind.METHOD_TESTED:
        return f"{calling}, and release the lock in a `finally`"
    return f"use `{with_statement(use.lock)}:` instead of acquiring and releasing it by hand"


def _section(function: Function, lock: LockRef) -> tuple[bool, bool, bool]:
    """Return how a function treats a lock.

    That is whether it acquires the lock and releases it, with or without a call; whether it
    acquires it only if it is free; and whether a ``with`` does both.
    """
    used = [
        instruction
        for block in function.blocks.values()
        for instruction in block.instructions
        if isinstance(instruction, Acquire | TryAcquire | Release)
        and instruction.lock.identity == lock.identity
    ]
    named = [
        use.method
        for use in function.api_uses
        if use.kind in (UseKind.METHOD_STATEMENT, UseKind.METHOD_TESTED)
        and use.lock is not None
        and use.lock.identity == lock.identity
    ]
    acquires = any(not isinstance(each, Release) for each in used)
    acquires |= any(lock.api.acquire_form(method) is not None for method in named)
    releases = any(isinstance(each, Release) for each in used)
    releases |= any(lock.api.release_form(method) is not None for method in named)
    is_tried = any(isinstance(each, TryAcquire) for each in used)
    return acquires and releases, is_tried, any(each.how.means.is_context for each in used)


def _message(use: ApiUse) -> str | None:
    if use.lock is None:
        return None
    name = display_name(use.lock)
    match use.kind:
        case UseKind.METHOD_STATEMENT:
            return f"`{name}.{use.method}` is referenced but not called"
        case UseKind.METHOD_TESTED:
            return f"`{name}.{use.method}` is not called, and a method is always true"
        case UseKind.LOCK_TESTED:
            if use.lock.confidence < Confidence.HIGH or use.lock.path.root is Root.PARAMETER:
                return None
            if use.lock.kind.role is LockRole.EVENT:
                kind = kind_phrase(use.lock.kind)
                return f"`{name}` is {kind}, which is always true, even if it is not set"
            return f"`{name}` is a lock object, which is always true, even if the lock is not held"
        case _:
            return None


RULE = Rule(
    code="LCK202",
    name="acquire-not-called",
    severity=Severity.ERROR,
    summary="a lock method is referenced but not called, or a lock object is tested for truth",
    page=__doc__,
    check=check,
)
