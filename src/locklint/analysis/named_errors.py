"""Exceptions that leave a function by the names of their classes, told apart from all others.

A handler of the caller that catches all of the named ones leaves only the others to be expected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from locklint.analysis.catching import is_expected, name_of
from locklint.analysis.hold import Grade
from locklint.analysis.summary import Lookup
from locklint.dataflow.order import reached
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import BlockId, Call, Instruction
from locklint.ir.means import Use
from locklint.ir.terminator import Catch, Jump, Raise, Terminator

GradedInstructions: TypeAlias = "Sequence[tuple[Instruction, Grade]]"
"""Instructions of a block, each with how likely it raises."""

_MOST = 6
"""The largest number of classes that are kept for a function."""


class NamedErrors(NamedTuple):
    """The classes that are raised by name, and how likely anything else is raised."""

    names: frozenset[str]
    others: Grade


def errors_of_call(call: Call, lookup: Lookup) -> NamedErrors | None:
    """Return what the callees of a call raise by name. Return None if there is nothing."""
    if call.external is not None:
        return None
    names: set[str] = set()
    others = Grade.NEVER
    for key in call.targets:
        found = lookup(key)
        if found is None:
            return None
        function, summary = found
        if function.is_generator or (function.is_async and call.use is not Use.AWAITED):
            return None
        names |= summary.named
        others = max(others, summary.others)
    return NamedErrors(frozenset(names), others) if names else None


def errors_of_function(
    function: Function,
    graded: Callable[[BasicBlock], GradedInstructions],
    usual: Callable[[Instruction], str],
    caught: frozenset[str],
    lookup: Lookup,
) -> NamedErrors | None:
    """Return what leaves a function by name. Return None if there is nothing, or too much.

    ``graded`` gives the instructions of a block but those that only make what it raises, ``usual``
    the class that an instruction usually raises, ``caught`` are the classes of the function's
    handlers. Where a handler of the function may catch an exception, its class is not known any
    more, unless the handler raises it on.
    """
    blocks = function.blocks.values()
    if not any(_names_error(block, usual, lookup) for block in blocks):
        return None
    names = _raised_on(function)
    others = Grade.NEVER
    for block in blocks:
        leaves = not is_caught(block, function)
        for each, likely in graded(block):
            named = errors_of_call(each, lookup) if leaves and isinstance(each, Call) else None
            expected = "" if likely is Grade.NEVER else usual(each)
            if named is not None:
                names |= named.names
                likely = named.others
            elif leaves and isinstance(each, Call) and expected not in _OF_SEVERAL:
                names.add(expected)
                likely = min(likely, Grade.ACQUIRE)
            elif not leaves and expected and is_expected(expected, caught):
                likely = min(likely, Grade.ACQUIRE)  # The author has thought of what it raises.
            if likely > others:
                others = likely
        match block.terminator:
            case Raise(exception=str() as dotted, reraise=False) if leaves and _is_class(dotted):
                names.add(_bare(dotted))
            case Raise(reraise=False):
                others = Grade.CERTAIN
    return NamedErrors(frozenset(names), others) if 0 < len(names) <= _MOST else None


def _raised_on(function: Function) -> set[str]:
    """Return the classes of the handlers that end in a bare `raise`, which leaves the function."""
    found: set[str] = set()
    for block in function.blocks.values():
        for handler in block.terminator.handlers if isinstance(block.terminator, Catch) else ():
            names = {name_of(dotted) for dotted in handler.types}
            if not names or not all(map(_is_class, names)) or not names.isdisjoint(_ANY):
                continue
            for key in reached(function, (handler.target,), successors=BasicBlock.successors):
                ends = function.blocks[key]
                if isinstance(ends.terminator, Raise) and ends.terminator.reraise:
                    if not is_caught(ends, function):
                        found |= names
    return found


def makes_exception(instruction: Instruction, terminator: Terminator) -> bool:
    """Return whether a call only makes the exception that the block raises at its end.

    The `raise` is more informative than a possible failure of making it.
    """
    return (
        isinstance(terminator, Raise)
        and isinstance(instruction, Call)
        and instruction.callee is not None
        and terminator.exception == str(instruction.callee)
    )


def _names_error(block: BasicBlock, usual: Callable[[Instruction], str], lookup: Lookup) -> bool:
    if isinstance(block.terminator, Raise) and block.terminator.exception is not None:
        return True
    return any(
        isinstance(each, Call)
        and (
            errors_of_call(each, lookup) is not None
            if each.targets
            else usual(each) not in _OF_SEVERAL
        )
        for each in block.instructions
    )


def is_caught(block: BasicBlock, function: Function) -> bool:
    """Return whether a handler of the function may catch what is raised in a block."""
    here = block.on_exception
    seen: set[BlockId] = set()
    while here is not None and here not in seen:
        seen.add(here)  # Only an exception ends some clean-ups.
        handler = function.blocks[here]
        match handler.terminator:
            case Raise(reraise=True):
                here = handler.on_exception  # The end of a clean-up.
            case Jump(target):
                here = target
            case _:
                return True  # A handler, or something that decides whether there is one.
    return False


def _is_class(dotted: str) -> bool:
    """Return whether a `raise` names a class that its caller can expect."""
    return _bare(dotted)[:1].isupper() and _bare(dotted) not in _ENDING


def _bare(dotted: str) -> str:
    return dotted.rpartition(".")[2]


_OF_SEVERAL = frozenset(("", "LookupError"))
"""No class, and a class of which only the caller knows which kind it is."""

_ANY = frozenset({"BaseException", "Exception"})
_ENDING = frozenset({"AssertionError", "KeyboardInterrupt", "SystemExit"})
