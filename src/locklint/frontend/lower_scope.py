"""Scopes: which variable a name means, and what the definitions of a scope are called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

import libcst as cst
import msgspec

from locklint.frontend.positions import CST_LAST_FIRST, NO_NODES, last_first
from locklint.ir.access_path import AccessPath, Root


@lru_cache(maxsize=1 << 14)
def _variable(name: str, root: Root) -> AccessPath:
    """The path of a variable; the same few names are used in most functions."""
    return AccessPath(sys.intern(name), (), root)


class ScopeKind(Enum):
    """Kinds of scopes."""

    MODULE = "module"
    FUNCTION = "function"
    CLASS = "class"
    COMPREHENSION = "comprehension"


class Bindings(msgspec.Struct):
    """The names that the code of one scope binds, its nested scopes left out.

    ``definitions`` are its functions and classes in source order, by the identity of their nodes.
    ``is_driven``: a decorator makes a coroutine of the generator.
    """

    names: set[str] = msgspec.field(default_factory=set)
    globals: set[str] = msgspec.field(default_factory=set)
    nonlocals: set[str] = msgspec.field(default_factory=set)
    definitions: list[cst.FunctionDef | cst.ClassDef] = msgspec.field(default_factory=list)
    is_generator: bool = False
    is_driven: bool = False


class Scope:
    """A module, function, class body or comprehension.

    ``names`` maps the names bound here to the variables of the graph, which differ for class bodies
    and comprehensions: these are lowered into the function around them, with their names set apart.
    """

    def __init__(
        self,
        kind: ScopeKind,
        parent: Scope | None = None,
        names: Mapping[str, str] | None = None,
        parameters: Iterable[str] = (),
        self_name: str | None = None,
        bindings: Bindings | None = None,
        qualname: str = "",
    ) -> None:
        self.kind = kind
        self.parent = parent
        inherited = parent.qualname if parent is not None else ""
        self.qualname: str = qualname or inherited
        self.parameters = frozenset(parameters)
        self.globals = frozenset(bindings.globals) if bindings else frozenset()
        self.nonlocals = frozenset(bindings.nonlocals) if bindings else frozenset()
        bound = bindings.names - self.globals - self.nonlocals if bindings else set()
        self.names: dict[str, str] = {name: name for name in (*self.parameters, *sorted(bound))}
        self.names.update(names or {})
        self.is_driven = bindings is not None and bindings.is_driven
        self.self_name = self_name if self_name not in bound else None
        self._paths: dict[str, AccessPath] = {}

    def resolve(self, name: str) -> AccessPath:
        """The variable that a name means here."""
        path = self._paths.get(name)
        if path is None:
            path = self._paths[name] = self._resolve(name)
        return path

    def _resolve(self, name: str) -> AccessPath:
        scope: Scope | None = self
        within_function = True
        while scope is not None:
            if scope.kind is ScopeKind.MODULE or name in scope.globals:
                break
            visible = within_function or scope.kind is not ScopeKind.CLASS
            if visible and name in scope.names:
                root = scope._root(name) if within_function else Root.CLOSURE
                return _variable(scope.names[name], root)
            if scope.kind is ScopeKind.FUNCTION:
                within_function = False
            scope = scope.parent
        return _variable(name, Root.GLOBAL)

    def _root(self, name: str) -> Root:
        if name == self.self_name:
            return Root.SELF
        return Root.PARAMETER if name in self.parameters else Root.LOCAL

    def from_inside(self, variable: str) -> AccessPath:
        """The variable that a function nested here knows as a closure variable, as seen here."""
        scope: Scope | None = self
        while scope is not None:
            for name, known in scope.names.items():
                if known == variable:
                    return AccessPath(variable, (), scope._root(name))
            if scope.kind is ScopeKind.FUNCTION:
                break
            scope = scope.parent
        return AccessPath(variable, (), Root.CLOSURE)

    def binding_scope(self) -> Scope:
        """The scope in which an assignment expression binds: comprehensions are passed over."""
        scope = self
        while scope.kind is ScopeKind.COMPREHENSION and scope.parent is not None:
            scope = scope.parent
        return scope


_OUTER_CHILDREN: dict[type[cst.CSTNode], Callable[[cst.CSTNode], tuple[Any, ...]]] = {
    **CST_LAST_FIRST,
    cst.FunctionDef: last_first(("decorators", "params")),
    cst.ClassDef: last_first(("decorators", "bases", "keywords")),
    cst.Lambda: last_first(("params",)),
    cst.CompFor: last_first(("iter", "ifs", "inner_for_in")),
}
"""Readers of the children of each node that are evaluated in the scope around it."""

_BIND_NOTHING = NO_NODES | {cst.Name, cst.SimpleString, cst.Integer}


def bindings_of(*bodies: cst.CSTNode) -> Bindings:
    """Return the names that the statements and expressions of a scope bind."""
    found = Bindings()
    # Targets of comprehensions are bound in the comprehension, assignment expressions are not.
    stack: list[cst.CSTNode] = list(reversed(bodies))
    pop = stack.pop
    while stack:
        node = pop()
        kind = type(node)
        if kind in _BINDERS:
            _bind(node, found)
        if kind in _OUTER_CHILDREN:
            for child in _OUTER_CHILDREN[kind](node):
                child_kind = type(child)
                if child_kind is tuple or child_kind is list:
                    stack += reversed(child)
                elif child_kind not in _BIND_NOTHING:
                    stack += (child,)
    return found


def _bind(node: cst.CSTNode, found: Bindings) -> None:
    match node:
        # The most frequent one first: each test of another class calls a method of its metaclass.
        case cst.AssignTarget(target=target):
            add_target_names(target, found.names)
        case cst.FunctionDef(name=name) | cst.ClassDef(name=name):
            found.names.add(name.value)
            assert isinstance(node, (cst.FunctionDef, cst.ClassDef))
            found.definitions.append(node)
        case cst.AnnAssign(target=target) | cst.AugAssign(target=target) | cst.Del(target=target):
            add_target_names(target, found.names)
        case cst.For(target=target) | cst.NamedExpr(target=target):
            add_target_names(target, found.names)
        case cst.TypeAlias(name=name):
            found.names.add(name.value)
        case cst.WithItem(asname=cst.AsName(name=target)):
            add_target_names(target, found.names)
        case cst.ExceptHandler(name=cst.AsName(name=cst.Name(value=text))):
            found.names.add(text)
        case cst.ExceptStarHandler(name=cst.AsName(name=cst.Name(value=text))):
            found.names.add(text)
        case cst.Import(names=aliases):
            found.names.update(imported_name(alias) for alias in aliases)
        case cst.ImportFrom(names=aliases) if not isinstance(aliases, cst.ImportStar):
            found.names.update(imported_name(alias) for alias in aliases)
        case cst.Global(names=items):
            found.globals.update(item.name.value for item in items)
        case cst.Nonlocal(names=items):
            found.nonlocals.update(item.name.value for item in items)
        case cst.MatchAs(name=cst.Name(value=text)) | cst.MatchStar(name=cst.Name(value=text)):
            found.names.add(text)
        case cst.MatchMapping(rest=cst.Name(value=text)):
            found.names.add(text)
        case cst.Yield():
            found.is_generator = True


_BINDERS = frozenset(
    {
        cst.AnnAssign,
        cst.AssignTarget,
        cst.AugAssign,
        cst.ClassDef,
        cst.Del,
        cst.ExceptHandler,
        cst.ExceptStarHandler,
        cst.For,
        cst.FunctionDef,
        cst.Global,
        cst.Import,
        cst.ImportFrom,
        cst.MatchAs,
        cst.MatchMapping,
        cst.MatchStar,
        cst.NamedExpr,
        cst.Nonlocal,
        cst.TypeAlias,
        cst.WithItem,
        cst.Yield,
    }
)


def add_target_names(target: cst.CSTNode, names: set[str]) -> None:
    """Add the names that an assignment to ``target`` binds."""
    stack: list[cst.CSTNode] = [target]
    while stack:
        node = stack.pop()
        match node:
            case cst.Name(value=text):
                names.add(text)
            case cst.Tuple(elements=elements) | cst.List(elements=elements):
                stack.extend(element.value for element in elements)
            case cst.StarredElement(value=value):
                stack.append(value)


def imported_name(alias: cst.ImportAlias) -> str:
    """The name that one part of an import statement binds."""
    if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
        return alias.asname.name.value
    node: cst.BaseExpression = alias.name
    while isinstance(node, cst.Attribute):
        node = node.value
    return node.value if isinstance(node, cst.Name) else ""


def definition_names(
    bindings: Bindings, prefix: str, known: Mapping[tuple[int, str], str], lines: Mapping[int, int]
) -> dict[int, str]:
    """The qualified name of each function and class of a scope, by the identity of its node.

    The index's own names (``known``, by line of the definition and bare name) go first; else a
    second definition of a name gets its line. ``lines`` are those of the definitions, by identity.
    """
    taken: set[str] = set()
    names: dict[int, str] = {}
    for node in bindings.definitions:
        name = node.name.value
        line = lines.get(id(node), 0)
        unique = f"{name}@{line}" if name in taken else name
        taken.add(name)
        if unique in taken and unique != name:
            unique = f"{unique}.{len(taken)}"
        taken.add(unique)
        default = f"{prefix}.{unique}" if prefix else unique
        names[id(node)] = known.get((line, name), default)
    return names
