"""Attributes that lead to an older object: only a constructor binds them, to what it is given.

What is passed to a constructor was there before. So whoever goes from object to object along such
attributes never comes back to where it began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from locklint.frontend.inference import Inference
from locklint.frontend.value_types import ClassRef, ClassType, InstanceType, UnknownType, scope_of
from locklint.index.declarations import Binding, Literal, ModuleIndex, Ref
from locklint.ir.cfg import split_key


def older_fields(
    inference: Inference, asked: Iterable[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Return which attributes, each asked for with its class's key, lead to older objects."""
    stores: dict[str, list[tuple[ModuleIndex, Binding]]] = {name: [] for _, name in asked}
    for index in inference.project.modules():
        for name in stores.keys() & index.attribute_stores.keys():
            stores[name] += [(index, binding) for binding in index.attribute_stores[name]]
    found: set[tuple[str, str]] = set()
    for key, name in asked:
        module, qualname = split_key(key)
        index_of_class = inference.project.by_key(module)
        if index_of_class is None or qualname not in index_of_class.classes:
            continue
        cls = ClassRef(index_of_class.path, qualname, index_of_class)
        inference.begin()
        if _is_older(inference, cls, name) and not any(
            _may_bind(inference, cls, index, binding) for index, binding in stores[name]
        ):
            found.add((key, name))
    return frozenset(found)


def _is_older(inference: Inference, cls: ClassRef, name: str) -> bool:
    bindings = [
        binding
        for one in (cls, *inference.project.subclasses(cls))
        for place in inference.attributes.slot(one, name).places
        for binding in _telling(place.owner, place.binding)
    ]
    return bool(bindings) and all(bindings)


def _telling(owner: ClassRef, binding: Binding) -> Iterator[bool]:
    """Whether a binding leads to an older object; nothing where it binds None."""
    if binding.value == Literal("None"):
        return
    decl = owner.index.functions.get(binding.function)
    value = binding.value
    yield (
        decl is not None
        and decl.name == "__init__"
        and not binding.element
        and isinstance(value, Ref)
        and len(value.names) == 1
        and value.names[0] not in decl.locals
        and any(value.names[0] == parameter.name for parameter in decl.parameters[1:])
    )


def _may_bind(inference: Inference, cls: ClassRef, index: ModuleIndex, binding: Binding) -> bool:
    """Whether ``other.name = value`` may bind the attribute of an instance of the class."""
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
