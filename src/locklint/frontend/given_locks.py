"""Locks that an object gives to the objects that it makes.

After ``self.store = Store(self._lock)`` the attribute of the store that keeps its argument is the
maker's own lock: ``self.store.lock`` is ``self._lock``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from locklint.frontend.canonical import sibling
from locklint.frontend.construction import argument_of
from locklint.frontend.fields import class_of, makes_new_objects
from locklint.frontend.inference import Inference
from locklint.frontend.slots import Place, stored_parameter
from locklint.frontend.static_resolver import StaticResolver
from locklint.frontend.value_types import (
    ClassRef,
    ClassType,
    FunctionType,
    LockValue,
    Scope,
    scope_of,
)
from locklint.index.declarations import AttributeValue, CallValue, Literal, Ref
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import split_key
from locklint.ir.hierarchy import Field
from locklint.ir.lock import Exactness, LockRef


def given_locks(
    resolver: StaticResolver, asked: Iterable[Field]
) -> dict[Field, Mapping[str, LockRef]]:
    """Return the locks that are attributes of the objects in some attributes, by their names.

    Each has its name in the methods of the class with that key. A global variable has the
    key of its module, ``module:``.
    """
    inference = resolver.inference
    found: dict[Field, Mapping[str, LockRef]] = {}
    for key, name in asked:
        inference.begin()
        made = _Making.of(inference, key, name)
        locks = dict(_given(resolver, made)) if made is not None else {}
        if locks:
            found[key, name] = locks
    return found


class _Making(msgspec.Struct, frozen=True):
    """The call that makes the only object of an attribute or variable, and where it is written.

    ``holder`` is the class of the attribute, ``cls`` that of the object.
    """

    call: CallValue
    scope: Scope
    holder: ClassRef | None
    cls: ClassRef

    @classmethod
    def of(cls, inference: Inference, key: str, name: str) -> _Making | None:
        """Return that of the attribute of a class, or None if there may be several objects."""
        module, qualname = split_key(key)
        index = inference.project.by_key(module)
        holder = class_of(inference, key)
        if index is None:
            return None
        if holder is not None:
            place = _only_place(inference, holder, name)
            if place is None:
                return None
            index, binding = place.owner.index, place.binding
        else:
            every = index.bindings.get(name, ()) if not qualname else ()
            bindings = [binding for binding in every if not binding.element]
            if len(bindings) != 1 or bindings[0].function:
                return None
            binding = bindings[0]
        if not isinstance(binding.value, CallValue):
            return None
        scope = scope_of(index, binding.function)
        made = inference.value(binding.value.callee, scope)
        if len(made) != 1 or not isinstance(made[0], ClassType):
            return None
        if not makes_new_objects(inference, made[0].cls):
            return None
        return cls(binding.value, scope, holder, made[0].cls)


def _given(resolver: StaticResolver, made: _Making) -> Iterator[tuple[str, LockRef]]:
    """Yield the attributes that keep an argument, with the lock that it is."""
    inference = resolver.inference
    constructor = inference.attributes.method(made.cls, "__init__")
    arguments = None if constructor is None else _arguments(constructor, made.call)
    while constructor is not None and arguments:
        for name in constructor.decl.self_bindings:
            parameter = _stored_parameter(inference, made.cls, constructor, name)
            argument = arguments.get(parameter) if parameter is not None else None
            lock = _lock_of(resolver, made, argument) if argument is not None else None
            if lock is not None:
                yield name, lock
        constructor, arguments = _base_constructor(inference, constructor, arguments)


def _arguments(constructor: FunctionType, call: CallValue) -> dict[str, Ref]:
    """Return the references that a call of a constructor passes, by parameter."""
    found: dict[str, Ref] = {}
    for position, parameter in enumerate(constructor.decl.parameters[1:]):
        place = None if parameter.keyword_only else position
        argument = argument_of(call, parameter.name, place)
        if isinstance(argument, Ref) and not parameter.star:
            found[parameter.name] = argument
    return found


def _base_constructor(
    inference: Inference, constructor: FunctionType, arguments: dict[str, Ref]
) -> tuple[FunctionType | None, dict[str, Ref]]:
    """Return the constructor to which one hands its parameters on, and which arguments it gets."""
    index, decl = constructor.index, constructor.decl
    for site in index.call_sites:
        if site.function != decl.qualname or not _calls_base(site.call):
            continue
        for kind in inference.value(site.call.callee, scope_of(index, decl.qualname)):
            if isinstance(kind, FunctionType) and kind.bound:
                passed = {
                    name: arguments[argument.names[0]]
                    for name, argument in _arguments(kind, site.call).items()
                    if len(argument.names) == 1
                    and argument.names[0] in arguments
                    and argument.names[0] not in decl.locals
                }
                return kind, passed
    return None, {}


def _calls_base(call: CallValue) -> bool:
    match call.callee:
        case AttributeValue(of=CallValue(callee=Ref(names=("super",))), name="__init__"):
            return True
        case _:
            return False


def _only_place(inference: Inference, cls: ClassRef, name: str) -> Place | None:
    """Return the one binding of an attribute to something else than None, if it has just one."""
    places = [
        place
        for place in inference.attributes.slot(cls, name).places
        if place.binding.value != Literal("None") and not place.binding.element
    ]
    return places[0] if len(places) == 1 else None


def _stored_parameter(
    inference: Inference, cls: ClassRef, constructor: FunctionType, name: str
) -> str | None:
    """Return the parameter of a constructor that an attribute of a lock is bound to, or None."""
    place = _only_place(inference, cls, name)
    types = inference.attributes.of_instance(cls, name)
    if place is None or not any(isinstance(kind, LockValue) for kind in types):
        return None
    stored = stored_parameter(place, types)
    if stored is None or stored.decl is not constructor.decl:
        return None
    return stored.parameter.name


def _lock_of(resolver: StaticResolver, made: _Making, argument: Ref) -> LockRef | None:
    """Return a lock that keeps its name: one object, or an attribute that is bound just once."""
    scope = made.scope
    first, *fields = argument.names
    root = resolver.walker.root_of(first, scope)
    if root is Root.LOCAL and not fields and scope.decl is not None and scope.decl.parameters:
        known = sibling(scope.decl, first)
        if known is not None:
            first, root, fields = scope.decl.parameters[0].name, Root.SELF, [known]
    path = AccessPath(first, tuple(fields), root)
    lock = resolver.lock(f"{scope.index.key}:{scope.function}", path)
    if lock is None or lock.may_be_none or lock.exactness is Exactness.ONE:
        return None if lock is None or lock.may_be_none else lock
    own = lock.path
    if made.holder is None or own.root is not Root.SELF or len(own.fields) != 1:
        return None
    return lock if _only_place(resolver.inference, made.holder, own.name) is not None else None
