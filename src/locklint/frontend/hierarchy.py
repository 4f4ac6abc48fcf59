"""The classes of the objects on which methods are called, for the analysis of whole programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from locklint.frontend.inference import Inference
from locklint.frontend.project import MAX_SUBCLASSES
from locklint.frontend.value_types import ClassRef
from locklint.ir.cfg import Function, FunctionKind, split_key
from locklint.ir.hierarchy import Classes, Hierarchy
from locklint.ir.instruction import Call, Enter


def hierarchy(inference: Inference, functions: Iterable[Function]) -> Hierarchy:
    """Return the known classes of some functions, and of the objects they call methods on."""
    families: dict[str, tuple[ClassRef, ...]] = {}
    runners: dict[str, Classes] = {}
    owners: dict[str, Classes] = {}
    for function in functions:
        own = function.class_key if function.kind is FunctionKind.METHOD else ""
        for key in dict.fromkeys((own, *_receivers(function))):
            if key and key not in families:
                families[key] = _family(inference, key)
        if families.get(own):
            runners[function.key] = _runners(inference, families[own], function)
            if len(runners[function.key]) > 1:
                found = _runners(inference, families[own], function, by_super=False)
                owners[function.key] = found
    descendants = {
        key: frozenset([cls.key for cls in family]) for key, family in families.items() if family
    }
    return Hierarchy(descendants, runners, owners)


def _receivers(function: Function) -> Iterator[str]:
    for block in function.blocks.values():
        for instruction in block.instructions:
            match instruction:
                case Call(receiver_classes=classes):
                    yield from classes
                case Enter(manager=manager) if manager is not None:
                    yield from manager.receiver_classes


def _family(inference: Inference, key: str) -> tuple[ClassRef, ...]:
    """Return a class and its descendants; empty where they are not known, or too many."""
    module, qualname = split_key(key)
    index = inference.project.by_key(module)
    if index is None or qualname not in index.classes:
        return ()
    cls = ClassRef(index.path, qualname, index)
    heirs = inference.project.subclasses(cls)
    return (cls, *heirs) if len(heirs) < MAX_SUBCLASSES else ()


def _runners(
    inference: Inference,
    family: tuple[ClassRef, ...],
    function: Function,
    *,
    by_super: bool = True,
) -> Classes:
    """Return the classes whose instances run a method, themselves or, if so, by ``super()``."""
    name, qualname, module = function.name, function.called_name, split_key(function.key)[0]
    found: set[str] = set()
    for cls in family:
        method = inference.attributes.method(cls, name)
        if (
            method is None
            or (method.index.key, method.qualname.partition("@")[0]) == (module, qualname)
            or (by_super and name in method.decl.called)
        ):
            found.add(cls.key)
    return frozenset(found)
