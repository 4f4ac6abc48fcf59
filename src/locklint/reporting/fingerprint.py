"""An identity for findings that survives edits elsewhere, reformatting and renamed files.

It is what a baseline, a comparison of two runs, and the services that reports are uploaded to know
a finding by.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from locklint.core.diagnostic import StepRole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from locklint.core.diagnostic import Diagnostic
    from locklint.core.source import SourceFile, Span

# Text that formatters change: white space and comments outside of strings, and the quotes of
# strings.
_LEXEME = re.compile(
    r"""
    (?P<prefix>\b[rbuft]{0,2})
    (?P<string>\"{3}.*?\"{3} | '{3}.*?'{3} | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
    | (?P<dropped>\#[^\n]* | \s+ | \\\n)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_TRAILING_COMMA = re.compile(r",(?=[)\]}])")


def fingerprint(diagnostic: Diagnostic, source: SourceFile | None) -> str:
    """Return the identity of a finding: the one set by the run, else one from its own file."""
    if diagnostic.fingerprint:
        return diagnostic.fingerprint
    return identity(diagnostic, source, frozenset({source.key} if source else ()))


def numbered(diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Number the findings with equal fingerprints in the order given, which is that of the output.

    This needs all findings of a run, before a baseline or a narrowed report leaves some out: the
    number of a finding must not depend on what is shown beside it.
    """
    seen: Counter[str] = Counter()
    for diagnostic in diagnostics:
        seen[diagnostic.fingerprint] += 1
        yield msgspec.structs.replace(diagnostic, occurrence=seen[diagnostic.fingerprint])


def identity(diagnostic: Diagnostic, source: SourceFile | None, modules: Collection[str]) -> str:
    """Sixteen hexadecimal digits from the rule, the functions, the locks and the primary text.

    No line number and no path goes in, so that a finding keeps its identity when it moves. Of the
    locks' names those of ``modules``, the modules of the project, are left out, so that it keeps it
    when a file is renamed. A cycle of locks is the same wherever it begins. The text is that of the
    primary span without what a formatter decides.
    """
    parts = (
        diagnostic.code,
        *_functions(diagnostic),
        "",
        *_rotated([_within_module(lock, modules) for lock in diagnostic.locks]),
        "",
        _text(source, diagnostic.span) if source else "",
    )
    text = "\0".join(parts).encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()[:16]


def _functions(diagnostic: Diagnostic) -> list[str]:
    """Return the function of the finding; for several threads all functions that acquire."""
    functions = {diagnostic.function}
    for step in diagnostic.steps:
        if step.thread and step.role is StepRole.ACQUIRE:
            functions.add(step.function)
    return sorted(functions)


def _rotated(names: list[str]) -> list[str]:
    start = names.index(min(names)) if names else 0
    return [*names[start:], *names[:start]]


def _within_module(name: str, modules: Collection[str]) -> str:
    """A canonical lock name without the module of the project that it begins with."""
    end = len(name)
    while (end := name.rfind(".", 0, end)) > 0:
        if name[:end] in modules:
            return name[end:]
    return name


def _text(source: SourceFile, span: Span) -> str:
    """The text of a span, or of its line where the span itself says nothing."""
    lines = [source.line(number) for number in range(span.line, span.end_line + 1)]
    if not lines:
        return ""
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return _normalised("\n".join(lines)) or _normalised(source.line(span.line))


def _normalised(text: str) -> str:
    def shortened(match: re.Match[str]) -> str:
        if match["string"] is None:
            return ""
        string = match["string"]
        if string[:3] not in ("'''", '"""') and not re.search(r"[\"\\]", string[1:-1]):
            string = f'"{string[1:-1]}"'
        return match["prefix"].lower() + string

    return _TRAILING_COMMA.sub("", _LEXEME.sub(shortened, text))
