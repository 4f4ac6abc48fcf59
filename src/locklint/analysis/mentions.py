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

_USE = re.compile(
    r"\s*\.\s*(?P<member>\w+)(?P<called>\()?"
    r"|(?P<bound>\s*(?::[^=\n]+)?=\s*[\w.]+\()|(?P<itself>\()"
)
"""The text after a name, as far as it shows what is done to what it names."""

_SET_ON_SELF = re.compile(
    r"(?<![\w.])self\.(\w+)\s*(?:(?:\[[^\]\n]*\]\s*)?=(?!=)"
    r"|\.(?:add|append|extend|insert|setdefault|update)\()"
)

_PASSED = re.compile(r"[(,=\[]\s*((?:\w+(?:\([^()\n]*\))?\.)*)(\w+)\s*(?=[,)\]])")


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
    line, counted = 1, 0
    at = code.find(name)
    while at >= 0:
        end = at + len(name)
        if not _is_word(code[at - 1 : at]) and not _is_word(code[end : end + 1]):
            line += code.count("\n", counted, at)
            counted = at
            found = _USE.match(code, end)
            end = found.end() if found is not None else end
            yield Mention(
                _owner(code, at),
                (found and found["member"]) or "",
                found is not None and bool(found["called"] or found["itself"]),
                found is not None and found["bound"] is not None,
                _STATEMENT.match(code, code.rfind("\n", 0, at) + 1) is not None,
                line,
            )
        at = code.find(name, end)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _owner(code: str, at: int) -> str:
    """Return ``self``, or the last character before the dot in front of a name; empty: none."""
    if code[at - 1 : at] != ".":
        return ""
    before = code[max(at - 6, 0) : at - 1]
    if before.endswith("self") and not _is_word(before[:-4]):
        return "self"
    last = before[-1:]
    return last if _is_word(last) or last in (")", "]") else ""


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


_DECORATION = re.compile(r"^[ \t]*@[\w.]+\((.*)\)", re.MULTILINE)


def passes_on(name: str, text: str, *, is_method: bool) -> bool:
    """Return whether a file passes a function or method of that name to something, uncalled."""
    return name in text and name in _passed(text)[is_method]


@lru_cache(maxsize=256)
def _passed(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a file passes to something, and those that may be methods."""
    code = without_comments(text)
    found = _PASSED.findall(code)
    # In the body of a class a method has no dot in front of it.
    decorating = {name for given in _DECORATION.findall(code) for name in re.findall(r"\w+", given)}
    after_dot = {name for owner, name in found if owner}
    return frozenset(name for _, name in found), frozenset(after_dot | decorating)


def declares_class(name: str, text: str) -> bool:
    """Return whether a file has a class of that name itself."""
    return name in text and bool(re.search(rf"^\s*class {re.escape(name)}\b", text, re.MULTILINE))


def binds_variable(name: str, text: str) -> bool:
    """Return whether a file has a module's variable of that name itself."""
    binding = rf"^{re.escape(name)}\s*(?::[^=\n]+)?="
    return name in text and bool(re.search(binding, text, re.MULTILINE))
