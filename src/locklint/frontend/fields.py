"""Attributes that only a constructor binds, and what they lead to.

An object that is passed to a constructor existed before. So a path along such attributes never
returns to the object where it began. An object that a constructor makes for one attribute is in no
other one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from locklint.frontend.inference import Inference
from locklint.frontend.value_types import ClassRef, ClassType, InstanceType, UnknownType, scope_of
from locklint.index.declarations import (
    Binding,
    CallValue,
    FunctionDecl,
    Literal,
    ModuleIndex,
    Ref,
    Value,
)
from locklint.ir.cfg import split_key
from locklint.ir.hierarchy import Field

_PLAIN_METACLASSES = ("ABCMeta", "type")
IsRight = Callable[[ClassRef, FunctionDecl, Value], bool]


def older_fields(inference: Inference, asked: Iterable[Field]) -> frozenset[Field]:
    """Return those of the attributes, each with its class's key, that lead to older objects."""
    return _bound_only_as(inference, asked, _is_parameter)


def shared_fields(inference: Inference, asked: Iterable[Field]) -> frozenset[Field]:
    """Return those of the attributes that lead to objects that other code knows, too.

    They were passed to the constructor, or are attributes of the class itself.
    """
    asked = tuple(asked)
    found = set(older_fields(inference, asked))
    for key, name in asked:
        cls = class_of(inference, key)
        places = inference.attributes.slot(cls, name).places if cls is not None else ()
        if places and all(place.on_class for place in places):
            found.add((key, name))
    return frozenset(found)


def own_fields(inference: Inference, asked: Iterable[Field]) -> frozenset[Field]:
    """Return those of the attributes, each with its class's key, that lead to objects of their own.

    The class makes the object when it binds the attribute, and binds it to nothing else.
    """

    def is_made(owner: ClassRef, decl: FunctionDecl, value: Value) -> bool:
        scope = scope_of(owner.index, decl.qualname)
        return isinstance(value, CallValue) and all(
            isinstance(kind, ClassType) and makes_new_objects(inference, kind.cls)
            for kind in inference.value(value.callee, scope)
        )

    return _bound_only_as(inference, asked, is_made)


def classes_of_new_objects(inference: Inference, keys: Iterable[str]) -> frozenset[str]:
    """Return those of the classes, by their keys, that give a new object on each call."""
    found: set[str] = set()
    for key in keys:
        cls = class_of(inference, key)
        if cls is not None and makes_new_objects(inference, cls):
            found.add(key)
    return frozenset(found)


def makes_new_objects(inference: Inference, cls: ClassRef) -> bool:
    """Return whether no ``__new__``, metaclass or decorator may give an older object."""
    for ancestor in inference.project.mro(cls):
        if isinstance(ancestor, ClassRef):
            decl = ancestor.decl
            metaclasses = [value for name, value in decl.keywords if name == "metaclass"]
            if "__new__" in decl.methods or decl.decorators or any(map(_may_keep, metaclasses)):
                return False
    return True


def _may_keep(metaclass: Value) -> bool:
    return not isinstance(metaclass, Ref) or metaclass.names[-1] not in _PLAIN_METACLASSES


def class_of(inference: Inference, key: str) -> ClassRef | None:
    """Return the class with a key, ``module:qualname``, or None."""
    module, qualname = split_key(key)
    index = inference.project.by_key(module)
    if index is None or qualname not in index.classes:
        return None
    return ClassRef(index.path, qualname, index)


def _bound_only_as(
    inference: Inference, asked: Iterable[Field], is_right: IsRight
) -> frozenset[Field]:
    asked = tuple(asked)
    stores: dict[str, list[tuple[ModuleIndex, Binding]]] = {name: [] for _, name in asked}
    for index in inference.project.searched:
        for name in stores.keys() & index.attribute_stores.keys():
            stores[name] += [(index, binding) for binding in index.attribute_stores[name]]
    found: set[tuple[str, str]] = set()
    for key, name in asked:
        cls = class_of(inference, key)
        if cls is None:
            continue
        inference.begin()
        if _is_bound_as(inference, cls, name, is_right) and not any(
            _may_bind(inference, cls, index, binding) for index, binding in stores[name]
        ):
            found.add((key, name))
    return frozenset(found)


def _is_bound_as(inference: Inference, cls: ClassRef, name: str, is_right: IsRight) -> bool:
    bindings = [
        binding
        for one in (cls, *inference.project.subclasses(cls))
        for place in inference.attributes.slot(one, name).places
        for binding in _telling(place.owner, place.binding, is_right)
    ]
    return bool(bindings) and all(bindings)


def _telling(owner: ClassRef, binding: Binding, is_right: IsRight) -> Iterator[bool]:
    """Return whether a binding in a constructor is the right one; nothing where it binds None."""
    if binding.value == Literal("None"):
        return
    decl = owner.index.functions.get(binding.function)
    yield (
        decl is not None
        and decl.name == "__init__"
        and not binding.element
        and is_right(owner, decl, binding.value)
    )


def _is_parameter(owner: ClassRef, decl: FunctionDecl, value: Value) -> bool:
    return (
        isinstance(value, Ref)
        and len(value.names) == 1
        and value.names[0] not in decl.locals
        and any(value.names[0] == parameter.name for parameter in decl.parameters[1:])
    )


def _may_bind(inference: Inference, cls: ClassRef, index: ModuleIndex, binding: Binding) -> bool:
    """Return whether ``other.name = value`` may bind the attribute of an instance of the class."""
    if binding.receiver is None or binding.element:
        return False
    for kind in inference.value(binding.receiver, scope_of(index, binding.function)):
        match kind:
            case InstanceType(cls=other) | ClassType(cls=other):
                mro = inference.project.mro
                if other in mro(cls) or cls in mro(other):
                    return True
            case UnknownType() if index.path == cls.path:
                return True
    return False
