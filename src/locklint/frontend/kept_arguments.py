"""Arguments that objects keep in attributes.

After ``unlocked = Unlocked(self._lock)`` the attribute of the object that keeps its argument is the
maker's own lock: ``unlocked.lock`` is ``self._lock``.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from locklint.frontend.canonical import Walker, call_value, sibling
from locklint.frontend.construction import argument_of
from locklint.frontend.fields import class_of, makes_new_objects
from locklint.frontend.inference import Inference
from locklint.frontend.slots import Place, stored_parameter
from locklint.frontend.value_types import (
    ClassRef,
    ClassType,
    FunctionType,
    InstanceType,
    Scope,
    scope_of,
)
from locklint.index.declarations import AttributeValue, CallValue, Literal, Ref
from locklint.ir.access_path import AccessPath, ResultField, Root
from locklint.ir.cfg import split_key


class Making(msgspec.Struct, frozen=True):
    """The call that makes the only object of an attribute or variable, and where it is written.

    ``holder`` is the class of the attribute, ``cls`` that of the object.
    """

    call: CallValue
    scope: Scope
    holder: ClassRef | None
    cls: ClassRef

    @classmethod
    def of(cls, inference: Inference, key: str, name: str) -> Making | None:
        """Return that of the attribute of a class, or None if there may be several objects."""
        module, qualname = split_key(key)
        index = inference.project.by_key(module)
        holder = class_of(inference, key)
        if index is None:
            return None
        if holder is not None:
            place = only_place(inference, holder, name)
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


def kept_arguments(
    inference: Inference, cls: ClassRef, call: CallValue
) -> Iterator[tuple[str, Ref]]:
    """Yield the attributes in which a new object keeps its arguments, with these."""
    constructor = inference.attributes.method(cls, "__init__")
    arguments = None if constructor is None else _arguments(constructor, call)
    while constructor is not None and arguments:
        for name in constructor.decl.self_bindings:
            parameter = _stored_parameter(inference, cls, constructor, name)
            if parameter is not None and parameter in arguments:
                yield name, arguments[parameter]
        constructor, arguments = _base_constructor(inference, constructor, arguments)


def kept_paths(walker: Walker, scope: Scope, path: AccessPath) -> Iterator[tuple[str, AccessPath]]:
    """Yield the attributes of an object that keep arguments of its constructor, with these.

    ``path`` is the call that makes the object, a method's call that does nothing else, or the
    attribute or global variable that has only this one. All paths are those of code in ``scope``.
    """
    if path.fields and isinstance(path.last, ResultField):
        call = call_value(path.last.arguments)
        kinds = walker.types(scope, path.parent())
        if call is None or len(kinds) != 1:
            return
        match kinds[0]:
            case ClassType(cls=cls) if makes_new_objects(walker.inference, cls):
                for name, argument in kept_arguments(walker.inference, cls, call):
                    yield name, _path_of(walker, argument, scope)
            case FunctionType(bound=True) as method if len(path.fields) > 1:
                yield from _given_by(walker.inference, method, path.parent().parent())
            case _:
                return
        return
    holder: AccessPath | None = None
    if not path.fields:
        made = Making.of(walker.inference, f"{scope.index.key}:", path.root_name)
        if path.root is not Root.GLOBAL:
            return
    else:
        holder = path.parent()
        kinds = walker.types(scope, holder)
        if len(kinds) != 1 or not isinstance(kinds[0], InstanceType) or path.is_cut:
            return
        made = Making.of(walker.inference, kinds[0].cls.key, str(path.last))
    if made is not None:
        for name, argument in kept_arguments(walker.inference, made.cls, made.call):
            known = _as_held(walker, made, argument, holder)
            if known is not None:
                yield name, known


def _given_by(
    inference: Inference, method: FunctionType, receiver: AccessPath
) -> Iterator[tuple[str, AccessPath]]:
    """Yield what an object keeps that a method makes and returns, of the method's own object."""
    decl = method.decl
    if len(decl.returns) != 1 or decl.is_generator or not decl.parameters:
        return
    value = decl.returns[0]
    if not isinstance(value, CallValue):
        return
    made = inference.value(value.callee, scope_of(method.index, decl.qualname))
    if len(made) != 1 or not isinstance(made[0], ClassType):
        return
    if makes_new_objects(inference, made[0].cls):
        for name, argument in kept_arguments(inference, made[0].cls, value):
            if argument.names[0] == decl.parameters[0].name:
                yield (
                    name,
                    AccessPath(
                        receiver.root_name, receiver.fields + argument.names[1:], receiver.root
                    ),
                )


def _as_held(
    walker: Walker, made: Making, argument: Ref, holder: AccessPath | None
) -> AccessPath | None:
    """Return an argument as code names it that has the object in an attribute of ``holder``."""
    path = _path_of(walker, argument, made.scope)
    decl = made.scope.decl
    if path.root is Root.GLOBAL:
        return path
    if holder is None or decl is None or not decl.parameters or made.holder is None:
        return None
    names = argument.names
    if path.root in (Root.LOCAL, Root.PARAMETER):
        known = sibling(decl, names[0])
        names = () if known is None else (decl.parameters[0].name, known, *names[1:])
    if not names or names[0] != decl.parameters[0].name:
        return None
    if len(names) > 1 and only_place(walker.inference, made.holder, names[1]) is None:
        return None
    return AccessPath(holder.root_name, holder.fields + names[1:], holder.root)


def _path_of(walker: Walker, argument: Ref, scope: Scope) -> AccessPath:
    first, *fields = argument.names
    return AccessPath(first, tuple(fields), walker.root_of(first, scope))


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


def only_place(inference: Inference, cls: ClassRef, name: str) -> Place | None:
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
    """Return the parameter of a constructor that an attribute is bound to, or None."""
    place = only_place(inference, cls, name)
    if place is None:
        return None
    stored = stored_parameter(place, inference.attributes.of_instance(cls, name))
    if stored is None or stored.decl is not constructor.decl:
        return None
    return stored.parameter.name
