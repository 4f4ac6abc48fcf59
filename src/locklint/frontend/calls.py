"""Types of the results of calls."""

from __future__ import annotations

from msgspec.structs import replace

from locklint.frontend.annotations import Annotations
from locklint.frontend.attributes import Attributes
from locklint.frontend.construction import NOWHERE, Construction, argument_of, over
from locklint.frontend.evaluator import Evaluator
from locklint.frontend.library_calls import LibraryCalls
from locklint.frontend.receivers import super_type
from locklint.frontend.value_types import (
    NONE,
    UNKNOWN,
    AliasType,
    CallableType,
    ClassType,
    ContainerMethod,
    ContainerType,
    ExternalInstance,
    FunctionType,
    InstanceType,
    LambdaType,
    LockMethod,
    LockValue,
    ManagerType,
    NameType,
    NoneType,
    Scope,
    Type,
    Types,
    has_lock,
    scope_of,
    settle,
    union,
    without_unknown,
)
from locklint.index.declarations import CallValue, Ref, Value
from locklint.ir.lock import Exactness

_ELEMENTS = frozenset(
    ("get", "pop", "popleft", "setdefault", "__getitem__", "popitem", "peek", "get_nowait")
)


class Calls:
    """Finds what calls give, and what entering a context manager gives."""

    def __init__(
        self,
        evaluator: Evaluator,
        attributes: Attributes,
        construction: Construction,
        annotations: Annotations,
    ) -> None:
        self.evaluator = evaluator
        self.attributes = attributes
        self.construction = construction
        self.annotations = annotations
        self.library = LibraryCalls(evaluator, construction, annotations)

    def callee_types(self, call: CallValue, scope: Scope) -> Types:
        """Return the types of a callee; ``super()`` is resolved here, where its place is known."""
        if isinstance(call.callee, Ref) and call.callee.names == ("super",):
            after = call.arguments[:1]
            found = super_type(scope, self.evaluator.value(after[0], scope) if after else ())
            if found is not None:
                return (CallableType((found,)),)
        return self.evaluator.value(call.callee, scope)

    def call_all(self, callees: Types, call: CallValue | None, scope: Scope) -> Types:
        """Return the results of calling any of the alternatives."""
        if len(callees) == 1:
            return union(self.call(callees[0], call, scope))
        return union(*[self.call(kind, call, scope) for kind in callees])

    def results(self, callees: Types) -> Types:
        """Return the results of calling any of the alternatives, with any arguments."""
        return self.call_all(callees, None, NOWHERE)

    def call(self, callee: Type, call: CallValue | None, scope: Scope) -> Types:
        """Return the results of calling one alternative; ``call`` None: arguments are unknown."""
        match callee:
            case NameType(dotted=dotted):
                return self.library.result(dotted, callee.member, call, scope)
            case ClassType(cls=cls):
                return self.construction.construct(cls, call, scope)
            case FunctionType():
                return self._function(callee, call, scope)
            case LambdaType(body=body, scope=where):
                return self.evaluator.value(body.body, where)
            case CallableType(gives=gives) | AliasType(said=gives):
                return gives
            case LockMethod(lock=lock, method=method):
                form = lock.api.context_form(method)
                if form is not None and not form.is_attribute:
                    return (replace(lock, mode=form.mode),)
                return self.construction.factory(lock.api.name, method)
            case ContainerMethod(container=container, method=method):
                return self._container_method(container, method, call, scope)
            case InstanceType():
                return self.results(self.attributes.of(callee, "__call__"))
            case NoneType():
                return ()
            case _:
                return UNKNOWN

    # Functions

    def _function(self, function: FunctionType, call: CallValue | None, scope: Scope) -> Types:
        decl = function.decl
        if decl.decorators:
            names = {_last_name(decorator) for decorator in decl.decorators}
            if "contextmanager" in names or "asynccontextmanager" in names:
                return (ManagerType(function),)
        if decl.is_abstract:
            overriding = self.attributes.overriding(function)
            if overriding:
                return union(*[self._function(other, call, scope) for other in overriding])
        key = ("returns", function.path, function.qualname, _receiver_key(function))
        if call is not None:
            passed = self._passed_through(function, call, scope)
            if passed:
                return passed
        return self.evaluator.memoised(key, lambda: self._with_overriding(function))

    def _with_overriding(self, function: FunctionType) -> Types:
        """Return the results of a function, and of its overrides if it gives a lock.

        A subclass may give another lock, or none: a null context.
        """
        types = self._returns(function)
        if function.receiver is None or not any(isinstance(kind, LockValue) for kind in types):
            return types
        others = [self._returns(other) for other in self.attributes.overriding(function)]
        return union(types, *map(without_unknown, others)) if others else types

    def _returns(self, function: FunctionType) -> Types:
        decl = function.decl
        evaluator = self.evaluator
        scope = scope_of(function.index, function.qualname)
        if decl.is_generator:
            items = union(*[evaluator.value(value, scope) for value in decl.yields])
            return (ContainerType("generator", (items,)),)
        parts: list[Types] = []
        for value in decl.returns:
            parts.append(self._returned(value, function, scope))
        types = _released(union(*parts))
        if decl.returns_annotation is not None:
            outer = scope_of(function.index, decl.parent or "")
            types = self.annotations.refine(types, decl.returns_annotation, outer)
        elif not decl.returns:
            return NONE
        if any(_last_name(decorator) in ("lru_cache", "cache") for decorator in decl.decorators):
            identity = f"{function.index.key}.{function.qualname}()"
            alone = len(decl.parameters) == (1 if decl.class_name else 0)
            types = settle(types, identity, Exactness.ONE if alone else Exactness.ELEMENT)
        return types or UNKNOWN

    def _returned(self, value: Value, function: FunctionType, scope: Scope) -> Types:
        """Return the value of a `return`; through a receiver, attributes are those of its class."""
        receiver = function.receiver
        decl = function.decl
        if receiver is not None and isinstance(value, Ref) and decl.parameters:
            if value.names[0] == decl.parameters[0].name and value.names[0] not in decl.locals:
                types: Types = (receiver,)
                for name in value.names[1:]:
                    types = self.evaluator.attribute_of_all(types, name)
                return types
        return self.evaluator.value(value, scope)

    def _passed_through(self, function: FunctionType, call: CallValue, scope: Scope) -> Types:
        """Return the results of a function that are made from its arguments.

        ``def register(lock): …; return lock`` and ``def make(lock): return Condition(lock)``. Empty
        if no `return` mentions a parameter in this form.
        """
        given: list[Types | None] = []
        is_given = False
        for value in function.decl.returns:
            passed: Types | None = None
            if type(value) is Ref:
                if len(value.names) == 1:
                    passed = self._given(value, function, call, scope)
            elif type(value) is CallValue and value.arguments:
                passed = self._made_of_given(value, function, call, scope)
            given += (passed,)
            is_given = is_given or passed is not None
        # Most functions return nothing of the kind: then the other returns need no result here.
        if not is_given:
            return ()
        where = scope_of(function.index, function.qualname)
        return _released(
            union(
                *[
                    self.evaluator.value(value, where) if passed is None else passed
                    for value, passed in zip(function.decl.returns, given, strict=True)
                ]
            )
        )

    def _given(
        self, value: Value, function: FunctionType, call: CallValue, scope: Scope
    ) -> Types | None:
        """Return a parameter's value in a call. Return None if no parameter or not passed."""
        argument = _given_argument(value, function, call)
        return None if argument is None else self.evaluator.value(argument, scope)

    def _made_of_given(
        self, value: CallValue, function: FunctionType, call: CallValue, scope: Scope
    ) -> Types | None:
        """Return the value of ``Condition(parameter)`` in a call."""
        argument = _given_argument(value.arguments[0], function, call)
        if argument is None:
            return None
        where = scope_of(function.index, function.qualname)
        for kind in self.evaluator.value(value.callee, where):
            if isinstance(kind, NameType):
                made = self.evaluator.table.kind_for_constructor(kind.dotted)
                if made is not None and made.underlying is not None:
                    return over(made, self.evaluator.value(argument, scope))
        return None

    # Context managers

    def entered(self, types: Types) -> Types:
        """Return the value that ``with … as name`` binds."""
        return union(*[self._enter(kind) for kind in types])

    def _enter(self, kind: Type) -> Types:
        match kind:
            case ManagerType(function=function):
                scope = scope_of(function.index, function.qualname)
                found = union(
                    *[self._returned(value, function, scope) for value in function.decl.yields]
                )
                return _released(found)
            case InstanceType(cls=cls):
                for name in ("__enter__", "__aenter__"):
                    method = self.attributes.method(cls, name)
                    if method is not None:
                        bound = self.attributes.bind(method, kind)
                        return self.results((bound,))
                return (kind,)
            case LockValue():
                return (ExternalInstance("builtins.bool"),)
            case ExternalInstance() | ContainerType():
                return (kind,)
            case _:
                return UNKNOWN

    # Containers

    def _contents(self, kind: Type) -> Types:
        return kind.all_items() if isinstance(kind, ContainerType) else ()

    def _container_method(
        self, container: ContainerType, method: str, call: CallValue | None, scope: Scope
    ) -> Types:
        items = container.all_items()
        if method in _ELEMENTS:
            if method == "get" and (call is None or len(call.arguments) < 2):
                return union(items, NONE) if items else UNKNOWN
            if method == "setdefault" and has_lock(items):
                return items  # The default, if it is used, is among the values that were put in.
            if method in ("get", "pop", "setdefault") and call and len(call.arguments) == 2:
                return union(items, self.evaluator.value(call.arguments[1], scope))
            if method == "popitem":
                return (ContainerType("tuple", (UNKNOWN, items), ("0", "1")),)
            return items or UNKNOWN
        if method in ("values", "copy", "union", "difference", "intersection"):
            return (replace(container, name="list" if method == "values" else container.name),)
        if method == "keys":
            return (ContainerType("list", ()),)
        if method == "items":
            pair = ContainerType("tuple", (UNKNOWN, items), ("0", "1"))
            return (ContainerType("list", ((pair,),)),)
        return UNKNOWN


def _given_argument(value: Value, function: FunctionType, call: CallValue) -> Value | None:
    """Return a call's argument for the parameter that a value is. Return None if there is none."""
    if type(value) is not Ref or len(value.names) != 1:
        return None
    offset = 1 if function.bound else 0
    for position, parameter in enumerate(function.decl.parameters):
        if parameter.name == value.names[0] and not parameter.star and position >= offset:
            return argument_of(call, parameter.name, position - offset)
    return None


def _released(types: Types) -> Types:
    """Locks as they leave the function that made them: its local name is not theirs any more."""
    return tuple(
        replace(kind, identity="", exactness=Exactness.FRESH)
        if isinstance(kind, LockValue) and kind.exactness is Exactness.FRESH
        else kind
        for kind in types
    )


def _receiver_key(function: FunctionType) -> str:
    receiver = function.receiver
    return f"{receiver.cls.path}:{receiver.cls.qualname}" if receiver is not None else ""


def _last_name(value: Value) -> str:
    callee = value.callee if isinstance(value, CallValue) else value
    return callee.names[-1] if isinstance(callee, Ref) else ""
