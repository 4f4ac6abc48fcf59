"""Beginnings of `with` statements that can neither raise nor suspend a task."""

from __future__ import annotations

from locklint.analysis.hold import Grade
from locklint.analysis.raising import Raises, grade, is_harmless
from locklint.analysis.summary import Lookup
from locklint.ir.cfg import Function
from locklint.ir.instruction import Await, Manager, Yield
from locklint.ir.terminator import Raise
from locklint.models.plain_values import begins_at_once


def begins_quietly(manager: Manager | None, lookup: Lookup, raises: Raises) -> bool:
    """Return whether to enter a context manager does nothing that may raise, or wait for a task."""
    if manager is None:
        return False
    if manager.external is not None:
        return is_harmless(manager) or begins_at_once(manager.external)
    key = manager.generator or manager.enter
    found = lookup(key) if key is not None and manager.certain else None
    return found is not None and _is_quiet(found[0], raises)


def _is_quiet(function: Function, raises: Raises) -> bool:
    """Return whether nothing that a function does up to its first yield raises or suspends it."""
    work, seen = [function.entry], {function.entry}
    while work:
        block = function.blocks[work.pop()]
        for each in block.instructions:
            if isinstance(each, Yield):
                break
            if isinstance(each, Await) or grade(each, function, raises) > Grade.ACQUIRE:
                return False
        else:
            if isinstance(block.terminator, Raise):
                return False
            following = [key for key in block.successors() if key not in seen]
            seen.update(following)
            work += following
    return True
