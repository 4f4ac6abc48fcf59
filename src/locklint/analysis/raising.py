"""How likely each instruction is to raise: the graded "may raise".

Nearly everything in Python can raise, so a finding about a leak names the likeliest cause, and what
raises only by a programming error never makes more than a warning.
"""

from __future__ import annotations

from collections.abc import Callable

from locklint.analysis.hold import Grade
from locklint.core.source import Span
from locklint.dataflow.order import predecessors
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    Branch,
    Call,
    Enter,
    Exit,
    FunctionRef,
    Instruction,
    IsNone,
    Manager,
    Operate,
    Raise,
    Read,
    TryAcquire,
    Use,
    Yield,
)
from locklint.ir.lock import Failure
from locklint.models.calls import EXPECTING_MANAGER
from locklint.models.grades import CallGrade, is_log_call, method_grade, name_grade

_GRADES = {
    CallGrade.NEVER: Grade.NEVER,
    CallGrade.UNLIKELY: Grade.ACQUIRE,
    CallGrade.POSSIBLE: Grade.POSSIBLE,
    CallGrade.LIKELY: Grade.LIKELY,
}


_HARMLESS_MANAGERS = frozenset(
    {
        "contextlib.suppress",
        "contextlib.nullcontext",
        "contextlib.ExitStack",
        "contextlib.AsyncExitStack",
        EXPECTING_MANAGER,
    }
)


_ASKING_KIND = frozenset(
    {"builtins.callable", "builtins.hasattr", "builtins.isinstance", "builtins.issubclass"}
)


def grade(
    instruction: Instruction, function: Function, raises: Callable[[str], Grade | None]
) -> Grade:
    """How likely ``instruction`` is to raise; ``raises`` answers for functions of the program."""
    match instruction:
        case Assign(safe=True) | Read(safe=True) | Operate(safe=True):
            return Grade.NEVER
        case Call():
            return _call(instruction, raises)
        case Await():
            return Grade.LIKELY
        case Yield():
            return Grade.LIKELY if is_context_manager(function) else Grade.UNLIKELY
        case Assign(target=target):
            return Grade.NEVER if _is_own_attribute(target) else Grade.UNLIKELY
        case Read(path=path):
            return Grade.NEVER if _is_own_attribute(path) else Grade.UNLIKELY
        case Operate(with_literal=with_literal):
            return Grade.ACQUIRE if with_literal else Grade.UNLIKELY
        case Acquire(form=form, call=call):
            fails = form is not None and form.failure is Failure.RAISES and call and call.arguments
            return Grade.LIKELY if fails else Grade.ACQUIRE
        case TryAcquire():
            return Grade.ACQUIRE
        case Enter(manager=manager):
            return _enters(manager)
        case Exit(manager=manager):
            return Grade.NEVER if is_harmless(manager) else Grade.UNLIKELY
        case _:
            return Grade.NEVER


def _enters(manager: Manager | None) -> Grade:
    if is_harmless(manager):
        return Grade.NEVER
    if manager is None:
        return Grade.POSSIBLE
    return Grade.LIKELY if manager.external is None else _GRADES[name_grade(manager.external)]


def _call(call: Call, raises: Callable[[str], Grade | None]) -> Grade:
    if call.implicit:
        return Grade.NEVER  # The read or the operator has a grade of its own.
    if _is_logging(call.callee):
        return Grade.NEVER if call.safe else Grade.ACQUIRE
    if call.targets:
        grades = [raises(target) for target in call.targets]
        if call.external is not None and not call.safe:  # It may be this instead.
            grades.append(_GRADES[name_grade(call.external, len(call.arguments), runs_code=False)])
        return max((Grade.POSSIBLE if g is None else g) for g in grades)
    if call.safe or call.lock is not None or call.external in _HARMLESS_MANAGERS:
        return Grade.NEVER
    if call.external is not None:
        runs_code = any(isinstance(argument.value, FunctionRef) for argument in call.arguments)
        is_method = call.callee is not None and bool(call.callee.fields)
        return _GRADES[
            name_grade(call.external, len(call.arguments), runs_code=runs_code, is_method=is_method)
        ]
    if call.callee is not None and call.callee.fields and call.callee.last[0] not in "[(":
        if _is_done_to_lock(call):
            return Grade.ACQUIRE
        return _GRADES[method_grade(call.callee.last, call.callee.parent().last)]
    # Others have chosen what a variable holds, and it may do anything.
    is_variable = call.callee is not None and call.callee.is_variable
    return Grade.LIKELY if is_variable else Grade.POSSIBLE


def _is_logging(callee: AccessPath | None) -> bool:
    return (
        callee is not None
        and bool(callee.fields)
        and is_log_call(callee.last, callee.parent().last)
    )


def _is_done_to_lock(call: Call) -> bool:
    """Whether an unknown object is acquired or released, with nothing asked or given.

    Hardly anything but a lock is, and a lock does not fail.
    """
    if call.arguments or call.use not in (Use.DISCARDED, Use.AWAITED):
        return False
    return call.callee is not None and call.callee.last in ("acquire", "release")


def _is_own_attribute(path: AccessPath) -> bool:
    """Whether it is a variable, or an attribute of ``self``: what a class knows to be there."""
    if path.is_variable:
        return True
    return path.root is Root.SELF and len(path.fields) == 1 and path.fields[0][0] not in "[("


def refusals(function: Function) -> frozenset[Span]:
    """Return the `raise` statements that refuse a wrong argument: the caller has a bug.

    These are a `TypeError`, and any exception that a test of a parameter's kind leads to.
    """
    raising = {
        block.id: block.terminator
        for block in function.blocks.values()
        if isinstance(block.terminator, Raise) and not block.terminator.reraise
    }
    if not raising:
        return frozenset()
    before = predecessors(function)
    return frozenset(
        end.span
        for block, end in raising.items()
        if end.exception == "TypeError"
        or (before[block] and all(_asks_kind(function.blocks[each]) for each in before[block]))
    )


def _asks_kind(block: BasicBlock) -> bool:
    """Whether a block ends with a test of what kind of object a parameter is."""
    match block.terminator:
        case Branch(condition=IsNone(value=AccessPath(root=Root.PARAMETER, fields=()))):
            return True
        case Branch(span=span) if block.instructions:
            match block.instructions[-1]:
                case Call(span=asked, external=str() as name, arguments=arguments) if arguments:
                    value = arguments[0].value
                    return (
                        asked == span
                        and name in _ASKING_KIND
                        and isinstance(value, AccessPath)
                        and value.root is Root.PARAMETER
                        and value.is_variable
                    )
    return False


def is_harmless(manager: Manager | None) -> bool:
    return manager is not None and manager.external in _HARMLESS_MANAGERS


def is_context_manager(function: Function) -> bool:
    """Whether the function is a generator under ``@contextmanager`` or ``@asynccontextmanager``."""
    return function.is_generator and any(
        decorator.path is not None
        and decorator.path.last in ("contextmanager", "asynccontextmanager")
        for decorator in function.decorators
    )
