"""## What it does

Reports a file that could not be analysed: it does not parse, cannot be decoded, or cannot be read.
If Python accepts a file or function that is too large or too deeply nested for locklint, the
finding is info only. The last line of the output counts it as not analysed.

## Why is this bad?

The file was not checked. locklint never skips a file silently.

## Example

```text
def broken(:
    pass
```

## Use instead

Fix the file, or exclude it in the settings.

## Known limits

A file that mentions no lock is parsed only if it shows signs of damage, such as unbalanced
brackets, a merge conflict or Python 2 syntax. Errors that Python finds only when it compiles a
file, such as `return` outside a function, are not looked for. With `--error-incomplete` every file
is compiled, so that each file that Python cannot use is reported.

## References

- [PEP 263: source encodings](https://peps.python.org/pep-0263/)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.program import Program
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report the files and functions that could not be read or parsed."""
    for problem in program.problems:
        yield RULE.at(
            problem.path,
            problem.span,
            problem.message,
            severity=None if problem.reason.is_bad_input else Severity.INFO,
        )


RULE = Rule(
    code="LCK901",
    name="syntax-error",
    severity=Severity.ERROR,
    summary="a file cannot be analysed",
    page=__doc__,
    check=check,
)
