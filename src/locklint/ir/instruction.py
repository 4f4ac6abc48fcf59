"""The instructions of the intermediate representation.

A closed union, matched with ``match``; there are no visitor classes. The front end lowers source to
`Call`, `Enter`, `Exit` and the rest; `frontend.apply_effects` then exchanges those that touch locks
for `Acquire`, `Release`, `Wait` and `Notify`, so that nothing later needs to know a library.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.context import Context
from locklint.ir.lock import AcquireForm, LockRef, Mode
from locklint.ir.means import (
    AwaitForm,
    How,
    Implicit,
    ImplicitKind,
    OperateKind,
    Use,
)
from locklint.ir.parameter import Star

BlockId: TypeAlias = int

_LITERALS = frozenset({bool, int, float, str, bytes, type(None), type(...)})

if TYPE_CHECKING:
    from types import EllipsisType

    LiteralValue: TypeAlias = bool | int | float | str | bytes | EllipsisType | None
else:
    # msgspec accepts no union of text and bytes, though msgpack distinguishes them.
    LiteralValue = Any


class Constant(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """A literal; raises `TypeError` for a value of any other type, which only foreign data has."""

    value: LiteralValue

    def __post_init__(self) -> None:
        if type(self.value) not in _LITERALS:
            raise TypeError("not a literal")

    def __str__(self) -> str:
        return repr(self.value)


AN_OBJECT = Constant(...)
"""An object of which no more is known than that it is true and not None, such as a lock."""


class Display(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """A list, tuple, set or dict display; of a dict, the values."""

    kind: str
    items: tuple[Operand, ...]

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(map(str, self.items))})"


class FunctionRef(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """A nested function, lambda or generator expression, not yet called.

    ``captures`` are the paths of the enclosing scopes that its body mentions, lock methods
    included (`lock.release` is captured as just that path).
    """

    qualname: str
    captures: tuple[AccessPath, ...] = ()

    def __str__(self) -> str:
        return f"function {self.qualname}"


class Unknown(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """A value that is not tracked; ``mentions`` are the paths that went into it.

    ``is_number``: it was calculated, so that it is no text.
    """

    mentions: tuple[AccessPath, ...] = ()
    is_number: bool = False

    def __str__(self) -> str:
        kind = "number" if self.is_number else "?"
        return f"{kind}({', '.join(map(str, self.mentions))})" if self.mentions else kind


Operand: TypeAlias = AccessPath | Constant | Display | FunctionRef | Unknown


class CallArgument(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An argument: positional (``name`` None), keyword, or starred (``*`` or ``**``).

    ``lock`` is the lock that is passed, where name resolution found one, ``receiver`` the object
    whose bound method is passed. ``functions`` are all that a passed function may be: keys of the
    program's, dotted names of others; empty where that is not known.
    """

    value: Operand
    name: str | None = None
    star: Star | None = None
    lock: LockRef | None = None
    receiver: AccessPath | None = None
    functions: tuple[str, ...] = ()

    def __str__(self) -> str:
        star = self.star.value if self.star else ""
        return f"{star}{self.name + '=' if self.name else ''}{self.value}"


def has_timeout(arguments: Iterable[CallArgument], place: int | None) -> bool:
    """Return whether a call has a timeout, or may have one in a starred argument.

    ``place`` is its position, or None if it has to be named.
    """
    for position, argument in enumerate(arguments):
        if argument.star is not None:
            return True
        if argument.name == "timeout" or (argument.name is None and position == place):
            return argument.value != Constant(None)
    return False


class Call(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Call something; ``callee`` is None where it cannot be written as a path.

    ``targets`` and ``external`` are filled in by name resolution: functions of the project
    (``module:qualname``), or the dotted name of something outside it. The first target is what the
    receiver's own class has; methods of its subclasses that may take its place are ``overrides``.
    ``implicit`` says what calls where no call is written. ``safe``: with values of the types that
    it is known to have, it cannot raise in practice. ``receiver`` is the receiver of a callee that
    is a bound method, where it is not before the last dot; ``receiver_classes`` are the keys of
    classes of one of which it is an instance. ``awaited``: see `resolver.Callee`. ``kept_in`` is
    the attribute of `self` that keeps what is called, or the parameter that is called, if that is
    not known otherwise; ``observed_in`` is the one that keeps the objects whose methods a loop
    calls. ``blocks`` is the name by which the settings say that the call may take long.
    ``is_hook``, ``possible`` and ``excluded_classes``: see `resolver.Callee`. ``limited``: a task
    does not wait longer in it than for some time.
    """

    span: Span
    result: AccessPath | None
    callee: AccessPath | None
    arguments: tuple[CallArgument, ...] = ()
    use: Use = Use.PASSED
    use_name: str | None = None  # the variable that it is bound to
    targets: tuple[str, ...] = ()
    external: str | None = None
    constructs: str | None = None  # the class of the project that the call makes an instance of
    lock: LockRef | None = None  # the lock whose method it calls, where that changes no state
    overrides: tuple[str, ...] = ()
    implicit: Implicit | None = None
    bound: bool = True  # the receiver is before the last dot, not among the arguments
    certain: bool = False  # nothing else can be called, but for overrides
    safe: bool = False
    receiver: AccessPath | None = None
    receiver_classes: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    kept_in: AccessPath | None = None
    observed_in: AccessPath | None = None
    blocks: str = ""
    is_hook: bool = False
    possible: tuple[str, ...] = ()
    excluded_classes: tuple[str, ...] = ()
    limited: bool = False

    @property
    def value(self) -> AccessPath | None:
        """Return the path of what it gives: that of a property is the property itself."""
        is_property = self.implicit is not None and self.implicit.kind is ImplicitKind.PROPERTY
        return self.callee if is_property else self.result

    @property
    def written_receiver(self) -> AccessPath | None:
        """Return the receiver of a bound method: ``receiver``, or the path before the last dot."""
        if self.receiver is not None or self.callee is None or not self.callee.fields:
            return self.receiver
        return self.callee.parent()


class Await(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Suspend until ``value`` is done; may raise, and may be cancelled.

    ``acquires`` is the path of the method whose coroutine it awaits, if that acquires a lock.
    """

    span: Span
    value: Operand
    form: AwaitForm = AwaitForm.AWAIT
    acquires: AccessPath | None = None


class Yield(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Suspend a generator; the consumer may throw in, or close it."""

    span: Span
    value: Operand
    is_from: bool = False


class Assign(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Bind ``target`` (a variable, attribute or element); storing to a field may raise.

    ``safe``: not to this one, given what its holder is.
    """

    span: Span
    target: AccessPath
    value: Operand
    safe: bool = False


class Read(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Load an attribute or element, which may raise; ``discarded``: as a statement of its own.

    ``safe``: it is known to be there.
    """

    span: Span
    path: AccessPath
    discarded: bool = False
    safe: bool = False


class Operate(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """An operator, comparison, unpacking, formatting or import that may raise.

    ``what`` is the operator, or the module. ``with_literal``: one operand is a literal, so that it
    fails only for a value of the wrong type altogether (``count += 1``, ``name == "x"``).
    ``values`` are its operands; the first is the one whose method Python tries first. ``safe``: on
    values of their types it cannot raise.
    """

    span: Span
    kind: OperateKind
    what: str = ""
    with_literal: bool = False
    values: tuple[Operand, ...] = ()
    safe: bool = False

    @property
    def operands(self) -> tuple[AccessPath, ...]:
        """Return the values that are paths."""
        return tuple([value for value in self.values if isinstance(value, AccessPath)])

    @property
    def text(self) -> str:
        """Return the action, as it is shown."""
        match self.kind:
            case OperateKind.OPERATOR:
                return self.what
            case OperateKind.DELETE:
                return f"del {self.values[0]}"
            case OperateKind.IMPORT:
                return f"import {self.what}"
            case kind:
                return str(kind.value)


class Manager(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The code that a context manager runs that is not a lock.

    ``certain``: it runs nothing else. Keys of ``__enter__`` and ``__exit__`` of the project and the
    path of their receiver, the key of a ``@contextmanager`` function and the call that made it, or
    an external dotted name. ``receiver_classes``: the keys of the receiver's classes.
    """

    enter: str | None = None
    exit: str | None = None
    generator: str | None = None
    external: str | None = None
    call: Call | None = None
    receiver: AccessPath | None = None
    certain: bool = False
    receiver_classes: tuple[str, ...] = ()


class Enter(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Enter a context manager; the result goes to ``result``.

    ``stack`` is the stack of clean-ups to which its end is left.
    """

    span: Span
    context: Operand
    result: AccessPath | None = None
    is_async: bool = False
    empty_body: bool = False  # the body is `pass` or `...` alone
    commented: bool = False  # and a comment says why
    manager: Manager | None = None
    stack: AccessPath | None = None


class Exit(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Leave a context manager, after an exception or not; ``span`` is that of its `Enter`."""

    span: Span
    context: Operand
    exceptional: bool
    is_async: bool = False
    manager: Manager | None = None


class Acquire(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Acquire a lock, waiting indefinitely; if it raises, nothing is held.

    ``call`` is what it was lowered from. ``gives_up``: it waits for a limited time or not at all,
    and raises if it has not acquired the lock by then.
    """

    span: Span
    lock: LockRef
    how: How
    mode: Mode = Mode.EXCLUSIVE
    form: AcquireForm | None = None
    call: Call | None = None
    enter: Enter | None = None
    gives_up: bool = False


class TryAcquire(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Try to acquire a lock; the result, where there is one, is true iff it is held afterwards.

    ``timed``: it waits for a while. Forms that raise instead of returning false are lowered to
    `Acquire`, for after them the lock is held.
    """

    span: Span
    lock: LockRef
    how: How
    timed: bool
    result: AccessPath | None
    mode: Mode = Mode.EXCLUSIVE
    form: AcquireForm | None = None
    call: Call | None = None
    certain: bool = True  # it cannot wait indefinitely with any arguments


def acquired_names(instruction: Acquire | TryAcquire) -> frozenset[AccessPath]:
    """The names of the lock at that place: as it is written there, and as it is named first."""
    callee = instruction.call.callee if instruction.call is not None else None
    written = (callee.parent(),) if callee is not None and callee.fields else ()
    return frozenset((instruction.lock.path, *written))


class Release(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Release a lock; cannot raise while the lock is held."""

    span: Span
    lock: LockRef
    how: How
    mode: Mode | None = None
    call: Call | None = None
    exceptional: bool = False  # the exit path of a `with` after an exception


class Wait(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Wait on a condition, which releases its lock and acquires it again.

    ``timed``: it may end by a timeout.
    """

    span: Span
    lock: LockRef
    method: str
    timed: bool
    call: Call


class Notify(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Notify waiters of a condition."""

    span: Span
    lock: LockRef
    method: str
    call: Call


class Defer(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Leave the release of ``lock`` to a stack of clean-ups (`contextlib.ExitStack`).

    ``lock`` None: the whole stack is handed over to other code (`pop_all`).
    """

    span: Span
    stack: AccessPath
    lock: LockRef | None


class Unwind(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Run everything that was left to a stack of clean-ups (`stack.close()`)."""

    span: Span
    stack: AccessPath


class HandOver(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Hand over the lock, or a method of it: other code may acquire or release it.

    ``is_entered``: a context manager gets it that is entered, which may do so at once.
    """

    span: Span
    lock: LockRef
    is_entered: bool = False


class Spawn(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Make a thread, task or process that will run a function of the project.

    ``targets`` are keys; ``arguments`` what the function will be called with, ``receiver`` what it
    is bound to. ``result`` is the path of the thread, task or future.
    """

    span: Span
    targets: tuple[str, ...]
    context: Context = Context.THREAD
    arguments: tuple[CallArgument, ...] = ()
    receiver: AccessPath | None = None
    result: AccessPath | None = None
    is_daemon: bool = False

    @property
    def is_process(self) -> bool:
        """Return whether the function shares no locks of threads with the caller."""
        return self.context is Context.PROCESS


Instruction: TypeAlias = (
    Call
    | Await
    | Yield
    | Assign
    | Read
    | Operate
    | Enter
    | Exit
    | Acquire
    | TryAcquire
    | Release
    | Wait
    | Notify
    | Defer
    | Unwind
    | HandOver
    | Spawn
)
