"""## What it does

Finds suppression comments that suppress nothing: `# locklint: ignore[LCK101]` where there is no
finding of that rule, or where there is no such rule.

## Why is this bad?

The comment claims a fault that does not exist, or no longer exists. It misleads readers, and it
hides the fault if it is introduced again.

## Example

```python
import threading

lock = threading.Lock()
totals = []


def add(total):
    with lock:  # locklint: ignore[LCK101] for now
        totals.append(total)
```

## Use instead

```python
import threading

lock = threading.Lock()
totals = []


def add(total):
    with lock:
        totals.append(total)
```

## Known limits

A comment is not reported if this run cannot tell: if the rule did not run, or if the file could not
be analysed completely. In a file that is named on the command line, not found in a folder, comments
are reported only if this rule is selected explicitly, because the findings that they suppress may
depend on other files.

## References

- [RUF100, the same about `noqa`](https://docs.astral.sh/ruff/rules/unused-noqa/)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.program import Program
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.frontend.suppressions import Pragma
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Nothing: only when all other rules have run can the engine tell; it calls `unused`."""
    return iter(())


def unused(path: str, pragma: Pragma, selectors: tuple[str, ...], hint: str = "") -> Diagnostic:
    """The finding about a comment of which some selectors (empty: all of it) silence nothing.

    ``hint`` is put behind the message.
    """
    kind = pragma.kind.value
    written = f"`{kind}[{', '.join(selectors)}]`" if selectors else f"this `{kind}`"
    whole = not selectors or selectors == pragma.selectors
    return Diagnostic(
        code=RULE.code,
        name=RULE.name,
        severity=RULE.severity,
        confidence=Confidence.HIGH,
        path=path,
        span=pragma.span,
        message=f"{written} suppresses nothing{hint}",
        help="remove the comment" if whole else "remove the unused rules from the comment",
    )


RULE = Rule(
    code="LCK902",
    name="unused-suppression",
    severity=Severity.WARNING,
    summary="a comment suppresses a rule that has no finding there",
    page=__doc__,
    check=check,
)
