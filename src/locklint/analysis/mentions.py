"""Mentions of a name in the text of files.

Most functions of a program are not lowered. Their text shows whether they do anything to a lock or
an event but what the analysis has seen (ADR 109).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from locklint.analysis.written import without_comments

_STATEMENT = re.compile(r"\s*(?:(?:async\s+)?with|global|from|import)\b")

_SET_ON_SELF = re.compile(
    r"(?<![\w.])self\.(\w+)\s*(?:(?:\[[^\]\n]*\]\s*)?=(?!=)"
    r"|\.(?:add|append|extend|insert|setdefault|update)\()"
)

_PASSED = re.compile(r"[(,=]\s*((?:\w+\.)*)(\w+)\s*(?=[,)])")


class Mention(NamedTuple):
    """A mention of a name in code, and what is done to what it names.

    ``owner`` ends what is before its dot, and is ``self`` where that is all; empty for a variable.
    ``member`` is the attribute or method that is read. ``is_called``: the member is called, or
    without one the name. ``is_bound``: the name is bound to the result of a call. ``is_entered``:
    its line is that of a `with`, a `global` or an import. ``line`` is its number.
    """

    owner: str
    member: str
    is_called: bool
    is_bound: bool
    is_entered: bool
    line: int


def mentions(name: str, text: str) -> Iterator[Mention]:
    """Yield the mentions of a variable or attribute in the text of a file, without comments."""
    if name not in text:
        return
    code = without_comments(text)
    pattern = re.compile(
        rf"(?:(?P<owner>\bself|[\w)\]])\.)?(?<!\w){re.escape(name)}\b"
        r"(?:\s*\.\s*(?P<member>\w+)(?P<called>\()?"
        r"|(?P<bound>\s*(?::[^=\n]+)?=\s*[\w.]+\()|(?P<itself>\())?"
    )
    for found in pattern.finditer(code):
        line = code.rfind("\n", 0, found.start()) + 1
        yield Mention(
            found["owner"] or "",
            found["member"] or "",
            bool(found["called"] or found["itself"]),
            found["bound"] is not None,
            _STATEMENT.match(code, line) is not None,
            code.count("\n", 0, found.start()) + 1,
        )


def attributes_of_self(method: str, text: str) -> frozenset[str]:
    """Return the attributes that a method reads, if a file has only one function of that name."""
    return frozenset(re.findall(r"(?<![\w.])self\.(\w+)\b(?!\s*\()", _body(method, text)))


def attributes_set_on_self(method: str, text: str) -> frozenset[str]:
    """Return the attributes that a method binds or fills, if a file has only one of that name."""
    return frozenset(_SET_ON_SELF.findall(_body(method, text)))


def _body(method: str, text: str) -> str:
    """Return the text of a method, or an empty one if a file has several of that name."""
    found = re.findall(
        rf"^([ \t]*)def {re.escape(method)}\(self\b(.*\n(?:(?:\1[ \t]+\S.*)?\n)*)",
        f"{without_comments(text)}\n",
        re.MULTILINE,
    )
    return found[0][1] if len(found) == 1 else ""


def passes_on(name: str, text: str, *, is_method: bool) -> bool:
    """Return whether a file passes a function or method of that name to something, uncalled."""
    return name in text and name in _passed(text)[is_method]


@lru_cache(maxsize=256)
def _passed(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a file passes to something, and those of them after a dot."""
    found = _PASSED.findall(without_comments(text))
    return frozenset(name for _, name in found), frozenset(name for owner, name in found if owner)


def declares_class(name: str, text: str) -> bool:
    """Return whether a file has a class of that name itself."""
    return name in text and bool(re.search(rf"^\s*class {re.escape(name)}\b", text, re.MULTILINE))


def binds_variable(name: str, text: str) -> bool:
    """Return whether a file has a module's variable of that name itself."""
    binding = rf"^{re.escape(name)}\s*(?::[^=\n]+)?="
    return name in text and bool(re.search(binding, text, re.MULTILINE))
