"""Coroutines that a program resumes itself, as an event loop does: ``self.ready.pop().send(None)``.

What is resumed was made by a call somewhere else, and went through variables, containers and
parameters. Types say what a coroutine returns, not which one it is. So its call is looked up.
"""

from __future__ import annotations

from locklint.frontend.inference import Inference
from locklint.frontend.value_types import (
    ClassType,
    FunctionType,
    InstanceType,
    Scope,
    Types,
    scope_of,
    union,
)
from locklint.index.declarations import CallValue, Element, Ref, Value
from locklint.ir.access_path import AccessPath, ResultField

RESUME = "send"
_REMOVING = frozenset("pop popleft get get_nowait".split())
"""Methods that give an element of a container."""

_MOST_STEPS = 6
"""The largest number of variables, containers and parameters between a coroutine's two ends."""


def resumed(inference: Inference, scope: Scope, path: AccessPath) -> tuple[str, ...]:
    """Return the keys of the coroutines that ``path``, the method `send` of an object, may run."""
    value = _as_value(path.parent())
    if value is None:
        return ()
    found = _coroutines(inference, value, scope, _MOST_STEPS)
    return tuple(kind.key for kind in found if isinstance(kind, FunctionType))


def _as_value(path: AccessPath) -> Value | None:
    """Return a path as the index writes it: a name, or an element of what a name stands for."""
    names = [path.root_name]
    for place, field in enumerate(path.fields):
        if isinstance(field, str):
            names.append(field)
        elif place == len(path.fields) - 1:
            name = Ref(tuple(names))
            return CallValue(name) if isinstance(field, ResultField) else Element(name)
        else:
            return None
    return Ref(tuple(names))


def _coroutines(inference: Inference, value: Value, scope: Scope, steps: int) -> Types:
    """Return the functions of the coroutines that a value may be."""
    if not steps:
        return ()
    match value:
        case CallValue(callee=Ref(names=(*holder, name))) if holder and name in _REMOVING:
            return _kept(inference, tuple(holder), scope, steps, element=True)
        case CallValue(callee=callee):
            kinds = inference.value(callee, scope)
            return tuple(k for k in kinds if isinstance(k, FunctionType) and k.decl.is_async)
        case Element(of=Ref(names=names)):
            return _kept(inference, names, scope, steps, element=True)
        case Ref(names=names):
            return _kept(inference, names, scope, steps, element=False)
        case _:
            return ()


def _kept(
    inference: Inference, names: tuple[str, ...], scope: Scope, steps: int, *, element: bool
) -> Types:
    """Return those that a variable or attribute is bound to, or that are put into it."""
    *holder, name = names
    found: list[tuple[Value, Scope]] = []
    decl, index = scope.decl, scope.index
    if holder:
        for kind in inference.names(tuple(holder), scope):
            if isinstance(kind, InstanceType | ClassType):
                for place in inference.attributes.slot(kind.cls, name).places:
                    if place.binding.element == element:
                        where = scope_of(place.owner.index, place.binding.function)
                        found.append((place.binding.value, where))
    elif decl is not None and name in decl.locals:
        found += [(each.value, scope) for each in decl.locals[name] if each.element == element]
    elif decl is not None and not element:
        for position, parameter in enumerate(decl.parameters):
            if parameter.name == name:
                return inference.arguments.passed(
                    decl,
                    position,
                    index,
                    lambda each, where: _coroutines(inference, each, where, steps - 1),
                )
    else:
        bindings = index.bindings.get(name, ())
        found += [
            (each.value, scope_of(index, each.function))
            for each in bindings
            if each.element == element
        ]
    return union(*[_coroutines(inference, each, where, steps - 1) for each, where in found])
