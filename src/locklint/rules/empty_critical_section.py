"""## What it does

Finds a lock that is acquired and released with nothing in between.

## Why is this bad?

The section protects nothing. Either the statement that it should protect is outside, or the lock
serves as a barrier, which deserves a comment.

## Example

```python
import threading

lock = threading.Lock()


def touch():
    with lock:
        pass
```

## Use instead

```python
import threading

lock = threading.Lock()


def touch():
    with lock:
        pass  # wait until the current writer has finished
```

## Known limits

No finding if a comment above or in the section gives a reason.

## References

- [Lock objects](https://docs.python.org/3/library/threading.html#lock-objects)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from locklint.analysis.guards import next_after
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.core.source import Span
from locklint.ir.cfg import Function
from locklint.ir.instruction import Acquire, Call, Instruction, Read, Release
from locklint.ir.lock import LockRef, LockRole
from locklint.rule import Rule

_BODY_LINES = 6
_DIRECTIVE = re.compile(r"[\w-]+(\([^)]*\))?(\[[^\]]*\])?\s*:\s*\S+")
_WORD = re.compile(r"[^\W\d_]{2,}")


def check(program: Program) -> Iterator[Diagnostic]:
    """Report sections with nothing in them."""
    for function in program.ordered_functions:
        if not program.states[function.key].names_locks:
            continue
        for span, lock in sorted(_empty_sections(function, program).items()):
            name = display_name(lock)
            yield RULE.finding(
                function,
                span,
                f"the critical section of `{name}` is empty",
                locks=(lock,),
                help="move the statements that need the lock into the section, or explain in a"
                " comment why it is empty",
            )


def _empty_sections(function: Function, program: Program) -> dict[Span, LockRef]:
    found: dict[Span, LockRef] = {}
    for block in function.blocks.values():
        previous: Instruction | None = None
        for index, instruction in enumerate(block.instructions):
            if not isinstance(instruction, Acquire) or instruction.lock.kind.role in (
                LockRole.SEMAPHORE,
                LockRole.EVENT,
            ):
                if not isinstance(instruction, Read):
                    previous = instruction
                continue
            enter = instruction.enter
            if enter is not None:
                if (
                    enter.empty_body
                    and not _wakes(previous)
                    and not _is_commented(function, instruction.span, instruction.span, program)
                ):
                    found[instruction.span] = instruction.lock
            else:
                follower = next_after(function, block.id, index)
                if (
                    isinstance(follower, Release)
                    and follower.lock.path == instruction.lock.path
                    and follower.call is not None
                    and not _wakes(previous)
                    and not _is_commented(function, instruction.span, follower.span, program)
                ):
                    found[instruction.span] = instruction.lock
            previous = instruction
    return found


def _is_commented(function: Function, first: Span, last: Span, program: Program) -> bool:
    """Return whether a comment above, beside or in the section gives a reason."""
    source = program.sources.get(function.path)
    if source is None:
        return False
    numbers = list(range(first.line, last.line + 1))
    if source.line(first.line - 1).lstrip().startswith("#"):
        numbers.insert(0, first.line - 1)
    for number in range(last.line + 1, last.line + _BODY_LINES):
        text = source.line(number).strip()
        if not text.startswith(("#", "pass", "...", '"')):
            break
        numbers.append(number)
    return any(_is_reason(source.line(number)) for number in numbers)


def _is_reason(line: str) -> bool:
    """Return whether a line's comments say anything but directives to tools (``noqa: E501``)."""
    _, _, comment = line.partition("#")
    prose = _DIRECTIVE.sub(" ", comment)
    return _WORD.search(prose) is not None


def _wakes(instruction: Instruction | None) -> bool:
    """Return whether an event is set just before: then the empty section waits for its readers."""
    return (
        isinstance(instruction, Call)
        and instruction.callee is not None
        and instruction.callee.name == "set"
    )


RULE = Rule(
    code="LCK210",
    name="empty-critical-section",
    severity=Severity.INFO,
    summary="a critical section is empty",
    page=__doc__,
    check=check,
)
