"""The resolver over the declarations: which lock, which callee, which context manager."""

from __future__ import annotations

import sys
from typing import Protocol

from msgspec.structs import replace

from locklint.core.diagnostic import Confidence
from locklint.core.source import Span
from locklint.frontend.canonical import Walker
from locklint.frontend.class_test import ClassTest, OfClass
from locklint.frontend.collective_locks import taken_collection
from locklint.frontend.copied_locks import attribute_with_lock
from locklint.frontend.dispatch import MAX_OVERRIDES, Dispatch
from locklint.frontend.done_callbacks import done_callbacks
from locklint.frontend.guesses import Guesses, is_open
from locklint.frontend.inference import Inference
from locklint.frontend.kept_arguments import kept_paths
from locklint.frontend.lock_by_use import lock_by_use, may_be_known_by_use
from locklint.frontend.log_handlers import Attached
from locklint.frontend.project import Project
from locklint.frontend.receivers import declares
from locklint.frontend.resolver import Asked, Callee, Caught, ContextManager, Question
from locklint.frontend.sent_coroutines import RESUME, resumed
from locklint.frontend.slots import Place
from locklint.frontend.value_types import (
    UNKNOWN,
    ClassRef,
    ClassType,
    ContainerType,
    ExternalInstance,
    FunctionType,
    InstanceType,
    LockValue,
    ManagerType,
    ModuleType,
    NameType,
    NoneType,
    Scope,
    Type,
    Types,
    UnknownType,
    scope_of,
    type_names,
    union,
    weaken,
    without_unknown,
)
from locklint.index.declarations import Binding, CallValue, Items, ModuleIndex, Ref
from locklint.ir.access_path import (
    AccessPath,
    ElementField,
    Field,
    ResultField,
    Root,
    closure_of,
    global_of,
)
from locklint.ir.cfg import MODULE_QUALNAME, split_key
from locklint.ir.lock import (
    ENTERING,
    LOCKING,
    Exactness,
    LockKind,
    LockRef,
    Mode,
    without_elements,
)
from locklint.models.calls import is_logging
from locklint.models.events import waits_for
from locklint.models.plain_values import ATTRIBUTES, NO_LOCKS
from locklint.models.processes import is_lock_of_threads
from locklint.models.registrations import FINALIZER
from locklint.models.stdlib_asyncio import OF_ASYNCIO
from locklint.models.table import LockTable


def _is_class(dotted: str) -> bool:
    """Return whether a library's name is that of a class, by how classes are written.

    The code that uses its objects has looked up their attributes.
    """
    return dotted.rpartition(".")[2][:1].isupper()


_NOTHING = Callee()
_STANDARD = frozenset((*sys.stdlib_module_names, "builtins"))


class ExternalResolver(Protocol):
    """Resolution of names that are installed but not part of the project."""

    def kind_of_external(self, dotted: str) -> str | None:
        """The canonical constructor of the lock that ``dotted`` is, makes, or holds.

        ``dotted`` is a class, a function, or an attribute of an instance of a class
        (``package.module.Class.attribute``). None: no lock, or not known.
        """


class StaticResolver:
    """Implements `locklint.frontend.resolver.Resolver` for all files of a project.

    ``file`` is the file whose functions are resolved; needed only where several files have one
    module name. ``guesses``: those functions, too, are to be found that a call runs perhaps.
    """

    def __init__(
        self,
        project: Project,
        table: LockTable,
        external: ExternalResolver | None = None,
        file: ModuleIndex | None = None,
        guesses: Guesses | None = None,
    ) -> None:
        self.project = project
        self.table = table
        self.external = external
        self.inference = Inference(project, table)
        self.walker = Walker(self.inference)
        self._file = file
        self._guesses = guesses
        self.dispatch = Dispatch(self.inference)
        self.attached = Attached(self.inference)
        self._locks: dict[tuple[Scope, AccessPath], LockRef | None] = {}
        self._callees: dict[tuple[Asked, Scope, AccessPath], Callee] = {}
        # Most results are one of a few: each of these is one object.
        self._shared: dict[Callee, Callee] = {}
        self._scopes: dict[str, Scope] = {}
        self._narrowed: dict[str, Scope] = {}

    def for_file(self, file: ModuleIndex) -> StaticResolver:
        """The same resolver, all that it has learnt included, for the functions of one file."""
        other = object.__new__(StaticResolver)
        other.__dict__.update(self.__dict__)
        other._file = file
        other._scopes = {}
        return other

    def forget(self) -> None:
        """Drop all cached results, of this resolver and of those for single files."""
        self._locks.clear()
        self._callees.clear()
        self._shared.clear()
        self._narrowed.clear()
        self.walker.forget()
        self.attached.forget()
        self.inference.forget()
        if self._guesses is not None:
            self._guesses.forget()

    def forget_callees(self) -> None:
        """Drop the callees that were found, in all files. The types that they rest on are kept."""
        self._callees.clear()

    # The protocol

    def lock(self, function: str, path: AccessPath) -> LockRef | None:
        """Return the lock that ``path`` means in the function with key ``function``, or None."""
        scope = self._scope(function, path)
        if scope is None:
            return None
        key = (scope, path)
        trace = self.project.trace
        if key in self._locks:
            if trace.is_on:
                trace.use(("lock", key))
            return self._locks[key]
        begun = trace.begin()
        found = self._locks[key] = self._lock(scope, path)
        trace.end(begun, ("lock", key))
        return found

    def enclosed(self, function: str, name: str) -> tuple[str, LockRef] | None:
        """Return the lock that all calls pass for a parameter of a function around another one."""
        scope = self._scope(function, AccessPath(name, (), Root.CLOSURE))
        if scope is None or scope.use:
            return None
        owner = scope.index.functions.get((scope.decl and scope.decl.parent) or "")
        while owner is not None and not declares(owner, name):
            owner = scope.index.functions.get(owner.parent or "")
        if owner is None:
            return None
        names = [each.name for each in owner.parameters]
        position = names.index(name) if name in names else None
        if position is None or name in owner.locals:
            return None
        if owner.parameters[position].star or owner.parameters[position].default is not None:
            return None
        lock = self.lock(function, AccessPath(name, (), Root.CLOSURE))
        self.inference.begin()
        passed = self.inference.passed_locks(owner, position, scope.index, False)
        value = passed[0] if len(passed) == 1 else None
        if lock is None or not isinstance(value, LockValue) or value.exactness is not Exactness.ONE:
            return None
        module, _, variable = value.identity.rpartition(".")
        home = self.project.by_key(module)
        if home is None or variable not in home.bindings:
            return None
        path = AccessPath(global_of(module, variable), (), Root.GLOBAL)
        known = replace(lock, path=path, identity=value.identity, exactness=value.exactness)
        return closure_of(f"{scope.index.key}:{owner.qualname}", name), known

    def narrowed(
        self, function: str, variable: AccessPath, classes: tuple[AccessPath, ...]
    ) -> str | None:
        """Return the key under which a variable of a function is an instance of some classes.

        Return None if one of them is not known.
        """
        key = f"{function} where {variable} is {', '.join(map(str, classes))}"
        if key in self._narrowed:
            self.project.trace.use(("narrowed", key))
            return key
        scope = self._scope(function, variable)
        if scope is None:
            return None
        begun = self.project.trace.begin()
        self.inference.begin()
        types = union(*[self.walker.types(scope, each) for each in classes])
        is_known = self._narrow(key, scope, variable.root_name, types)
        self.project.trace.end(begun, ("narrowed", key))
        return key if is_known else None

    def limited(self, function: str, tests: tuple[ClassTest, ...]) -> str:
        """Return the key under which each of some tests in a function has had its outcome."""
        key = f"{function} where {tests}"
        if key in self._narrowed:
            self.project.trace.use(("narrowed", key))
            return key
        scope = self._scope(function, tests[0].path)
        if scope is None:
            return function
        begun = self.project.trace.begin()
        for path in dict.fromkeys(test.path for test in tests):
            self.inference.begin()
            types = self.walker.types(scope, path)
            said = [(test, self._classes(test, scope)) for test in tests if test.path == path]
            scope = self.dispatch.possible.limited(scope, said, types)
        self._narrowed[key] = scope
        self.project.trace.end(begun, ("narrowed", key))
        return key

    def _classes(self, test: ClassTest, scope: Scope) -> Types:
        """Return the types of the classes that a test names."""
        classes = test.classes if isinstance(test, OfClass) else ()
        return union(
            *[
                (isinstance(each, AccessPath) and self.walker.types(scope, each)) or UNKNOWN
                for each in classes
            ]
        )

    def tested(self, function: str, name: str) -> str | None:
        """Return the key under which a variable is whatever its function finds it to be by a test.

        Return None if the function does not test it, or one of the classes is not known.
        """
        key = f"{function} where {name} is tested"
        if key in self._narrowed:
            self.project.trace.use(("narrowed", key))
            return key
        scope = self._scope(function, AccessPath(name))
        if scope is None or scope.decl is None or name not in scope.decl.tested:
            return None
        begun = self.project.trace.begin()
        self.inference.begin()
        values = scope.decl.tested[name]
        types = union(*[self.inference.value(value, scope) for value in values])
        is_known = self._narrow(key, scope, name, types)
        self.project.trace.end(begun, ("narrowed", key))
        return key if is_known else None

    def _narrow(self, key: str, scope: Scope, name: str, classes: Types) -> bool:
        """Keep the scope in which a variable is an instance, and return whether one is known."""
        types = without_unknown(self.inference.annotations.instances(classes, scope))
        types = weaken(types, Confidence.MEDIUM, locks_only=True)
        if not any(isinstance(kind, InstanceType | LockValue | ExternalInstance) for kind in types):
            return False
        self._narrowed[key] = replace(scope, given=(*scope.given, (name, types)))
        return True

    def copied_lock(self, function: str, path: AccessPath) -> LockRef | None:
        """Return the lock because of which ``path`` cannot be pickled or copied deeply, or None."""
        types = self._types(function, path)
        if len(types) != 1:
            return None
        match types[0]:
            case LockValue(kind=kind) if is_lock_of_threads(kind):
                return self.lock(function, path)
            case InstanceType(cls=cls, confidence=Confidence.HIGH):
                name = attribute_with_lock(self.inference, cls)
                return None if name is None else self.lock(function, path.field(name))
            case FunctionType(bound=True) if path.fields:
                return self.copied_lock(function, path.parent())
            case _:
                return None

    def lock_of_method(self, function: str, path: AccessPath) -> str | None:
        """The attribute with the lock whose method the method ``path`` of its object is, or None.

        ``handler.acquire`` is ``handler.lock.acquire``.
        """
        holders = self._types(function, path.parent())
        known = [kind for kind in holders if not isinstance(kind, NoneType)]
        found = {self.inference.attributes.lock_of_method(kind, path.name) for kind in known}
        return found.pop() if len(found) == 1 else None

    def lock_class(self, function: str, path: AccessPath) -> LockKind | None:
        """The kind, where ``path`` is a lock's class or factory itself (`with Lock:`)."""
        types = self._types(function, path)
        if len(types) != 1:
            return None
        match types[0]:
            case NameType(dotted=dotted):
                return self.table.kind_for_constructor(dotted)
            case ClassType(cls=cls):
                return self.inference.construction.lock_kind_of_class(cls)
            case _:
                return None

    def caught(self, function: str, types: tuple[str, ...]) -> Caught:
        """Return what a handler catches that names some classes, or constants that hold classes."""
        index = self.project.by_key(split_key(function)[0])
        named = [each for name in types for each in self._classes_of(index, name)]
        bare = [name.rpartition(".")[2] for name in named]
        return Caught(tuple(named), self.project.heirs_of(bare))

    def _classes_of(self, index: ModuleIndex | None, dotted: str) -> tuple[str, ...]:
        """Return the classes that a constant of a module holds, or the name itself."""
        values: tuple[Binding, ...] = ()
        if index is not None and "." not in dotted:
            values = index.bindings.get(dotted, ())
            if not values and dotted in index.imports:
                found = self.project.resolve(index.imports[dotted], index)
                if found is not None and not found.rest:
                    values = found.index.bindings.get(found.name, ())
        match values:
            case [Binding(value=Items(elements=elements))]:
                names = [".".join(each.names) for each in elements if isinstance(each, Ref)]
                return tuple(names) if len(names) == len(elements) else (dotted,)
            case _:
                return (dotted,)

    def callee(self, function: str, path: AccessPath) -> Callee:
        """Return the callee of a call of ``path``; an empty `Callee` if it is unknown."""
        return self._memoised(Question.CALL, function, path)

    def getter(self, function: str, path: AccessPath) -> Callee:
        """Return the callee of reading the attribute ``path``; an empty `Callee` if none."""
        if not path.fields or not self.dispatch.may_be_property(path.name):
            return _NOTHING
        return self._memoised(Question.READ, function, path)

    def setter(self, function: str, path: AccessPath) -> Callee:
        """Return the callee of binding the attribute ``path``; an empty `Callee` if none."""
        if not path.fields or not self.dispatch.may_be_property(path.name):
            return _NOTHING
        return self._memoised(Question.BIND, function, path)

    def operator(self, function: str, path: AccessPath, method: str) -> Callee:
        """The special method of that name that an operator calls on ``path``."""
        if not self.dispatch.may_be_special(method):
            return _NOTHING
        return self._memoised(method, function, path)

    def _memoised(self, question: Asked, function: str, path: AccessPath) -> Callee:
        scope = self._scope(function, path)
        if scope is None:
            return _NOTHING
        key = (question, scope, path)
        trace = self.project.trace
        known = self._callees.get(key)
        if known is not None:
            if trace.is_on:
                trace.use(("callee", key))
            return known
        begun = trace.begin()
        found = self._find_callee(question, scope, path)
        found = self._callees[key] = self._shared.setdefault(found, found)
        trace.end(begun, ("callee", key))
        return found

    def _find_callee(self, question: Asked, scope: Scope, path: AccessPath) -> Callee:
        self.inference.begin()
        match question:
            case Question.CALL:
                types = self.walker.types(scope, path)
                callee = self.dispatch.call(scope, path, types)
                if self._guesses is not None and is_open(types):
                    callee = replace(callee, possible=self._possible(scope, path, callee))
                if callee.bound and callee.targets and callee.constructs is None:
                    return replace(callee, receiver=self._receiver(scope, path, callee))
                if callee.external is not None and is_logging(callee.external):
                    return replace(callee, inside=self.attached.methods(scope, path))
                if path.fields and path.name == RESUME and callee == _NOTHING:
                    return replace(callee, inside=resumed(self.inference, scope, path))
                if callee.external is not None and path.fields and waits_for(callee.external):
                    holders = self.walker.types(scope, path.parent())
                    return replace(callee, awaited=self.dispatch.run_by(holders))
                return callee
            case str():
                receiver = self.walker.types(scope, path)
                if question == FINALIZER:
                    holders = self.walker.types(scope, path.parent())
                    return self.dispatch.finalizer(path.name, holders, receiver)
                return self.dispatch.special(receiver, question)
            case _:
                receiver = self.walker.types(scope, path.parent())
                return self.dispatch.attribute(scope, path, receiver, question)

    def _possible(self, scope: Scope, path: AccessPath, callee: Callee) -> tuple[str, ...]:
        """Return what a call runs perhaps, besides the functions that are known."""
        if self._guesses is None:
            return ()
        guess = self.dispatch.call(scope, path, self._guesses.types(scope, path))
        known = (*callee.targets, *callee.overrides)
        found = [key for key in (*guess.targets, *guess.overrides) if key not in known]
        return tuple(found[:MAX_OVERRIDES])

    def _receiver(self, scope: Scope, path: AccessPath, callee: Callee) -> AccessPath | None:
        """Return the receiver of a bound method.

        Return None if it is before the last dot, in front of the method's own name.
        """
        if self._names_method(scope, path):
            own = callee.targets[0].rpartition(".")[2].partition("@")[0]
            return None if path.name == own or path.is_of_super else path.parent()
        canonical = self.walker.walk(scope, path)
        if canonical != path and canonical.fields and self._names_method(scope, canonical):
            return canonical.parent()
        return path.taken_from() if path.fields else None

    def _names_method(self, scope: Scope, path: AccessPath) -> bool:
        """Return whether a path is a method in the words of its class, not what holds one."""
        if not path.fields or not path.name:
            return False
        if path.is_of_super:
            return True
        holders = self.walker.types(scope, path.parent())
        return any(self.inference.attributes.binds(kind, path.name) for kind in holders)

    def context_manager(self, function: str, path: AccessPath) -> ContextManager:
        """Return the manager of the with item ``path``; an empty `ContextManager` if unknown."""
        types = self._types(function, path)
        known = [k for k in types if not isinstance(k, (NoneType, UnknownType))]
        for kind in known:
            match kind:
                case ManagerType(function=generator):
                    key = self.dispatch.decorations.called(generator)
                    certain = len(known) == 1
                    collection = taken_collection(generator) if certain else None
                    return ContextManager(
                        generator=key,
                        certain=certain,
                        each_of=collection,
                        swallows=generator.decl.swallows,
                    )
                case InstanceType(cls=cls, confidence=confidence):
                    sure = len(types) == 1 and confidence is Confidence.HIGH
                    return replace(self._methods(cls), certain=sure, receiver_classes=(cls.key,))
                case ExternalInstance(dotted=dotted):
                    return ContextManager(external=dotted)
                case _:
                    pass
        return ContextManager()

    def kept(self, function: str, path: AccessPath) -> tuple[tuple[str, AccessPath], ...]:
        """Return what the object ``path`` keeps in attributes, each with the function's own name.

        These are arguments of its constructor.
        """
        scope = self._scope(function, path)
        if scope is None:
            return ()
        self.inference.begin()
        return tuple(kept_paths(self.walker, scope, path))

    def done_callbacks(self, function: str, path: AccessPath, *, cancels: bool) -> tuple[str, ...]:
        """Return the methods that are callbacks of futures which the attribute ``path`` keeps."""
        types = self._types(function, path.parent())
        classes = [each.cls for each in types if isinstance(each, InstanceType)]
        self.inference.begin()
        found = [done_callbacks(self.inference, cls, path.name, cancels) for cls in classes]
        return tuple(dict.fromkeys(name for names in found for name in names))

    def type_names(self, function: str, path: AccessPath) -> frozenset[str]:
        """The dotted names of all types that ``path`` may be of; empty where one is unknown."""
        return type_names(self._types(function, path))

    def has_last(self, function: str, path: AccessPath) -> bool:
        """Return whether the last field of ``path``, an attribute or element, is known to exist."""
        holders = self._types(function, path.parent())
        return bool(holders) and all(self._has(kind, path.last) for kind in holders)

    def can_bind(self, function: str, path: AccessPath) -> bool:
        """Return whether binding the attribute ``path`` is known to run no code of its object."""
        holders = self._types(function, path.parent())
        return bool(holders) and all(
            isinstance(kind, ModuleType)
            or (
                isinstance(kind, (InstanceType, ClassType))
                and self.inference.attributes.can_bind(kind.cls, path.name)
            )
            for kind in holders
        )

    def _has(self, holder: Type, field: Field) -> bool:
        name = field if isinstance(field, str) else str(field)
        match holder:
            case ContainerType(name=kind, keys=keys):
                return isinstance(field, ElementField) and (
                    kind == "defaultdict" or field.key in keys
                )
            case ExternalInstance(dotted="collections.Counter") if isinstance(field, ElementField):
                return True  # A lock that was not counted has the number 0.
            case _ if isinstance(field, (ElementField, ResultField)):
                return False
            case InstanceType(cls=cls) | ClassType(cls=cls):
                return self.inference.attributes.is_plain(cls, name)
            case ModuleType(index=index):
                return name in index.bindings or name in index.functions or name in index.classes
            case NameType(member=member):
                return not member
            case ExternalInstance(dotted=dotted):
                known = name in ATTRIBUTES.get(dotted, ())
                return known or self.table.attribute(dotted, name) is not None or _is_class(dotted)
            case LockValue():
                return True
            case _:
                return False

    def made(self, identity: str) -> tuple[str, Span] | None:
        """Return the file and place that binds a lock, by the lock's identity, or None.

        An identity is a module, then a class or function, then a name: ``bank.Account._lock``.
        """
        bound = self._bound(identity)
        if bound is None:
            return None
        index, binding = bound
        return index.path, Span(binding.line, 1, binding.line, 1)

    def makers(self, identity: str) -> frozenset[str]:
        """Return the keys of the files that make a lock: that binds it, and those that it calls."""
        bound = self._bound(identity)
        if bound is None:
            return frozenset()
        index, binding = bound
        found = {index.key}
        if isinstance(binding.value, CallValue):
            self.inference.begin()
            scope = scope_of(index, binding.function)
            for kind in self.inference.value(binding.value.callee, scope):
                match kind:
                    case FunctionType(index=other):
                        found.add(other.key)
                    case ClassType(cls=cls):
                        found.add(cls.index.key)
                    case _:
                        pass
        return frozenset(found)

    def _bound(self, identity: str) -> tuple[ModuleIndex, Binding] | None:
        """Return the binding of a lock, and the file with it."""
        parts = without_elements(identity).split(".")
        for length in range(len(parts) - 1, 0, -1):
            index = self.project.by_key(".".join(parts[:length]))
            if index is not None:
                bound = self._binding(index, parts[length:])
                if bound is not None:
                    return bound
        return None

    def _binding(self, index: ModuleIndex, names: list[str]) -> tuple[ModuleIndex, Binding] | None:
        *holder, name = names
        if not holder:
            bindings = index.bindings.get(name, ())
            return (index, bindings[0]) if bindings else None
        if holder[-1] == "<locals>":
            decl = index.functions.get(".".join(holder[:-1]))
            bindings = decl.locals.get(name, ()) if decl is not None else ()
            return (index, bindings[0]) if bindings else None
        cls = ClassRef(index.path, ".".join(holder), index)
        if cls.qualname not in index.classes:
            return None
        places = self.inference.attributes.slot(cls, name).places
        made = [place for place in places if isinstance(place.binding.value, CallValue)]
        if len(places) > 1 and (locks := [one for one in places if self._binds_lock(one)]):
            made = locks
        chosen = (made or list(places))[:1]
        return (chosen[0].owner.index, chosen[0].binding) if chosen else None

    def _binds_lock(self, place: Place) -> bool:
        scope = scope_of(place.owner.index, place.binding.function)
        return any(
            isinstance(kind, LockValue) for kind in self.inference.value(place.binding.value, scope)
        )

    # Scopes

    def _scope(self, function: str, path: AccessPath) -> Scope | None:
        if path.root is Root.TEMP:
            return None
        use = self.dispatch.decorations.use(function)
        if use is not None:
            return use.scope
        if function in self._narrowed:
            return self._narrowed[function]
        if function in self._scopes:
            return self._scopes[function]
        module, qualname = split_key(function)
        index = self._file
        if index is None or index.key != module:
            index = self.project.by_key(module)
        if index is None:
            return None
        if qualname in index.functions:
            scope = self._scopes[function] = scope_of(index, qualname)
            return scope
        if not qualname or qualname == MODULE_QUALNAME:
            return scope_of(index)
        if path.root is Root.PARAMETER:
            return None  # The parameter of a lambda.
        # Lambdas and generator expressions see the names of the function that holds them.
        while qualname and qualname not in index.functions:
            qualname = qualname.rpartition(".")[0]
        return scope_of(index, qualname)

    def _types(self, function: str, path: AccessPath) -> Types:
        """Return the types that ``path`` may have; empty if its scope is unknown."""
        scope = self._scope(function, path)
        if scope is None:
            return ()
        self.inference.begin()
        return self.walker.types(scope, path)

    # Locks

    def _lock(self, scope: Scope, path: AccessPath) -> LockRef | None:
        self.inference.begin()
        types = self.walker.types(scope, path)
        if self._ask_outside(types):
            self.inference.begin()
            types = self.walker.types(scope, path)
        locks = [value for kind in types if (value := self._as_lock(kind)) is not None]
        if not locks and not may_be_known_by_use(types):
            return None
        canonical = self.walker.walk(scope, path)
        if not locks:
            by_use = lock_by_use(self.inference.attributes, scope, canonical, types)
            if by_use is None:
                return None
            locks = [by_use]
        views = {lock.view_home for lock in locks}
        if canonical != path:
            locks = self._by_canonical_path(scope, canonical, locks)
        chosen = _choose(locks)
        confidence = chosen.confidence
        for kind in types:
            if isinstance(kind, UnknownType):
                confidence = min(confidence, Confidence.MEDIUM)
            elif not isinstance(kind, NoneType) and self._as_lock(kind) is None:
                confidence = min(confidence, self._stand_in(kind))
        if len({lock.name for lock in locks}) > 1:
            confidence = min(confidence, Confidence.MEDIUM)
        if len({_protocol(lock) for lock in locks}) > 1:
            confidence = Confidence.LOW
        identity, exactness = chosen.identity, chosen.exactness
        if len({(lock.identity, lock.exactness) for lock in locks}) > 1:
            homes = sorted({lock.identity for lock in locks if lock.identity})
            identity = homes[0] if len(homes) == 1 else ""
            exactness = Exactness.UNKNOWN
        if not identity:
            where = ".".join(filter(None, (scope.index.key, scope.function)))
            separator = ".<locals>." if scope.function else "."
            identity = f"{where}{separator}{canonical}"
        if canonical.root is Root.CLOSURE and exactness is Exactness.FRESH:
            exactness = Exactness.PER_INSTANCE
        if scope.use and canonical.root is Root.SELF and len(canonical.fields) == 1:
            # A decorator that is an object has its lock for the one function that it decorates.
            if exactness is Exactness.PER_INSTANCE:
                identity, exactness = f"{identity} of {scope.use}", Exactness.ONE
        if scope.use and canonical.root is Root.CLOSURE and exactness is not Exactness.ONE:
            if scope.known(canonical.root_name) is None:
                # Each function that is decorated has its own.
                identity = f"{identity} of {scope.use}"
                canonical = replace(canonical, root_name=f"{canonical.root_name} of {scope.use}")
        return LockRef(
            path=canonical,
            identity=identity,
            kind=chosen.kind,
            exactness=exactness,
            confidence=confidence,
            may_be_none=any(isinstance(kind, NoneType) for kind in types),
            may_be_stand_in=any(map(self._is_stand_in, types)),
            view_kind=chosen.view_kind,
            view=views.pop() if len(views) == 1 else "",
            mode=_common_mode(chosen, locks),
            has_one_slot=all(lock.has_one_slot for lock in locks),
            gives_up=any(lock.gives_up for lock in locks),
            is_bounded=all(lock.is_bounded for lock in locks),
        )

    def _by_canonical_path(
        self, scope: Scope, path: AccessPath, locks: list[LockValue]
    ) -> list[LockValue]:
        """The locks of an alias, named after the place that the canonical path leads to."""
        direct = self.walker.types(scope, path)
        named = [kind for kind in direct if isinstance(kind, LockValue) and kind.identity]
        if len({(kind.identity, kind.exactness) for kind in named}) != 1:
            return locks
        home = named[0]
        return [replace(lock, identity=home.identity, exactness=home.exactness) for lock in locks]

    def _as_lock(self, kind: Type) -> LockValue | None:
        if isinstance(kind, LockValue):
            return kind
        if isinstance(kind, InstanceType):
            found = self.inference.construction.lock_kind_of_class(kind.cls)
            if found is not None:
                return LockValue(
                    found.name, found, kind.cls.identity, Exactness.PER_INSTANCE, cls=kind.cls
                )
        return None

    def _stand_in(self, kind: Type) -> Confidence:
        """Return the certainty of a lock that may be something else: a dummy lock, or not."""
        if isinstance(kind, InstanceType):
            method = self.inference.attributes.method
            if method(kind.cls, "acquire") and method(kind.cls, "release"):
                return Confidence.MEDIUM
        return Confidence.LOW

    def _is_stand_in(self, kind: Type) -> bool:
        """Return whether it is used as a lock is, but excludes no thread."""
        match kind:
            case ExternalInstance(dotted=dotted):
                return dotted in NO_LOCKS
            case InstanceType(cls=cls):
                method = self.inference.attributes.method
                is_used = any(method(cls, name) for name in (*LOCKING, *ENTERING))
                return is_used and self._as_lock(kind) is None
            case _:
                return False

    def _ask_outside(self, types: Types) -> bool:
        """Resolve the names outside the project; return whether a new lock was found.

        The results are added to the inference, so that they become part of the types of places.
        """
        if self.external is None:
            return False
        found = False
        for kind in types:
            if isinstance(kind, ExternalInstance) or (isinstance(kind, NameType) and kind.member):
                dotted = kind.dotted
            else:
                continue
            if dotted.endswith(")") or dotted.partition(".")[0] in _STANDARD:
                continue
            constructor = self.external.kind_of_external(dotted)
            lock = self.table.kind_for_constructor(constructor) if constructor else None
            if lock is not None:
                self.inference.learn(dotted, lock)
                self.walker.forget()
                found = True
        return found

    # Context managers

    def _methods(self, cls: ClassRef) -> ContextManager:
        method = self.inference.attributes.method

        def key(name: str) -> str | None:
            found = method(cls, name)
            return self.dispatch.decorations.called(found) if found is not None else None

        enter, leave = key("__enter__"), key("__exit__")
        async_enter, async_leave = key("__aenter__"), key("__aexit__")
        external = None
        if enter is None and async_enter is None:
            external = self.inference.attributes.slot(cls, "__enter__").external
        leaving = method(cls, "__exit__" if leave is not None else "__aexit__")
        return ContextManager(
            enter=enter or (async_enter if leave is None else None),
            exit=leave or (async_leave if enter is None else None),
            external=external,
            async_enter=async_enter,
            async_exit=async_leave,
            swallows=leaving.decl.swallows if leaving is not None else (),
        )


def _choose(locks: list[LockValue]) -> LockValue:
    """Return the alternative that represents all: a re-entrant one, then the surest."""
    reentrant = [lock for lock in locks if lock.kind.reentrant]
    return max(reentrant or locks, key=lambda lock: lock.confidence)


def _protocol(lock: LockValue) -> tuple[bool, ...]:
    """Return what decides which statements and calls fit a lock."""
    api = lock.api
    of_loop = api.name.startswith(OF_ASYNCIO)
    return (lock.mode is not None, of_loop, api.is_async, api.with_ok, api.async_with_ok)


def _common_mode(chosen: LockValue, locks: list[LockValue]) -> Mode | None:
    """Return the mode of the alternative that represents all.

    For a view for reading or for writing it is reading, which blocks fewer threads.
    """
    modes = {lock.mode for lock in locks}
    return Mode.SHARED if {Mode.SHARED, Mode.EXCLUSIVE} <= modes else chosen.mode
