"""Functions that are given to the interpreter, to run in between or at the end."""

from __future__ import annotations

import msgspec

from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.context import Context
from locklint.ir.instruction import CallArgument


class Registration(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A call, of an external name ``by``, that gives functions to the interpreter.

    ``targets`` are the keys of what it may run, ``receiver`` what that is bound to. ``of`` is the
    object after whose end it runs. ``bound`` are the arguments that a partial has bound to it.
    """

    span: Span
    context: Context
    by: str
    targets: tuple[str, ...]
    receiver: AccessPath | None = None
    of: AccessPath | None = None
    bound: tuple[CallArgument, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """The start of an interruption, in ``function``.

    ``registrar`` is the key of the function that has registered it, in the file ``path``. Without a
    ``registration`` it is the method that runs before an object is freed, or a decorator
    registers it.
    """

    function: str
    context: Context
    registrar: str = ""
    path: str = ""
    registration: Registration | None = None

    def __str__(self) -> str:
        registered = self.registration
        where = f" registered at {self.registrar} {registered.span}" if registered else ""
        return f"{self.context.value} {self.function}{where}"


class Processes(msgspec.Struct, frozen=True):
    """The facts that a program states about its processes.

    ``methods`` are those that it chooses for their start, ``forking`` the keys of functions that
    fork, run in a child, or look whether they do. ``at_fork`` are the keys of files that let the
    interpreter run something at each fork, ``handled`` the identities of the locks that they make.
    ``runs`` are the keys of the methods that classes of processes run in a child.
    """

    methods: frozenset[str] = frozenset()
    forking: frozenset[str] = frozenset()
    at_fork: frozenset[str] = frozenset()
    handled: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()
