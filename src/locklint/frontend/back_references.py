"""Attributes that lead back to the object that made theirs.

``Binding(self, name)``, whose constructor keeps its first argument as ``owner``: then the ``owner``
of what an object has made is that very object, provided that no other code makes such bindings. For
``Child(self._forget)`` it is the receiver of the bound method that the child keeps.
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.frontend.inference import Inference
from locklint.frontend.receivers import is_method
from locklint.frontend.value_types import ClassRef, ClassType, InstanceType, are_known, scope_of
from locklint.index.declarations import (
    Binding,
    CallSite,
    CallValue,
    FunctionDecl,
    Literal,
    ModuleIndex,
    Ref,
)
from locklint.ir.access_path import TAKEN_FROM


def back_references(inference: Inference, owners: frozenset[str]) -> frozenset[tuple[str, str]]:
    """Pairs of an attribute's name and the identity of the class that it leads back to.

    ``owners`` are the identities of the classes to look at. A pair is given if every known
    construction of the attribute's class passes the maker itself, or one and the same method of it;
    then the name is ``attribute.__self__``.
    """
    found: set[tuple[str, str]] = set()
    for index in inference.project.searched:
        for site in index.call_sites:
            maker = _maker(index, site)
            # Objects made by a class that is not in question need not be resolved.
            names = _identities(inference, maker) & owners if maker is not None else None
            if not names:
                continue
            for cls, attribute, owner, method in _kept(inference, index, site):
                if _always(inference, cls, (attribute, method), owner):
                    found.update((attribute, name) for name in names)
    for attribute, owner in _given_back(inference):
        names = _identities(inference, owner) & owners
        found.update((f"{attribute}.{TAKEN_FROM}", name) for name in names)
    return frozenset(found)


def _given_back(inference: Inference) -> Iterator[tuple[str, ClassRef]]:
    """Attributes of what an object holds to which only the object's own method is ever bound.

    ``self.child.on_gone = self._forget``.
    """
    stores: dict[str, list[tuple[ModuleIndex, Binding]]] = {}
    for index in inference.project.searched:
        for name, bindings in index.attribute_stores.items():
            plain = [each for each in bindings if not _is_none(each.value)]
            stores.setdefault(name, []).extend((index, each) for each in plain)
    for name, every in stores.items():
        own = [_own_method(inference, index, binding) for index, binding in every]
        if any(own):
            yield from _given_back_always(inference, name, every, own)


_OwnMethod = tuple[ClassRef, str]


def _given_back_always(
    inference: Inference,
    name: str,
    every: list[tuple[ModuleIndex, Binding]],
    own: list[_OwnMethod | None],
) -> Iterator[tuple[str, ClassRef]]:
    by_class: dict[ClassRef, list[_OwnMethod | None]] = {}
    for (index, binding), method in zip(every, own, strict=True):
        inference.begin()
        assert binding.receiver is not None
        for kind in inference.value(binding.receiver, scope_of(index, binding.function)):
            if isinstance(kind, InstanceType):
                by_class.setdefault(kind.cls, []).append(method)
    for found in by_class.values():
        first = found[0]
        if first is not None and all(
            each is not None and each[1] == first[1] and _related(inference, each[0], first[0])
            for each in found
        ):
            yield name, first[0]


def _own_method(inference: Inference, index: ModuleIndex, binding: Binding) -> _OwnMethod | None:
    """The class and the method, where a store binds the object's method to what it holds."""
    function = index.functions.get(binding.function)
    receiver, value = binding.receiver, binding.value
    if function is None or function.class_name is None or not is_method(function):
        return None
    own = function.parameters[0].name
    if not (isinstance(value, Ref) and isinstance(receiver, Ref) and receiver.names[0] == own):
        return None
    if value.names[0] != own or len(value.names) != 2 or binding.element:
        return None
    cls = ClassRef(index.path, function.class_name, index)
    known = inference.attributes.method(cls, value.names[1])
    return None if known is None else (cls, value.names[1])


def _is_none(value: object) -> bool:
    return isinstance(value, Literal) and value.text == "None"


def _maker(index: ModuleIndex, site: CallSite) -> ClassRef | None:
    """Return the class in a method of which an object passes itself on, or None."""
    function = index.functions.get(site.function)
    if function is None or function.class_name is None or not is_method(function):
        return None
    own = function.parameters[0].name
    values = (*site.call.arguments, *(value for _, value in site.call.keywords))
    if not any(_is_own(_without_partial(value), own) for value in values):
        return None
    return ClassRef(index.path, function.class_name, index)


def _without_partial(value: object) -> object:
    """Return the callee of ``partial(function, …)``; any other value itself."""
    if isinstance(value, CallValue) and isinstance(value.callee, Ref) and value.arguments:
        return value.arguments[0] if value.callee.names[-1] == "partial" else value
    return value


def _is_own(value: object, own: str) -> bool:
    """Return whether a value is the object itself, or an attribute of it."""
    return isinstance(value, Ref) and value.names[0] == own and len(value.names) <= 2


def _kept(
    inference: Inference, index: ModuleIndex, site: CallSite
) -> Iterator[tuple[ClassRef, str, ClassRef, str]]:
    """The class that a call makes, an attribute that keeps the maker, and the maker's class.

    The last one is the method, where the attribute keeps one of the maker's.
    """
    maker = _maker(index, site)
    if maker is None:
        return
    own = index.functions[site.function].parameters[0].name
    inference.begin()
    for kind in inference.value(site.call.callee, scope_of(index, site.function)):
        if not isinstance(kind, ClassType):
            continue
        initialiser = inference.attributes.method(kind.cls, "__init__")
        if initialiser is None:
            continue
        for attribute, parameter in _stored(initialiser.decl):
            passed = _without_partial(_passed(site, initialiser.decl, parameter))
            if not isinstance(passed, Ref) or not _is_own(passed, own):
                continue
            if len(passed.names) == 1:
                yield kind.cls, attribute, maker, ""
            elif inference.attributes.method(maker, passed.names[1]) is not None:
                yield kind.cls, f"{attribute}.{TAKEN_FROM}", maker, passed.names[1]


def _stored(decl: FunctionDecl) -> Iterator[tuple[str, str]]:
    """The attributes that a constructor binds to a parameter, and to nothing else."""
    names = {parameter.name for parameter in decl.parameters}
    for attribute, bindings in decl.self_bindings.items():
        values = {binding.value for binding in bindings}
        if len(values) == 1:
            value = next(iter(values))
            if isinstance(value, Ref) and len(value.names) == 1 and value.names[0] in names:
                yield attribute, value.names[0]


def _passed(site: CallSite, decl: FunctionDecl, name: str) -> object:
    for keyword, value in site.call.keywords:
        if keyword == name:
            return value
    for position, parameter in enumerate(decl.parameters[1:]):
        if parameter.name == name and position < len(site.call.arguments):
            return site.call.arguments[position]
    return None


def _always(inference: Inference, cls: ClassRef, what: tuple[str, str], owner: ClassRef) -> bool:
    """Return whether each construction of the class in the project passes the maker itself.

    ``what`` is the attribute that keeps it, and the method that is passed, if any.
    """
    return all(
        any(
            other == cls and (kept, method) == what and _related(inference, maker, owner)
            for other, kept, maker, method in _kept(inference, index, site)
        )
        for index, site in inference.project.call_sites.named(cls.decl.name)
        if _may_make(inference, index, site, cls)
    )


def _may_make(inference: Inference, index: ModuleIndex, site: CallSite, cls: ClassRef) -> bool:
    """Return whether a call may be one of the class, and not of another one of that name."""
    inference.begin()
    types = inference.value(site.call.callee, scope_of(index, site.function))
    return not are_known(types) or ClassType(cls) in types


def _related(inference: Inference, one: ClassRef, other: ClassRef) -> bool:
    return not _identities(inference, one).isdisjoint(_identities(inference, other))


def _identities(inference: Inference, cls: ClassRef) -> set[str]:
    return {
        ancestor.identity
        for ancestor in inference.project.mro(cls)
        if isinstance(ancestor, ClassRef)
    }
