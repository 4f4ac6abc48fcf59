"""Contracts of functions, by names, docstrings and comments: the caller holds the lock."""

from __future__ import annotations

import re
from collections.abc import Mapping

from locklint.core.source import SourceFile
from locklint.ir.cfg import Function

_CALLER_HOLDS = ("_locked", "_unlocked", "_nolock", "_no_lock", "_unsafe")
_CONTRACT = re.compile(r"\b(hold|holds|holding|held|acquired|taken|under)\b.*\block", re.DOTALL)
_CONTRACT_TURNED = re.compile(r"\block\w*\b.*\b(hold|held|acquired|taken)\b", re.DOTALL)
_CALLER = re.compile(r"\bcallers?\b.*\b(hold|holds|holding|held|acquires?|acquired|owns?)\b")
_DOCUMENTED_LINES = 8
_COMMENTED_LINES = 2
"""Lines of a function's beginning among which a comment may say so."""


def says_caller_holds(function: Function, sources: Mapping[str, SourceFile]) -> bool:
    """Return whether a function says that its callers hold a lock."""
    if function.name.endswith(_CALLER_HOLDS):
        return True
    source = sources.get(function.path)
    if source is None:
        return False
    first = function.span.line
    last = min(function.span.end_line, first + _DOCUMENTED_LINES)
    lines = [source.line(number) for number in range(first, last + 1)]
    documented = " ".join(lines).lower().partition('"""')[2].partition('"""')[0]
    if any(each.search(documented) for each in (_CONTRACT, _CONTRACT_TURNED)):
        return True
    above = source.line(first - 1) if first > 1 else ""
    comments = (line.strip() for line in (above, *lines[: _COMMENTED_LINES + 1]))
    return any(_CALLER.search(line.lower()) for line in comments if line.startswith("#"))
