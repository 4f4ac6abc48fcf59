"""The names of a function, and the first parameter of a method: an instance, or a class."""

from __future__ import annotations

from operator import attrgetter

from locklint.frontend.value_types import ClassRef, ClassType, Scope, SuperType, Types
from locklint.index.declarations import FunctionDecl, Ref

_CLASS_METHODS = frozenset(("__new__", "__init_subclass__", "__class_getitem__"))


_NAME = attrgetter("name")


def declares(decl: FunctionDecl, name: str) -> bool:
    """Return whether a name is a local or parameter of a function."""
    if name in decl.locals or name in decl.inner or name in decl.imports:
        return True
    return name in map(_NAME, decl.parameters)


def is_method(decl: FunctionDecl) -> bool:
    """Return whether a function's first parameter is its receiver, an instance or a class."""
    if not decl.class_name or not decl.parameters:
        return False
    return not decl.decorators or not any(
        isinstance(decorator, Ref) and decorator.names[-1] == "staticmethod"
        for decorator in decl.decorators
    )


def takes_class(decl: FunctionDecl) -> bool:
    """Return whether a method's receiver is the class."""
    return decl.name in _CLASS_METHODS or any(
        isinstance(decorator, Ref) and decorator.names[-1] in ("classmethod", "abstractclassmethod")
        for decorator in decl.decorators
    )


def super_type(scope: Scope, after: Types = ()) -> SuperType | None:
    """Return the value of ``super()`` in a function of a class; None outside of one.

    ``after`` is the class that ``super(Safe, self)`` names, if it is known.
    """
    decl = scope.decl
    while decl is not None:
        if decl.class_name and is_method(decl):
            match after:
                case (ClassType(cls=cls),):
                    pass
                case _:
                    cls = ClassRef(scope.path, decl.class_name, scope.index)
            return SuperType(cls, takes_class(decl))
        decl = scope.index.functions.get(decl.parent) if decl.parent else None
    return None
