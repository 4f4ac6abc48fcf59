"""Distinctions between instructions: how a result is used, and what calls, acquires or raises."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from locklint.core.identity_enum import IdentityEnum


class Use(IdentityEnum):
    """Uses of a call's result."""

    DISCARDED = "discarded"  # an expression statement
    TESTED = "tested"  # directly the condition of a branch, `not` included
    BOUND = "bound"  # assigned to a name
    AWAITED = "awaited"
    ENTERED = "entered"  # a with item
    RETURNED = "returned"
    PASSED = "passed"  # an argument, an element, an operand


class ImplicitKind(IdentityEnum):
    """The kinds of code that call a function without a written call."""

    PROPERTY = "property"
    WITH = "with"
    LOG = "log"  # the text of a record is made
    ITER = "iter"  # `iter()`, which goes through nothing yet
    FREE = "free"  # an object is freed
    OTHER = "other"  # an operator, a statement, or a function that calls what it is given


class Implicit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Code that calls a function without a written call; ``text`` is how it is shown."""

    kind: ImplicitKind
    text: str

    def __str__(self) -> str:
        return self.text


BY_PROPERTY = Implicit(ImplicitKind.PROPERTY, "property")


BY_MANAGER = Implicit(ImplicitKind.WITH, "with")


BY_LOG = Implicit(ImplicitKind.LOG, "log")
BY_ITER = Implicit(ImplicitKind.ITER, "iter()")
BY_FUTURE = Implicit(ImplicitKind.OTHER, "add_done_callback()")
BY_FREEING = Implicit(ImplicitKind.FREE, "__del__")


class AwaitForm(IdentityEnum):
    """The code that awaits."""

    AWAIT = "await"
    FOR = "async for"
    WITH = "async with"
    YIELD = "yield"  # in a generator that a decorator drives


class OperateKind(IdentityEnum):
    """The kinds of code that may raise without a call."""

    OPERATOR = "operator"  # of an expression, or an assignment such as `+=`
    ITERATE = "iterate"
    UNPACK = "unpack"
    FORMAT = "format"
    SLICE = "slice"
    SET_SLICE = "[:]="
    DELETE = "del"  # an attribute or an element
    DELETE_SLICE = "del [:]"
    MATCH = "match"
    IMPORT = "import"


class Means(IntEnum):
    """Kinds of code that acquire or release a lock."""

    METHOD = 0  # of the lock
    WITH = 1
    STACK = 2  # `contextlib.ExitStack`
    CALL = 3  # of a function that returns with another state of the lock

    @property
    def is_context(self) -> bool:
        """Return whether what is acquired so is released without further code."""
        return self is Means.WITH or self is Means.STACK


class How(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """The means of an acquire or release: the name of a method or function, or ``with``."""

    name: str
    means: Means = Means.METHOD

    def __str__(self) -> str:
        return f"{self.name}()" if self.means is Means.CALL else self.name


BY_WITH = How("with", Means.WITH)


BY_STACK = How("ExitStack", Means.STACK)
