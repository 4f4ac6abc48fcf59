"""Exceptions that leave a function by the names of their classes, told apart from all others.

A handler of the caller that catches all of the named ones leaves only the others to be expected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from locklint.analysis.hold import Grade
from locklint.analysis.summary import Lookup
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import Call, Instruction
from locklint.ir.means import Use
from locklint.ir.terminator import Jump, Raise, Terminator

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
    lookup: Lookup,
) -> NamedErrors | None:
    """Return what leaves a function by name. Return None if there is nothing, or too much.

    ``graded`` gives the instructions of a block but those that only make what it raises, ``usual``
    the class that an instruction usually raises, if a handler catches it. Where a handler of the
    function may catch an exception, its class is not known any more.
    """
    names: set[str] = set()
    others = Grade.NEVER
    if not any(_names_error(block, lookup) for block in function.blocks.values()):
        return None
    for block in function.blocks.values():
        leaves = not is_caught(block, function)
        for each, likely in graded(block):
            named = errors_of_call(each, lookup) if leaves and isinstance(each, Call) else None
            if named is not None:
                names |= named.names
                likely = named.others
            if not leaves and usual(each):
                likely = min(likely, Grade.ACQUIRE)  # The author has thought of what it raises.
            if likely > others:
                others = likely
        match block.terminator:
            case Raise(exception=str() as dotted, reraise=False) if leaves and _is_class(dotted):
                names.add(_bare(dotted))
            case Raise(reraise=False):
                others = Grade.CERTAIN
    return NamedErrors(frozenset(names), others) if 0 < len(names) <= _MOST else None


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


def _names_error(block: BasicBlock, lookup: Lookup) -> bool:
    if isinstance(block.terminator, Raise) and block.terminator.exception is not None:
        return True
    return any(
        isinstance(each, Call) and each.targets and errors_of_call(each, lookup) is not None
        for each in block.instructions
    )


def is_caught(block: BasicBlock, function: Function) -> bool:
    """Return whether a handler of the function may catch what is raised in a block."""
    here = block.on_exception
    while here is not None:
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


_ENDING = frozenset({"AssertionError", "KeyboardInterrupt", "SystemExit"})
