"""Contracts of functions that say that the caller holds the lock.

They say it by names, docstrings, comments and decorators, or by a test that raises otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from locklint.core.source import SourceFile
from locklint.dataflow.order import reached
from locklint.ir.cfg import Function
from locklint.ir.instruction import Call
from locklint.ir.terminator import Branch, Return, Truth
from locklint.models.table import default_table

_CALLER_HOLDS = ("_locked", "_unlocked", "_nolock", "_no_lock", "_unsafe")
_CONTRACT = re.compile(r"\b(hold|holds|holding|held|acquired|taken|under)\b.*\block", re.DOTALL)
_CONTRACT_TURNED = re.compile(r"\block\w*\b.*\b(hold|held|acquired|taken)\b", re.DOTALL)
_CALLER = re.compile(r"\bcallers?\b.*\b(hold|holds|holding|held|acquires?|acquired|owns?)\b")
_DECORATED = re.compile(
    r"synchroni[sz]e|thread_?safe|exclusive|serialized|mutex|guarded_?by"
    r"|(with|requires?|needs?|asserts?|checks?|holds?|holding|held|owns?|owned|in)_?\w*lock"
    r"|\block(ed|ing)?\b|lock\w*_?(required|needed|held|owned)"
)
"""Names of decorators that acquire a lock, or say that callers do."""

_DOCUMENTED_LINES = 8
_COMMENTED_LINES = 2
"""Lines of a function's beginning among which a comment may say so."""

_TESTS = frozenset(
    name
    for kind in default_table().kinds.values()
    for name in (kind.locked_method, *kind.owned_methods)
    if name
)
"""The methods of locks that tell whether one is held."""


def says_caller_holds(function: Function, sources: Mapping[str, SourceFile]) -> bool:
    """Return whether a function says that its callers hold a lock."""
    if function.name.endswith(_CALLER_HOLDS) or tests_that_lock_is_held(function):
        return True
    names = [each.path.name.lower() for each in function.decorators if each.path is not None]
    if any(map(_DECORATED.search, names)):
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


def tests_that_lock_is_held(function: Function) -> bool:
    """Return whether a function goes on only if a lock is held: ``assert lock.locked()``."""
    for block in function.blocks.values():
        match block.terminator:
            case Branch(condition=Truth(value=tested), otherwise=otherwise) if any(
                isinstance(each, Call)
                and each.result == tested
                and each.callee is not None
                and each.callee.name in _TESTS
                for each in block.instructions
            ):
                if not any(
                    isinstance(function.blocks[each].terminator, Return)
                    for each in reached(function, (otherwise,))
                ):
                    return True
            case _:
                pass
    return False
