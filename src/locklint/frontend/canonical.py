"""Canonical access paths: one path for one object within a function.

Aliases that hold everywhere are followed: a local that is bound once to a plain reference, an
attribute that is only ever another attribute, a condition over a lock, a getter or property that
returns an attribute, `dict.get`. What a rebinding may undo is left to the flow-sensitive analysis.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache

from msgspec.structs import replace

from locklint.frontend.inference import Inference
from locklint.frontend.receivers import declares, is_method
from locklint.frontend.slots import Place
from locklint.frontend.value_types import (
    ContainerMethod,
    FunctionType,
    InstanceType,
    LockMethod,
    LockValue,
    ModuleType,
    Scope,
    Types,
    alias_target,
    scope_of,
    without_unknown,
)
from locklint.index.build_values import value_of
from locklint.index.declarations import (
    Binding,
    CallValue,
    Element,
    Entered,
    FunctionDecl,
    Literal,
    ModuleIndex,
    Opaque,
    Operation,
    Ref,
    Value,
)
from locklint.ir.access_path import (
    RESULT,
    AccessPath,
    BeyondBound,
    ElementField,
    Field,
    ResultField,
    Root,
    is_set_apart,
)

MAX_HOPS = 6
"""The largest number of aliases in a row that are followed."""

_LOOKUPS = frozenset(("get", "setdefault", "__getitem__"))
_TRANSPARENT = frozenset(
    "lru_cache cache staticmethod classmethod property cached_property override final"
    " abstractmethod wraps".split()
)


class Walker:
    """Walks access paths field by field."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self._types: dict[tuple[Scope, AccessPath], Types] = {}
        self._given_up: dict[tuple[Scope, AccessPath], tuple[int, Types]] = {}

    def forget(self) -> None:
        """Drop results that rest on the inference, which may now have other results."""
        self._types.clear()
        self._given_up.clear()

    def types(self, scope: Scope, path: AccessPath) -> Types:
        """Return the types that ``path``, as the code in ``scope`` writes it, may have.

        The same paths and their beginnings are looked up again and again. A result is cached unless
        the query used up its steps: with the facts found meanwhile, the next query may have another
        result. If no fact was found, the result stays the same until more is known.
        """
        key = (scope, path)
        inference = self.inference
        trace = inference.project.trace
        known = self._types.get(key)
        if known is not None:
            if trace.is_on:
                trace.use(("types", key))
            return known
        before = inference.knowledge if inference.is_new else None
        if key in self._given_up and self._given_up[key][0] == before:
            inference.give_up()
            if trace.is_on:
                trace.use(("types", key))
            return self._given_up[key][1]
        kept = len(self._types)
        if trace.is_on:
            begun = trace.begin()
            found = self._find_types(scope, path)
            trace.end(begun, ("types", key))
        else:
            found = self._find_types(scope, path)
        if not inference.exhausted:
            self._types[key] = found
        elif before == inference.knowledge and kept == len(self._types):
            self._given_up[key] = (before, found)
        return found

    def _find_types(self, scope: Scope, path: AccessPath) -> Types:
        inference = self.inference
        if not path.fields:
            return inference.name(path.root_name, scope)
        if scope.given:
            known = scope.known(str(path))
            if known is not None:
                return known
        last = path.last
        if isinstance(last, BeyondBound):
            return ()
        if path.is_of_super_call and len(path.fields) == 1:
            call = call_value(last.arguments) if isinstance(last, ResultField) else None
            if call is None:
                return ()
            return without_unknown(inference.value(replace(call, callee=Ref(("super",))), scope))
        holder = self.types(scope, path.parent())
        if isinstance(last, ResultField):
            return inference.calls.call_all(holder, call_value(last.arguments), scope)
        if isinstance(last, ElementField):
            return inference.element_of_all(holder, last.literal)
        return inference.attribute_of_all(holder, last)

    def walk(self, scope: Scope, path: AccessPath, hops: int = MAX_HOPS) -> AccessPath:
        """The canonical form of ``path``, as the code in ``scope`` writes it."""
        if path.is_cut:
            return path
        current = prefix = AccessPath(path.root_name, (), path.root)
        fields = path.fields
        if path.is_of_super_call:
            current = prefix = current.field(fields[0])
            fields = fields[1:]
        elif hops > 0:
            types = self.types(scope, prefix)
            alias = self._root_alias(path.root_name, scope, types, hops)
            if alias is not None:
                current = alias
                if path.root is Root.CLOSURE and alias.root is not Root.GLOBAL:
                    current = AccessPath(alias.root_name, alias.fields, Root.CLOSURE)
        receiver = current
        for field in fields:
            before = current
            alias = None
            if isinstance(field, ResultField):
                types = self.types(scope, prefix)
                alias = self._call_alias(scope, types, receiver, field, hops)
            elif isinstance(field, str):
                types = self.types(scope, prefix)
                alias = self._attribute_alias(scope, types, current, field, hops)
                if alias is None and self._is_view(types, field):
                    alias = current
            current = alias if alias is not None else current.field(field)
            prefix = prefix.field(field)
            receiver = before
        return current

    def root_of(self, name: str, scope: Scope) -> Root:
        """Return the scope that binds a bare name, as seen from a function."""
        decl = scope.decl
        own = True
        while decl is not None:
            if name in decl.comprehensions and not declares(decl, name):
                return Root.LOCAL if own else Root.CLOSURE
            if name in decl.globals:
                return Root.GLOBAL
            if name not in decl.nonlocals and declares(decl, name):
                if not own:
                    return Root.CLOSURE
                for position, parameter in enumerate(decl.parameters):
                    if parameter.name == name:
                        first = position == 0 and is_method(decl)
                        return Root.SELF if first else Root.PARAMETER
                return Root.LOCAL
            decl = scope.index.functions.get(decl.parent) if decl.parent else None
            own = False
        return Root.GLOBAL

    # Variables

    def _root_alias(self, name: str, scope: Scope, types: Types, hops: int) -> AccessPath | None:
        if scope.known(name) is not None:
            return None
        index = scope.index
        decl = scope.decl
        while decl is not None:
            if is_set_apart(name) or name in decl.globals or name in decl.comprehensions:
                return None
            if name not in decl.nonlocals and declares(decl, name):
                return self._local_alias(name, decl, scope, types, hops)
            decl = index.functions.get(decl.parent) if decl.parent else None
        binding = _only(index.bindings.get(name, ()))
        if binding is None or binding.function or name in index.imports:
            return None
        target = alias_target(binding.value, types)
        if target is None or not isinstance(target, Ref):
            return None
        first = target.names[0]
        other = _only(index.bindings.get(first, ()))
        if first == name or (other is None and first not in index.imports):
            return None
        where = scope_of(index)
        return self.walk(where, AccessPath(first, target.names[1:], Root.GLOBAL), hops - 1)

    def _local_alias(
        self, name: str, decl: FunctionDecl, scope: Scope, types: Types, hops: int
    ) -> AccessPath | None:
        if any(parameter.name == name for parameter in decl.parameters):
            return None
        binding = _only(decl.locals.get(name, ()))
        if binding is None or name in decl.inner or name in decl.imports:
            return None
        if binding.function != decl.qualname:
            return None  # A nested function rebinds it.
        target = alias_target(binding.value, types)
        if target is None:
            return None
        where = scope_of(scope.index, decl.qualname)
        names, call = (target.names, False) if isinstance(target, Ref) else (_callee(target), True)
        if not names or not self._stable(names, decl, binding.line, where):
            return None
        root = self.root_of(names[0], where)
        fields: tuple[Field, ...] = (*names[1:], RESULT) if call else names[1:]
        found = self.walk(where, AccessPath(names[0], fields, root), hops - 1)
        if call and found.is_called:
            return None
        if scope.function != decl.qualname and found.root is not Root.GLOBAL:
            return AccessPath(found.root_name, found.fields, Root.CLOSURE)
        return found

    def _stable(self, names: tuple[str, ...], decl: FunctionDecl, line: int, scope: Scope) -> bool:
        """Return whether a reference keeps its meaning in the function after that line."""
        root = self.root_of(names[0], scope)
        index = scope.index
        if root is Root.LOCAL:
            binding = _only(decl.locals.get(names[0], ()))
            if names[0] in decl.imports or names[0] in decl.inner:
                return True
            if binding is None or isinstance(binding.value, (Element, Entered)):
                return False
        elif root in (Root.PARAMETER, Root.SELF):
            if names[0] in decl.locals:
                return False
        elif root is Root.CLOSURE:
            return True
        elif names[0] in decl.globals:
            return False
        if len(names) == 1:
            return True
        if root is Root.SELF:
            stores: Iterable[Binding] = decl.self_bindings.get(names[1], ())
            if any(store.line > line and not store.element for store in stores):
                return False
        for name in names[1:]:
            for store in index.attribute_stores.get(name, ()):
                if store.function == decl.qualname and store.line > line and not store.element:
                    return False
        return True

    # Attributes

    def _attribute_alias(
        self, scope: Scope, types: Types, base: AccessPath, name: str, hops: int
    ) -> AccessPath | None:
        if hops <= 0:
            return None
        if len(types) != 1:
            return None
        kind = types[0]
        if isinstance(kind, ModuleType):
            return self._module_alias(kind.index, base, name)
        if isinstance(kind, LockValue):
            return self._library_alias(kind, base, name)
        if not isinstance(kind, InstanceType):
            return None
        slot = self.inference.attributes.slot(kind.cls, name)
        if slot.method is not None and self.inference.attributes.is_property(slot.method):
            return self._getter_alias(scope, slot.method, base, hops)
        if slot.method is not None:
            return None
        places = [place for place in slot.places if not _is_none(place.binding.value)]
        if not places:
            return self._outside_alias(scope, kind, base, name)
        if len(places) != 1 or places[0].binding.element:
            return None
        return self._place_alias(scope, kind, places[0], base, name, hops)

    def _outside_alias(
        self, scope: Scope, kind: InstanceType, base: AccessPath, name: str
    ) -> AccessPath | None:
        for ancestor in self.inference.project.mro(kind.cls):
            if isinstance(ancestor, str):
                row = self.inference.table.attribute(ancestor, name)
                if row is not None and row.alias_of is not None:
                    return base.field(row.alias_of)
        return None

    def _library_alias(self, kind: LockValue, base: AccessPath, name: str) -> AccessPath | None:
        row = self.inference.table.attribute(kind.api.name, name)
        return base.field(row.alias_of) if row is not None and row.alias_of else None

    def _module_alias(self, index: ModuleIndex, base: AccessPath, name: str) -> AccessPath | None:
        """``module.condition``, where the module's condition is made over a lock of the module."""
        binding = _only(index.bindings.get(name, ()))
        if binding is None or binding.function:
            return None
        target = alias_target(binding.value, self.inference.global_name(name, index))
        if isinstance(target, Ref) and len(target.names) == 1 and target.names[0] != name:
            if _only(index.bindings.get(target.names[0], ())) is not None:
                return base.field(target.names[0])
        return None

    def _place_alias(
        self,
        scope: Scope,
        kind: InstanceType,
        place: Place,
        base: AccessPath,
        name: str,
        hops: int,
    ) -> AccessPath | None:
        owner, binding = place.owner, place.binding
        types = self.inference.attributes.of_instance(kind.cls, name)
        target = alias_target(binding.value, types)
        if target is None:
            return None
        index = owner.index
        if not binding.function:
            if isinstance(target, Ref) and len(target.names) == 1:
                if target.names[0] in owner.decl.attributes:
                    return self._field_of(scope, kind, base, target.names, hops)
                return self._global_alias(scope, index, target)
            return None
        decl = index.functions.get(binding.function)
        if decl is None or not isinstance(target, Ref):
            return None
        first = target.names[0]
        if decl.parameters and decl.parameters[0].name == first and len(target.names) > 1:
            return self._field_of(scope, kind, base, target.names[1:], hops)
        if declares(decl, first):
            if len(target.names) > 1:
                return None
            over = sibling(decl, first)
            return base.field(over) if over is not None and over != name else None
        return self._global_alias(scope, index, target)

    def _field_of(
        self,
        scope: Scope,
        kind: InstanceType,
        base: AccessPath,
        names: tuple[str, ...],
        hops: int,
    ) -> AccessPath | None:
        """The path of fields of the same object, canonical themselves; each bound just once."""
        slot = self.inference.attributes.slot(kind.cls, names[0])
        places = [place for place in slot.places if not _is_none(place.binding.value)]
        if slot.method is None and len(places) > 1:
            return None
        types: Types = (kind,)
        path = base
        for name in names:
            alias = self._attribute_alias(scope, types, path, name, hops - 1)
            path = alias if alias is not None else path.field(name)
            types = self.inference.attribute_of_all(types, name)
        return path

    def _global_alias(self, scope: Scope, index: ModuleIndex, target: Ref) -> AccessPath | None:
        """A global of the same file, if the function does not hide it."""
        if index.path != scope.index.path or target.names[0] not in index.bindings:
            return None
        if self.root_of(target.names[0], scope) is not Root.GLOBAL:
            return None
        if _only(index.bindings[target.names[0]]) is None:
            return None
        return AccessPath(target.names[0], target.names[1:], Root.GLOBAL)

    # Calls

    def _getter_alias(
        self, scope: Scope, function: FunctionType, base: AccessPath, hops: int
    ) -> AccessPath | None:
        """Return the receiver's attribute, or the global, that a method or property returns."""
        decl = function.decl
        if decl.is_generator or len(decl.returns) != 1 or hops <= 0:
            return None
        returned = decl.returns[0]
        if not isinstance(returned, Ref):
            return None
        for decorator in decl.decorators:
            if _last_name(decorator) not in _TRANSPARENT:
                return None
        first = returned.names[0]
        if first in decl.locals:
            return None
        receiver = function.receiver
        if decl.class_name and decl.parameters and decl.parameters[0].name == first:
            if len(returned.names) < 2:
                return None
            if isinstance(receiver, InstanceType):
                return self._field_of(scope, receiver, base, returned.names[1:], hops)
            path = base
            for name in returned.names[1:]:
                path = path.field(name)
            return path
        if any(parameter.name == first for parameter in decl.parameters):
            return None
        return self._global_alias(scope, function.index, returned)

    def _call_alias(
        self,
        scope: Scope,
        types: Types,
        receiver: AccessPath,
        field: ResultField,
        hops: int,
    ) -> AccessPath | None:
        if len(types) != 1:
            return None
        match types[0]:
            case FunctionType() as function:
                return self._getter_alias(scope, function, receiver, hops)
            case ContainerMethod(method=method) if method in _LOOKUPS:
                argument = _first_argument(field.arguments)
                return receiver.field(ElementField(argument)) if argument else None
            case LockMethod(lock=lock, method=method):
                form = lock.api.context_form(method)
                return receiver if form is not None else None
            case _:
                return None

    def _is_view(self, types: Types, field: str) -> bool:
        return any(
            isinstance(kind, LockValue)
            and (form := kind.api.context_form(field)) is not None
            and form.is_attribute
            for kind in types
        )


def _only(bindings: tuple[Binding, ...]) -> Binding | None:
    """The one binding that is not None, if there is just one and nothing is put into it."""
    found = [binding for binding in bindings if not _is_none(binding.value)]
    return found[0] if len(found) == 1 and not found[0].element else None


def _is_none(value: Value) -> bool:
    return isinstance(value, (Opaque, Operation)) or (
        isinstance(value, Literal) and value.text == "None"
    )


def _callee(value: CallValue) -> tuple[str, ...]:
    return value.callee.names if isinstance(value.callee, Ref) else ()


def sibling(decl: FunctionDecl, local: str) -> str | None:
    """Return the attribute that names a local which is stored in several: plain stores first."""
    over: list[tuple[bool, int, str]] = []
    for name, bindings in decl.self_bindings.items():
        for binding in bindings:
            value = binding.value
            if value == Ref((local,)):
                over.append((False, binding.line, name))
            elif isinstance(value, CallValue) and Ref((local,)) in (
                *value.arguments[:1],
                *(argument for key, argument in value.keywords if key == "lock"),
            ):
                over.append((True, binding.line, name))
    return min(over)[2] if over else None


def _last_name(decorator: Value) -> str:
    callee = decorator.callee if isinstance(decorator, CallValue) else decorator
    return callee.names[-1] if isinstance(callee, Ref) else ""


@lru_cache(maxsize=4096)
def call_value(arguments: str | None) -> CallValue | None:
    """Return a call with these arguments, ``name, default``, or None if they cannot be read."""
    if not arguments:
        return CallValue(Ref(("f",)))
    try:
        node = ast.parse(f"f({arguments})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    value = value_of(node)
    return value if isinstance(value, CallValue) else None


@lru_cache(maxsize=4096)
def _first_argument(arguments: str | None) -> str:
    """Return the text of the first argument if it is positional, else an empty text."""
    try:
        node = ast.parse(f"f({arguments})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    if not isinstance(node, ast.Call) or not node.args:
        return ""
    return ast.unparse(node.args[0])
