"""Objects that cannot be pickled or copied deeply, because an attribute holds a lock of threads."""

from __future__ import annotations

from collections.abc import Iterator

from locklint.core.diagnostic import Confidence
from locklint.frontend.inference import Inference
from locklint.frontend.value_types import ClassRef, LockValue, NameType, scope_of
from locklint.index.declarations import CallValue, Generic, Value
from locklint.models.processes import OWN_COPIES, is_lock_of_threads

_PLAIN_BASES = frozenset(("abc.ABC", "builtins.object", "object", "typing.Generic"))
_DATACLASS = "dataclasses.dataclass"
_REGISTRY = "copyreg"
_OF_CLASS = "ClassVar"
_NOTED = "Annotated"


def attribute_with_lock(inference: Inference, cls: ClassRef) -> str | None:
    """Return the attribute that certainly holds a lock in each object of a class, or None.

    None too if the class, or one that descends from it, says itself how it is copied, or has bases
    that are not known.
    """
    family = (cls, *inference.project.subclasses(cls))
    if not all(_is_copied_as_usual(inference, one) for one in family):
        return None
    for ancestor in inference.project.mro(cls):
        if isinstance(ancestor, ClassRef):
            for name in _bound_when_made(inference, ancestor):
                if _holds_lock(inference, cls, name):
                    return name
    return None


def _is_copied_as_usual(inference: Inference, cls: ClassRef) -> bool:
    """Return whether a copy of an object takes all of its attributes."""
    for ancestor in inference.project.mro(cls):
        if isinstance(ancestor, str):
            if ancestor not in _PLAIN_BASES:
                return False
            continue
        decl, index = ancestor.decl, ancestor.index
        if decl.keywords or _says_how(ancestor):
            return False
        if any(target.partition(".")[0] == _REGISTRY for target in index.imports.values()):
            return False
        if not all(_is_dataclass(inference, ancestor, each) for each in decl.decorators):
            return False
    return True


def has_own_copies(inference: Inference, cls: ClassRef) -> bool:
    """Return whether a class, or an ancestor, says itself how its objects are copied."""
    return any(
        isinstance(ancestor, ClassRef) and _says_how(ancestor)
        for ancestor in inference.project.mro(cls)
    )


def _says_how(cls: ClassRef) -> bool:
    return not OWN_COPIES.isdisjoint((*cls.decl.methods, *cls.decl.attributes))


def _is_dataclass(inference: Inference, cls: ClassRef, decorator: Value) -> bool:
    value = decorator.callee if isinstance(decorator, CallValue) else decorator
    inference.begin()
    types = inference.value(value, scope_of(cls.index))
    return types == (NameType(_DATACLASS),)


def _bound_when_made(inference: Inference, cls: ClassRef) -> Iterator[str]:
    """Yield the attributes that a constructor binds, or that are fields of a dataclass."""
    if cls.decl.decorators:
        for name, bindings in cls.decl.attributes.items():
            if any(_is_field(inference, cls, each.annotation) for each in bindings):
                yield name
    constructor = cls.index.functions.get(cls.decl.methods.get("__init__", ""))
    if constructor is not None:
        yield from constructor.self_bindings


def _is_field(inference: Inference, cls: ClassRef, annotation: Value | None) -> bool:
    """Return whether an annotation makes a field of a dataclass: a ``ClassVar`` makes none."""
    if annotation is None:
        return False
    inner = annotation.arguments if isinstance(annotation, Generic) else ()
    inference.begin()
    named = annotation.of if isinstance(annotation, Generic) else annotation
    for kind in inference.value(named, scope_of(cls.index)):
        name = kind.dotted.rpartition(".")[2] if isinstance(kind, NameType) else ""
        if name == _OF_CLASS or (
            name == _NOTED and inner and not _is_field(inference, cls, inner[0])
        ):
            return False
    return True


def _holds_lock(inference: Inference, cls: ClassRef, name: str) -> bool:
    """Return whether an attribute is a lock: all that binds it binds one."""
    if any(place.binding.element for place in inference.attributes.slot(cls, name).places):
        return False
    inference.begin()
    types = inference.attributes.of_instance(cls, name)
    return bool(types) and all(
        isinstance(kind, LockValue)
        and kind.confidence is Confidence.HIGH
        and is_lock_of_threads(kind.kind)
        for kind in types
    )
