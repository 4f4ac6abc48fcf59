"""Access paths: how code names a value.

An access path is a root variable followed by at most `MAX_FIELDS` fields, so that recursion over
linked structures ends. A field is an attribute, an element, the result of a call, or the rest
beyond the bound. Its type says which. No other module knows how fields are written.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec

from locklint.core.identity_enum import IdentityEnum

MAX_FIELDS = 6

TAKEN_FROM = "__self__"
"""The attribute that leads from a bound method to its receiver."""


class Root(IdentityEnum):
    """Scopes in which the first name of a path is bound."""

    LOCAL = "local"
    PARAMETER = "parameter"
    SELF = "self"  # the first parameter of a method, or ``cls`` of a class method
    CLOSURE = "closure"  # a local or parameter of an enclosing function
    GLOBAL = "global"  # a name of the module, or a builtin
    TEMP = "temp"  # the result of a call, a condition or a display


_SERIAL = re.compile(r"%\d+")


def temporary(serial: int) -> AccessPath:
    """Return the path of a temporary; each has a number in its function."""
    return AccessPath(f"%{serial}", (), Root.TEMP)


def set_apart(name: str, serial: int) -> str:
    """Return the name of a variable of a comprehension or class body, unlike the function's own."""
    return f"{name}%{serial}"


def is_set_apart(name: str) -> bool:
    """Return whether a name is one from `set_apart`, or a temporary's."""
    return "%" in name


def as_written(text: str) -> str:
    """Return a path's text with the names of variables that are set apart as the code has them."""
    return _SERIAL.sub("", text)


def global_of(module: str, name: str) -> str:
    """Return the root name by which functions of other modules know a global."""
    return f"{module}:{name}"


def parted_global(root_name: str) -> tuple[str | None, str]:
    """Return the module in the root name of a global, None if it has none, and its own name."""
    module, colon, name = root_name.rpartition(":")
    return module if colon else None, name


def closure_of(owner: str, name: str) -> str:
    """Return the root name by which other functions know a variable of the function ``owner``."""
    return f"{name}@{owner}"


def parted_closure(root_name: str) -> tuple[str, str]:
    """Return the function in the root name of a closure variable, if any, and its own name."""
    name, _, owner = root_name.partition("@")
    return owner, name


class _Unnamed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A field without a name. Among names it is sorted by its text."""

    def __lt__(self, other: object) -> bool:
        return str(self) < str(other)

    def __gt__(self, other: object) -> bool:
        return str(self) > str(other)


class ElementField(_Unnamed, frozen=True, array_like=True, tag="[", cache_hash=True, gc=False):
    """An element: ``[0]``, ``['key']``, ``[i]``, or ``[*]`` for some element.

    ``key`` is the text of a literal, or of the variable or other expression that chooses.
    """

    key: str | None

    def __str__(self) -> str:
        return f"[{'*' if self.key is None else self.key}]"

    @property
    def literal(self) -> str | None:
        """The key if it is a text or a whole number, else None."""
        key = self.key
        if key is not None and (key[:1] in "'\"" or key.lstrip("-").isdigit()):
            return key
        return None


class ResultField(_Unnamed, frozen=True, array_like=True, tag="(", cache_hash=True, gc=False):
    """The result of a call: ``()`` or ``(x)``, with the text of the arguments; None: unknown."""

    arguments: str | None

    def __str__(self) -> str:
        return f"({'*' if self.arguments is None else self.arguments})"


class BeyondBound(_Unnamed, frozen=True, array_like=True, tag="*", gc=False):
    """All fields that have no place in a path."""

    def __str__(self) -> str:
        return ".*"


Field: TypeAlias = str | ElementField | ResultField | BeyondBound
"""A field; an attribute is its name."""

ANY_ELEMENT = ElementField(None)
RESULT = ResultField("")
"""The result of a call without arguments, or of one whose arguments are left out."""

BEYOND = BeyondBound()


class AccessPath(msgspec.Struct, frozen=True, array_like=True, tag=True, cache_hash=True, gc=False):
    """A root variable and the fields that lead from it to a value."""

    root_name: str
    fields: tuple[Field, ...] = ()
    root: Root = Root.GLOBAL

    def __post_init__(self) -> None:
        if len(self.fields) > MAX_FIELDS:
            msgspec.structs.force_setattr(self, "fields", (*self.fields[: MAX_FIELDS - 1], BEYOND))

    def __lt__(self, other: AccessPath) -> bool:
        return (self.root_name, self.fields, self.root.value) < (
            other.root_name,
            other.fields,
            other.root.value,
        )

    def __str__(self) -> str:
        text = self.root_name
        for field in self.fields:
            text += f".{field}" if field.__class__ is str else str(field)
        return text

    @property
    def is_variable(self) -> bool:
        """Return whether the path is a bare variable."""
        return not self.fields

    @property
    def is_parameter(self) -> bool:
        """Return whether the path is a bare parameter."""
        return self.root is Root.PARAMETER and not self.fields

    @property
    def is_plain(self) -> bool:
        """Return whether it is a variable, or leads through attributes alone."""
        return all(isinstance(field, str) for field in self.fields)

    @property
    def is_own_attribute(self) -> bool:
        """Return whether it is an attribute of the method's own object, and no more than that."""
        return self.root is Root.SELF and len(self.fields) == 1 and self.is_plain

    @property
    def is_vague(self) -> bool:
        """Return whether it may be several values: some element, or a path beyond the bound."""
        return ANY_ELEMENT in self.fields or BEYOND in self.fields

    @property
    def is_cut(self) -> bool:
        """Return whether it leads beyond the bound."""
        return BEYOND in self.fields

    @property
    def is_called(self) -> bool:
        """Return whether a call is part of it, so that it may lead to another value next time."""
        return any(isinstance(field, ResultField) for field in self.fields)

    @property
    def has_element(self) -> bool:
        """Return whether it leads through an element, known or not."""
        return any(isinstance(field, ElementField) for field in self.fields)

    @property
    def is_element(self) -> bool:
        """Return whether its last field is an element, known or not."""
        return bool(self.fields) and isinstance(self.fields[-1], ElementField)

    @property
    def is_of_super(self) -> bool:
        """Return whether it starts from ``super``, the object's own methods in its ancestors."""
        return self.root_name == "super"

    @property
    def is_of_super_call(self) -> bool:
        """Return whether it starts with ``super()``."""
        return self.is_of_super and bool(self.fields) and isinstance(self.fields[0], ResultField)

    @property
    def name(self) -> str:
        """The name of the last attribute, or of the variable; empty for what has no name."""
        if not self.fields:
            return self.root_name
        last = self.fields[-1]
        return last if isinstance(last, str) else ""

    @property
    def last(self) -> Field:
        """The last field, or the variable's name where there is none."""
        return self.fields[-1] if self.fields else self.root_name

    def field(self, field: Field) -> AccessPath:
        """The path of a field of this value."""
        return AccessPath(self.root_name, (*self.fields, field), self.root)

    def parent(self) -> AccessPath:
        """Return the path without its last field. Raise `ValueError` for a bare variable."""
        if not self.fields:
            raise ValueError(f"{self} has no parent")
        return AccessPath(self.root_name, self.fields[:-1], self.root)

    def taken_from(self) -> AccessPath:
        """Return the path of the receiver of this bound method."""
        return self.field(TAKEN_FROM)

    def starts_with(self, prefix: AccessPath) -> bool:
        """Return whether this path is ``prefix`` or goes through it."""
        return (
            self.root is prefix.root
            and self.root_name == prefix.root_name
            and self.fields[: len(prefix.fields)] == prefix.fields
        )

    def replace_prefix(self, prefix: AccessPath, new: AccessPath) -> AccessPath:
        """This path with ``prefix`` exchanged for ``new``."""
        return AccessPath(new.root_name, new.fields + self.fields[len(prefix.fields) :], new.root)
