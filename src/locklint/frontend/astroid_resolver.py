"""Kinds of installed third-party names, read from their sources with astroid.

The only module that knows astroid, which is imported for the first query. Files are found with
`importlib.machinery.PathFinder`, part by part, so that not even a parent package is imported; they
are parsed, never run, and no extension module of a package is loaded. Imports are followed here
rather than by astroid's inference, so that each query costs a bounded number of files.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locklint.index.screen import mentions_lock
from locklint.ir.lock import LockKind, has_lock_methods

if TYPE_CHECKING:
    from astroid import nodes  # type: ignore[import-untyped]

MAX_FILES_PER_QUESTION = 12
MAX_FILES = 400
MAX_BYTES = 600_000
MAX_HOPS = 14
MAX_TREES = 40
"""The largest number of syntax trees that are kept; others are made again when needed."""


class AstroidResolver:
    """Implements `locklint.frontend.static_resolver.ExternalResolver`.

    ``kind`` gives the kind of lock that a dotted name makes, as the tables know it; ``search_path``
    are the folders with installed packages (default: those of this interpreter). ``consulted``
    collects the paths of the files and folders on which results depend. ``is_ours`` says of a
    dotted name that it leads into the project, of which another version may be installed.
    """

    def __init__(
        self,
        kind: Callable[[str], LockKind | None],
        search_path: Sequence[str] | None = None,
        consulted: set[str] | None = None,
        is_ours: Callable[[str], bool] = lambda dotted: False,
    ) -> None:
        self._consulted: set[str] = set() if consulted is None else consulted
        self._kind = kind
        self._is_ours = is_ours
        self._search_path = list(sys.path if search_path is None else search_path)
        self._answers: dict[str, str | None] = {}
        # The trees last used come last; None for what there is no tree of.
        self._modules: dict[str, nodes.Module | None] = {}
        self._parsed = 0
        self._files_left = 0
        self._hops_left = 0

    def kind_of_external(self, dotted: str) -> str | None:
        """The canonical constructor of the lock that ``dotted`` is, makes, or holds, else None."""
        if dotted not in self._answers:
            if self._is_ours(dotted):
                return None  # For now: the file may be read later.
            self._files_left = MAX_FILES_PER_QUESTION
            self._hops_left = 4 * MAX_HOPS
            try:
                self._answers[dotted] = self._resolve(dotted, MAX_HOPS)
            except Exception:  # astroid may raise anything on odd sources; then nothing is known.
                self._answers[dotted] = None
        return self._answers[dotted]

    # Names

    def _resolve(self, dotted: str, hops: int) -> str | None:
        if self._kind(dotted) is not None:
            return dotted
        self._hops_left -= 1
        if hops <= 0 or self._hops_left <= 0:
            return None
        parts = dotted.split(".")
        for length in range(len(parts) - 1, 0, -1):
            module = self._module(".".join(parts[:length]))
            if module is not None:
                return self._member(module, parts[length:], hops)
        return None

    def _member(self, scope: nodes.LocalsDictNodeNG, names: list[str], hops: int) -> str | None:
        """Return the target of a name in a module or class, then of its attributes."""
        for found in self._definitions(scope, names[0]):
            answer = self._definition(found, names, hops)
            if answer is not None:
                return answer
        return None

    def _definition(self, found: nodes.NodeNG, names: list[str], hops: int) -> str | None:
        from astroid import nodes

        rest = names[1:]
        match found:
            case nodes.ImportFrom():
                target = _import_target(found, names[0])
                return self._resolve(".".join([target, *rest]), hops - 1) if target else None
            case nodes.Import():
                for name, alias in found.names:
                    if alias == names[0]:
                        return self._resolve(".".join([name, *rest]), hops - 1)
                    if alias is None and name.split(".")[0] == names[0]:
                        return self._resolve(".".join(names), hops - 1)
                return None
            case nodes.ClassDef():
                return self._attribute(found, rest, hops) if rest else self._class(found, hops)
            case nodes.FunctionDef():
                return None if rest else self._function(found, hops)
            case _:
                value = _assigned(found)
                if value is None:
                    return None
                if rest:
                    return self._attribute_of_value(value, rest, hops)
                return self._value(value, hops - 1)

    def _definitions(self, scope: nodes.LocalsDictNodeNG, name: str) -> Iterator[nodes.NodeNG]:
        from astroid import nodes

        found = scope.locals.get(name, ())
        yield from found[:4]
        if not found and isinstance(scope, nodes.Module):
            for statement in scope.body:
                if isinstance(statement, nodes.ImportFrom) and statement.names[0][0] == "*":
                    module = self._module(_absolute(statement) or "")
                    if module is not None and name in module.locals:
                        yield from module.locals[name][:4]

    # Classes

    def _class(self, cls: nodes.ClassDef, hops: int) -> str | None:
        """The lock that instances of a class are, by its name or its nearest known ancestor."""
        name: str = cls.qname()
        if self._kind(name) is not None:
            return name
        methods = {method.name for method in cls.mymethods()}
        if has_lock_methods(methods):
            return None  # It has its own interface, about which nothing is known.
        for base in cls.bases:
            answer = self._name_in(cls.root(), base, hops - 1)
            if answer is not None:
                kind = self._kind(answer)
                return None if kind is not None and kind.is_replaced_by(methods) else answer
        return None

    def _attribute(self, cls: nodes.ClassDef, names: list[str], hops: int) -> str | None:
        """The lock that an attribute of instances of a class is."""
        if hops <= 0:
            return None
        stores = [*cls.instance_attrs.get(names[0], ()), *cls.locals.get(names[0], ())]
        for store in stores[:6]:
            from astroid import nodes

            if isinstance(store, nodes.FunctionDef):
                if len(names) == 1:
                    answer = self._function(store, hops - 1)
                    if answer is not None:
                        return answer
                continue
            value = _assigned(store)
            if value is None:
                continue
            answer = (
                self._attribute_of_value(value, names[1:], hops - 1)
                if len(names) > 1
                else self._value(value, hops - 1)
            )
            if answer is not None:
                return answer
        for base in cls.bases:
            dotted = self._dotted_in(cls.root(), base)
            if dotted is not None:
                answer = self._resolve_attribute(dotted, names, hops - 1)
                if answer is not None:
                    return answer
        return None

    def _resolve_attribute(self, dotted: str, names: list[str], hops: int) -> str | None:
        return self._resolve(".".join([dotted, *names]), hops)

    def _function(self, function: nodes.FunctionDef, hops: int) -> str | None:
        """The lock that a function returns."""
        if hops <= 0:
            return None
        for statement in _returns(function):
            if statement.value is not None:
                answer = self._value(statement.value, hops - 1)
                if answer is not None:
                    return answer
        return None

    # Values

    def _value(self, value: nodes.NodeNG, hops: int) -> str | None:
        """The lock that an expression makes or names."""
        from astroid import nodes

        if hops <= 0:
            return None
        match value:
            case nodes.Call(func=callee):
                return self._name_in(value.root(), callee, hops)
            case nodes.IfExp(body=body, orelse=orelse):
                return self._value(body, hops - 1) or self._value(orelse, hops - 1)
            case nodes.BoolOp(values=values):
                for operand in reversed(values):
                    answer = self._value(operand, hops - 1)
                    if answer is not None:
                        return answer
                return None
            case nodes.Name(name=name):
                root = value.root()
                for found in root.locals.get(name, ())[:4]:
                    assigned = _assigned(found)
                    if assigned is not None and not isinstance(assigned, nodes.Name):
                        return self._value(assigned, hops - 1)
                return None
            case nodes.Attribute(expr=nodes.Name(name=receiver), attrname=attribute):
                function = value.frame()
                cls = _class_of(function)
                if cls is not None:
                    arguments = function.args.arguments
                    if arguments and arguments[0].name == receiver:
                        return self._attribute(cls, [attribute], hops - 1)
                return None
            case _:
                return None

    def _attribute_of_value(self, value: nodes.NodeNG, names: list[str], hops: int) -> str | None:
        from astroid import nodes

        if isinstance(value, nodes.Call):
            dotted = self._dotted_in(value.root(), value.func)
            if dotted is not None:
                return self._resolve(".".join([dotted, *names]), hops - 1)
        return None

    def _name_in(self, module: nodes.Module, node: nodes.NodeNG, hops: int) -> str | None:
        dotted = self._dotted_in(module, node)
        return self._resolve(dotted, hops) if dotted is not None else None

    def _dotted_in(self, module: nodes.Module, node: nodes.NodeNG) -> str | None:
        """The absolute dotted name that an expression of a module means."""
        names = _names(node)
        if not names:
            return None
        for found in module.locals.get(names[0], ())[:1]:
            from astroid import nodes

            if isinstance(found, nodes.ImportFrom):
                target = _import_target(found, names[0])
                return ".".join([target, *names[1:]]) if target else None
            if isinstance(found, nodes.Import):
                for name, alias in found.names:
                    if alias == names[0]:
                        return ".".join([name, *names[1:]])
                return ".".join(names)
        return ".".join([module.name, *names])

    # Files

    def _module(self, dotted: str) -> nodes.Module | None:
        if dotted in self._modules:
            module = self._modules.pop(dotted)
            self._modules[dotted] = module
            return module
        path = self._find(dotted)
        module = None
        if path is not None and self._files_left > 0 and self._parsed < MAX_FILES:
            self._files_left -= 1
            self._parsed += 1
            module = self._parse(dotted, path)
            trees = [name for name, tree in self._modules.items() if tree is not None]
            if len(trees) >= MAX_TREES:
                del self._modules[trees[0]]
        elif path is not None:
            return None  # Not cached: another query may have files left.
        self._modules[dotted] = module
        return module

    def _find(self, dotted: str) -> Path | None:
        """The source file of a module; looks at folders only, imports nothing."""
        search: list[str] | None = self._search_path
        parts = dotted.split(".")
        for length in range(1, len(parts) + 1):
            spec = PathFinder.find_spec(".".join(parts[:length]), search)
            if spec is None:
                return None
            if length == len(parts):
                origin = spec.origin
                if origin is None or not origin.endswith(".py"):
                    return None
                path = Path(origin)
                self._consulted.add(origin)
                return path if path.stat().st_size <= MAX_BYTES else None
            locations = spec.submodule_search_locations
            if locations is None:
                return None
            search = list(locations)
            self._consulted.update(search)
        return None

    def _parse(self, dotted: str, path: Path) -> nodes.Module | None:
        try:
            data = path.read_bytes()
            tree: nodes.Module
            if mentions_lock(data):
                tree = self._builder.file_build(str(path), dotted)
            else:
                # All that such a file can say is where a name comes from.
                tree = self._builder.string_build(_imports(data), dotted, str(path))
        except Exception:  # A file that cannot be parsed says nothing.
            return None
        self._manager.astroid_cache.pop(dotted, None)  # Which would keep every tree for good.
        return tree

    @cached_property
    def _builder(self) -> Any:
        """Return a builder that makes the tree of each file from its own text alone.

        astroid's own infers whose attribute each assignment is, and looks into modules that are
        imported with a star: to do that it parses many files that are not needed.
        """
        from astroid.builder import AstroidBuilder  # type: ignore[import-untyped]

        class OwnFileBuilder(AstroidBuilder):  # type: ignore[misc]
            def delayed_assattr(self, node: nodes.AssignAttr) -> None:
                method = node.frame()
                cls = _class_of(method)
                if cls is None:
                    return
                arguments = method.args.arguments
                if arguments and _names(node.expr) == [arguments[0].name]:
                    cls.instance_attrs.setdefault(node.attrname, []).append(node)

            def add_from_names_to_locals(
                self, node: nodes.ImportFrom, global_name: set[str]
            ) -> None:
                if node.names[0][0] != "*":
                    super().add_from_names_to_locals(node, global_name)

        return OwnFileBuilder(self._manager, apply_transforms=False)

    @cached_property
    def _manager(self) -> Any:
        from astroid.manager import AstroidManager  # type: ignore[import-untyped]

        manager = AstroidManager()
        manager.always_load_extensions = False
        manager.extension_package_allowlist = set()
        return manager


def _class_of(function: nodes.NodeNG) -> nodes.ClassDef | None:
    """Return the class whose body holds a function. (astroid's method infers decorators.)"""
    from astroid import nodes

    if not isinstance(function, nodes.FunctionDef):
        return None
    holder = function.parent.frame()
    return holder if isinstance(holder, nodes.ClassDef) else None


def _imports(data: bytes) -> str:
    """The imports of a module, those in conditions and handlers included, as a module."""
    found: list[ast.stmt] = []
    work: list[ast.AST] = [ast.parse(data)]
    while work:
        node = work.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                found.append(child)
            elif isinstance(child, (ast.If, ast.Try, ast.With, ast.ExceptHandler)):
                work.append(child)
    found.sort(key=lambda node: node.lineno)
    return "\n".join(map(ast.unparse, found))


def _names(node: nodes.NodeNG) -> list[str]:
    from astroid import nodes

    names: list[str] = []
    while isinstance(node, nodes.Attribute):
        names.append(node.attrname)
        node = node.expr
    if not isinstance(node, nodes.Name):
        return []
    names.append(node.name)
    names.reverse()
    return names


def _assigned(node: nodes.NodeNG) -> nodes.NodeNG | None:
    """Return the value that is assigned to a target, if it is plain."""
    from astroid import nodes

    statement = node.parent
    if isinstance(statement, (nodes.Assign, nodes.AnnAssign)):
        return statement.value
    return None


def _absolute(node: nodes.ImportFrom) -> str | None:
    name: str = node.root().relative_to_absolute_name(node.modname, node.level)
    return name


def _import_target(node: nodes.ImportFrom, local: str) -> str | None:
    base = _absolute(node)
    for name, alias in node.names:
        if (alias or name) == local:
            return f"{base}.{name}" if base else name
    return None


def _returns(function: nodes.FunctionDef) -> list[nodes.Return]:
    from astroid import nodes

    found: list[nodes.Return] = []
    for statement in function.nodes_of_class(
        nodes.Return, skip_klass=(nodes.FunctionDef, nodes.Lambda, nodes.ClassDef)
    ):
        found.append(statement)
        if len(found) >= 6:
            break
    return found
