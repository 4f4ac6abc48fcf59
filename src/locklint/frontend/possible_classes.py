"""Classes of which an object is exactly, and not only an instance.

The class is known where the code makes the object, and a test leaves out some of the others. If
nothing says which one it is, each is possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from locklint.frontend.class_test import ClassTest, OfClass, OfConstant
from locklint.frontend.inference import Inference
from locklint.frontend.project import MAX_SUBCLASSES
from locklint.frontend.receivers import declares
from locklint.frontend.slots import Place
from locklint.frontend.value_types import (
    ClassRef,
    ClassType,
    ExternalInstance,
    FunctionType,
    InstanceType,
    NameType,
    NoneType,
    Scope,
    Type,
    Types,
    UnknownType,
    scope_of,
    union,
)
from locklint.index.declarations import (
    Binding,
    CallValue,
    Choice,
    Element,
    Entered,
    FunctionDecl,
    Items,
    Literal,
    Ref,
    Value,
)
from locklint.ir.access_path import AccessPath, ResultField, as_written, is_set_apart

_MAX_HOPS = 4
"""The largest number of bindings and calls in a row through which an object is followed."""

_FALSE = frozenset(("False", "None", "0", "0.0", "''", "b''"))
"""The texts of constants that are false."""

Exact = frozenset[ClassRef]


class PossibleClasses:
    """Finder of the classes of objects."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    # Tests

    def limited(
        self, scope: Scope, tests: Iterable[tuple[ClassTest, Types]], types: Types
    ) -> Scope:
        """Return the scope in which each test has had its outcome; all are of one path.

        ``types`` are those of the path. With each test are the types of the classes that it names.
        """
        tests = [(test, classes) for test, classes in tests if _is_told(test, classes)]
        kept: list[Type] = []
        excluded: set[ClassRef] = set()
        for kind in types:
            if isinstance(kind, InstanceType):
                family = (kind.cls, *self._inference.project.subclasses(kind.cls))
                if len(family) > MAX_SUBCLASSES:
                    kept.append(kind)
                    continue
                left_out: set[ClassRef] = set()
                for test, classes in tests:
                    others = [cls for cls in family if not self._admits(test, classes, cls)]
                    # A value that seems to be the same in all classes may be a computed one.
                    if isinstance(test, OfClass) or len(others) < len(family):
                        left_out.update(others)
                excluded |= left_out
                possible = [cls for cls in family if cls not in left_out]
                kept += [replace(kind, cls=cls) for cls in self._roots(possible)]
            elif all(_admits_outside(test, classes, kind, types) for test, classes in tests):
                kept.append(kind)
        if all(isinstance(kind, UnknownType) for kind in kept):
            said = self._said(tests, scope)
            kept = list(said) if said else kept
        path = str(next(test.path for test, _ in tests)) if tests else ""
        if not path or (not excluded and tuple(kept) == types):
            return scope
        return replace(
            scope,
            given=(*scope.given, (path, union(kept))),
            excluded=(*scope.excluded, (path, frozenset(excluded))),
        )

    def _admits(self, test: ClassTest, classes: Types, cls: ClassRef) -> bool:
        """Return whether an object that is exactly of a class may pass a test."""
        match test:
            case OfClass(outcome=outcome, exactly=exactly):
                line = (cls,) if exactly else self._inference.project.mro(cls)
                found = any(
                    kind.cls in line if isinstance(kind, ClassType) else kind.dotted in line
                    for kind in classes
                    if isinstance(kind, ClassType | NameType)
                )
                if outcome and not found and not exactly:
                    # A base outside the project may have any other one.
                    is_open = any(isinstance(kind, NameType) for kind in classes)
                    return is_open and any(isinstance(one, str) for one in line)
                return found is outcome
            case OfConstant(name=name, constant=constant, outcome=outcome):
                text = self._constant(cls, name)
                if text is None:
                    return True
                is_so = text == repr(constant.value) if constant else text not in _FALSE
                return is_so is outcome

    def _constant(self, cls: ClassRef, name: str) -> str | None:
        """Return the text of the constant that all objects of a class have there, or None."""
        inference = self._inference
        slot = inference.attributes.slot(cls, name)
        bound = [place for place in slot.places if not place.binding.is_declaration]
        if slot.method is not None or not bound or not all(place.on_class for place in bound):
            return None
        if any(inference.project.attribute_stores(name)):
            return None
        match [each.binding.value for each in bound if each.owner == bound[0].owner]:
            case [Literal(text=text)]:
                return text
            case _:
                return None

    def _roots(self, classes: list[ClassRef]) -> Iterator[ClassRef]:
        """Yield the classes of which no other one is an ancestor."""
        for cls in classes:
            line = self._inference.project.mro(cls)
            if not any(other != cls and other in line for other in classes):
                yield cls

    def _said(self, tests: list[tuple[ClassTest, Types]], scope: Scope) -> Types:
        """Return instances of the classes that a test has found an unknown object to be of."""
        for test, classes in tests:
            if isinstance(test, OfClass) and test.outcome:
                return self._inference.annotations.instances(classes, scope)
        return ()

    # Objects that the code makes

    def made(self, scope: Scope, path: AccessPath) -> Exact | None:
        """Return the classes of which the code makes the object at a path, or None if not known."""
        names = [field for field in path.fields if isinstance(field, str)]
        if len(names) == len(path.fields):
            return self._made(Ref((path.root_name, *names)), scope, _MAX_HOPS)
        if isinstance(path.last, ResultField) and len(names) == len(path.fields) - 1:
            return self._called(Ref((path.root_name, *names)), scope, _MAX_HOPS)
        return None

    def _made(self, value: Value, scope: Scope, hops: int) -> Exact | None:
        if hops < 0:
            return None
        match value:
            case Literal(text="None"):
                return frozenset()
            case CallValue(callee=callee):
                return self._called(callee, scope, hops)
            case Choice(options=options):
                return _together(self._made(option, scope, hops) for option in options)
            case Entered(of=of):
                return self._entered(of, scope, hops)
            case Ref(names=(name,)):
                bound = self._bindings(name, scope)
                return None if bound is None else self._of_bindings(bound, hops)
            case Ref(names=(*holder, name)):
                return self._held(self._inference.names(tuple(holder), scope), name, hops)
            case _:
                return None

    def _of_bindings(self, bound: list[tuple[Binding, Scope]], hops: int) -> Exact | None:
        if any(binding.element for binding, _ in bound):
            return None
        return _together(
            self._made(binding.value, where, hops - 1)
            for binding, where in bound
            if not binding.is_declaration
        )

    def _bindings(self, name: str, scope: Scope) -> list[tuple[Binding, Scope]] | None:
        """Return all bindings of a variable, or None if it is not bound by assignments alone."""
        index, decl = scope.index, scope.decl
        apart = is_set_apart(name)
        name = as_written(name)
        bindings: tuple[Binding, ...] = ()
        while decl is not None:
            if name in decl.comprehensions and (apart or not declares(decl, name)):
                bindings = decl.comprehensions[name]
                break
            if name not in decl.nonlocals and name not in decl.globals and declares(decl, name):
                if name in decl.inner or name in decl.imports or _is_parameter(decl, name):
                    return None
                bindings = decl.locals[name]
                break
            decl = index.functions.get(decl.parent) if decl.parent else None
        else:
            if name in index.imports:
                found = self._inference.project.resolve(index.imports[name], index)
                if found is None or found.rest:
                    return None
                index, name = found.index, found.name
            if name in index.imports or name in index.classes or name in index.functions:
                return None
            bindings = index.bindings.get(name, ())
        return [(one, scope_of(index, one.function)) for one in bindings] or None

    def _held(self, holders: Types, name: str, hops: int) -> Exact | None:
        """Return the classes of which an attribute's objects are made."""
        found: list[Exact | None] = []
        project, attributes = self._inference.project, self._inference.attributes
        for kind in holders:
            if not isinstance(kind, InstanceType) or any(project.attribute_stores(name)):
                return None
            places: dict[Place, None] = {}
            for cls in (kind.cls, *project.subclasses(kind.cls)):
                slot = attributes.slot(cls, name)
                if slot.method is not None:
                    return None
                places.update(dict.fromkeys(slot.places))
            if any(place.on_class and place.binding.annotation is not None for place in places):
                return None  # A constructor that is not written may bind it.
            bound = [
                (place.binding, scope_of(place.owner.index, place.binding.function))
                for place in places
            ]
            found.append(self._of_bindings(bound, hops) if bound else None)
        return _together(found) if found else None

    def _called(self, callee: Value, scope: Scope, hops: int) -> Exact | None:
        """Return the classes of which a call makes its result."""
        classes = self._named(callee, scope, hops)
        if classes is not None:
            return classes
        found: list[Exact | None] = []
        project, attributes = self._inference.project, self._inference.attributes
        for kind in self._inference.value(callee, scope):
            if not isinstance(kind, FunctionType) or kind.decl.decorators or not kind.decl.returns:
                return None
            if isinstance(kind.receiver, InstanceType):
                for heir in project.subclasses(kind.receiver.cls):
                    if attributes.method(heir, kind.decl.name) != attributes.method(
                        kind.receiver.cls, kind.decl.name
                    ):
                        return None
            where = scope_of(kind.index, kind.qualname)
            found += [self._made(value, where, hops - 1) for value in kind.decl.returns]
        return _together(found) if found else None

    def _named(self, value: Value, scope: Scope, hops: int) -> Exact | None:
        """Return the classes that a value is, written by their names, or None for anything else.

        The class that a parameter or attribute holds may be a subclass.
        """
        if hops < 0:
            return None
        match value:
            case Choice(options=options) | Items(elements=options, keys=()):
                return _together(self._named(option, scope, hops) for option in options)
            case Element(of=of):
                return self._named(of, scope, hops - 1)
            case Ref(names=names):
                bound = self._bindings(names[0], scope)
                if bound is not None and len(names) == 1:
                    return _together(
                        self._named(binding.value, where, hops - 1) for binding, where in bound
                    )
                if bound is not None or self._is_parameter(names[0], scope):
                    return None
                types = self._inference.names(names, scope)
                found = [kind.cls for kind in types if isinstance(kind, ClassType)]
                return frozenset(found) if found and len(found) == len(types) else None
            case _:
                return None

    def _is_parameter(self, name: str, scope: Scope) -> bool:
        decl = scope.decl
        while decl is not None:
            if declares(decl, name):
                return _is_parameter(decl, name)
            decl = scope.index.functions.get(decl.parent) if decl.parent else None
        return False

    def _entered(self, of: Value, scope: Scope, hops: int) -> Exact | None:
        """Return the classes of what ``with`` binds, if the manager gives itself."""
        made = self._made(of, scope, hops)
        for cls in made or ():
            enter = self._inference.attributes.method(cls, "__enter__")
            decl = None if enter is None else enter.decl
            if decl is None or not decl.parameters:
                return None
            if any(value != Ref((decl.parameters[0].name,)) for value in decl.returns):
                return None
        return made


def _is_parameter(decl: FunctionDecl, name: str) -> bool:
    return any(parameter.name == name for parameter in decl.parameters)


def _together(parts: Iterable[Exact | None]) -> Exact | None:
    """Return all classes, or None if some are not known."""
    found: set[ClassRef] = set()
    for part in parts:
        if part is None:
            return None
        found |= part
    return frozenset(found)


def _is_told(test: ClassTest, classes: Types) -> bool:
    """Return whether the classes that a test names are known."""
    return isinstance(test, OfConstant) or all(
        isinstance(kind, ClassType | NameType) for kind in classes
    )


def _admits_outside(test: ClassTest, classes: Types, kind: Type, types: Types) -> bool:
    """Return whether something other than an object of the project may pass a test.

    One of ``types``, among which it is. Of a library's class it is not known of which others it is
    a subclass.
    """
    if isinstance(test, OfConstant):
        return True
    if isinstance(kind, NoneType):
        return not test.outcome
    if not isinstance(kind, ExternalInstance):
        return True
    tested = {one.dotted for one in classes if isinstance(one, NameType)}
    if kind.dotted in tested:
        return test.outcome
    if not test.outcome:
        return True
    others = [one.dotted for one in types if isinstance(one, ExternalInstance)]
    return not any(one in tested for one in others)
