"""Handlers, and the exceptions that they catch."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from enum import Enum
from functools import cache

from msgspec.structs import replace

from locklint.analysis.hold import CauseKind, Flow, Grade, InFlight
from locklint.ir.terminator import Handler


class Verdict(Enum):
    """Verdicts on whether a handler catches an exception."""

    YES = "yes"
    MAYBE = "maybe"
    NO = "no"


_CANCELS = frozenset({"CancelledError", "GeneratorExit", "Cancelled", "StopAsyncIteration"})
_EXITS = frozenset({"SystemExit", "KeyboardInterrupt"})


_ALIASES = {
    "EnvironmentError": "OSError",
    "IOError": "OSError",
    "QueueEmpty": "Empty",
    "QueueFull": "Full",
    "WindowsError": "OSError",
    "asyncio.QueueEmpty": "Empty",
    "asyncio.QueueFull": "Full",
    "asyncio.queues.QueueEmpty": "Empty",
    "asyncio.queues.QueueFull": "Full",
    "os.error": "OSError",
    "select.error": "OSError",
    "socket.error": "OSError",
    "socket.timeout": "TimeoutError",
}
"""Classes by other names: those before Python 3.3 and 3.10, and those of queues in asyncio."""


def name_of(dotted: str) -> str:
    """Return the bare name of a class that a handler names, the present one if it has two."""
    return _ALIASES.get(dotted) or dotted.rpartition(".")[2]


def names_of(handler: Handler) -> tuple[str, ...]:
    """Return the bare names of all classes that a handler catches, as far as they are known."""
    return (*map(name_of, handler.types), *handler.derived)


_BASES = {
    "CalledProcessError": "SubprocessError",
    "DataError": "DatabaseError",
    "DatabaseError": "Error",  # of DB-API modules
    "Error": "ValueError",  # as that of `binascii`
    "IntegrityError": "DatabaseError",
    "InterfaceError": "Error",
    "InternalError": "DatabaseError",
    "InvalidOperation": "ArithmeticError",
    "JSONDecodeError": "ValueError",
    "NotSupportedError": "DatabaseError",
    "OperationalError": "DatabaseError",
    "ProgrammingError": "DatabaseError",
    "RequestException": "OSError",  # of `requests`
    "SubprocessError": "Exception",
    "TimeoutExpired": "SubprocessError",
    "error": "Exception",  # as that of `struct`
}
"""The bases of exceptions of libraries, by bare names: those that their calls usually raise."""


@cache
def _ancestors(name: str) -> tuple[str, ...]:
    """Return a builtin or library class and its bases, or nothing if it is neither."""
    if name in _BASES:
        base = _BASES[name]
        return (name, *(_ancestors(base) or (base,)))
    found = getattr(builtins, name, None)
    if isinstance(found, type) and issubclass(found, BaseException):
        return tuple([each.__name__ for each in found.__mro__])
    return ()


def takes(handler: Handler, exception: InFlight) -> Verdict:
    """Return whether ``handler`` catches ``exception``; unknown classes are compared by name."""
    if not handler.types:
        return Verdict.YES
    if exception.type is None and exception.caught:
        names = names_of(handler)
        if all(any(is_kind_of(one, name) for name in names) for one in exception.caught):
            return Verdict.YES
        if all(_are_strangers(one, name) for one in exception.caught for name in names):
            return Verdict.NO
    if exception.named and exception.others <= Grade.ACQUIRE and _is_for_others(handler, exception):
        return Verdict.NO
    best = Verdict.NO
    for name in names_of(handler):
        verdict = _takes_one(name, exception)
        if verdict is Verdict.YES:
            return verdict
        if verdict is Verdict.MAYBE:
            best = verdict
    return best


def _is_for_others(handler: Handler, exception: InFlight) -> bool:
    """Return whether a handler catches none of the classes that a callee raises by name."""
    if exception.type is not None:
        return False
    known = [replace(exception, type=name) for name in exception.named]
    return all(_takes_one(n, one) is Verdict.NO for n in names_of(handler) for one in known)


def caught_by(handler: Handler, exception: InFlight) -> InFlight:
    """Return the exception inside a handler that might have caught it and did."""
    names = frozenset(name_of(dotted) for dotted in handler.types)
    return exception if exception.type is not None else replace(exception, caught=names)


def is_kind_of(name: str, other: str) -> bool:
    """Return whether a class is another one, or descends from it, as far as its bases are known."""
    return name == other or other in _ancestors(name)


def _are_strangers(name: str, other: str) -> bool:
    """Return whether the bases of both are known and neither descends from the other."""
    left, right = _ancestors(name), _ancestors(other)
    return bool(left and right) and other not in left and name not in right


def pass_by(handler: Handler, exception: InFlight) -> InFlight:
    """Return the exception after a handler that might have caught it did not."""
    names = frozenset(names_of(handler))
    passed = replace(exception, excluded=exception.excluded | names)
    if passed.grade is Grade.UNKNOWN:
        # The author has thought of what the call may raise.
        passed = replace(passed, grade=Grade.POSSIBLE)
    passed = _without_named(passed)
    if not is_left_over(passed):
        return passed
    # A container of unknown type raises one of two kinds: the author knows which one.
    is_all = exception.usual == "LookupError" or is_excluded(exception.usual, passed.excluded)
    most = Grade.ACQUIRE if is_all else Grade.POSSIBLE
    return replace(passed, grade=min(exception.grade, most))


def _without_named(exception: InFlight) -> InFlight:
    """Return an exception after handlers for those that its callee raises by name."""
    left = [name for name in exception.named if not is_excluded(name, exception.excluded)]
    if not exception.named or (left and not _may_be_bases(exception.excluded, left)):
        return exception
    # If a class of the program is left, a handler of another one may catch it all the same.
    least = Grade.POSSIBLE if left else Grade.ACQUIRE
    most = max(exception.others, least)
    return replace(exception, grade=min(exception.grade, most))


def _may_be_bases(caught: Iterable[str], names: Iterable[str]) -> bool:
    """Return whether classes of the program may descend from one that is caught."""
    return not any(map(_ancestors, names)) and not all(map(_ancestors, caught))


def is_left_over(exception: InFlight) -> bool:
    """Return whether an exception was not caught by a handler for the usual exceptions, or a part.

    An author who catches `FileNotFoundError` around ``os.remove`` has thought of its errors.
    """
    return bool(exception.usual) and is_expected(exception.usual, exception.excluded)


def is_expected(name: str, caught: frozenset[str]) -> bool:
    """Return whether handlers catch an exception of a class, or of a subclass."""
    return is_excluded(name, caught) or any(is_kind_of(other, name) for other in caught)


def is_excluded(name: str, excluded: frozenset[str]) -> bool:
    """Return whether handlers of those classes catch an exception of a class."""
    return name in excluded or not excluded.isdisjoint(_ancestors(name))


def _takes_one(name: str, exception: InFlight) -> Verdict:
    if name == "BaseException":
        return Verdict.YES
    if exception.flow is Flow.EXIT:
        return Verdict.YES if name in _EXITS else Verdict.NO
    if exception.flow is Flow.CANCEL:
        return Verdict.YES if name in _CANCELS else Verdict.NO
    if name == "Exception":
        return Verdict.YES
    if name in _CANCELS or name in _EXITS:
        return Verdict.NO
    if exception.type is None:
        if _is_of_programming(exception) and not _may_be_of_programming(name):
            return Verdict.NO
        return Verdict.NO if is_excluded(name, exception.excluded) else Verdict.MAYBE
    raised = name_of(exception.type)
    if is_kind_of(raised, name):
        return Verdict.YES
    # A class of the program's own cannot be a base of a builtin one.
    return Verdict.NO if _ancestors(raised) else Verdict.MAYBE


def _is_of_programming(exception: InFlight) -> bool:
    """Return whether only a programming error makes an exception: a wrong type, a missing name.

    An acquire may have exceptions of its own. What handlers have let through is known by them.
    """
    is_unlikely = exception.grade <= Grade.UNLIKELY and not exception.excluded
    return is_unlikely and exception.cause.kind is not CauseKind.ACQUIRE


def _may_be_of_programming(name: str) -> bool:
    """Return whether a programming error may raise a class: a builtin one, but not of files."""
    found = _ancestors(name)
    return bool(found) and "OSError" not in found
