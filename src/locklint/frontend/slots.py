"""Bindings of attributes, and the parameters of constructors that attributes keep."""

from __future__ import annotations

import msgspec

from locklint.frontend.value_types import ClassRef, FunctionType, Types, alias_target
from locklint.index.declarations import (
    Binding,
    CallValue,
    Choice,
    FunctionDecl,
    Literal,
    Parameter,
    Ref,
    Value,
)


class Place(msgspec.Struct, frozen=True, gc=False):
    """A binding of an attribute: the class that makes it, and how.

    ``on_class``: it binds the class's attribute, not an instance's.
    """

    owner: ClassRef
    binding: Binding
    on_class: bool


class Slot(msgspec.Struct, frozen=True, gc=False):
    """Everything known about one attribute of a class's instances.

    ``places`` are its bindings, nearest class first; ``method`` is the method of that name (its
    property included) that comes before any class-level binding; ``external`` is the first base
    outside the project that may have it.
    """

    places: tuple[Place, ...] = ()
    method: FunctionType | None = None
    external: str | None = None

    @property
    def home(self) -> ClassRef | None:
        """The class that names the attribute: the most basic one that binds it."""
        return self.places[-1].owner if self.places else None


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A parameter of a constructor, by its position, to which an attribute is bound.

    ``optional``: something else takes its place if it is None.
    """

    decl: FunctionDecl
    position: int
    optional: bool

    @property
    def parameter(self) -> Parameter:
        """Return the parameter."""
        return self.decl.parameters[self.position]


def stored_parameter(place: Place, types: Types) -> Stored | None:
    """Return the parameter of a constructor that an attribute is bound to, or a condition over it.

    ``types`` are those of the attribute.
    """
    binding = place.binding
    decl = place.owner.index.functions.get(binding.function)
    if decl is None or decl.name != "__init__" or binding.element:
        return None
    value, optional = binding.value, False
    if isinstance(value, Choice):
        names = [option for option in value.options if isinstance(option, Ref)]
        made = [option for option in value.options if _is_made(option)]
        if len(names) != 1 or len(names) + len(made) != len(value.options):
            return None
        value, optional = names[0], True
    target = alias_target(value, types)
    if not isinstance(target, Ref) or len(target.names) != 1:
        return None
    name = target.names[0]
    others = decl.locals.get(name, ())
    if not all(_is_made(other.value) for other in others):
        return None
    optional = optional or bool(others)
    for position, parameter in enumerate(decl.parameters):
        if parameter.name == name and position and not parameter.star:
            if optional and parameter.default != Literal("None"):
                return None
            return Stored(decl, position, optional)
    return None


def _is_made(value: Value) -> bool:
    return isinstance(value, CallValue) and not value.arguments and not value.keywords
