"""## What it does

Finds suppression comments that suppress nothing: `# locklint: ignore[LCK101]` where there is no
finding of that rule, or where there is no such rule. Also comments that locklint cannot read, such
as `# locklint: ignores[LCK101]`, `# locklint ignore[LCK101]`, `# noqa LCK101`, and the name of a
rule without brackets, `# locklint: ignore manual-acquire`.

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

A comment that can be read is not reported if this run cannot tell: if the rule did not run, or if
the file could not be analysed completely. In a file that is named on the command line, not found in
a folder, such comments are reported only if this rule is selected explicitly, because the findings
that they suppress may depend on other files.

## References

- [RUF100, the same about `noqa`](https://docs.astral.sh/ruff/rules/unused-noqa/)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.program import Program
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.frontend.suppressions import Pragma, parse_suppressions
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report comments that cannot be read.

    Which others suppress nothing is known when all rules have run: the engine calls `unused`.
    """
    for path, source in sorted(program.sources.items()):
        for comment in parse_suppressions(source.text, program.rule_names).unread:
            is_complete = comment.spelling.endswith(("]", "enable"))
            advice = (
                f"write `{comment.spelling}`"
                if is_complete
                else f"name the rules to suppress, as in `{comment.spelling}[LCK101]`"
            )
            # Formats of one line do not show the help.
            message = f"locklint cannot read `{comment.written}`: {advice}"
            yield RULE.at(path, comment.span, message)


def unused(
    path: str,
    pragma: Pragma,
    selectors: tuple[str, ...],
    hint: str = "",
    meant_for: Diagnostic | None = None,
) -> Diagnostic:
    """The finding about a comment of which some selectors (empty: all of it) suppress nothing.

    ``hint`` is put after the message. ``meant_for`` is a finding that the comment would suppress in
    another line.
    """
    kind = pragma.kind.value
    written = f"`{kind}[{', '.join(selectors)}]`" if selectors else f"this `{kind}`"
    whole = not selectors or selectors == pragma.selectors
    if meant_for is not None:
        line = meant_for.span.line
        place = f"line {line}" if meant_for.path == path else f"{meant_for.path}:{line}"
        hint = f": {meant_for.code} is reported at {place}"
        advice = f"move the comment to {place}" if whole else f"write {meant_for.code} at {place}"
    else:
        advice = "remove the comment" if whole else "remove the unused rules from the comment"
    return RULE.at(path, pragma.span, f"{written} suppresses nothing{hint}", help=advice)


RULE = Rule(
    code="LCK902",
    name="unused-suppression",
    severity=Severity.WARNING,
    summary="a comment suppresses nothing",
    page=__doc__,
    check=check,
)
