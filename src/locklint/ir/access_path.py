"""Access paths: how code names a value.

An access path is a root variable followed by at most `MAX_FIELDS` fields, so that recursion over
linked structures ends. Fields are plain strings: an attribute ``lock``, an element ``[0]``,
``['key']`` or ``[i]`` (an element chosen by a variable or by anything else that can be written
down), ``[*]`` (some element), and a call's result ``()`` or ``(x)`` (its arguments as text).
"""

from __future__ import annotations

import msgspec

from locklint.core.identity_enum import IdentityEnum

MAX_FIELDS = 6

TAKEN_FROM = "__self__"
"""The field that leads from a bound method to its receiver."""


class Root(IdentityEnum):
    """Scopes in which the first name of a path is bound."""

    LOCAL = "local"
    PARAMETER = "parameter"
    SELF = "self"  # the first parameter of a method, or ``cls`` of a class method
    CLOSURE = "closure"  # a local or parameter of an enclosing function
    GLOBAL = "global"  # a name of the module, or a builtin
    TEMP = "temp"  # the result of a call, a condition or a display


class AccessPath(msgspec.Struct, frozen=True, array_like=True, tag=True, cache_hash=True, gc=False):
    """A root variable and the fields that lead from it to a value."""

    root_name: str
    fields: tuple[str, ...] = ()
    root: Root = Root.GLOBAL

    def __post_init__(self) -> None:
        if len(self.fields) > MAX_FIELDS:
            msgspec.structs.force_setattr(self, "fields", (*self.fields[: MAX_FIELDS - 1], "*"))

    def __lt__(self, other: AccessPath) -> bool:
        return (self.root_name, self.fields, self.root.value) < (
            other.root_name,
            other.fields,
            other.root.value,
        )

    def __str__(self) -> str:
        text = self.root_name
        for field in self.fields:
            text += field if field[0] in "[(" else f".{field}"
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
    def is_vague(self) -> bool:
        """Return whether it may be several values: some element, or a path beyond the bound."""
        return "[*]" in self.fields or "*" in self.fields

    @property
    def is_called(self) -> bool:
        """Return whether a call is part of it, so that it may lead to another value next time."""
        return any(field[0] == "(" for field in self.fields)

    @property
    def has_element(self) -> bool:
        """Return whether it leads through an element, known or not."""
        return any(field[0] == "[" for field in self.fields)

    @property
    def is_plain(self) -> bool:
        """Return whether it is a variable, or leads through attributes alone."""
        return not any(field[0] in "[(*" for field in self.fields)

    @property
    def is_element(self) -> bool:
        """Return whether its last field is an element, known or not."""
        return bool(self.fields) and self.fields[-1][0] == "["

    @property
    def is_own_attribute(self) -> bool:
        """Return whether it is an attribute of the method's own object, and no more than that."""
        return self.root is Root.SELF and len(self.fields) == 1 and self.is_plain

    @property
    def is_of_super(self) -> bool:
        """Return whether it starts from ``super``, the object's own methods in its ancestors."""
        return self.root_name == "super"

    @property
    def is_of_super_call(self) -> bool:
        """Return whether it starts with ``super()``."""
        return self.is_of_super and bool(self.fields) and self.fields[0][0] == "("

    @property
    def name(self) -> str:
        """The name of the last attribute, or of the variable; empty for what has no name."""
        if not self.fields:
            return self.root_name
        return "" if self.fields[-1][0] in "[(*" else self.fields[-1]

    @property
    def last(self) -> str:
        """The last field, or the variable's name where there is none."""
        return self.fields[-1] if self.fields else self.root_name

    def field(self, name: str) -> AccessPath:
        """The path of a field of this value."""
        return AccessPath(self.root_name, (*self.fields, name), self.root)

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
