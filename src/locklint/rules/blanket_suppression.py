"""## What it does

Finds suppression comments that name no rule: `# locklint: ignore` instead of `# locklint:
ignore[LCK101]`.

## Why is this bad?

Such a comment suppresses every rule, including rules that are added later. It does not tell which
finding it was written for, and a serious fault in the same line is suppressed along with a harmless
one.

## Example

```python
import threading

lock = threading.Lock()


def count(numbers):
    lock.acquire()  # locklint: ignore
    total = sum(numbers)
    lock.release()
    return total
```

## Use instead

```python
import threading

lock = threading.Lock()


def count(numbers):
    lock.acquire()  # locklint: ignore[LCK1] the numbers are a list of int
    total = sum(numbers)
    lock.release()
    return total
```

## Known limits

A blanket `# noqa` is not reported: it is meant for other linters, and suppresses no finding of
locklint.

## References

- [PGH004, the same about `noqa`](https://docs.astral.sh/ruff/rules/blanket-noqa/)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.program import Program
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.frontend.suppressions import parse_suppressions
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report comments that suppress all rules."""
    for path, source in sorted(program.sources.items()):
        for pragma in parse_suppressions(source.text, program.rule_names).pragmas:
            if pragma.is_blanket:
                kind = pragma.kind.value
                yield RULE.at(
                    path,
                    pragma.span,
                    f"this `{kind}` names no rule, so it suppresses all of them",
                    help=f"name the rules to suppress in brackets, as in `{kind}[LCK101]`",
                )


RULE = Rule(
    code="LCK903",
    name="blanket-suppression",
    severity=Severity.WARNING,
    summary="a comment suppresses all rules instead of named ones",
    page=__doc__,
    check=check,
)
