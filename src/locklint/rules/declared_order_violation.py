"""## What it does

Finds an acquire that violates an order of locks declared in the settings or in a comment.

## Why is this bad?

Threads that all acquire their locks in the same order cannot deadlock on them. A single place that
uses another order makes the deadlock possible again, even if it is far away from the others.

## Example

```python
import threading

accounts = threading.Lock()
audit = threading.Lock()
# locklint: order accounts < audit


def report():
    with audit:
        with accounts:
            print("report")
```

## Use instead

```python
import threading

accounts = threading.Lock()
audit = threading.Lock()
# locklint: order accounts < audit


def report():
    with accounts, audit:
        print("report")
```

The same order in the settings:

```toml
[tool.locklint]
lock-order = ["bank.accounts < bank.audit"]
```

## Known limits

A name is the full name of a lock (`bank.Account._lock`) or the end of it (`Account._lock`). In a
comment, it names a lock of the same module. A comment is reported if it names a lock that the
module does not have, because it then has no effect. In the settings, such a name is a settings
error. Acquires that do not block, or that have a timeout, are not reported.

## References

- [CWE-833: Deadlock](https://cwe.mitre.org/data/definitions/833.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.deadlock_story import Story
from locklint.analysis.declared_order import Violation
from locklint.analysis.program import Program
from locklint.core.diagnostic import Diagnostic, Severity, Step, StepRole
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each edge of the lock-order graph that goes against a declaration.

    Comments that are meant to declare an order and do not are reported too.
    """
    for odd in program.odd_orders:
        yield RULE.at(odd.path, odd.span, odd.message, severity=Severity.ERROR)
    for found in program.order_violations:
        function = program.functions[found.witness.function]
        locks = (found.witness.source.lock, found.witness.target.lock)
        story = Story(program, found.witness.pair)
        source, target = story.name(found.source), story.name(found.target)
        yield RULE.finding(
            function,
            found.witness.span,
            f"`{target}` is acquired while `{source}` is held, against the declared order"
            f" {_declared(found)}",
            locks=locks,
            steps=[
                *story.steps(),
                *_declarations(found),
                *story.made(*locks),
            ],
            help=f"acquire `{target}` first",
        )


def _declared(found: Violation) -> str:
    return " and ".join(f"`{order.first} < {order.second}`" for order in found.orders)


def _declarations(found: Violation) -> Iterator[Step]:
    for order in found.orders:
        if order.span is not None:
            yield Step(StepRole.NOTE, order.path, order.span, "the order is declared here")


RULE = Rule(
    code="LCK305",
    name="declared-order-violation",
    severity=Severity.ERROR,
    summary="a lock is acquired against the declared order",
    page=__doc__,
    check=check,
)
