"""Functions as control-flow graphs."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec

from locklint.core.identity_enum import IdentityEnum
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, ElementField, Root
from locklint.ir.api_use import ApiUse
from locklint.ir.instruction import BlockId, Call, CallArgument, Constant, Instruction
from locklint.ir.lock import LockRef
from locklint.ir.parameter import Parameter, Star, element_of
from locklint.ir.registration import Registration
from locklint.ir.terminator import Branch, Catch, Jump, Terminator

# Names of lambdas hold a line and a column, with a colon in between.
_KEY = re.compile(r"(.*?):((?:[^:@]|@(?:\d+:\d+>)?)*)", re.DOTALL)


@lru_cache(maxsize=1 << 15)  # Needed again and again for the same functions.
def outside_anonymous(qualname: str) -> str:
    """Return the name of the function whose text contains a lambda or generator expression."""
    return qualname.partition(".<lambda@")[0].partition(".<genexpr@")[0]


def split_key(key: str) -> tuple[str, str]:
    """The key of a function's file and the function's qualified name there."""
    module, _, qualname = key.rpartition(":")
    if ":" in module and "@" in key:
        match = _KEY.fullmatch(key)
        if match is not None:
            return match[1], match[2]
    return module, qualname


MODULE_QUALNAME = "<module>"
"""The qualified name of a module's own code."""


class FunctionKind(IdentityEnum):
    """Kinds of scope that a graph is made from."""

    FUNCTION = "function"
    METHOD = "method"
    CLASS_METHOD = "class method"
    STATIC_METHOD = "static method"
    LAMBDA = "lambda"
    GENERATOR_EXPRESSION = "generator expression"
    MODULE = "module"


class BasicBlock(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Instructions without a branch in between.

    ``on_exception`` is where an exception of any instruction here (or of a `Raise` at its end)
    goes: a block that ends in `Catch` or that runs a clean-up. None: out of the function.
    """

    id: BlockId
    instructions: tuple[Instruction, ...]
    terminator: Terminator
    on_exception: BlockId | None = None

    def successors(self) -> tuple[BlockId, ...]:
        """The blocks that control may reach next, exceptions left out."""
        terminator: Any = self.terminator
        kind = terminator.__class__
        if kind is Jump:
            return (terminator.target,)
        if kind is Branch:
            return (terminator.then, terminator.otherwise)
        if kind is Catch:
            return (*[handler.target for handler in terminator.handlers], terminator.uncaught)
        return ()


class Decorator(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A decorator: its dotted path (None where it is not plain) and whether it is called."""

    path: AccessPath | None
    called: bool
    text: str


class Function(msgspec.Struct, frozen=True, array_like=True):
    """A function, lambda or module body.

    ``key`` is ``module:qualname``, unique in a program (`<module>` for the module's own code; two
    definitions of one name in a scope get ``name@line`` from the second on). ``class_name`` is the
    qualified name of the class whose method it is. ``globals`` and ``nonlocals`` are the declared
    names. ``entry`` is the id of the first block. ``defaults`` are the parameters' defaults that
    are literals. ``wrapper`` is set for the use of a decorator's wrapper in front of one function,
    which is named after that function: it is the qualified name of the code that runs.
    ``registers`` are the functions that it gives to the interpreter. ``enclosed`` are parameters of
    the functions around it that are locks, by the names that other functions know them by, each
    with the one lock that all calls pass. ``kept`` are attributes in which objects keep what the
    function, or the owner of the object, has passed to their constructors.
    """

    key: str
    qualname: str
    module: str
    path: str
    kind: FunctionKind
    span: Span
    name_span: Span
    parameters: tuple[Parameter, ...]
    blocks: dict[BlockId, BasicBlock]
    entry: BlockId = 0
    class_name: str | None = None
    parent: str | None = None  # qualname of the enclosing function
    decorators: tuple[Decorator, ...] = ()
    is_async: bool = False
    is_generator: bool = False
    globals: tuple[str, ...] = ()
    nonlocals: tuple[str, ...] = ()
    too_complex: bool = False  # the graph was cut short at the bound; nothing may be concluded
    api_uses: tuple[ApiUse, ...] = ()
    mentions: frozenset[str] = frozenset()  # paths of lock methods that are passed on, not called
    given_away: frozenset[str] = frozenset()  # parameters that are stored, or that others may keep
    defaults: tuple[tuple[str, Constant], ...] = ()
    wrapper: str = ""
    registers: tuple[Registration, ...] = ()
    enclosed: tuple[tuple[str, LockRef], ...] = ()
    kept: tuple[tuple[AccessPath, CallArgument], ...] = ()
    never_returns: bool = False  # as its annotation says

    def kept_lock(self, lock: LockRef) -> LockRef | None:
        """Return the function's own lock that a lock of an object is which keeps it, or None."""
        for attribute, argument in self.kept:
            if lock.path.starts_with(attribute):
                if lock.path == attribute and argument.lock is not None:
                    return msgspec.structs.replace(
                        argument.lock, mode=lock.mode or argument.lock.mode
                    )
                if isinstance(argument.value, AccessPath):
                    path = lock.path.replace_prefix(attribute, argument.value)
                    return msgspec.structs.replace(lock, path=path)
        return None

    def kept_by(self, path: AccessPath) -> frozenset[AccessPath]:
        """Return the function's own names of the locks that an object keeps."""
        return frozenset(
            argument.lock.path
            for attribute, argument in self.kept
            if argument.lock is not None and attribute.parent() == path
        )

    @property
    def class_key(self) -> str:
        """Return the key of the class whose method it is, or an empty string."""
        return f"{split_key(self.key)[0]}:{self.class_name}" if self.class_name else ""

    @property
    def shown_name(self) -> str:
        """The qualified name for people: for a wrapper that of its code, and what it is around."""
        return f"{self.wrapper} around {self.called_name}" if self.wrapper else self.qualname

    @property
    def called_name(self) -> str:
        """The qualified name by which it is called."""
        name = self.qualname.partition("@")[0]
        return f"{name}>" if name.endswith("<lambda") else name

    @property
    def name(self) -> str:
        """The bare name."""
        return self.qualname.rsplit(".", 1)[-1].split("@", 1)[0]

    @property
    def is_anonymous(self) -> bool:
        """Return whether no code can name it."""
        return self.kind in (
            FunctionKind.LAMBDA,
            FunctionKind.GENERATOR_EXPRESSION,
            FunctionKind.MODULE,
        )

    def collects_by_name(self, path: AccessPath) -> bool:
        """Return whether a path is the parameter ``**kwargs``, or leads through it."""
        return path.root is Root.PARAMETER and any(
            each.star is Star.KEYWORDS and each.name == path.root_name for each in self.parameters
        )

    def option(self, call: Call) -> str | None:
        """Return the element of ``**kwargs`` that a call gives, or None.

        ``kwargs.get("wait", True)`` and ``kwargs.pop("wait")`` give what is passed for ``wait``.
        """
        callee = call.callee
        if callee is None or len(callee.fields) != 1 or not self.collects_by_name(callee):
            return None
        if callee.name not in ("get", "pop") or not call.arguments or call.arguments[0].star:
            return None
        key = call.arguments[0].value
        if not isinstance(key, Constant) or not isinstance(key.value, str):
            return None
        return element_of(callee.root_name, ElementField(repr(key.value)))

    @property
    def self_name(self) -> str | None:
        """The name of the first parameter of a method, else None."""
        if self.kind in (FunctionKind.METHOD, FunctionKind.CLASS_METHOD) and self.parameters:
            return self.parameters[0].name
        return None
