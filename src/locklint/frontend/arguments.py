"""Types of parameters, from annotations, defaults, and the calls in the same file."""

from __future__ import annotations

from locklint.core.diagnostic import Confidence
from locklint.frontend.annotations import Annotations
from locklint.frontend.attributes import Attributes
from locklint.frontend.evaluator import Evaluator
from locklint.frontend.receivers import is_method, takes_class
from locklint.frontend.value_types import (
    UNKNOWN,
    ClassRef,
    ClassType,
    ContainerType,
    FunctionType,
    InstanceType,
    NoneType,
    Types,
    UnknownType,
    has_lock,
    scope_of,
    union,
    weaken,
)
from locklint.index.declarations import (
    CallSite,
    FunctionDecl,
    ModuleIndex,
    Parameter,
    Ref,
    Value,
)

_OWN_NAMES = frozenset(("cls", "__class__", "__init__"))


class Arguments:
    """Finds what a parameter may be."""

    def __init__(
        self, evaluator: Evaluator, annotations: Annotations, attributes: Attributes
    ) -> None:
        self.evaluator = evaluator
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
        if parameter.star == "*":
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
                return union(said, [kind for kind in default if isinstance(kind, NoneType)])
        passed = self._from_calls(decl, parameter, position, index)
        default = weaken(default, Confidence.MEDIUM)
        if not passed:
            fixture = self._fixture(decl, parameter, index)
            return union(default, fixture or UNKNOWN)
        return union(default, passed)

    def _from_calls(
        self, decl: FunctionDecl, parameter: Parameter, position: int, index: ModuleIndex
    ) -> Types:
        """Return the values that calls in the same file pass; empty if none passes anything."""
        found: list[Types] = []
        for where, site, bound in self._call_sites(decl, index):
            argument = _argument(site, parameter, position - (1 if bound else 0))
            if argument is None:
                continue
            found.append(self.evaluator.value(argument, scope_of(where, site.function)))
        types = union(*found)
        if not has_lock(types):
            return weaken(types, Confidence.MEDIUM)
        unsure = any(isinstance(kind, UnknownType) for kind in types) or () in found
        return weaken(types, Confidence.LOW if unsure else Confidence.MEDIUM)

    def _call_sites(
        self, decl: FunctionDecl, index: ModuleIndex
    ) -> list[tuple[ModuleIndex, CallSite, bool]]:
        """The calls of a function, where they are, and whether each passes the receiver itself.

        Calls in other files are looked for where the function is a constructor, or no method.
        """
        names = [decl.name]
        if decl.name == "__init__" and decl.class_name:
            bare = decl.class_name.rpartition(".")[2].partition("@")[0]
            names = [bare, "cls", "__class__", "__init__"]
            own = ClassRef(index.path, decl.class_name, index)
            names.extend(sub.decl.name for sub in self.evaluator.project.subclasses(own))
            names.extend(f"{each}[]" for each in self.evaluator.project.containers_of(bare))
        sites = [
            (index, site)
            for name in names
            for site in self._sites_of(index).get(name, ())
            if name not in _OWN_NAMES or self._may_be_own(index, site, decl)
        ]
        if decl.name == "__init__" and decl.class_name:
            names = [name for name in names if name not in ("cls", "__class__")]
        elif decl.class_name or decl.parent:
            names = []
        for name in dict.fromkeys(names):
            sites.extend(self.evaluator.project.call_sites(name, index))
        result: list[tuple[ModuleIndex, CallSite, bool]] = []
        for where, site in sites:
            bound = self._calls(where, site, decl, index)
            if bound is not None:
                result.append((where, site, bound))
        return result

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
        """Whether a call site calls the function: None if not, else whether it is bound."""
        scope = scope_of(where, site.function)
        for kind in self.evaluator.value(site.call.callee, scope):
            match kind:
                case FunctionType(path=path, qualname=qualname, bound=bound):
                    if path == index.path and qualname == decl.qualname:
                        return bound
                case ClassType(cls=cls):
                    found = self.attributes.method(cls, "__init__")
                    if found is not None and found.path == index.path:
                        if found.qualname == decl.qualname:
                            return True
                case _:
                    pass
        return None

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


def _argument(site: CallSite, parameter: Parameter, position: int) -> Value | None:
    for name, value in site.call.keywords:
        if name == parameter.name:
            return value
    if not parameter.keyword_only and 0 <= position < len(site.call.arguments):
        return site.call.arguments[position]
    return None


def _is_fixture(decorator: Value) -> bool:
    callee = getattr(decorator, "callee", decorator)
    return isinstance(callee, Ref) and callee.names[-1] == "fixture"
