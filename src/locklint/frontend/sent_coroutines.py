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
from locklint.index.declarations import CallValue, Element, FunctionDecl, Ref, Value
from locklint.ir.access_path import AccessPath, ResultField

RESUME = "send"
_REMOVING = frozenset("pop popleft get get_nowait".split())
"""Methods that give an element of a container."""

_MOST_VALUES = 20
"""The largest number of variables, containers and parameters between a coroutine's two ends."""


def resumed(inference: Inference, scope: Scope, path: AccessPath) -> tuple[str, ...]:
    """Return the keys of the coroutines that ``path``, the method `send` of an object, may run."""
    value = _as_value(path.parent())
    if value is None:
        return ()
    inference.begin()
    found = _Search(inference).of(value, scope)
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


class _Search:
    """A search for the functions of coroutines, which looks at each value once."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._seen: set[tuple[Value, Scope]] = set()

    def of(self, value: Value, scope: Scope) -> Types:
        """Return the functions of the coroutines that a value may be."""
        if (value, scope) in self._seen or len(self._seen) >= _MOST_VALUES:
            return ()
        self._seen.add((value, scope))
        match value:
            case CallValue(callee=Ref(names=(*holder, name))) if holder and name in _REMOVING:
                return self._all(self._bound(tuple(holder), scope, element=True))
            case CallValue(callee=callee):
                kinds = self._inference.value(callee, scope)
                return tuple(k for k in kinds if isinstance(k, FunctionType) and k.decl.is_async)
            case Element(of=Ref(names=names)):
                return self._all(self._bound(names, scope, element=True))
            case Ref(names=(name,)) if (place := _parameter(name, scope)) is not None:
                decl, position = place
                return self._inference.arguments.passed(decl, position, scope.index, self.of)
            case Ref(names=names):
                return self._all(self._bound(names, scope, element=False))
            case _:
                return ()

    def _all(self, values: list[tuple[Value, Scope]]) -> Types:
        return union(*[self.of(value, scope) for value, scope in values])

    def _bound(
        self, names: tuple[str, ...], scope: Scope, *, element: bool
    ) -> list[tuple[Value, Scope]]:
        """Return what a variable or attribute is bound to, or what is put into it."""
        *holder, name = names
        index, decl = scope.index, scope.decl
        if holder:
            return [
                (place.binding.value, scope_of(place.owner.index, place.binding.function))
                for kind in self._inference.names(tuple(holder), scope)
                if isinstance(kind, InstanceType | ClassType)
                for place in self._inference.attributes.slot(kind.cls, name).places
                if place.binding.element == element
            ]
        if decl is not None and name in decl.locals:
            return [(each.value, scope) for each in decl.locals[name] if each.element == element]
        return [
            (each.value, scope_of(index, each.function))
            for each in index.bindings.get(name, ())
            if each.element == element
        ]


def _parameter(name: str, scope: Scope) -> tuple[FunctionDecl, int] | None:
    """Return the function whose parameter a name is, and the parameter's position."""
    decl = scope.decl
    if decl is None or name in decl.locals:
        return None
    for position, parameter in enumerate(decl.parameters):
        if parameter.name == name:
            return decl, position
    return None
