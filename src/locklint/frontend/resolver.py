"""The protocol by which lowering resolves names, for any implementation."""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from locklint.core.identity_enum import IdentityEnum
from locklint.frontend.class_test import ClassTest
from locklint.ir.access_path import AccessPath
from locklint.ir.lock import LockKind, LockRef


class Question(IdentityEnum):
    """The uses of a path that may run a function."""

    CALL = "call"
    READ = "read"  # an attribute
    BIND = "bind"  # an attribute
    ENTER = "enter"  # a context manager


Asked: TypeAlias = Question | str
"""A question, or the name of the special method that an operator asks."""


class Callee(msgspec.Struct, frozen=True, gc=False):
    """The callee of a call.

    ``targets`` are keys (``module:qualname``) of functions of the project, several if the choice is
    unknown; a class's constructor is its ``__init__``, and ``constructs`` names the class
    (``module:qualname``). ``external`` is the absolute dotted name of something outside the project
    (``os.path.join``; a method of a known external type is ``type.method``). ``bound`` says that
    the receiver is passed as the first argument. ``overrides`` are methods of subclasses of the
    receiver's class that may be called in place of the targets. ``runs`` are the ``run`` methods of
    a thread's class that the call makes an instance of, ``runs_in_process`` those of a process's
    class. ``certain``: nothing else can be called,
    but for overrides. ``receiver`` is the receiver of a bound method where the path only holds the
    method, so that the receiver is not before the last dot. ``receiver_classes`` are the keys of
    classes of one of which the receiver is an instance; empty where that is not known. ``awaited``
    are the functions that a thread, task or future runs whose end the call waits for. ``is_hook``:
    it is a method of the caller's own object that does nothing, and that subclasses replace.
    ``possible`` are further functions that it may call: a guess, from which no finding follows.
    ``is_endless``: it is a generator that never ends.
    ``inside`` are the functions that code of a library runs then: handlers and filters of a
    logger, or the coroutines that `send` resumes. ``excluded_classes`` are the keys of classes of
    none of which, exactly, the receiver is. ``is_daemon``: the class of the thread says that it is
    one.
    """

    targets: tuple[str, ...] = ()
    external: str | None = None
    constructs: str | None = None
    bound: bool = False
    overrides: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    runs_in_process: tuple[str, ...] = ()
    certain: bool = False
    receiver: AccessPath | None = None
    receiver_classes: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    is_hook: bool = False
    possible: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    excluded_classes: tuple[str, ...] = ()
    is_endless: bool = False
    is_daemon: bool = False


class Collection(msgspec.Struct, frozen=True, gc=False):
    """An argument with locks: a collection, or all positional ones from a place on (``rest``)."""

    name: str
    position: int
    rest: bool = False


class ContextManager(msgspec.Struct, frozen=True, gc=False):
    """A `with` item that is not a lock.

    ``enter`` and ``exit`` are keys of a class's methods of the project; ``generator`` the key of
    the function under ``@contextmanager``; ``external`` the dotted name of the callee or type
    (``contextlib.suppress``, ``contextlib.ExitStack``, ``builtins.open``). ``async_enter`` and
    ``async_exit`` are the methods for ``async with``, where the class has any; a class that has no
    others has them as ``enter`` and ``exit`` too. ``certain``: it is nothing else.
    ``receiver_classes`` are the keys of the classes whose methods these are. ``each_of`` is the
    argument whose elements, which are locks, the generator acquires and releases. ``swallows`` are
    the classes of exceptions that it does not let out.
    """

    enter: str | None = None
    exit: str | None = None
    generator: str | None = None
    external: str | None = None
    async_enter: str | None = None
    async_exit: str | None = None
    certain: bool = False
    receiver_classes: tuple[str, ...] = ()
    each_of: Collection | None = None
    swallows: tuple[str, ...] = ()


class Caught(NamedTuple):
    """The classes that a handler names, and the bare names of their descendants in the program."""

    types: tuple[str, ...]
    derived: tuple[str, ...]


class Resolver(Protocol):
    """Resolution of paths as one function of one file writes them.

    Paths rooted in temporaries are never passed: the caller writes a call's result as its callee's
    path with the field ``()``.
    """

    def lock(self, function: str, path: AccessPath) -> LockRef | None:
        """Return the lock that ``path`` means in the function with key ``function``, or None."""

    def enclosed(self, function: str, name: str) -> tuple[str, LockRef] | None:
        """Return the lock that all calls pass for a parameter of a function around another one.

        Before it comes the root name by which functions elsewhere know the parameter. Return None
        if the calls pass several locks, or one that has no name for all code.
        """

    def narrowed(
        self, function: str, variable: AccessPath, classes: tuple[AccessPath, ...]
    ) -> str | None:
        """Return the key under which a variable of a function is an instance of some classes."""

    def limited(self, function: str, tests: tuple[ClassTest, ...]) -> str:
        """Return the key under which each of some tests in a function has had its outcome."""

    def copied_lock(self, function: str, path: AccessPath) -> LockRef | None:
        """Return the lock because of which ``path`` cannot be pickled or copied deeply, or None.

        It is the lock of an attribute of that object, or the object itself.
        """

    def lock_of_method(self, function: str, path: AccessPath) -> str | None:
        """The attribute with the lock whose method the method ``path`` of its object is, or None.

        ``handler.acquire`` is ``handler.lock.acquire``.
        """

    def lock_class(self, function: str, path: AccessPath) -> LockKind | None:
        """The kind, where ``path`` is a lock's class or factory itself (`with Lock:`)."""

    def caught(self, function: str, types: tuple[str, ...]) -> Caught:
        """Return what a handler catches that names some classes, or constants that hold classes."""

    def callee(self, function: str, path: AccessPath) -> Callee:
        """Return the callee of a call of ``path``; an empty `Callee` if it is unknown."""

    def getter(self, function: str, path: AccessPath) -> Callee:
        """Return the callee of reading the attribute ``path``; an empty `Callee` if none."""

    def setter(self, function: str, path: AccessPath) -> Callee:
        """Return the callee of binding the attribute ``path``; an empty `Callee` if none."""

    def operator(self, function: str, path: AccessPath, method: str) -> Callee:
        """The special method of that name that an operator calls on ``path``."""

    def context_manager(self, function: str, path: AccessPath) -> ContextManager:
        """Return the manager of the with item ``path``; an empty `ContextManager` if unknown."""

    def kept(self, function: str, path: AccessPath) -> tuple[tuple[str, AccessPath], ...]:
        """Return what the object ``path`` keeps in attributes, each with the function's own name.

        These are arguments of its constructor.
        """

    def done_callbacks(self, function: str, path: AccessPath, *, cancels: bool) -> tuple[str, ...]:
        """Return the methods that are callbacks of futures which the attribute ``path`` keeps.

        ``path`` is an attribute of the function's own object, as are the methods. ``cancels``: the
        futures are cancelled.
        """

    def type_names(self, function: str, path: AccessPath) -> frozenset[str]:
        """The dotted names of all types that ``path`` may be of; empty where one is unknown."""

    def has_last(self, function: str, path: AccessPath) -> bool:
        """Return whether the last field of ``path``, an attribute or element, is known to exist."""

    def can_bind(self, function: str, path: AccessPath) -> bool:
        """Return whether binding the attribute ``path`` is known to run no code of its object."""
