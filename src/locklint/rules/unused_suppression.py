"""## What it does

Finds comments to locklint that silence nothing: `# locklint: ignore[LCK101]` where there is no
finding of that rule, or where there is no such rule.

## Why is this bad?

The comment says that there is a fault, and there is none, or no longer. It misleads those who read
it, and it hides the fault when somebody brings it back.

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

Only what this run can tell is told: a comment about rules that did not run is not judged, nor is
one in a file that could not be analysed to its end. In a file that was named by itself, and not
reached through a folder, comments are judged only if this rule is selected expressly, because what
they silence may need other files to be seen.

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
