"""The terminators of blocks, and the conditions on which they branch."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import BlockId, Constant, Operand


class Truth(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """The truth of a value."""

    value: Operand

    def __str__(self) -> str:
        return str(self.value)


class IsNone(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """A test whether a value is None."""

    value: Operand

    def __str__(self) -> str:
        return f"{self.value} is None"


class Equals(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """A test whether a value equals, or is, a constant other than None."""

    value: Operand
    constant: Constant

    def __str__(self) -> str:
        return f"{self.value} == {self.constant}"


class Opaque(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Any other pure test, known by its text, which holds until something it mentions is bound.

    ``text`` is None where two evaluations need not agree (it calls something unknown).
    """

    text: str | None
    mentions: tuple[AccessPath, ...] = ()

    def __str__(self) -> str:
        return f"<{self.text}>" if self.text else "<?>"


class Swallows(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """A test whether a context manager swallows the exception with which it is left."""

    context: Operand

    def __str__(self) -> str:
        return f"{self.context} swallows"


Condition: TypeAlias = Truth | IsNone | Equals | Opaque | Swallows


_PROCESS_ID = "<process id>"
_BUILT_IN = frozenset("bool bytes dict float frozenset int list set str tuple".split())
_CONTAINERS = frozenset(
    "Collection Container Iterable Iterator Mapping MutableSequence Sequence Set Sized".split()
)
"""The last names of abstract classes of which no lock is an instance."""


def of_process(kept: AccessPath) -> Opaque:
    """Return the test whether a kept id is that of the process that runs the function."""
    return Opaque(f"({kept} == {_PROCESS_ID})", (kept,))


def is_of_process(text: str) -> bool:
    """Return whether a text is that of a test from `of_process`."""
    return _PROCESS_ID in text


def is_of_class(condition: Opaque) -> bool:
    """Return whether a test asks `isinstance`."""
    return condition.text is not None and condition.text.startswith("isinstance(")


def tested_classes(condition: Opaque, path: AccessPath) -> str | None:
    """Return the text of the classes of which `isinstance` says if a path is one, or None."""
    text, before = condition.text or "", f"isinstance({path}, "
    return text.removeprefix(before).removesuffix(")") if text.startswith(before) else None


def tested_type(condition: Opaque) -> tuple[AccessPath, tuple[AccessPath, ...], bool] | None:
    """Return the path of whose very class a test asks, and the classes, or None.

    The third part tells whether the class is one of them if the test is true: it is false for
    ``type(path) is not Group``.
    """
    if condition.text is None or len(condition.mentions) < 2:
        return None
    path, *classes = condition.mentions
    subject = f"type({path})"
    if path.fields and path.last == "__class__":
        path, subject = path.parent(), str(path)
    one, several = str(classes[0]), f"[{', '.join(map(str, classes))}]"
    for operator, against, outcome in _OF_TYPE:
        if condition.text == f"({subject} {operator} {several if against else one})":
            return path, tuple(classes), outcome
    return None


_OF_TYPE = (
    ("is", False, True),
    ("==", False, True),
    ("in", True, True),
    ("is not", False, False),
    ("!=", False, False),
    ("not in", True, False),
)
"""Operators that compare a class with one or several, and whether it is then among them."""


def tested_for_built_in(condition: Opaque) -> AccessPath | None:
    """Return the path that `isinstance` tests for built-in types or containers alone, or None.

    No lock is an instance of one.
    """
    for path in condition.mentions[:1]:
        classes = tested_classes(condition, path)
        if classes is not None and all(map(_is_no_lock, classes.strip("[]").split(", "))):
            return path
    return None


def _is_no_lock(cls: str) -> bool:
    return cls in _BUILT_IN or cls.rpartition(".")[2] in _CONTAINERS


class Jump(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Continue in another block."""

    target: BlockId


class Branch(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Branch to one of two blocks; evaluating the condition raises nothing."""

    span: Span
    condition: Condition
    then: BlockId
    otherwise: BlockId


class Return(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Leave the function; ``implicit``: by falling off its end."""

    span: Span
    value: Operand
    implicit: bool = False


class Raise(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Raise; ``exception`` is the class's dotted name where it is plain.

    ``reraise``: the exception in flight goes on (a bare ``raise``, the end of a ``finally``, a
    ``with`` that does not swallow).
    """

    span: Span
    exception: str | None = None
    reraise: bool = False


class Handler(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An ``except`` clause: the dotted names that it catches; empty: everything.

    ``derived`` are the bare names of the program's classes that descend from these.
    """

    types: tuple[str, ...]
    target: BlockId
    is_group: bool = False
    derived: tuple[str, ...] = ()


class Catch(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Dispatch the exception in flight: to the first handler that catches it, or to ``uncaught``.

    ``expected``: the handlers represent a test that expects the exception.
    """

    span: Span
    handlers: tuple[Handler, ...]
    uncaught: BlockId
    expected: bool = False


class Unreachable(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Control does not get here; used for the two exits that every graph ends in."""

    what: str = ""


Terminator: TypeAlias = Jump | Branch | Return | Raise | Catch | Unreachable
