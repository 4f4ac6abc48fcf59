"""Functions that a call, an attribute or an operator may run: methods, overrides, properties.

A call through an object may run the methods of subclasses as well, because the object may be an
instance of one. A call through ``self`` is looked up only in those classes that run the calling
method itself: a subclass that overrides it does not reach this call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Set
from functools import cached_property

from locklint.core.diagnostic import Confidence
from locklint.frontend.attributes import DESCRIPTOR_METHODS, PROPERTIES
from locklint.frontend.copied_locks import has_own_copies
from locklint.frontend.decorations import Decorations
from locklint.frontend.inference import Inference
from locklint.frontend.possible_classes import PossibleClasses
from locklint.frontend.resolver import Callee, Question
from locklint.frontend.trace import InterfaceKind
from locklint.frontend.value_types import (
    CallableType,
    ClassRef,
    ClassType,
    ContainerMethod,
    ExternalInstance,
    FunctionType,
    InstanceType,
    LambdaType,
    LockMethod,
    LockValue,
    NameType,
    NoneType,
    Scope,
    SuperType,
    Type,
    Types,
    scope_of,
)
from locklint.index.declarations import CallValue, FunctionDecl, Literal, Ref, Value
from locklint.ir.access_path import AccessPath, ResultField, Root
from locklint.models.graded_names import REFERENCES, REFERENT
from locklint.models.registrations import FINALIZER
from locklint.models.spawns import DAEMON, PROCESS_CLASSES, THREAD_CLASSES

MAX_OVERRIDES = 12
"""The largest number of methods of subclasses that are looked at for one call."""


_PLAIN_BASES = frozenset(
    ("abc.ABC", "builtins.object", "typing.Generic", "typing.NamedTuple", "typing.Protocol")
)
"""Bases outside the project that run nothing where an object is made."""


class Dispatch:
    """Finder of the functions of the project that code runs."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.decorations = Decorations(inference)
        self.possible = PossibleClasses(inference)

    @cached_property
    def property_names(self) -> Set[str]:
        """The names of all attributes that some class of the project computes."""
        project = self.inference.project
        descriptors = {
            cls.name
            for index in project.searched
            for cls in index.classes.values()
            if not cls.methods.keys().isdisjoint(DESCRIPTOR_METHODS)
        }
        found: set[str] = set()
        for index in project.searched:
            for function in index.functions.values():
                if any(
                    (name := _last_name(decorator)) in PROPERTIES
                    or name.endswith("property")
                    or name in descriptors
                    for decorator in function.decorators
                ):
                    found.add(function.name)
            for cls in index.classes.values():
                for name, bindings in cls.attributes.items():
                    if any(_last_name(each.value) in descriptors for each in bindings):
                        found.add(name)
        return found

    def may_be_property(self, name: str) -> bool:
        """Return whether some class of the project computes an attribute of that name."""
        trace = self.inference.project.trace
        if trace.is_on:
            trace.note(InterfaceKind.PROPERTY, name)
        return name in self.property_names

    def may_be_special(self, name: str) -> bool:
        """Return whether some class of the project has the special method."""
        trace = self.inference.project.trace
        if trace.is_on:
            trace.note(InterfaceKind.SPECIAL, name)
        return name in self.special_names

    @cached_property
    def special_names(self) -> Set[str]:
        """The names of the special methods that some class of the project has."""
        project = self.inference.project
        return frozenset(
            name
            for index in project.searched
            for cls in index.classes.values()
            for name in cls.methods
            if name[:2] == "__"
        )

    def call(self, scope: Scope, path: AccessPath, types: Types) -> Callee:
        """Return the callee of ``path``, which has ``types`` in ``scope``."""
        targets: dict[str, None] = {}
        overrides: dict[str, None] = {}
        runs: dict[str, None] = {}
        in_process: dict[str, None] = {}
        is_daemon = False
        external: str | None = None
        constructs: str | None = None
        bound = False
        receivers: dict[ClassRef | None, None] = {}
        known = [kind for kind in types if not isinstance(kind, NoneType)]
        for kind in types:
            match kind:
                case FunctionType() if _is_what_it_replaced(scope, path, kind):
                    continue
                case FunctionType():
                    for target in self._implementations(scope, path, kind):
                        targets.setdefault(target)
                    bound = bound or kind.bound
                    receivers.setdefault(_class_of(kind.receiver))
                    for method in self._overriding(scope, path, kind):
                        overrides.setdefault(self.decorations.called(method))
                case ClassType(cls=cls):
                    constructs = constructs or cls.key
                    initialiser = self._initialiser(cls)
                    if initialiser is not None:
                        targets.setdefault(initialiser.key)
                        bound = True
                        receivers.setdefault(cls)
                    for maker in self._makers(cls):
                        overrides.setdefault(self.decorations.called(maker))
                    started = tuple(self._run_methods(cls))
                    runs.update(dict.fromkeys(started))
                    is_daemon = is_daemon or (bool(started) and self._is_daemon(cls))
                    in_process.update(dict.fromkeys(self._run_methods(cls, PROCESS_CLASSES)))
                    if initialiser is None and not started:
                        external = external or self._initialiser_outside(cls)
                case LambdaType():
                    targets.setdefault(_lambda_key(kind))
                case InstanceType(cls=cls):
                    called = self.inference.attributes.method(cls, "__call__")
                    if called is not None:
                        targets.setdefault(called.key)
                        bound = True
                        receivers.setdefault(cls)
                case _:
                    external = external or _external_name(kind)
        if path.is_of_super:
            for method in self._next_in_line(scope, path):
                overrides.setdefault(self.decorations.called(method))
            for method in self._made_by_metaclass(scope, path):
                overrides.setdefault(self.decorations.called(method))
                bound = True
        if not targets:
            for method in self._left_to_subclasses(scope, path):
                overrides.setdefault(self.decorations.called(method))
                receivers.setdefault(_own_class(scope, path))
        others = [key for key in overrides if key not in targets] if overrides else ()
        return Callee(
            tuple(targets),
            external,
            constructs,
            bound,
            tuple(others)[:MAX_OVERRIDES],
            tuple(runs),
            tuple(in_process),
            certain=len(known) == 1 and _is_sure(known[0]),
            receiver_classes=_keys(receivers),
            is_hook=bool(others) and path.is_own_attribute and all(map(_is_empty, known)),
            excluded_classes=self._excluded_keys(scope, path, receivers),
            is_endless=bool(known) and not others and all(map(_is_endless, known)),
            is_daemon=is_daemon and len(known) == 1,
        )

    def _initialiser(self, cls: ClassRef) -> FunctionType | None:
        """Return the method that makes an object ready: of a dataclass, `__post_init__`.

        One that takes arguments is left out, for they are not those of the call.
        """
        method = self.inference.attributes.method
        found = method(cls, "__init__")
        if found is None:
            found = method(cls, "__post_init__")
            if found is not None and len(found.decl.parameters) != 1:
                return None
        return found

    def _makers(self, cls: ClassRef) -> Iterator[FunctionType]:
        """The functions that run besides the initialiser when an object of a class is made.

        They are its `__new__`, and the `__call__` of its metaclass.
        """
        method = self.inference.attributes.method
        new = method(cls, "__new__")
        if new is not None:
            yield new
        for ancestor in self.inference.project.mro(cls):
            if isinstance(ancestor, str) or not ancestor.decl.keywords:
                continue
            for keyword, value in ancestor.decl.keywords:
                if keyword == "metaclass":
                    where = scope_of(ancestor.index, ancestor.decl.parent or "")
                    for kind in self.inference.value(value, where):
                        called = (
                            method(kind.cls, "__call__") if isinstance(kind, ClassType) else None
                        )
                        if called is not None:
                            yield called
                    return

    def _initialiser_outside(self, cls: ClassRef) -> str | None:
        """Return the name of what makes objects of a class that has no initialiser of its own.

        It is that of the first base outside the project; `object`, where none runs any code.
        Return None where methods of the project take part.
        """
        methods = self.inference.attributes.method
        if any(methods(cls, name) is not None for name in ("__new__", "__post_init__")):
            return None
        for each in self.inference.project.mro(cls):
            if isinstance(each, str):
                if each not in _PLAIN_BASES:
                    return f"{each}.__init__"
            elif any(name == "metaclass" for name, _ in each.decl.keywords):
                return None
        return "builtins.object"

    def attribute(self, scope: Scope, path: AccessPath, receiver: Types, use: Question) -> Callee:
        """Return what reading or binding an attribute calls."""
        targets: dict[str, None] = {}
        overrides: dict[str, None] = {}
        receivers: dict[ClassRef | None, None] = {}
        known = [kind for kind in receiver if not isinstance(kind, NoneType)]
        for kind in known:
            if not isinstance(kind, (InstanceType, LockValue)) or kind.cls is None:
                continue
            method: FunctionType | None = self.inference.attributes.method(kind.cls, path.name)
            if method is None:
                special = "__set__" if use is Question.BIND else "__get__"
                method = self.inference.attributes.descriptor(kind.cls, path.name, special)
                if method is not None:
                    targets.setdefault(self.decorations.called(method))
                continue
            if not self.inference.attributes.is_property(method):
                continue
            if use is Question.BIND:
                method = self._setter(method)
            if method is None:
                continue
            targets.setdefault(self.decorations.called(method))
            receivers.setdefault(kind.cls)
            if use is Question.READ:
                for other in self._overriding(scope, path, method):
                    if self.inference.attributes.is_property(other):
                        overrides.setdefault(self.decorations.called(other))
        return Callee(
            tuple(targets),
            bound=True,
            overrides=tuple([key for key in overrides if key not in targets])[:MAX_OVERRIDES],
            certain=len(known) == 1 and _is_sure(known[0]),
            receiver_classes=_keys(receivers),
            excluded_classes=self._excluded_keys(scope, path, receivers),
        )

    def special(self, receiver: Types, name: str) -> Callee:
        """The special method of that name, such as ``__len__``, of any of the alternatives."""
        targets: dict[str, None] = {}
        receivers: dict[ClassRef | None, None] = {}
        for kind in receiver:
            if isinstance(kind, InstanceType):
                method = self.inference.attributes.method(kind.cls, name)
                if method is not None:
                    targets.setdefault(self.decorations.called(method))
                    receivers.setdefault(kind.cls)
        return Callee(
            tuple(targets),
            bound=True,
            certain=len(receiver) == 1 and _is_sure(receiver[0]),
            receiver_classes=_keys(receivers),
        )

    def finalizer(self, name: str, holders: Types, held: Types) -> Callee:
        """Return the finalizers of what an attribute loses when it is bound again.

        Only objects that the class of the attribute's object has made for it alone are lost then.
        Another reference may still keep one, so that it may run, but need not.
        """
        found: dict[str, None] = {}
        for kind in held:
            method = None
            if isinstance(kind, InstanceType):
                method = self.inference.attributes.method(kind.cls, FINALIZER)
            if method is not None:
                found[method.key] = None
        is_own = bool(found) and all(
            isinstance(holder, InstanceType) and self._makes_all(holder.cls, name)
            for holder in holders
        )
        return Callee(overrides=tuple(found), bound=True) if is_own else Callee()

    def _makes_all(self, cls: ClassRef, name: str) -> bool:
        """Return whether each binding of an attribute makes an object on the spot, or is None."""
        places = self.inference.attributes.slot(cls, name).places
        for place in places:
            value = place.binding.value
            if isinstance(value, CallValue):
                scope = scope_of(place.owner.index, place.binding.function)
                callees = self.inference.value(value.callee, scope)
                if not all(isinstance(callee, ClassType) for callee in callees):
                    return False
            elif value != Literal("None") and not place.binding.is_declaration:
                return False
        return bool(places)

    def run_by(self, types: Types) -> tuple[str, ...]:
        """Return the functions that threads, tasks and futures of some types run."""
        found: dict[str, None] = {}
        for kind in types:
            match kind:
                case InstanceType(cls=cls) | SuperType(cls=cls):
                    found.update(dict.fromkeys(self._awaited_methods(cls)))
                case ExternalInstance(target=target, scope=scope) if target and scope:
                    for function in self.inference.value(target, scope):
                        key = _key(function)
                        if key is not None:
                            found[key] = None
                case _:
                    pass
        return tuple(found)

    # Methods

    def _implementations(
        self, scope: Scope, path: AccessPath, function: FunctionType
    ) -> tuple[str, ...]:
        """A method, or where it is abstract, the methods that override it.

        ``super().close()`` and ``Base.close(self)`` run the abstract one itself.
        """
        if function.decl.is_abstract and function.bound and not path.is_of_super:
            overriding = self.inference.attributes.overriding(function)
            receiver = _class_of(function.receiver)
            if overriding and receiver is not None:
                excluded = self._excluded(scope, path, receiver)
                overriding = tuple(
                    [one for one in overriding if _class_of(one.receiver) not in excluded]
                )
            if overriding:
                return tuple(dict.fromkeys(map(self.decorations.called, overriding)))
        return (self.decorations.called(function),)

    def _overriding(
        self, scope: Scope, path: AccessPath, function: FunctionType
    ) -> Iterator[FunctionType]:
        """The methods that subclasses of the receiver's class have in place of one."""
        receiver = function.receiver
        if not isinstance(receiver, InstanceType) or path.is_of_super:
            return  # Called through the class, it is that one and no other.
        cls = receiver.cls
        method, name = self.inference.attributes.method, function.decl.name
        if path.root is Root.LOCAL and len(path.fields) == 1:
            holders = self.inference.name(path.root_name, scope)
            if any(isinstance(kind, SuperType) for kind in holders):
                return
        if (
            path.name != name
            and path.fields
            and self.inference.attributes.binds(receiver, path.name)
        ):
            name = path.name  # The class gives the method another name.
        for subclass in self._possible_classes(scope, path, cls):
            other = method(subclass, name)
            if other is not None and other.key != function.key and not other.decl.is_abstract:
                yield other

    def _next_in_line(self, scope: Scope, path: AccessPath) -> Iterator[FunctionType]:
        """Return the targets of ``super()`` in subclasses, where another class comes next."""
        decl = scope.decl
        if decl is None or not decl.class_name:
            return
        project = self.inference.project
        own = ClassRef(scope.path, decl.class_name, scope.index)
        match path.fields:
            case (ResultField(arguments=str() as text), *_) if text:
                if text.partition(",")[0] != own.decl.name:
                    return  # `super(Other, self)`.
            case _:
                pass
        for subclass in project.subclasses(own):
            line = [one for one in project.mro(subclass) if isinstance(one, ClassRef)]
            for ancestor in line[line.index(own) + 1 :] if own in line else ():
                qualname = ancestor.decl.methods.get(path.name)
                if qualname is not None:
                    yield FunctionType(ancestor.path, qualname, ancestor.index)
                    break

    def _made_by_metaclass(self, scope: Scope, path: AccessPath) -> tuple[FunctionType, ...]:
        """Return the constructors that ``super().__call__()`` runs in a metaclass, if few."""
        decl = scope.decl
        if path.name != "__call__" or decl is None:
            return ()
        if decl.name != "__call__" or not decl.class_name:
            return ()
        project = self.inference.project
        metaclass = ClassRef(scope.path, decl.class_name, scope.index)
        names = {each.decl.name for each in (metaclass, *project.subclasses(metaclass))}
        found: dict[str, FunctionType] = {}
        project.trace.note(InterfaceKind.METACLASS, "")
        for index in project.searched:
            for qualname, declared in index.classes.items():
                if any(_metaclass_name(value) in names for _, value in declared.keywords):
                    cls = ClassRef(index.path, qualname, index)
                    for one in (cls, *project.subclasses(cls)):
                        constructor = self._initialiser(one)
                        if constructor is not None and self._has_metaclass(one, metaclass):
                            found.setdefault(constructor.key, constructor)
        return tuple(found.values()) if len(found) <= MAX_OVERRIDES else ()

    def _has_metaclass(self, cls: ClassRef, metaclass: ClassRef) -> bool:
        project = self.inference.project
        for ancestor in project.mro(cls):
            if isinstance(ancestor, str):
                continue
            for keyword, value in ancestor.decl.keywords:
                if keyword == "metaclass":
                    where = scope_of(ancestor.index, ancestor.decl.parent or "")
                    return any(
                        isinstance(kind, ClassType) and metaclass in project.mro(kind.cls)
                        for kind in self.inference.value(value, where)
                    )
        return False

    def _left_to_subclasses(self, scope: Scope, path: AccessPath) -> Iterator[FunctionType]:
        """The methods that a mixin calls through ``self`` and only its subclasses have."""
        cls = _own_class(scope, path)
        if cls is None or len(path.fields) != 1:
            return
        slot = self.inference.attributes.slot(cls, path.name)
        if slot.method is not None or slot.places:
            return
        for subclass in self._possible_classes(scope, path, cls):
            other = self.inference.attributes.method(subclass, path.name)
            if other is not None and not other.decl.is_abstract:
                yield other

    def _possible_classes(
        self, scope: Scope, path: AccessPath, cls: ClassRef
    ) -> Iterator[ClassRef]:
        """The subclasses of which the receiver may be an instance when the call is reached."""
        own = _own_class(scope, path)
        through_self = own is not None and len(path.fields) == 1
        excluded = self._excluded(scope, path, cls)
        for subclass in self.inference.project.subclasses(own if through_self and own else cls):
            if subclass in excluded or (through_self and not self._runs(subclass, scope.decl)):
                continue
            yield subclass

    def _excluded(self, scope: Scope, path: AccessPath, cls: ClassRef) -> frozenset[ClassRef]:
        """Return the classes, itself or its heirs, of which an instance of ``cls`` is none exactly.

        It is the receiver of the method at the end of a path.
        """
        heirs = self.inference.project.subclasses(cls) if path.fields else ()
        if not heirs:
            return frozenset()
        receiver = path.parent()
        text = str(receiver)
        for tested, excluded in scope.excluded:
            if tested == text:
                return excluded
        if path.is_own_attribute or path.is_of_super:
            return frozenset()
        made = self.possible.made(scope, receiver)
        return frozenset(one for one in heirs if one not in made) if made else frozenset()

    def _excluded_keys(
        self, scope: Scope, path: AccessPath, receivers: Collection[ClassRef | None]
    ) -> tuple[str, ...]:
        if not receivers:
            return ()
        found = (self._excluded(scope, path, cls) for cls in receivers if cls is not None)
        return tuple(sorted({cls.key for excluded in found for cls in excluded}))

    def _runs(self, cls: ClassRef, decl: FunctionDecl | None) -> bool:
        """Return whether an instance of the class runs that method, itself or by ``super()``."""
        while decl is not None and decl.class_name is None:
            return True
        if decl is None:
            return True
        method = self.inference.attributes.method(cls, decl.name)
        if method is None or method.qualname == decl.qualname:
            return True
        return decl.name in method.decl.called

    def _setter(self, method: FunctionType) -> FunctionType | None:
        decl = method.decl
        for other in method.index.functions.values():
            if (
                other.name == decl.name
                and other.class_name == decl.class_name
                and any(_last_name(each) == "setter" for each in other.decorators)
            ):
                return FunctionType(method.path, other.qualname, method.index)
        return None

    def _awaited_methods(self, cls: ClassRef) -> tuple[str, ...]:
        """Return the method that the thread of an object runs, which only a subclass may have."""
        own = tuple(self._run_methods(cls))
        if own:
            return own
        subclasses = self.inference.project.subclasses(cls)
        found = {key for subclass in subclasses for key in self._run_methods(subclass)}
        return tuple(found) if len(found) == 1 else ()

    def run_in_processes(self, names: Collection[str]) -> frozenset[str]:
        """Return the methods that processes run whose classes have one of some names.

        Those that say themselves how their objects are pickled are left out.
        """
        found: set[str] = set()
        for index in self.inference.project.searched:
            for qualname, decl in index.classes.items():
                cls = ClassRef(index.path, qualname, index)
                if decl.name in names and not has_own_copies(self.inference, cls):
                    found.update(self._run_methods(cls, PROCESS_CLASSES))
        return frozenset(found)

    def _is_daemon(self, cls: ClassRef) -> bool:
        """Return whether all threads of a class are daemons: ``daemon = True`` in its body."""
        slot = self.inference.attributes.slot(cls, DAEMON)
        bound = [place for place in slot.places if not place.binding.is_declaration]
        if not all(place.on_class for place in bound):
            return False
        match [each.binding.value for each in bound if each.owner == bound[0].owner]:
            case [Literal(text="True")]:
                return True
            case _:
                return False

    def _run_methods(
        self, cls: ClassRef, classes: frozenset[str] = THREAD_CLASSES
    ) -> Iterator[str]:
        ancestors: Iterable[ClassRef | str] = self.inference.project.mro(cls)
        if any(isinstance(one, str) and one in classes for one in ancestors):
            method = self.inference.attributes.method(cls, "run")
            if method is not None:
                yield method.key


def _metaclass_name(value: Value) -> str:
    return value.names[-1] if isinstance(value, Ref) else ""


def _own_class(scope: Scope, path: AccessPath) -> ClassRef | None:
    """Return the class whose method the scope is, if the path goes through its receiver."""
    decl = scope.decl
    if path.root is not Root.SELF or decl is None or not decl.class_name:
        return None
    return ClassRef(scope.path, decl.class_name, scope.index)


def _key(function: Type) -> str | None:
    match function:
        case FunctionType(key=key):
            return key
        case LambdaType():
            return _lambda_key(function)
        case _:
            return None


def _is_endless(kind: Type) -> bool:
    """Return whether a function is a generator whose text does not let it return."""
    return isinstance(kind, FunctionType) and kind.decl.is_generator and kind.decl.ends == ()


def _is_empty(kind: Type) -> bool:
    """Return whether a callee is a method that does nothing."""
    return isinstance(kind, FunctionType) and kind.bound and kind.decl.is_empty


def _lambda_key(function: LambdaType) -> str:
    where, body = function.scope, function.body
    holder = f"{where.function}." if where.function else ""
    return f"{where.index.key}:{holder}<lambda@{body.line}:{body.column}>"


def _class_of(receiver: InstanceType | ClassType | None) -> ClassRef | None:
    return receiver.cls if isinstance(receiver, InstanceType) else None


def _keys(receivers: dict[ClassRef | None, None]) -> tuple[str, ...]:
    """Return the keys of the classes of receivers; empty where one is not known."""
    if not receivers:
        return ()
    known = [cls.key for cls in receivers if cls is not None]
    return tuple(known) if len(known) == len(receivers) else ()


def _is_what_it_replaced(scope: Scope, path: AccessPath, function: FunctionType) -> bool:
    """Return whether a function seems to call itself by another name, such as ``original``.

    ``original = obj.hook; def hook(): original(); obj.hook = hook`` puts the function into the
    attribute only after the variable was bound.
    """
    return (
        function.path == scope.path
        and function.qualname == scope.function
        and path.is_variable
        and path.root in (Root.CLOSURE, Root.GLOBAL)
        and path.root_name != function.decl.name
    )


def _is_sure(kind: Type) -> bool:
    match kind:
        case FunctionType(receiver=InstanceType(confidence=confidence)):
            return confidence is Confidence.HIGH
        case InstanceType(confidence=confidence):
            return confidence is Confidence.HIGH
        case FunctionType() | ClassType() | LambdaType() | LockValue():
            return True
        case _:
            return False


def _last_name(decorator: Value) -> str:
    callee = decorator.callee if isinstance(decorator, CallValue) else decorator
    return callee.names[-1] if isinstance(callee, Ref) else ""


def _external_name(kind: Type) -> str | None:
    match kind:
        case NameType(dotted=dotted):
            return dotted
        case CallableType(name=name):
            return name
        case ExternalInstance(dotted=dotted) if dotted in REFERENCES:
            return REFERENT
        case LockMethod(lock=lock, method=method):
            return f"{lock.api.name}.{method}"
        case ContainerMethod(container=container, method=method):
            if container.name in ("generator", "object"):
                return None
            if container.name == "deque":
                return f"collections.deque.{method}"
            return f"builtins.{container.name}.{method}"
        case _:
            return None
