"""Functions behind decorators of the project: a call of one runs its wrapper.

``@locked def close(self)`` calls the function that `locked` returns. Each such use of a wrapper is
treated as a separate function, named after the decorated one. In it the decorator's parameter is
that function, and the wrapper's first parameter is its receiver.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from locklint.frontend.inference import Inference
from locklint.frontend.receivers import is_method, takes_class
from locklint.frontend.value_types import (
    ClassRef,
    ClassType,
    ContainerType,
    FunctionType,
    InstanceType,
    Scope,
    Types,
    scope_of,
)
from locklint.index.declarations import CallValue, FunctionDecl, Parameter, Ref, Value
from locklint.ir.cfg import Function, FunctionKind, split_key
from locklint.ir.parameter import Star

_MARK = "@"
"""Stands before the name of the decorator in the key of a use."""

_DEPTH = 3
"""The largest number of functions that return functions, followed for one decorator."""


class WrapperUse(msgspec.Struct, frozen=True):
    """A wrapper in front of one function.

    ``key`` is that of the use; ``wrapper`` and ``decorated`` are the two functions, ``inner`` the
    key of what the wrapper calls: the decorated function, or another use in between. ``scope`` says
    what the wrapper's names are here.
    """

    key: str
    qualname: str
    wrapper: FunctionType
    decorated: FunctionType
    inner: str
    scope: Scope

    def function(self, wrapper: Function) -> Function:
        """The graph of the use, made from the wrapper's own, unresolved one."""
        decl = self.decorated.decl
        kind = wrapper.kind
        if decl.class_name is not None and is_method(decl):
            kind = FunctionKind.CLASS_METHOD if takes_class(decl) else FunctionKind.METHOD
        parameters = wrapper.parameters
        if self.wrapper.decl.class_name is not None:
            parameters = parameters[1:]  # No call passes the decorator's own object.
            kind = FunctionKind.FUNCTION if kind is wrapper.kind else kind
        return msgspec.structs.replace(
            wrapper,
            parameters=parameters,
            key=self.key,
            qualname=self.qualname,
            kind=kind,
            class_name=decl.class_name,
            parent=None,
            wrapper=wrapper.qualname,
        )


class Decorations:
    """The wrappers of decorated functions."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self._uses: dict[str, WrapperUse] = {}
        self._called: dict[str, str] = {}

    def called(self, function: FunctionType) -> str:
        """The key of what a call of a function runs first: it, or the outermost wrapper."""
        if function.through:
            return function.through
        key = function.key
        trace = self.inference.project.trace
        known = self._called.get(key)
        if known is None:
            self._called[key] = key  # A decorator that is decorated with itself ends here.
            begun = trace.begin()
            known = self._called[key] = self._wrapped(function, key)
            trace.end(begun, ("called", key))
        else:
            trace.use(("called", key))
        return known

    def use(self, key: str) -> WrapperUse | None:
        """Return the use of a wrapper by its key. Return None if the key is that of a function.

        It does not matter whether a call of the decorated function was looked at before.
        """
        if _MARK not in key:
            return None
        if key not in self._uses:
            self._look_at(key)
        found = self._uses.get(key)
        if found is not None:
            self.inference.project.trace.use(("called", found.decorated.key))
        return found

    def _look_at(self, key: str) -> None:
        """Look for the wrappers around the function that the key of a use is named after."""
        module, name = split_key(key)
        while _MARK in name:
            name = name.rpartition(_MARK)[0]
            index = self.inference.project.by_key(module)
            if index is not None and name in index.functions:
                self.called(FunctionType(index.path, name, index))
                return

    def _wrapped(self, function: FunctionType, key: str) -> str:
        decl = function.decl
        inner = msgspec.structs.replace(function, bound=False, receiver=None, through=key)
        scope = scope_of(function.index, decl.parent or "", decl.class_name or "")
        for decorator in reversed(decl.decorators):
            use = self._made_by(decorator, scope, function, inner)
            if use is not None:
                self._uses.setdefault(use.key, use)
                inner = msgspec.structs.replace(inner, through=use.key)
        return inner.through

    def _made_by(
        self,
        decorator: Value,
        scope: Scope,
        function: FunctionType,
        inner: FunctionType,
        depth: int = _DEPTH,
    ) -> WrapperUse | None:
        call = decorator if isinstance(decorator, CallValue) else None
        named = call.callee if call is not None else decorator
        if not isinstance(named, Ref) or depth <= 0:
            return None
        self.inference.begin()
        for kind in self.inference.value(named, scope):
            if isinstance(kind, FunctionType) and not kind.bound:
                behind = _behind(kind.decl, is_called=call is not None)
                if behind is not None:
                    where = scope_of(kind.index, kind.qualname)
                    return self._made_by(behind, where, function, inner, depth - 1)
                return self._of_function(kind, call, scope, function, inner)
            if isinstance(kind, ClassType):
                return self._of_class(kind.cls, call, scope, function, inner)
        return None

    def _of_class(
        self,
        cls: ClassRef,
        call: CallValue | None,
        scope: Scope,
        function: FunctionType,
        inner: FunctionType,
    ) -> WrapperUse | None:
        """Return the use of a class: its `__call__` is the wrapper, or makes it."""
        method = self.inference.attributes.method
        called, constructor = method(cls, "__call__"), method(cls, "__init__")
        if called is None or constructor is None or function.decl.parent is not None:
            return None
        names = [parameter.name for parameter in _positional(called.decl)]
        made = _positional(constructor.decl)
        if not names or len(made) < 2:
            return None
        passed: list[tuple[str, Types]] = [(made[1].name, (inner,))]
        wrapper = called
        given: list[tuple[str, Types]] = []
        if call is not None:
            passed = self._arguments(constructor.decl, call, scope, after=1)
            returned = _returned_function(called)
            if returned is None or len(names) < 2:
                return None
            wrapper = returned
            given.append((names[1], (inner,)))
        elif function.decl.class_name is not None:
            bind = method(cls, "__get__")
            if bind is None:
                return None  # It is no method: no receiver is passed.
            receiver = self._receiver(bind.decl.parameters[1:], function)
            bound = _bound_to(bind.decl, cls.decl.name)
            passed += [
                (made[at].name, types) for at in bound if at < len(made) for _, types in receiver
            ]
        held = _kept(constructor.decl, dict(passed))
        given += [(f"{names[0]}.{name}", types) for name, types in held]
        own = 0 if wrapper.decl.class_name is None else 1
        given += self._receiver(wrapper.decl.parameters[own:], function)
        return self._made(wrapper, cls.decl.name, given, function, inner)

    def _of_function(
        self,
        maker: FunctionType,
        call: CallValue | None,
        scope: Scope,
        function: FunctionType,
        inner: FunctionType,
    ) -> WrapperUse | None:
        given: list[tuple[str, Types]] = []
        if call is not None:
            # ``@locked(lock)`` calls the function that makes the decorator first.
            given += self._arguments(maker.decl, call, scope)
            made = _returned_function(maker)
            if made is None:
                return None
            maker = made
        parameters = _positional(maker.decl)
        wrapper = _returned_function(maker)
        if wrapper is None or not parameters or _may_return(maker.decl, parameters[0]):
            return None
        given.append((parameters[0].name, (inner,)))
        given += self._receiver(wrapper.decl.parameters, function)
        return self._made(wrapper, maker.decl.name, given, function, inner)

    @staticmethod
    def _made(
        wrapper: FunctionType,
        decorator: str,
        given: list[tuple[str, Types]],
        function: FunctionType,
        inner: FunctionType,
    ) -> WrapperUse:
        qualname = f"{function.qualname}{_MARK}{decorator}"
        return WrapperUse(
            f"{function.index.key}:{qualname}",
            qualname,
            wrapper,
            function,
            inner.through,
            msgspec.structs.replace(
                scope_of(wrapper.index, wrapper.qualname),
                given=tuple(given),
                use=function.qualname,
            ),
        )

    def _arguments(
        self, decl: FunctionDecl, call: CallValue, scope: Scope, after: int = 0
    ) -> list[tuple[str, Types]]:
        found: list[tuple[str, Types]] = []
        names = [parameter.name for parameter in _positional(decl)[after:]]
        for name, value in (*zip(names, call.arguments, strict=False), *call.keywords):
            self.inference.begin()
            found.append((name, self.inference.value(value, scope)))
        return found

    @staticmethod
    def _receiver(
        parameters: Sequence[Parameter], function: FunctionType
    ) -> list[tuple[str, Types]]:
        """Return the types of the wrapper's first parameter, if it decorates a method."""
        own = function.decl
        if own.class_name is None or not is_method(own) or not parameters:
            return []
        cls = ClassRef(function.path, own.class_name, function.index)
        receiver: Types = (ClassType(cls) if takes_class(own) else InstanceType(cls),)
        first = parameters[0]
        if first.star is Star.POSITIONAL:
            return [(first.name, (ContainerType("tuple", (receiver,), ("0",)),))]
        return [] if first.star else [(first.name, receiver)]


def _positional(decl: FunctionDecl) -> list[Parameter]:
    return [p for p in decl.parameters if not p.star and not p.keyword_only]


def _bound_to(bind: FunctionDecl, cls: str) -> list[int]:
    """Return which parameter of the constructor gets the receiver in `__get__`, as places.

    ``return Locked(self.function, instance)`` makes another object for each.
    """
    return [
        place
        for value in bind.returns
        if isinstance(value, CallValue)
        and isinstance(value.callee, Ref)
        and value.callee.names[-1] == cls
        for place, argument in enumerate(value.arguments, 1)
        if len(bind.parameters) > 1 and argument == Ref((bind.parameters[1].name,))
    ]


def _kept(constructor: FunctionDecl, passed: dict[str, Types]) -> list[tuple[str, Types]]:
    """Return the attributes in which a constructor keeps what it is passed."""
    return [
        (name, passed[binding.value.names[0]])
        for name, bindings in constructor.self_bindings.items()
        for binding in bindings
        if isinstance(binding.value, Ref)
        and len(bindings) == 1
        and len(binding.value.names) == 1
        and binding.value.names[0] in passed
        and binding.value.names[0] not in constructor.locals
    ]


def _behind(decl: FunctionDecl, *, is_called: bool) -> Value | None:
    """Return the decorator of which a decorator gives the result, and nothing else.

    That is ``locked(name)`` in ``return locked(name)(function)``, and in ``return locked(name)`` if
    the decorator ``is_called`` to make another one.
    """
    if len(decl.returns) != 1 or not isinstance(decl.returns[0], CallValue):
        return None
    value = decl.returns[0]
    if is_called:
        return None if _names_inner(decl, value) else value
    parameters = _positional(decl)
    if not parameters or parameters[0].name in decl.locals:
        return None
    passes_on = value.arguments == (Ref((parameters[0].name,)),) and not value.keywords
    return value.callee if passes_on else None


def _names_inner(decl: FunctionDecl, value: CallValue) -> bool:
    """Return whether a function that is defined inside takes part in a call."""
    parts = (value.callee, *value.arguments)
    return any(isinstance(part, Ref) and part.names[0] in decl.inner for part in parts)


def _may_return(decl: FunctionDecl, parameter: Parameter) -> bool:
    """Return whether a decorator may return its argument, so that its wrapper need not run."""
    return any(
        isinstance(value, Ref) and value.names == (parameter.name,) for value in decl.returns
    )


def _returned_function(function: FunctionType) -> FunctionType | None:
    """The function defined inside another one that it returns, perhaps within another call."""
    decl = function.decl
    for value in decl.returns:
        for _ in range(_DEPTH):
            if isinstance(value, CallValue) and value.arguments:
                value = value.arguments[0]
        if isinstance(value, Ref) and len(value.names) == 1:
            qualname = decl.inner.get(value.names[0])
            if qualname is not None and qualname in function.index.functions:
                return FunctionType(function.path, qualname, function.index)
    return None
