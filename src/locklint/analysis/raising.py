"""The graded "may raise": how likely each instruction is to raise.

Nearly everything in Python can raise, so a finding about a leak names the likeliest cause, and what
raises only by a programming error never makes more than a warning.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from enum import Enum, auto
from typing import TypeAlias

from locklint.analysis.hold import Grade
from locklint.core.source import Span
from locklint.dataflow.order import predecessors
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function, FunctionKind
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    Call,
    CallArgument,
    Constant,
    Display,
    Enter,
    Exit,
    FunctionRef,
    Instruction,
    Manager,
    Operand,
    Operate,
    Read,
    TryAcquire,
    Yield,
)
from locklint.ir.lock import LOCKING, Failure, LockRole
from locklint.ir.means import AwaitForm, OperateKind, Use
from locklint.ir.operands import defined_path, used_paths
from locklint.ir.terminator import Branch, Equals, IsNone, Raise, Truth
from locklint.models.calls import EXPECTING_MANAGER, runs_at_once
from locklint.models.graded_names import IGNORING
from locklint.models.grades import CallGrade, calculates, is_log_call, method_grade, name_grade
from locklint.models.plain_values import begins_at_once, gives_itself
from locklint.models.time_limits import is_time_limit

_GRADES = {
    CallGrade.NEVER: Grade.NEVER,
    CallGrade.UNLIKELY: Grade.ACQUIRE,
    CallGrade.POSSIBLE: Grade.POSSIBLE,
    CallGrade.UNKNOWN: Grade.UNKNOWN,
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


_DIVIDING = frozenset({"/", "//", "%", "/=", "//=", "%="})

_CHOICE = frozenset({"in", "not in"})

_INITIALISERS = frozenset({"__init__", "__post_init__"})

_ASKING_KIND = frozenset(
    {"builtins.callable", "builtins.hasattr", "builtins.isinstance", "builtins.issubclass"}
)


Raises: TypeAlias = "Callable[[str, Call | None], Grade | None]"
"""The grade of a function of the program in a call; without a call, that of its body."""


def grade(instruction: Instruction, function: Function, raises: Raises) -> Grade:
    """Return how likely ``instruction`` is to raise; ``raises`` is for the program's functions."""
    if isinstance(instruction, Call):
        if instruction.lock is not None and instruction.lock.kind.role is LockRole.QUEUE:
            return _of_queue(instruction, function)
        return _call(instruction, raises)
    match instruction:
        case Assign(safe=True) | Read(safe=True) | Operate(safe=True):
            return Grade.NEVER
        case Await(form=AwaitForm.YIELD, acquires=AccessPath()):
            return Grade.ACQUIRE  # Hardly any program cancels a Deferred, or a Future of Tornado.
        case Await():
            return Grade.LIKELY
        case Yield():
            if function.kind is FunctionKind.GENERATOR_EXPRESSION:
                return Grade.NEVER  # Nothing in it could see the exception.
            return Grade.LIKELY if is_context_manager(function) else Grade.UNLIKELY
        case Assign(target=target):
            return Grade.NEVER if _is_own_attribute(target) else Grade.UNLIKELY
        case Read(path=path):
            return Grade.NEVER if _is_own_attribute(path) else Grade.UNLIKELY
        case Operate(with_literal=with_literal, kind=kind, what=what):
            fails_by_type = kind is OperateKind.OPERATOR and what not in _DIVIDING
            return Grade.ACQUIRE if with_literal or fails_by_type else Grade.UNLIKELY
        case Acquire(form=form, call=call):
            fails = form is not None and form.failure is Failure.RAISES and call and call.arguments
            return Grade.LIKELY if fails else Grade.ACQUIRE
        case TryAcquire():
            return Grade.ACQUIRE
        case Enter(manager=manager):
            return _enters(manager)
        case Exit(manager=manager):
            return _leaves(manager)
        case _:
            return Grade.NEVER


def likeliest_of_library(function: Function) -> Grade:
    """Return the highest grade of a function, if it is one of Python's library that is known.

    Its own source, where that is analysed, raises on wrong use only: ``Condition.notify`` may, and
    `threading.current_thread` calls it.
    """
    if function.module.partition(".")[0] not in sys.stdlib_module_names:
        return Grade.CERTAIN
    name = f"{function.module}.{function.qualname}".removesuffix(".__init__")
    likely = name_grade(name)
    return _GRADES[likely] if likely <= CallGrade.UNLIKELY else Grade.CERTAIN


def _enters(manager: Manager | None) -> Grade:
    if is_harmless(manager):
        return Grade.NEVER
    if manager is None:
        return Grade.UNKNOWN
    if manager.external is not None and gives_itself(manager.external):
        return Grade.NEVER
    return Grade.LIKELY if manager.external is None else _GRADES[name_grade(manager.external)]


def _leaves(manager: Manager | None) -> Grade:
    """Return how likely it is to raise that a `with` ends whose body has not raised."""
    if is_harmless(manager):
        return Grade.NEVER
    if manager is not None and manager.external is not None and is_time_limit(manager.external):
        return Grade.NEVER  # Only a body that was cancelled ends with an exception.
    runs = manager is not None and (manager.exit or manager.generator)
    return Grade.UNLIKELY if runs else Grade.ACQUIRE


def _call(call: Call, raises: Raises) -> Grade:
    if call.implicit:
        return Grade.NEVER  # The read or the operator has a grade of its own.
    if _asks_to_raise(call) and not call.targets:
        return Grade.UNKNOWN
    if is_logging(call.callee):
        return Grade.NEVER if call.safe else Grade.ACQUIRE
    if call.targets:
        own = _of_targets(call, raises)
        # The methods of subclasses can only make it likelier: the one that is named may run, too.
        others = [each for key in call.overrides if (each := raises(key, call)) is not None]
        return max(own, Grade.POSSIBLE) if any(each >= Grade.POSSIBLE for each in others) else own
    if call.safe or call.lock is not None or call.external in _HARMLESS_MANAGERS:
        return Grade.NEVER
    if call.external is not None and begins_at_once(call.external):
        return Grade.NEVER
    if call.external in IGNORING and any(
        each.name == IGNORING[call.external] and each.value == Constant(value=True)
        for each in call.arguments
    ):
        return Grade.ACQUIRE
    if _encodes(call):
        return Grade.POSSIBLE
    if _decodes_anything(call):
        return Grade.ACQUIRE
    if call.external == "builtins.bytes" and call.arguments:
        return _of_bytes(call)
    if call.external is not None:
        if calculates(call.external) and all(map(_is_literal, call.arguments)):
            return Grade.ACQUIRE
        runs_code = any(isinstance(argument.value, FunctionRef) for argument in call.arguments)
        given = [raises(key, None) for key in run_by(call)] if runs_code else []
        is_known = bool(given) and None not in given
        is_method = call.callee is not None and bool(call.callee.fields)
        likely = name_grade(
            call.external,
            len(call.arguments),
            runs_code=runs_code and not is_known,
            is_method=is_method,
            by_key=_is_by_key(call),
        )
        return max([_GRADES[likely], *(each for each in given if each is not None)])
    if call.callee is not None and call.callee.fields and call.callee.name:
        if _is_done_to_lock(call):
            return Grade.ACQUIRE
        method, receiver = call.callee.name, call.callee.parent().name
        return _GRADES[method_grade(method, receiver, by_key=_is_by_key(call))]
    # Others have chosen what a variable holds, and it may do anything.
    is_variable = call.callee is not None and call.callee.is_variable
    return Grade.LIKELY if is_variable else Grade.UNKNOWN


def _of_queue(call: Call, function: Function) -> Grade:
    """Return how likely a call of a method of a queue raises: an empty one has nothing to give.

    It is assumed to have an item if the function looks. Queues seldom have a size.
    """
    if call.safe or call.callee is None or not gives_up_on_queue(call):
        return Grade.NEVER
    queue = call.callee.parent()
    looks = any(
        isinstance(each, Call)
        and each.callee is not None
        and each.callee.name in _TELLING_SIZE
        and each.callee.parent() == queue
        for block in function.blocks.values()
        for each in block.instructions
    )
    return Grade.POSSIBLE if looks else Grade.LIKELY


def gives_up_on_queue(call: Call) -> bool:
    """Return whether a call takes an item of a queue, and raises `Empty` if there is none."""
    if call.callee is None or call.lock is None or call.lock.kind.role is not LockRole.QUEUE:
        return False
    if call.callee.name == "get":
        values = [each.value for each in call.arguments]
        return any(
            not isinstance(value, Constant) or not (value.value is True or value.value is None)
            for value in values
        )
    return call.callee.name == "get_nowait"


_TELLING_SIZE = frozenset(("empty", "qsize"))


def _of_targets(call: Call, raises: Raises) -> Grade:
    """Return how likely the functions raise that a call names."""
    grades = [raises(target, call) for target in call.targets]
    if call.external is not None and not call.safe:  # It may be this instead.
        grades.append(_GRADES[name_grade(call.external, len(call.arguments), runs_code=False)])
    likeliest = max(Grade.POSSIBLE if each is None else each for each in grades)
    if likeliest is Grade.UNLIKELY:
        return Grade.ACQUIRE  # Nothing in it raises but by a mistake: callers do not expect it.
    # If only some of them fail in ordinary use, it is unknown whether one of those is called.
    sure = all(each is not None and each >= Grade.LIKELY for each in grades)
    return likeliest if sure else min(likeliest, Grade.POSSIBLE)


def run_by(call: Call) -> Iterator[str]:
    """Yield the keys of the functions written in the arguments of a call that runs them at once.

    Functions are lambdas and generator expressions here.
    """
    if call.external is not None and not call.targets and runs_at_once(call.external):
        for argument in call.arguments:
            if isinstance(argument.value, FunctionRef):
                yield from argument.functions


def _of_bytes(call: Call) -> Grade:
    """Return how likely ``bytes(…)`` raises; with an encoding, as likely as ``name.encode()``."""
    if isinstance(call.arguments[0].value, Constant):
        return Grade.ACQUIRE
    return Grade.POSSIBLE if len(call.arguments) > 1 else Grade.UNLIKELY


def _decodes_anything(call: Call) -> bool:
    """Return whether a call decodes all bytes there are: ``data.decode(errors="replace")``."""
    if call.callee is None or call.callee.name != "decode":
        return False
    texts = {each.value.value for each in call.arguments if isinstance(each.value, Constant)}
    return not texts.isdisjoint(_TOTAL)


_TOTAL = frozenset(
    "backslashreplace ignore iso-8859-1 latin-1 latin1 replace surrogateescape".split()
)
"""Encodings and ways to treat errors with which all bytes can be decoded."""


def _encodes(call: Call) -> bool:
    """Return whether a call encodes a text: ``name.encode()`` or ``name.encode("utf-8")``."""
    if call.callee is None or call.callee.name != "encode":
        return False
    return all(
        isinstance(each.value, Constant) and isinstance(each.value.value, str)
        for each in call.arguments
    )


def _is_by_key(call: Call) -> bool:
    """Return whether a call has one argument that is no number: of `pop`, a key and no position."""
    if len(call.arguments) != 1 or call.arguments[0].star:
        return False
    value = call.arguments[0].value
    return not (isinstance(value, Constant) and isinstance(value.value, int))


def _asks_to_raise(call: Call) -> bool:
    """Return whether an argument makes a call raise: ``log.error(text, reraise=True)``."""
    return any(
        argument.name is not None
        and "raise" in argument.name
        and not (isinstance(argument.value, Constant) and not argument.value.value)
        for argument in call.arguments
    )


def is_logging(callee: AccessPath | None) -> bool:
    """Return whether a call writes to a log."""
    return (
        callee is not None
        and bool(callee.fields)
        and is_log_call(callee.name, callee.parent().name)
    )


def _is_done_to_lock(call: Call) -> bool:
    """Return whether an unknown object is acquired or released, without arguments or result.

    Hardly anything but a lock is, and a lock does not fail.
    """
    if call.arguments or call.use not in (Use.DISCARDED, Use.AWAITED):
        return False
    return call.callee is not None and call.callee.name in LOCKING


def _is_own_attribute(path: AccessPath) -> bool:
    """Return whether it is a variable, or an attribute of ``self``, which exists."""
    return path.is_variable or path.is_own_attribute


_OUTSIDE = frozenset("__import__ eval exec globals input next open send".split())
"""Builtin functions and methods whose results depend on more than their arguments."""


class Refusal(Enum):
    """The reason why a function raises for a caller's arguments."""

    OF_KIND = auto()
    """The argument is no object of the right kind."""
    OF_VALUE = auto()
    """The argument is compared with other arguments, or with literals."""


def refusals(function: Function) -> dict[Span, Refusal]:
    """Return the `raise` statements that refuse a wrong argument: the caller has a bug.

    These are a `TypeError`, any exception that a test of a parameter's kind leads to, and a
    `ValueError` that a test of parameters leads to, or by which a new object refuses its values.
    """
    is_initialiser = function.name in _INITIALISERS
    raising = {
        block.id: block.terminator
        for block in function.blocks.values()
        if isinstance(block.terminator, Raise) and not block.terminator.reraise
    }
    if not raising:
        return {}
    before = predecessors(function)
    found: dict[Span, Refusal] = {}
    for block, end in raising.items():
        asking = [function.blocks[each] for each in before[block]]
        if end.exception == "TypeError" or (asking and all(map(_asks_kind, asking))):
            found[end.span] = Refusal.OF_KIND
        elif end.exception == "ValueError" and (
            is_initialiser or (asking and all(map(_asks_value, asking)))
        ):
            found[end.span] = Refusal.OF_VALUE
    return found


def _asks_kind(block: BasicBlock) -> bool:
    """Return whether a block ends with a test of what kind of object a parameter is."""
    match block.terminator:
        case Branch(condition=IsNone(value=value)):
            return _is_parameter(value)
        case Branch(span=span) if block.instructions:
            match block.instructions[-1]:
                case Call(span=asked, external=str() as name, arguments=arguments) if arguments:
                    return (
                        asked == span and name in _ASKING_KIND and _is_parameter(arguments[0].value)
                    )
    return False


def _asks_value(block: BasicBlock) -> bool:
    """Return whether a block ends with a test of parameters, and literals at most.

    An attribute of a parameter that is to be one of some literals, such as ``data.ndim != 1``, says
    what sort of object it is. One that is compared otherwise is a state.
    """
    match block.terminator:
        case Branch(condition=Equals(value=value)):
            return isinstance(value, AccessPath) and value.root is Root.PARAMETER
        case Branch(condition=Truth(value=value) | IsNone(value=value)):
            return _is_parameter(value)
        case Branch(span=span) if block.instructions:
            match block.instructions[-1]:
                case Operate(span=asked, operands=operands, what=what) if (
                    asked == span and operands
                ):
                    if what in _CHOICE and len(operands) == 1:
                        return operands[0].root is Root.PARAMETER
                    return all(_is_parameter(each) or _is_size(each, block) for each in operands)
    return False


def _is_parameter(value: Operand) -> bool:
    return isinstance(value, AccessPath) and value.is_parameter


def _is_size(value: AccessPath, block: BasicBlock) -> bool:
    """Return whether a value is what `len` gave for a parameter in the same block."""
    for each in block.instructions:
        match each:
            case Call(result=result, external="builtins.len", arguments=(argument,)):
                if result == value and _is_parameter(argument.value):
                    return True
    return False


def passes_literals(call: Call) -> bool:
    """Return whether a call passes nothing but literals: no test of an argument surprises."""
    return all(isinstance(each.value, Constant) and not each.star for each in call.arguments)


def _is_literal(argument: CallArgument) -> bool:
    """Return whether an argument is a literal, or a display of literals."""
    work: list[Operand] = [argument.value]
    while work:
        value = work.pop()
        if isinstance(value, Display):
            work += value.items
        elif not isinstance(value, Constant):
            return False
    return not argument.star


def decided_by_arguments(function: Function) -> frozenset[Span]:
    """Return the instructions that raise, if at all, because of what callers pass.

    These are operators, look-ups of elements and builtin functions, of parameters, literals and
    what such instructions gave. With literals alone they raise at each call, or never.
    """
    if not function.parameters or function.kind is not FunctionKind.FUNCTION:
        return frozenset()  # Most methods need their object.
    instructions = [each for block in function.blocks.values() for each in block.instructions]
    bound: dict[AccessPath, list[Instruction]] = {}
    for each in instructions:
        path = defined_path(each)
        if path is not None:
            bound.setdefault(path, []).append(each)
    derived = {path for path, ways in bound.items() if path.is_variable and _is_local(path)}
    known = 0
    while known != len(derived):
        known = len(derived)
        derived = {
            path
            for path in derived
            if all(_is_derived(each, derived, bound) for each in bound[path])
        }
    return frozenset(each.span for each in instructions if _is_derived(each, derived, bound))


def _is_local(path: AccessPath) -> bool:
    return path.root in (Root.LOCAL, Root.TEMP, Root.PARAMETER)


def _is_derived(
    instruction: Instruction,
    derived: Collection[AccessPath],
    bound: Mapping[AccessPath, object],
) -> bool:
    """Return whether an instruction uses nothing but literals, parameters and what is derived."""
    match instruction:
        case Call(callee=AccessPath() as callee, external=str() as name, targets=()):
            if not name.startswith("builtins.") or name.rpartition(".")[2] in _OUTSIDE:
                return False
            used = list(used_paths(instruction))
            if not callee.fields:
                used.remove(callee)  # The function itself.
        case Assign() | Read() | Operate():
            used = list(used_paths(instruction))
            if isinstance(instruction, Operate):
                used += instruction.operands
        case _:
            return False
    return all(_is_of_arguments(path, derived, bound) for path in used)


def _is_of_arguments(
    path: AccessPath, derived: Collection[AccessPath], bound: Mapping[AccessPath, object]
) -> bool:
    holder = path
    while holder.fields:
        holder = holder.parent()
    return holder in derived or (holder.root is Root.PARAMETER and holder not in bound)


def is_harmless(manager: Manager | None) -> bool:
    return manager is not None and manager.external in _HARMLESS_MANAGERS


def is_context_manager(function: Function) -> bool:
    """Return whether the function is a generator under a decorator for context managers."""
    return function.is_generator and any(
        decorator.path is not None
        and decorator.path.name in ("contextmanager", "asynccontextmanager")
        for decorator in function.decorators
    )
