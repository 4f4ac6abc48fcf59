"""Type inference over the declarations: what a value of the code may be.

Lazy, memoised, guarded against cycles, and bounded: each query may take `MAX_STEPS` steps and
`MAX_DEPTH` nested ones; beyond that its result is unknown.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from locklint.frontend.annotations import Annotations
from locklint.frontend.arguments import Arguments
from locklint.frontend.attributes import Attributes
from locklint.frontend.calls import Calls
from locklint.frontend.construction import Construction
from locklint.frontend.families import Families
from locklint.frontend.project import Found, Project
from locklint.frontend.questions import MAX_DEPTH, MAX_STEPS, Questions
from locklint.frontend.receivers import declares
from locklint.frontend.trace import InterfaceKind
from locklint.frontend.value_types import (
    NONE,
    UNKNOWN,
    AliasType,
    CallableType,
    ClassRef,
    ClassType,
    ContainerType,
    ExternalInstance,
    FunctionType,
    InstanceType,
    LambdaType,
    LockValue,
    ModuleType,
    NameType,
    NoneType,
    Scope,
    Type,
    Types,
    UnknownType,
    scope_of,
    settle,
    union,
    union_of_bindings,
    without_none,
)
from locklint.index.declarations import (
    AttributeValue,
    Awaited,
    Binding,
    CallValue,
    Choice,
    Element,
    Entered,
    FunctionDecl,
    Generic,
    Items,
    LambdaValue,
    Literal,
    ModuleIndex,
    Opaque,
    Operation,
    Ref,
    Value,
    is_alias,
)
from locklint.ir.access_path import as_written, is_set_apart
from locklint.ir.lock import Exactness, LockKind
from locklint.models.graded_names import ELEMENT, FOREIGN_FUNCTION
from locklint.models.six_moves import standard_name
from locklint.models.table import LockTable

_BUILTIN_NAMES = frozenset(dir(builtins))
_OPAQUE = Opaque()


class Inference(Questions):
    """Types of values; its parts are for attributes, calls, annotations and arguments."""

    def __init__(
        self, project: Project, table: LockTable, families: Families | None = None
    ) -> None:
        """``families``: see `Arguments`."""
        super().__init__(project.trace)
        self.project = project
        self.table = table
        self.attributes = Attributes(self)
        self.construction = Construction(self, self.attributes)
        self.annotations = Annotations(self, self.construction)
        self.arguments = Arguments(self, self.annotations, self.attributes, families)
        self.calls = Calls(self, self.attributes, self.construction, self.annotations)
        self.learnt: dict[str, LockKind] = {}
        self._again: dict[str, dict[str, list[str]]] = {}

    def learn(self, dotted: str, kind: LockKind) -> None:
        """Add the fact that something outside the project makes, or is, a lock."""
        if dotted not in self.learnt:
            self.learnt[dotted] = kind
            self.drop_results()

    def forget(self) -> None:
        """Drop all cached results; they are computed again when needed."""
        self.begin()
        self.drop_results()
        self.attributes.forget()

    @property
    def knowledge(self) -> int:
        """Return a mark that changes with all facts on which results depend.

        A new query that has not changed it has the same result as long as it stays the same.
        """
        return self._kept

    # Values

    def value(self, value: Value, scope: Scope) -> Types:
        """Return the types that an expression, as written in a scope, may have."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            return UNKNOWN
        if self._depth >= MAX_DEPTH:
            self._give_up_in(())
            return UNKNOWN
        self._depth += 1
        try:
            if value.__class__ is Ref:
                return self.names(value.names, scope)
            return self._value(value, scope)
        finally:
            self._depth -= 1

    def _value(self, value: Value, scope: Scope) -> Types:
        match value:
            case CallValue():
                return self.calls.call_all(self.calls.callee_types(value, scope), value, scope)
            case Literal(text=text):
                return _literal(text)
            case AttributeValue(of=of, name=name):
                return self.attribute_of_all(self.value(of, scope), name)
            case Choice(options=options):
                return self._choice(options, scope)
            case Items(elements=elements, keys=keys):
                return (self._items(elements, keys, scope),)
            case Element(of=of, key=key):
                return self.element_of_all(self.value(of, scope), key)
            case LambdaValue():
                return (LambdaType(value, scope),)
            case Operation(operands=operands):
                return self._operation(operands, scope)
            case Awaited(of=of):
                return self.value(of, scope)
            case Entered(of=of):
                return self.calls.entered(self.value(of, scope))
            case Generic(of=of):
                if is_alias(value):
                    return (AliasType(self.annotations.types(value, scope)),)
                return self.value(of, scope)
            case _:
                return UNKNOWN

    def _choice(self, options: tuple[Value, ...], scope: Scope) -> Types:
        parts: list[Types] = []
        alternatives = [self.value(option, scope) for option in options]
        for position, (option, types) in enumerate(zip(options, alternatives, strict=True)):
            others = any(
                other and other != NONE
                for place, other in enumerate(alternatives)
                if place != position
            )
            if others and not isinstance(option, Literal):
                # In `x or Lock()`, and in longer forms of it, x is not None if it is chosen.
                types = without_none(types)
            parts.append(types)
        return union(*parts)

    def _operation(self, operands: tuple[Value, ...], scope: Scope) -> Types:
        found: Types = ()
        for operand in operands:
            types = without_none(self.value(operand, scope))  # None would have raised.
            if not all(isinstance(kind, (ExternalInstance, ContainerType)) for kind in types):
                return UNKNOWN
            found = union(found, types)
        return found

    def _items(
        self, elements: tuple[Value, ...], keys: tuple[str, ...], scope: Scope
    ) -> ContainerType:
        items = tuple(self.value(element, scope) for element in elements)
        if keys:
            return ContainerType("dict", items, keys if len(keys) == len(items) else ())
        starred = any(isinstance(element, Element) for element in elements)
        positions = () if starred else tuple(str(place) for place in range(len(items)))
        return ContainerType("list", items, positions)

    # Names

    def names(self, names: tuple[str, ...], scope: Scope) -> Types:
        """Return the meaning of a dotted name in a scope."""
        types = self.name(names[0], scope)
        if len(names) > 1:
            for name in names[1:]:
                types = self.attribute_of_all(types, name)
        return types

    def name(self, name: str, scope: Scope) -> Types:
        """Return the meaning of a bare name in a scope."""
        self._steps += 1
        if self._trace.is_on:
            self._trace.note(InterfaceKind.FILE, scope.path)
        if scope.given:
            known = scope.known(name)
            if known is not None:
                return known
        index = scope.index
        decl = scope.decl
        # Lowering sets the variables of comprehensions apart: ``lock%3``.
        apart = is_set_apart(name)
        if apart:
            name = as_written(name)
        while decl is not None:
            if name in decl.comprehensions and (apart or not declares(decl, name)):
                return self._comprehension(name, decl, index)
            if name in decl.globals:
                return self.global_name(name, index)
            if name not in decl.nonlocals and declares(decl, name):
                return self.local(name, decl, index)
            decl = index.functions.get(decl.parent) if decl.parent else None
        if scope.cls:
            return self._class_level(name, scope)
        return self.global_name(name, index)

    def _class_level(self, name: str, scope: Scope) -> Types:
        cls = ClassRef(scope.path, scope.cls, scope.index)
        decl = cls.decl
        if name in decl.attributes or name in decl.methods:
            return self.attributes.of_class(cls, name)
        if f"{scope.cls}.{name}" in scope.index.classes:
            return (ClassType(ClassRef(scope.path, f"{scope.cls}.{name}", scope.index)),)
        holder = decl.parent or ""
        if holder in scope.index.functions:
            return self.name(name, scope_of(scope.index, function=holder))
        return self.global_name(name, scope.index)

    def local(self, name: str, decl: FunctionDecl, index: ModuleIndex) -> Types:
        """Return the types that a local or parameter of a function may have."""
        key = ("local", index.path, decl.qualname, name)
        return self.memoised(key, lambda: self._local(name, decl, index))

    def _comprehension(self, name: str, decl: FunctionDecl, index: ModuleIndex) -> Types:
        key = ("comprehension", index.path, decl.qualname, name)
        identity = f"{index.key}.{decl.qualname}.<locals>.{name}"
        bindings = decl.comprehensions[name]
        return self.memoised(
            key, lambda: settle(self.bindings(bindings, index, []), identity, Exactness.FRESH)
        )

    def _local(self, name: str, decl: FunctionDecl, index: ModuleIndex) -> Types:
        parts: list[Types] = []
        identity = f"{index.key}.{decl.qualname}.<locals>.{name}"
        for position, parameter in enumerate(decl.parameters):
            if parameter.name == name:
                found = self.arguments.parameter(decl, parameter, position, index)
                parts.append(settle(_unnamed(found), identity, Exactness.UNKNOWN))
        inner = decl.inner.get(name)
        if inner is not None:
            parts.append(self.definition(index, inner))
        if name in decl.imports:
            parts.append(self.absolute(decl.imports[name], index))
        bindings = decl.locals.get(name, ())
        if bindings:
            found = self.bindings(bindings, index, parts)
            return settle(found, identity, Exactness.FRESH)
        return union(*parts)

    def passed_locks(
        self, decl: FunctionDecl, position: int, index: ModuleIndex, optional: bool
    ) -> Types:
        """Return the lock that all calls of a function pass, with the name of its place.

        If the parameter is ``optional``, there is none where a call passes nothing.
        """
        key = ("passed", index.path, decl.qualname, str(position))
        return self.memoised(key, lambda: self.arguments.locks(decl, position, index, optional))

    def global_name(self, name: str, index: ModuleIndex) -> Types:
        """Return the types that a name of a file's module scope, or a builtin, may have."""
        key = ("global", index.path, name)
        return self.memoised(key, lambda: self._global(name, index))

    def _global(self, name: str, index: ModuleIndex) -> Types:
        parts: list[Types] = []
        if name in index.classes or name in index.functions:
            parts += [self.definition(index, each) for each in self._definitions(name, index)]
        if name in index.imports:
            parts.append(self.absolute(index.imports[name], index))
            for other in index.other_imports.get(name, ()):
                parts.append(self.absolute(other, index))
        if name in index.bindings:
            found = self.bindings(index.bindings[name], index, parts)
            # A name that is also imported means the import first.
            return settle(found, f"{index.key}.{name}", Exactness.ONE)
        if parts:
            return union(*parts)
        return self._starred(name, index)

    def _definitions(self, name: str, index: ModuleIndex) -> Sequence[str]:
        """Return the qualified names of a name's definitions, of which a test chooses one.

        Definitions for type checkers alone are left out.
        """
        again = self._again.get(index.path)
        if again is None:
            again = self._again[index.path] = {}
            for qualname, decl in index.functions.items():
                if "@" in qualname and decl.class_name is None and decl.parent is None:
                    again.setdefault(decl.name, []).append(qualname)
        if name not in again:
            return (name,)
        functions = [each for each in (name, *again[name]) if each in index.functions]
        real = [each for each in functions if not _is_overload(index.functions[each])]
        return real if name in index.functions else (name, *real)

    def _starred(self, name: str, index: ModuleIndex) -> Types:
        external: str | None = None
        for star in index.star_imports:
            if self.table.kind_for_constructor(f"{star}.{name}") is not None:
                return (NameType(f"{star}.{name}"),)
            module = self.project.module(star, index)
            if module is None:
                external = external or star
                continue
            types = self.global_name(name, module)
            if types and types != UNKNOWN and types != (NameType(f"builtins.{name}"),):
                return types
        if name in _BUILTIN_NAMES:
            return (NameType(f"builtins.{name}"),)
        return (NameType(f"{external}.{name}"),) if external is not None else UNKNOWN

    def definition(self, index: ModuleIndex, qualname: str) -> Types:
        """A class or function by its qualified name."""
        if qualname in index.classes:
            return (ClassType(ClassRef(index.path, qualname, index)),)
        if qualname in index.functions:
            return (FunctionType(index.path, qualname, index),)
        return UNKNOWN

    def absolute(self, dotted: str, near: ModuleIndex) -> Types:
        """Return the meaning of an absolute dotted name, as seen from a file."""
        dotted = standard_name(dotted)
        if self.knows(dotted):
            return self._known_name(dotted)
        found = self.project.resolve(dotted, near)
        if found is not None and not (found.rest and not found.name):
            return self.found(found)
        return self._known_name(self.project.external_name(dotted, near))

    def knows(self, dotted: str) -> bool:
        """Return whether the tables know a lock by that name.

        They come before any source: a library that is itself in the project is modelled, too.
        """
        table = self.table
        return (
            table.kind_for_constructor(dotted) is not None or table.module_lock(dotted) is not None
        )

    def _known_name(self, dotted: str) -> Types:
        kind = self.table.module_lock(dotted)
        if kind is not None:
            return (LockValue(kind.name, kind, dotted, Exactness.ONE),)
        return (NameType(dotted),)

    def found(self, found: Found) -> Types:
        """Return the types of a place in the project, with the attributes that follow."""
        index = found.index
        types: Types
        if not found.name:
            types = (ModuleType(index.path, index),)
        elif found.name in index.classes or found.name in index.functions:
            types = self.definition(index, found.name)
            if found.name in index.bindings or found.name in index.imports:
                types = self.global_name(found.name, index)
        else:
            types = self.global_name(found.name, index)
        for name in found.rest:
            types = self.attribute_of_all(types, name)
        return types

    # Bindings

    def bindings(
        self, bindings: Iterable[Binding], index: ModuleIndex, known: list[Types], cls: str = ""
    ) -> Types:
        """Return the types of a name or attribute after any of its bindings, added to the known.

        ``cls`` is the class whose body makes those bindings that no function makes.
        """
        held = [(types, False) for types in known]
        filled: list[tuple[str | None, Types]] = []
        for binding in bindings:
            types = self.binding(binding, index, cls)
            if binding.element:
                filled.append((binding.key, types))
                continue
            held.append((types, binding.is_declaration))
        types = union_of_bindings(held)
        return _filled(types, filled) if filled else types

    def binding(self, binding: Binding, index: ModuleIndex, cls: str = "") -> Types:
        """Return the types of one binding; an annotation is used where the value is unknown."""
        scope = scope_of(index, binding.function, "" if binding.function else cls)
        types = () if binding.value == _OPAQUE else self.value(binding.value, scope)
        if binding.annotation is not None:
            types = self.annotations.refine(types, binding.annotation, scope)
        return types or (UNKNOWN if binding.value == _OPAQUE else ())

    # Parts of values

    def call(self, callee: Type, call: CallValue | None, scope: Scope) -> Types:
        """Return the results of calling one alternative; ``call`` None: arguments are unknown."""
        return self.calls.call(callee, call, scope)

    def results(self, callees: Types) -> Types:
        """Return the results of calling any of the alternatives, with any arguments."""
        return self.calls.results(callees)

    def attribute_of_all(self, types: Types, name: str) -> Types:
        """An attribute of any of the alternatives."""
        if len(types) == 1:
            return self.attributes.of(types[0], name)
        return union(*[self.attributes.of(kind, name) for kind in types])

    def element_of_all(self, types: Types, key: str | None) -> Types:
        """An element of any of the alternatives."""
        if len(types) == 1:
            return union(self.element(types[0], key))
        return union(*[self.element(kind, key) for kind in types])

    def element(self, kind: Type, key: str | None) -> Types:
        """An element (of a subscript, or of iterating) of one alternative."""
        match kind:
            case ContainerType(items=items, keys=keys):
                if key is not None and key in keys:
                    # A value that was put in without a key may have replaced it.
                    return union(items[keys.index(key)], *items[len(keys) :])
                if key is not None and keys and kind.name == "object":
                    return union(*items[len(keys) :]) or UNKNOWN
                return kind.all_items() or UNKNOWN
            case InstanceType():
                method = "__getitem__"
                functions = self.attributes.of(kind, method)
                return self.results(functions)
            case NameType() | ClassType() | CallableType():
                return (kind,)  # `Queue[int]` is the class itself.
            case NoneType():
                return ()
            case ExternalInstance(dotted=dotted) if FOREIGN_FUNCTION.fullmatch(
                f"{dotted}.{ELEMENT}"
            ):
                return (NameType(f"{dotted}.{ELEMENT}"),)
            case _:
                return UNKNOWN

    def iterated(self, types: Types) -> Types:
        """Return the types of the elements of an iteration."""
        return self.element_of_all(types, None)


def _filled(types: Types, filled: list[tuple[str | None, Types]]) -> Types:
    """The containers among the alternatives, with what was put into them.

    If the container itself comes from elsewhere, a value that is put in under a literal key says
    nothing about the values of other keys.
    """
    together = union(*[types for _, types in filled])
    result: list[Type] = []
    any_container = False
    for kind in types:
        if isinstance(kind, ContainerType):
            any_container = True
            kind = replace(kind, items=(*kind.items, together))
        result.append(kind)
    if not any_container and not any(isinstance(kind, (InstanceType, LockValue)) for kind in types):
        result = [kind for kind in result if not isinstance(kind, UnknownType)]
        by_key: dict[str, Types] = {}
        for key, put in filled:
            if key is not None:
                by_key[key] = union(by_key.get(key, ()), put)
        rest = tuple(put for key, put in filled if key is None)
        items = (*by_key.values(), union(*rest)) if rest else tuple(by_key.values())
        result.append(ContainerType("object", items, tuple(by_key)))
    return tuple(result)


def _unnamed(types: Types) -> Types:
    """Locks of unknown origin: what is handed over by callers keeps no identity."""
    return tuple(
        replace(kind, identity="", exactness=Exactness.UNKNOWN)
        if isinstance(kind, LockValue)
        else kind
        for kind in types
    )


_LITERAL_TYPES = {
    "True": "builtins.bool",
    "False": "builtins.bool",
    "Ellipsis": "builtins.ellipsis",
}


def _literal(text: str) -> Types:
    if text == "None":
        return NONE
    known = _LITERAL_TYPES.get(text)
    if known is None:
        if text[0] in "'\"":
            known = "builtins.str"
        elif text[0] == "b":
            known = "builtins.bytes"
        elif "j" in text:
            known = "builtins.complex"
        elif text.lstrip("-").isdigit():
            known = "builtins.int"
        else:
            known = "builtins.float"
    return (ExternalInstance(known),)


def _is_overload(decl: FunctionDecl) -> bool:
    return any(isinstance(d, Ref) and d.names[-1] == "overload" for d in decl.decorators)
