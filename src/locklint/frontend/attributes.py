"""Types of attributes, through classes, their ancestors, modules and library types."""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from locklint.core.diagnostic import Confidence
from locklint.frontend.evaluator import Evaluator
from locklint.frontend.project import hides_submodule
from locklint.frontend.receivers import is_method, takes_class
from locklint.frontend.slots import Place, Slot, stored_parameter
from locklint.frontend.value_types import (
    UNKNOWN,
    ClassRef,
    ClassType,
    ContainerMethod,
    ContainerType,
    ExternalInstance,
    FunctionType,
    InstanceType,
    LockMethod,
    LockValue,
    ModuleType,
    NameType,
    NoneType,
    SuperType,
    Type,
    Types,
    are_known,
    scope_of,
    settle,
    union,
    union_of_bindings,
    weaken,
    without_unknown,
)
from locklint.index.declarations import (
    Binding,
    CallValue,
    FunctionDecl,
    Literal,
    ModuleIndex,
    Ref,
    Value,
)
from locklint.ir.lock import Exactness
from locklint.models.six_moves import standard_name

PROPERTIES = frozenset(
    ("property", "cached_property", "abstractproperty", "classproperty", "reify", "lazyproperty")
)
_CONTAINER_METHODS = frozenset(dir(dict)) | frozenset(dir(list)) | frozenset(dir(deque))
DESCRIPTOR_METHODS = ("__get__", "__set__")
_NO_ATTRIBUTES = frozenset(
    (
        "builtins.object",
        "abc.ABC",
        "typing.Generic",
        "typing.Protocol",
        "typing_extensions.Protocol",
        "typing.NamedTuple",
    )
)


class Attributes:
    """Looks attributes up."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._slots: dict[tuple[ClassRef, str], Slot] = {}
        self._stores: dict[ClassRef, dict[str, list[Place]]] = {}
        self._by_class: dict[str, dict[str, list[FunctionDecl]]] = {}

    def forget(self) -> None:
        """Drop all cached results."""
        self._slots.clear()
        self._stores.clear()
        self._by_class.clear()

    def of(self, kind: Type, name: str) -> Types:
        """An attribute of one alternative."""
        match kind:
            case InstanceType(cls=cls, confidence=confidence):
                found = self.of_instance(cls, name)
                return found if confidence is Confidence.HIGH else weaken(found, confidence)
            case ClassType(cls=cls):
                if name == "__new__":
                    return UNKNOWN
                return self.of_class(cls, name)
            case SuperType(cls=cls, of_class=of_class):
                return self._of_super(cls, name, of_class)
            case LockValue():
                return self._of_lock(kind, name)
            case ModuleType(index=index):
                return self._of_module(index, name)
            case NameType(dotted=dotted, member=member):
                return self._of_name(dotted, name, member)
            case ExternalInstance(dotted=dotted):
                return self._of_external(dotted, name)
            case ContainerType(cls=ClassRef() as cls) if name not in _CONTAINER_METHODS:
                return self.of_instance(cls, name)
            case ContainerType():
                return (ContainerMethod(kind, name),)
            case FunctionType():
                return self._of_function(kind, name)
            case NoneType():
                return ()
            case _:
                return UNKNOWN

    def _of_module(self, index: ModuleIndex, name: str) -> Types:
        evaluator = self.evaluator
        dotted = f"{index.module}.{name}"
        if evaluator.knows(dotted):
            return evaluator.absolute(dotted, index)
        found = evaluator.project.resolve(dotted, index)
        if found is not None and found.index.path != index.path and not found.name:
            hidden = name in index.functions or hides_submodule(index, name)
            if name not in index.bindings and not hidden:
                return (ModuleType(found.index.path, found.index),)
        return evaluator.global_name(name, index)

    def _of_name(self, dotted: str, name: str, member: bool) -> Types:
        full = standard_name(f"{dotted}.{name}")
        if member:
            return self._member(full)
        evaluator = self.evaluator
        attribute = evaluator.table.attribute(dotted, name)
        if attribute is not None:
            return self._of_external(dotted, name)
        if evaluator.knows(full):
            return evaluator.absolute(full, _NOWHERE)
        found = evaluator.project.resolve(full)
        if found is not None and not (found.rest and not found.name):
            return evaluator.found(found)
        return (NameType(full),)

    def _of_external(self, dotted: str, name: str) -> Types:
        attribute = self.evaluator.table.attribute(dotted, name)
        if attribute is not None:
            kind = self.evaluator.table.kinds[attribute.kind_name]
            view, view_home = None, ""
            if attribute.alias_of is not None:
                over = self.evaluator.table.attribute(dotted, attribute.alias_of)
                if over is not None:
                    view, kind = kind, self.evaluator.table.kinds[over.kind_name]
                    view_home = f"{dotted}.{name}"
                    name = attribute.alias_of
            return (
                LockValue(
                    kind.name,
                    kind,
                    f"{dotted}.{name}",
                    Exactness.PER_INSTANCE,
                    view_kind=view,
                    view_home=view_home,
                ),
            )
        return self._member(f"{dotted}.{name}")

    def _member(self, dotted: str) -> Types:
        """An attribute of an instance of a type outside the project."""
        kind = self.evaluator.learnt.get(dotted)
        if kind is None:
            return (NameType(dotted, member=True),)
        return (
            LockValue(
                kind.name, kind, dotted, Exactness.PER_INSTANCE, confidence=Confidence.MEDIUM
            ),
        )

    def _of_lock(self, lock: LockValue, name: str) -> Types:
        if lock.cls is not None:
            slot = self.slot(lock.cls, name)
            if slot.places or slot.method is not None:
                return self.of_instance(lock.cls, name)
        form = lock.api.context_form(name)
        if form is not None and form.is_attribute:
            return (replace(lock, mode=form.mode),)
        attribute = self.evaluator.table.attribute(lock.api.name, name)
        if attribute is not None:
            owner = lock.identity or lock.api.name
            return tuple(
                kind
                if not isinstance(kind, LockValue)
                else LockValue(
                    kind.name,
                    kind.kind,
                    f"{owner}.{kind.identity.rpartition('.')[2]}",
                    lock.exactness if lock.identity else Exactness.PER_INSTANCE,
                    lock.confidence,
                    kind.view_kind,
                    kind.view_home and f"{owner}.{name}",
                )
                for kind in self._of_external(lock.api.name, name)
            )
        return (LockMethod(lock, name),)

    def _of_function(self, function: FunctionType, name: str) -> Types:
        """An attribute stored on a function: ``f.lock = Lock()``."""
        index = function.index
        stores = [
            binding
            for binding in index.attribute_stores.get(name, ())
            if isinstance(binding.receiver, Ref)
            and binding.receiver.names[-1] == function.decl.name
        ]
        if not stores:
            return UNKNOWN
        identity = f"{index.key}.{function.qualname}.{name}"
        return settle(self.evaluator.bindings(stores, index, []), identity, Exactness.ONE)

    # Classes

    def slot(self, cls: ClassRef, name: str) -> Slot:
        """Return everything known about an attribute of a class's instances."""
        key = (cls, name)
        trace = self.evaluator.project.trace
        known = self._slots.get(key)
        if known is None:
            begun = trace.begin()
            known = self._slots[key] = self._find_slot(cls, name)
            trace.end(begun, ("slot", key))
        elif trace.is_on:
            trace.use(("slot", key))
        return known

    def _find_slot(self, cls: ClassRef, name: str) -> Slot:
        places: list[Place] = []
        method: FunctionType | None = None
        external: str | None = None
        hidden = False  # by a class-level binding of a nearer class
        private = name.startswith("__") and not name.endswith("__")
        for ancestor in self.evaluator.project.mro(cls):
            if private and (places or method is not None):
                break  # A private name is another attribute in each class.
            if isinstance(ancestor, str):
                if external is None and ancestor not in _NO_ATTRIBUTES:
                    external = ancestor
                continue
            decl = ancestor.decl
            stores = self._stores.get(ancestor)
            if stores is None:
                stores = self._stores[ancestor] = self._find_stores(ancestor)
            if name in stores:
                places += stores[name]
            if name in decl.methods and method is None and not hidden:
                method = FunctionType(ancestor.path, decl.methods[name], ancestor.index)
            if name in decl.attributes:
                for binding in decl.attributes[name]:
                    places.append(Place(ancestor, binding, on_class=True))
                    hidden = True
        return Slot(tuple(places), method, external)

    def _find_stores(self, cls: ClassRef) -> dict[str, list[Place]]:
        """The bindings of attributes that the class's own methods make, in the order of lines."""
        table: dict[str, list[Place]] = {}
        for function in self.methods(cls):
            on_class = _binds_class(function)
            for attribute, bindings in function.self_bindings.items():
                places = table.setdefault(attribute, [])
                places.extend([Place(cls, binding, on_class) for binding in bindings])
        for places in table.values():
            places.sort(key=lambda place: place.binding.line)
        return table

    def methods(self, cls: ClassRef) -> list[FunctionDecl]:
        """All functions that the class's body defines, redefinitions (setters) included."""
        table = self._by_class.get(cls.path)
        if table is None:
            table = self._by_class[cls.path] = {}
            for function in cls.index.functions.values():
                if function.class_name:
                    table.setdefault(function.class_name, []).append(function)
        return table.get(cls.qualname, [])

    def of_instance(self, cls: ClassRef, name: str) -> Types:
        """An attribute of an instance of a project class."""
        key = ("instance", cls.path, cls.qualname, name)
        return self.evaluator.memoised(key, lambda: self._of_instance(cls, name))

    def _of_instance(self, cls: ClassRef, name: str) -> Types:
        if name == "__class__":
            return (ClassType(cls),)
        slot = self.slot(cls, name)
        if slot.method is not None:
            function = self.bind(slot.method, InstanceType(cls))
            if self.is_property(function):
                types = self.evaluator.results((function,))
                if not is_plain_property(function.decl):
                    owner = ClassRef(function.path, function.decl.class_name or "", function.index)
                    types = settle(types, f"{owner.identity}.{name}", Exactness.PER_INSTANCE)
                return types
            if not slot.places:
                return (function,)
        if not slot.places:
            nested = self._nested(cls, name)
            return (nested,) if nested is not None else self._outside(cls, slot, name)
        types = self._from_places(cls, slot, name)
        if all(isinstance(kind, NoneType) for kind in types):
            # ``child.on_gone = self._forget``: the class itself only says that there is none yet.
            return union(types, weaken(self._stored_elsewhere(cls, name), Confidence.MEDIUM))
        if all(isinstance(kind, ContainerType) and not kind.items for kind in types):
            types = self._filled_elsewhere(cls, name, types)
        if all(place.on_class for place in slot.places):
            # ``stop = close`` in the body of a class is a method by another name.
            receiver = InstanceType(cls)
            types = tuple(
                [
                    self.bind(each, receiver)
                    if isinstance(each, FunctionType) and not each.bound
                    else each
                    for each in types
                ]
            )
        return types if slot.method is None else union(types, (slot.method,))

    def _from_places(self, cls: ClassRef, slot: Slot, name: str) -> Types:
        places = slot.places
        identity = f"{slot.home.identity}.{name}" if slot.home else name
        types = self._bound(places, cls)
        for place in places:
            override = self._descriptor(place, cls)
            if override:
                return override
        exactness = Exactness.PER_INSTANCE
        if all(place.on_class and not self._is_field(place) for place in places):
            exactness = Exactness.ONE
        types = self._passed(places, types) or types
        return settle(self._with_overrides(cls, name, types), identity, exactness)

    def _passed(self, places: tuple[Place, ...], types: Types) -> Types:
        """Return the locks that all objects are given, as named by the place that holds them.

        Return nothing if the constructor does not keep what it is given, or the calls disagree.
        """
        if not any(isinstance(kind, LockValue) and not kind.is_named for kind in types):
            return ()
        bound = [place for place in places if place.binding.value != Literal("None")]
        stored = stored_parameter(bound[0], types) if len(bound) == 1 else None
        if stored is None:
            return ()
        views = [kind for kind in types if isinstance(kind, LockValue)]
        passed = self.evaluator.passed_locks(
            stored.decl, stored.position, bound[0].owner.index, stored.optional
        )
        if len({(kind.view_kind, kind.view_home) for kind in views}) != 1:
            return ()
        view = views[0]
        none = tuple([kind for kind in types if isinstance(kind, NoneType)])
        return union(
            [
                replace(kind, view_kind=view.view_kind, view_home=view.view_home)
                if view.view_kind
                else kind
                for kind in passed
                if isinstance(kind, LockValue)
            ],
            none if passed else (),
        )

    def _with_overrides(self, cls: ClassRef, name: str, types: Types) -> Types:
        """Add the kinds to which subclasses bind the attribute, or let a method bind it."""
        if not any(isinstance(kind, LockValue) or self._makes_locks(kind) for kind in types):
            return types
        found: list[Types] = []
        for subclass in self.evaluator.project.subclasses(cls):
            places = tuple(
                place
                for place in self.slot(subclass, name).places
                if place.owner == subclass
                or self._is_made_anew(place.binding, place.owner, subclass)
            )
            if places:
                found.append(weaken(self._bound(places, subclass), Confidence.MEDIUM))
        return union(types, *found) if found else types

    def _makes_locks(self, kind: Type) -> bool:
        """Return whether it is the class of a lock: ``lock_class = RLock`` in a subclass."""
        table = self.evaluator.table
        return isinstance(kind, NameType) and table.kind_for_constructor(kind.dotted) is not None

    def _bound(self, places: tuple[Place, ...], cls: ClassRef | None = None) -> Types:
        """Return the types of some bindings, in an object of the class ``cls`` if that is given."""
        held: list[Types] = []
        fills: dict[ClassRef, list[Binding]] = {}
        for place in places:
            fills.setdefault(place.owner, []).append(place.binding)
        known: list[tuple[Types, bool]] = []
        for owner, bindings in fills.items():
            plain = [binding for binding in bindings if not binding.element]
            for binding in plain:
                if cls is not None and self._is_made_anew(binding, owner, cls):
                    types = self._made_anew(binding, owner, cls)
                else:
                    types = self.evaluator.binding(binding, owner.index, owner.qualname)
                known.append((types, binding.is_declaration))
            elements = [binding for binding in bindings if binding.element]
            if elements:
                own = [types for types, _ in known]
                held.append(self.evaluator.bindings(elements, owner.index, own, owner.qualname))
        if not held:
            return union_of_bindings(known)
        is_declared = any(only and are_known(types) for types, only in known)
        return without_unknown(union(*held)) if is_declared else union(*held)

    def _is_made_anew(self, binding: Binding, owner: ClassRef, cls: ClassRef) -> bool:
        """Return whether a binding calls what a descendant of its class overrides.

        ``self._lock = self._make_lock()`` and ``self._lock = self.lock_factory()``.
        """
        maker = _own_maker(binding, owner) if cls != owner else None
        if maker is None:
            return False
        own, inherited = self.slot(cls, maker), self.slot(owner, maker)
        return (own.method, own.places[:1]) != (inherited.method, inherited.places[:1])

    def _made_anew(self, binding: Binding, owner: ClassRef, cls: ClassRef) -> Types:
        """Return the types of such a binding in an object of the descendant."""
        maker, call = _own_maker(binding, owner), binding.value
        if maker is None or not isinstance(call, CallValue):
            return UNKNOWN
        scope = scope_of(owner.index, binding.function)
        makers = self.of_instance(cls, maker)
        return union(*[self.evaluator.call(kind, call, scope) for kind in makers])

    def _descriptor(self, place: Place, cls: ClassRef) -> Types:
        """Return the value of ``name = property(getter)`` at class level."""
        value = place.binding.value
        if not (place.on_class and isinstance(value, CallValue) and value.arguments):
            return ()
        if not (isinstance(value.callee, Ref) and value.callee.names[-1] in PROPERTIES):
            return ()
        scope = scope_of(place.owner.index, cls=place.owner.qualname)
        getters = self.evaluator.value(value.arguments[0], scope)
        receiver = InstanceType(cls)
        return self.evaluator.results(
            tuple(
                self.bind(getter, receiver) if isinstance(getter, FunctionType) else getter
                for getter in getters
            )
        )

    def _is_field(self, place: Place) -> bool:
        """Return whether a class-level binding declares an attribute of instances, as a field."""
        binding = place.binding
        if binding.annotation is None and not isinstance(binding.value, CallValue):
            return False
        if isinstance(binding.value, CallValue):
            callee = binding.value.callee
            if isinstance(callee, Ref) and callee.names[-1] in FIELD_MAKERS:
                return True
        if binding.annotation is None:
            return False
        return bool(place.owner.decl.decorators) and not isinstance(binding.value, CallValue)

    def _outside(self, cls: ClassRef, slot: Slot, name: str) -> Types:
        """An attribute that no class of the project binds."""
        for ancestor in self.evaluator.project.mro(cls):
            if isinstance(ancestor, str):
                if self.evaluator.table.attribute(ancestor, name) is not None:
                    return self._of_external(ancestor, name)
        stored = self._stored_elsewhere(cls, name) or self._from_subclasses(cls, name)
        stored = stored or self._delegated(slot, cls, name)
        if stored:
            return stored
        if slot.external is not None:
            return self._member(f"{slot.external}.{name}")
        return UNKNOWN

    def _filled_elsewhere(self, cls: ClassRef, name: str, empty: Types) -> Types:
        """Return containers with what other code puts in: ``bus.listeners.append(self._x)``.

        That may be code about another object of the class.
        """
        stores = self.evaluator.project.attribute_stores(name)
        if not any(binding.element for _, binding in stores):
            return empty
        return (
            tuple(
                [
                    replace(kind, items=(*filled.items, UNKNOWN), keys=filled.keys)
                    for kind in empty
                    for filled in self._stored_elsewhere(cls, name)
                    if isinstance(kind, ContainerType) and isinstance(filled, ContainerType)
                ]
            )
            or empty
        )

    def _stored_elsewhere(self, cls: ClassRef, name: str) -> Types:
        """Stores through other names, in any file: ``obj.lock = Lock()``, ``Cls.lock = …``."""
        evaluator = self.evaluator
        instance: dict[str, list[Binding]] = {}
        shared: dict[str, list[Binding]] = {}
        indexes: dict[str, ModuleIndex] = {}
        for index, binding in evaluator.project.attribute_stores(name):
            if binding.receiver is None:
                continue
            scope = scope_of(index, binding.function)
            indexes[index.path] = index
            for kind in evaluator.value(binding.receiver, scope):
                match kind:
                    case InstanceType(cls=of) | ContainerType(cls=ClassRef() as of):
                        stores = instance
                    case ClassType(cls=of):
                        stores = shared
                    case _:
                        continue
                if self._related(of, cls):
                    stores.setdefault(index.path, []).append(binding)
        if not instance and not shared:
            return ()
        found = [
            evaluator.bindings([*instance.get(path, ()), *shared.get(path, ())], index, [])
            for path, index in indexes.items()
            if path in instance or path in shared
        ]
        exactness = Exactness.PER_INSTANCE if instance else Exactness.ONE
        return settle(union(*found), f"{cls.identity}.{name}", exactness)

    def _delegated(self, slot: Slot, cls: ClassRef, name: str) -> Types:
        """Return the attribute of the object to which ``__getattr__`` passes on, or ().

        It returns ``getattr(self.storage, name)``.
        """
        if slot.method is not None or (name[:2] == "__" and name[-2:] == "__"):
            return ()  # Python itself looks up special names in the class only.
        asking = self.slot(cls, "__getattr__").method
        if asking is None or len(asking.decl.parameters) != 2:
            return ()
        scope = scope_of(asking.index, asking.qualname)
        found: list[Types] = []
        for value in asking.decl.returns:
            match value:
                case CallValue(
                    callee=Ref(names=("getattr",)), arguments=(holder, Ref(names=names))
                ):
                    if names == (asking.decl.parameters[1].name,):
                        types = self.evaluator.value(holder, scope)
                        found.append(self.evaluator.attribute_of_all(types, name))
        return without_unknown(union(*found)) if found else ()

    def _from_subclasses(self, cls: ClassRef, name: str) -> Types:
        """Return the types of an attribute that subclasses bind for a mixin or abstract class.

        So do the other bases of a subclass of a mixin.
        """
        found: list[Types] = []
        homes: dict[str, None] = {}
        own = frozenset(self.evaluator.project.mro(cls))
        for subclass in self.evaluator.project.subclasses(cls):
            slot = self.slot(subclass, name)
            places = tuple(place for place in slot.places if place.owner not in own)
            if places:
                found.append(self._bound(places))
                homes.update(dict.fromkeys(place.owner.identity for place in places))
        if not found:
            return ()
        home = next(iter(homes)) if len(homes) == 1 else cls.identity
        types = settle(union(*found), f"{home}.{name}", Exactness.PER_INSTANCE)
        return weaken(types, Confidence.MEDIUM)

    def _related(self, one: ClassRef, other: ClassRef) -> bool:
        project = self.evaluator.project
        return one in project.mro(other) or other in project.mro(one)

    def of_class(self, cls: ClassRef, name: str) -> Types:
        """An attribute of a project class itself."""
        key = ("class", cls.path, cls.qualname, name)
        return self.evaluator.memoised(key, lambda: self._of_class(cls, name))

    def _of_class(self, cls: ClassRef, name: str) -> Types:
        nested = self._nested(cls, name)
        if nested is not None:
            return (nested,)
        slot = self.slot(cls, name)
        if slot.method is not None and not slot.places:
            return (self.bind(slot.method, ClassType(cls)),)
        places = tuple(place for place in slot.places if place.on_class)
        if not places:
            return self._outside(cls, slot, name)
        home = places[-1].owner
        types = self._bound(places)
        if any(map(self._makes_locks, types)):
            # `type(self).lock_class()` means that of the object's own class.
            types = self._with_overrides(cls, name, types)
        return settle(types, f"{home.identity}.{name}", Exactness.ONE)

    def _nested(self, cls: ClassRef, name: str) -> ClassType | None:
        """Return the class of that name in the body of a class or of one of its bases, or None."""
        for ancestor in self.evaluator.project.mro(cls):
            if isinstance(ancestor, ClassRef):
                nested = f"{ancestor.qualname}.{name}"
                if nested in ancestor.index.classes:
                    return ClassType(ClassRef(ancestor.path, nested, ancestor.index))
                if name in ancestor.decl.attributes or name in ancestor.decl.methods:
                    return None
        return None

    def _of_super(self, cls: ClassRef, name: str, of_class: bool) -> Types:
        receiver: InstanceType | ClassType = ClassType(cls) if of_class else InstanceType(cls)
        for ancestor in self.evaluator.project.mro(cls)[1:]:
            if isinstance(ancestor, str):
                if ancestor in _NO_ATTRIBUTES:
                    continue
                return (NameType(f"{ancestor}.{name}", member=True),)
            qualname = ancestor.decl.methods.get(name)
            if qualname is not None:
                function = FunctionType(ancestor.path, qualname, ancestor.index)
                function = self.bind(function, receiver)
                if self.is_property(function):
                    return self.evaluator.results((function,))
                return (function,)
            if name in ancestor.decl.attributes:
                return self.of_class(ancestor, name)
        return (NameType(f"builtins.object.{name}", member=True),) if name[:2] == "__" else UNKNOWN

    def method(self, cls: ClassRef, name: str) -> FunctionType | None:
        """The method of that name that an instance of the class has, if the project defines it.

        ``__enter__ = acquire`` gives a method another name.
        """
        slot = self.slot(cls, name)
        if slot.method is not None or not slot.places:
            return slot.method
        types = self.of_class(cls, name) if slot.places[0].on_class else ()
        match types:
            case (FunctionType() as function,) if function.decl.class_name:
                return function
            case _:
                return None

    def lock_of_method(self, kind: Type, method: str) -> str | None:
        """Return the attribute with the lock whose method a library's method is, or None."""
        table = self.evaluator.table
        match kind:
            case ExternalInstance(dotted=dotted):
                return table.passed_on(dotted, method)
            case InstanceType(cls=cls):
                slot = self.slot(cls, method)
                if slot.external is None or slot.places or slot.method is not None:
                    return None
                bases = [one for one in self.evaluator.project.mro(cls) if isinstance(one, str)]
                found = (table.passed_on(each, method) for each in bases)
                return next(filter(None, found), None)
            case _:
                return None

    def is_plain(self, cls: ClassRef, name: str) -> bool:
        """Return whether instances have the attribute for certain, and reading it runs no code."""
        slot = self.slot(cls, name)
        if slot.method is not None:
            return not self.is_property(self.bind(slot.method, InstanceType(cls)))
        return any(not place.binding.element for place in slot.places) and not any(
            self._descriptor(place, cls) for place in slot.places
        )

    def can_bind(self, cls: ClassRef, name: str) -> bool:
        """Return whether storing to the attribute runs no code of the class or of its bases."""
        if self.slot(cls, name).method is not None:
            return False
        has_room = self.slot(cls, "__slots__") == Slot() or bool(self.slot(cls, name).places)
        return has_room and self.slot(cls, "__setattr__") == Slot()

    def binds(self, kind: Type, name: str) -> bool:
        """Return whether a method of that name is bound to the value itself when it is read."""
        match kind:
            case InstanceType(cls=cls) | ClassType(cls=cls) | LockValue(cls=ClassRef() as cls):
                slot = self.slot(cls, name)
                held = [each for each in slot.places if each.binding.value != _NONE]
                if not all(place.on_class for place in held):
                    return False  # The attribute of an instance has been bound before.
                return slot.method is not None or bool(held)
            case SuperType():
                return True
            case _:
                return False

    def overriding(self, function: FunctionType) -> tuple[FunctionType, ...]:
        """Return the methods of subclasses that replace a method."""
        decl = function.decl
        if not decl.class_name:
            return ()
        owner = ClassRef(function.path, decl.class_name, function.index)
        if isinstance(function.receiver, InstanceType):
            owner = function.receiver.cls
        found: list[FunctionType] = []
        for subclass in self.evaluator.project.subclasses(owner):
            qualname = subclass.decl.methods.get(decl.name)
            if qualname is not None and not subclass.index.functions[qualname].is_abstract:
                method = FunctionType(subclass.path, qualname, subclass.index)
                found.append(
                    self.bind(method, InstanceType(subclass)) if function.bound else method
                )
        return tuple(found)

    def descriptor(self, cls: ClassRef, name: str, method: str) -> FunctionType | None:
        """The ``method`` of the object in the class's attribute, if it is a descriptor with it."""
        slot = self.slot(cls, name)
        if slot.method is not None or not all(place.on_class for place in slot.places):
            return None
        for kind in self._bound(slot.places):
            if isinstance(kind, InstanceType):
                found = self.method(kind.cls, method)
                if found is not None:
                    return found
        return None

    def is_property(self, function: FunctionType) -> bool:
        """Return whether a read of the attribute calls the function, by its decorator.

        The decorator may be a descriptor of the project's own. One that can be called gives what is
        called in the method's place.
        """
        for decorator in function.decl.decorators:
            name = _decorator_name(decorator)
            if name in PROPERTIES or name.endswith("property"):
                return True
            if isinstance(decorator, Ref) and name not in ("staticmethod", "classmethod"):
                scope = scope_of(function.index, cls=function.decl.class_name or "")
                for kind in self.evaluator.value(decorator, scope):
                    if isinstance(kind, ClassType) and self.method(kind.cls, "__get__"):
                        return self.method(kind.cls, "__call__") is None
        return False

    def bind(self, function: FunctionType, receiver: InstanceType | ClassType) -> FunctionType:
        """A function as it is reached through an instance or a class."""
        decl = function.decl
        bound = is_method(decl) and (isinstance(receiver, InstanceType) or takes_class(decl))
        if not bound:
            return FunctionType(function.path, function.qualname, function.index)
        if takes_class(decl) and decl.name != "__new__" and isinstance(receiver, InstanceType):
            receiver = ClassType(receiver.cls)
        return FunctionType(function.path, function.qualname, function.index, True, receiver)


_NONE = Literal("None")

FIELD_MAKERS = frozenset(("field", "ib", "attrib", "Field", "PrivateAttr", "Factory"))


def is_plain_property(decl: FunctionDecl) -> bool:
    """Return whether each read of the attribute calls the function again."""
    return any(
        _decorator_name(decorator) in ("property", "abstractproperty")
        for decorator in decl.decorators
    )


def _decorator_name(decorator: Value) -> str:
    callee = decorator.callee if isinstance(decorator, CallValue) else decorator
    return callee.names[-1] if isinstance(callee, Ref) else ""


def _own_maker(binding: Binding, owner: ClassRef) -> str | None:
    """Return the method, or other attribute, of the object itself that makes what is bound."""
    match binding.value:
        case CallValue(callee=Ref(names=(first, maker))) if not binding.element:
            decl = owner.index.functions.get(binding.function)
            if decl is not None and decl.parameters and decl.parameters[0].name == first:
                return maker
    return None


def _binds_class(function: FunctionDecl) -> bool:
    """Return whether the function's first parameter is the class: it stores at class level."""
    return function.name in ("__init_subclass__", "__class_getitem__") or any(
        _decorator_name(decorator) == "classmethod" for decorator in function.decorators
    )


_NOWHERE = ModuleIndex(module="", path="", is_package=False)
