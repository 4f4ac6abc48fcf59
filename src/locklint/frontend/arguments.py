"""Types of parameters, from annotations, defaults, and calls."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from locklint.core.diagnostic import Confidence
from locklint.frontend.annotations import Annotations
from locklint.frontend.attributes import Attributes
from locklint.frontend.call_sites import MAX_CALL_SITES, may_pass
from locklint.frontend.evaluator import Evaluator
from locklint.frontend.families import Families
from locklint.frontend.receivers import declares, is_method, takes_class
from locklint.frontend.value_types import (
    UNKNOWN,
    UNKNOWN_TYPE,
    CallableType,
    ClassRef,
    ClassType,
    ContainerType,
    ExternalInstance,
    FunctionType,
    InstanceType,
    LambdaType,
    LockValue,
    NoneType,
    Scope,
    Type,
    Types,
    UnknownType,
    are_known,
    has_lock,
    scope_of,
    union,
    weaken,
    without_none,
    without_unknown,
)
from locklint.index.declarations import (
    AttributeValue,
    CallSite,
    CallValue,
    FunctionDecl,
    Literal,
    ModuleIndex,
    Parameter,
    Ref,
    Value,
)
from locklint.ir.lock import Exactness
from locklint.ir.parameter import Star

_STANDARD = frozenset((*sys.stdlib_module_names, "builtins"))
_MOST_NAMES = 24
"""The largest number of classes, one and its subclasses, whose other names are looked up."""

_OWN_NAMES = frozenset(("cls", "__class__", "__init__"))


class Arguments:
    """Finds what a parameter may be.

    With ``families`` it may be what any call passes, and calls of a method are those by its name
    too, if nothing is known about their receiver: these are guesses (`Guesses`).
    """

    def __init__(
        self,
        evaluator: Evaluator,
        annotations: Annotations,
        attributes: Attributes,
        families: Families | None = None,
    ) -> None:
        self.evaluator = evaluator
        self._families = families
        self.annotations = annotations
        self.attributes = attributes
        self._sites: dict[str, dict[str, list[CallSite]]] = {}

    def parameter(
        self, decl: FunctionDecl, parameter: Parameter, position: int, index: ModuleIndex
    ) -> Types:
        """Return the types of a parameter; ``position`` starts at 0 and includes the receiver."""
        if position == 0 and is_method(decl) and not parameter.star:
            cls = ClassRef(index.path, decl.class_name or "", index)
            return (ClassType(cls) if takes_class(decl) else InstanceType(cls),)
        if parameter.star is Star.POSITIONAL:
            return (ContainerType("tuple"),)
        if parameter.star:
            return (ContainerType("dict"),)
        scope = scope_of(index, decl.parent or "", "")
        default: Types = ()
        if parameter.default is not None:
            holder = decl.class_name or ""
            default = self.evaluator.value(
                parameter.default, scope_of(index, decl.parent or "", holder)
            )
        if parameter.annotation is not None:
            said = self.annotations.types(parameter.annotation, scope)
            said = weaken(said, Confidence.MEDIUM, locks_only=True)
            if not all(isinstance(kind, UnknownType) for kind in said):
                none = [kind for kind in default if isinstance(kind, NoneType)]
                if not any(self._stands_for_others(kind) for kind in said):
                    return union(said, none)
                passed = without_none(self._from_calls(decl, parameter, position, index))
                return union(passed if are_known(passed) else without_unknown(passed + said), none)
        passed = self._from_calls(decl, parameter, position, index)
        if not are_known(passed):
            passed = union(passed, self._documented(decl, parameter, index))
        default = weaken(default, Confidence.MEDIUM)
        if not passed:
            fixture = self._fixture(decl, parameter, index)
            return union(default, fixture or UNKNOWN)
        return union(default, passed)

    def _documented(self, decl: FunctionDecl, parameter: Parameter, index: ModuleIndex) -> Types:
        """Return an instance of the class that the docstring names for a parameter, or ().

        That is no more than a guess: no program reads docstrings.
        """
        name = decl.documented.get(parameter.name)
        if name is None or self._families is None:
            return ()
        names = tuple(name.split("."))
        scope = scope_of(index, decl.parent or "")
        types = self.evaluator.value(Ref(names), scope)
        if not any(isinstance(kind, ClassType) for kind in types):
            types = self.evaluator.absolute(name, index)
        classes = tuple([kind for kind in types if isinstance(kind, ClassType)])
        return self.annotations.instances(classes, scope) if classes else ()

    def locks(self, decl: FunctionDecl, position: int, index: ModuleIndex, optional: bool) -> Types:
        """Return the lock that all calls of a function pass, with the name of its place.

        Return nothing if there may be others. ``optional``: calls that pass nothing have one more.
        """
        parameter = decl.parameters[position]
        if self._constructions(decl, index) > MAX_CALL_SITES:
            return ()
        if optional and self._is_left_out(decl, parameter, position, index):
            return ()
        passed = self._from_calls(decl, parameter, position, index, self._by_place)
        locks = [kind for kind in passed if isinstance(kind, LockValue)]
        places = {(kind.identity, kind.exactness) for kind in locks if kind.is_named}
        is_one = len(places) == 1 and all(kind.is_named for kind in locks)
        is_element = any(kind.exactness is Exactness.ELEMENT for kind in locks)
        return passed if is_one and not is_element and len(locks) == len(passed) else ()

    def passed(
        self,
        decl: FunctionDecl,
        position: int,
        index: ModuleIndex,
        value: Callable[[Value, Scope], Types],
    ) -> Types:
        """Return what ``value`` makes of the arguments that calls pass for a parameter."""
        return self._from_calls(decl, decl.parameters[position], position, index, value)

    def _by_place(self, argument: Value, scope: Scope) -> Types:
        """Return the value of an argument; a lock that a constructor hands on keeps its place."""
        decl = scope.decl
        if decl is not None and decl.name == "__init__" and isinstance(argument, Ref):
            for position, parameter in enumerate(decl.parameters):
                if argument.names == (parameter.name,) and parameter.name not in decl.locals:
                    if position and not parameter.star:
                        return self.evaluator.passed_locks(decl, position, scope.index, False)
        return self.evaluator.value(argument, scope)

    def _is_left_out(
        self, decl: FunctionDecl, parameter: Parameter, position: int, index: ModuleIndex
    ) -> bool:
        """Return whether a call of a constructor does not pass a parameter."""
        project = self.evaluator.project
        own = ClassRef(index.path, decl.class_name or "", index)
        return any(
            not may_pass(site, parameter, position - 1)
            and self._calls(where, site, decl, index) is not None
            for each in (own, *project.subclasses(own))
            for where, site in project.call_sites.named(each.decl.name)
        )

    def _constructions(self, decl: FunctionDecl, index: ModuleIndex) -> int:
        """Return the number of calls that may be of a function; a constructor has its classes."""
        project = self.evaluator.project
        if decl.class_name is None:
            return project.call_sites.count(decl.name)
        own = ClassRef(index.path, decl.class_name or "", index)
        names = {each.decl.name for each in (own, *project.subclasses(own))}
        return sum(project.call_sites.count(name) for name in names)

    def _from_calls(
        self,
        decl: FunctionDecl,
        parameter: Parameter,
        position: int,
        index: ModuleIndex,
        value: Callable[[Value, Scope], Types] | None = None,
    ) -> Types:
        """Return the values that calls pass; empty if none passes anything.

        ``value`` evaluates an argument.
        """
        value = value or self.evaluator.value
        found: list[Types] = []
        elsewhere: list[Types] = []
        others = False
        registering: list[tuple[ModuleIndex, CallSite]] = []
        disagree = False
        for where, site in self._call_sites(decl, parameter, position, index):
            if where.path != index.path and (disagree or _is_plain_function(where, site, decl)):
                continue
            bound = self._calls(where, site, decl, index)
            if bound is None:
                if self.evaluator.exhausted:
                    break  # No other call is known to be one of the function.
                continue
            argument = _argument(site, parameter, position - (1 if bound else 0))
            if argument is None or _is_handed_on(where, site, decl, argument):
                continue
            passed = value(argument, scope_of(where, site.function))
            is_near = where.path == index.path or not is_method(decl) or decl.name == "__init__"
            if is_near or self._families is not None:
                found.append(passed)
            else:
                elsewhere.append(passed)
                disagree = UNKNOWN_TYPE in passed or len(without_none(union(*elsewhere))) > 1
            others = others or where.path != index.path
            if not (isinstance(argument, Literal) and argument.text == "None"):
                registering.append((where, site))
        if elsewhere:
            # Methods of other classes have the same name: only what all agree on is believed.
            agreed = () if disagree else without_none(union(*found, *elsewhere))
            is_one = len(agreed) == 1 and (
                not self._is_called(agreed[0]) or self._is_for_all(decl, index, registering)
            )
            found += elsewhere if is_one else [UNKNOWN]
        types = union(*found)
        if parameter.annotation is not None or (others and decl.name != "__init__"):
            types = self._of_one_object(types, decl, parameter, index)
        if not has_lock(types):
            return weaken(types, Confidence.MEDIUM)
        unsure = any(isinstance(kind, UnknownType) for kind in types) or () in found
        return weaken(types, Confidence.LOW if unsure else Confidence.MEDIUM)

    def _is_for_all(
        self, decl: FunctionDecl, index: ModuleIndex, sites: Sequence[tuple[ModuleIndex, CallSite]]
    ) -> bool:
        """Return whether all objects of a method's class, and no others, get what the calls pass.

        If there are subclasses, each may be given callbacks of its own, unless the calls are those
        of an object of which no more than the base class is known.
        """
        own = ClassRef(index.path, decl.class_name or "", index)
        if not self.evaluator.project.subclasses(own):
            return len(sites) == 1
        return all(self._is_object_of(own, where, site) for where, site in sites)

    def _is_object_of(self, own: ClassRef, where: ModuleIndex, site: CallSite) -> bool:
        callee = site.call.callee
        if not isinstance(callee, Ref) or len(callee.names) < 2:
            return False
        receiver = Ref(callee.names[:-1])
        found = without_none(self.evaluator.value(receiver, scope_of(where, site.function)))
        return bool(found) and all(
            isinstance(each, InstanceType) and each.cls == own for each in found
        )

    def _of_one_object(
        self, types: Types, decl: FunctionDecl, parameter: Parameter, index: ModuleIndex
    ) -> Types:
        """Return the types without the functions among them, if each may be another object's.

        What a method keeps is called later, by the object that was given it. Which one that is
        cannot be told where there are several objects.
        """
        if not decl.class_name or parameter.name in decl.called or self._families is not None:
            return types
        kept = [kind for kind in types if not self._is_called(kind)]
        if len(types) - len(kept) < 2:
            return types
        if self._constructions(decl, index) < 2:
            return types
        return union(kept, UNKNOWN)

    def _is_called(self, kind: Type) -> bool:
        match kind:
            case FunctionType() | LambdaType():
                return True
            case InstanceType(cls=cls):
                return self.attributes.method(cls, "__call__") is not None
            case _:
                return False

    def _call_sites(
        self, decl: FunctionDecl, parameter: Parameter, position: int, index: ModuleIndex
    ) -> list[tuple[ModuleIndex, CallSite]]:
        """Return the calls that may be of a function and may pass the parameter, and their files.

        A nested function that has no other name is called in its own file only.
        """
        project = self.evaluator.project
        names = called = [decl.name]
        if decl.name == "__init__" and decl.class_name:
            own = ClassRef(index.path, decl.class_name, index)
            called = [each.decl.name for each in (own, *project.subclasses(own))]
            names = [*called, "cls", "__class__", "__init__"]
        least = position - 1 if is_method(decl) else position
        sites = [
            (index, site)
            for name in names
            for site in self._sites_of(index).get(name, ())
            if may_pass(site, parameter, least)
            and (name not in _OWN_NAMES or self._may_be_own(index, site, decl))
        ]
        if decl.name == "__init__" and decl.class_name:
            names = [name for name in names if name not in ("cls", "__class__")]
        is_nested = bool(decl.parent) and not decl.class_name
        for name in () if is_nested else dict.fromkeys(names):
            sites += project.call_sites.passing(name, parameter, least, index)
        others = [other for each in called[:_MOST_NAMES] for other in project.other_names(each)]
        if is_nested and others:
            others.append(decl.name)
        for name in dict.fromkeys(others):
            if name not in names:
                own_sites = self._sites_of(index).get(name, ())
                sites += [(index, each) for each in own_sites if may_pass(each, parameter, least)]
            if name not in names or is_nested:
                sites += project.call_sites.passing(name, parameter, least, index)
        return sites

    def _may_be_own(self, index: ModuleIndex, site: CallSite, decl: FunctionDecl) -> bool:
        """Return whether ``cls(…)`` or ``super().__init__(…)`` may mean that class in its place.

        Resolving each of them would cost more than one query may.
        """
        caller = index.functions.get(site.function)
        if caller is None or not decl.class_name:
            return True
        callee = site.call.callee
        bare = decl.class_name.rpartition(".")[2].partition("@")[0]
        if isinstance(callee, Ref) and bare in callee.names:
            return True
        while caller.class_name is None and caller.parent in index.functions:
            caller = index.functions[caller.parent]
        if caller.class_name is None:
            return False
        own = ClassRef(index.path, decl.class_name, index)
        return own in self.evaluator.project.mro(ClassRef(index.path, caller.class_name, index))

    def _calls(
        self, where: ModuleIndex, site: CallSite, decl: FunctionDecl, index: ModuleIndex
    ) -> bool | None:
        """Return whether a call site calls the function: None if not, else whether it is bound."""
        types = self._callee(where, site)
        for kind in types:
            match kind:
                case FunctionType(path=path, qualname=qualname, bound=bound):
                    if path == index.path and qualname == decl.qualname:
                        return bound
                    if kind.decl.name == decl.name and self._replaces(decl, index, kind):
                        return bound
                case ClassType(cls=cls):
                    found = self.attributes.method(cls, "__init__")
                    if found is not None and found.path == index.path:
                        if found.qualname == decl.qualname:
                            return True
                case _:
                    pass
        return True if UNKNOWN_TYPE in types and self._is_family(site, decl, index) else None

    def _callee(self, where: ModuleIndex, site: CallSite) -> Types:
        """Return what a call site calls; each site is asked about for many parameters."""
        return self.evaluator.settled(
            site, lambda: self.evaluator.value(site.call.callee, scope_of(where, site.function))
        )

    def _is_family(self, site: CallSite, decl: FunctionDecl, index: ModuleIndex) -> bool:
        """Return whether a call by a method's name is guessed to be one of the method."""
        if self._families is None or not decl.class_name or site.name != decl.name:
            return False
        own = ClassRef(index.path, decl.class_name, index)
        return _has_receiver(site) and own in self._families.of(decl.name)

    def _replaces(self, decl: FunctionDecl, index: ModuleIndex, called: FunctionType) -> bool:
        """Return whether a method is one of a subclass in the place of the one that is called."""
        if decl.class_name is None or called.decl.class_name is None:
            return False
        own = ClassRef(index.path, decl.class_name, index)
        base = ClassRef(called.path, called.decl.class_name, called.index)
        return base in self.evaluator.project.mro(own)

    def _stands_for_others(self, kind: Type) -> bool:
        """Return whether an annotation leaves open which object of the project a value is.

        This holds for `Callable`, protocols, and classes of libraries, of which the project may
        have subclasses.
        """
        match kind:
            case CallableType():
                return True
            case InstanceType(cls=cls):
                return any(
                    isinstance(base, str) and base.endswith(".Protocol")
                    for base in self.evaluator.project.bases(cls)
                )
            case ExternalInstance(dotted=dotted):
                return dotted.partition(".")[0] not in _STANDARD
            case _:
                return False

    def _sites_of(self, index: ModuleIndex) -> dict[str, list[CallSite]]:
        known = self._sites.get(index.path)
        if known is None:
            known = {}
            for site in index.call_sites:
                known.setdefault(site.name, []).append(site)
            self._sites[index.path] = known
        return known

    def _fixture(self, decl: FunctionDecl, parameter: Parameter, index: ModuleIndex) -> Types:
        """Return the value of a parameter with the name of a pytest fixture of the same file."""
        fixture = index.functions.get(parameter.name)
        if fixture is None or fixture.qualname == decl.qualname:
            return ()
        if not any(_is_fixture(decorator) for decorator in fixture.decorators):
            return ()
        scope = scope_of(index, fixture.qualname)
        values = fixture.yields if fixture.is_generator else fixture.returns
        return weaken(
            union(*[self.evaluator.value(value, scope) for value in values]), Confidence.MEDIUM
        )


def _has_receiver(site: CallSite) -> bool:
    match site.call.callee:
        case AttributeValue() | Ref(names=(_, _, *_)):
            return True
        case _:
            return False


def _is_plain_function(where: ModuleIndex, site: CallSite, decl: FunctionDecl) -> bool:
    """Return whether a bare name that a call names is a function of its file, and no method.

    A variable may hold a method, and another module may have one in a variable. To infer what each
    bare name is would cost more than it finds.
    """
    callee = site.call.callee
    if not is_method(decl) or decl.name == "__init__" or not isinstance(callee, Ref):
        return False
    name = callee.names[0]
    if len(callee.names) != 1 or name in where.bindings or name in where.imports:
        return False
    function = where.functions.get(site.function)
    while function is not None:
        if declares(function, name) or name in function.comprehensions:
            return False
        function = where.functions.get(function.parent or "")
    return True


def _argument(site: CallSite, parameter: Parameter, position: int) -> Value | None:
    for name, value in site.call.keywords:
        if name == parameter.name:
            return value
    if not parameter.keyword_only and 0 <= position < len(site.call.arguments):
        return site.call.arguments[position]
    return None


def _is_handed_on(where: ModuleIndex, site: CallSite, decl: FunctionDecl, argument: Value) -> bool:
    """Return whether an override hands its own parameter on to the method that it overrides.

    Calls of the override are calls of the method as well, if all that is known of the receiver is
    the base class. So they say what is passed.
    """
    match site.call.callee:
        case AttributeValue(of=CallValue(callee=Ref(names=("super",))), name=name):
            pass
        case Ref(names=(*_, owner, name)) if owner == decl.class_name:
            pass
        case _:
            return False
    caller = where.functions.get(site.function)
    if caller is None or not (caller.name == name == decl.name) or name == "__init__":
        return False
    return (
        isinstance(argument, Ref)
        and any(argument.names == (each.name,) for each in caller.parameters)
        and argument.names[0] not in caller.locals
    )


def _is_fixture(decorator: Value) -> bool:
    callee = getattr(decorator, "callee", decorator)
    return isinstance(callee, Ref) and callee.names[-1] == "fixture"
