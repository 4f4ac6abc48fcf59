"""A pass over the standard `ast` of a file that gathers its declarations."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from typing import Any

from locklint.core.source import SourceFile, Span
from locklint.index.build_bindings import TargetBinder
from locklint.index.build_expressions import ExpressionScan
from locklint.index.build_lock_use import (
    entered_path,
    is_lock_test,
    may_be_lock,
    tested_path,
)
from locklint.index.build_scopes import (
    ClassScope,
    FunctionScope,
    ModuleScope,
    PendingCall,
    Scope,
    add_binding,
    freeze,
    span_of,
)
from locklint.index.build_values import OPAQUE, annotation_of, value_of
from locklint.index.declarations import (
    Binding,
    CallSite,
    CallValue,
    Element,
    Entered,
    Items,
    ModuleIndex,
    Ref,
    Value,
)
from locklint.index.shared import import_target
from locklint.index.type_comments import annotation_in
from locklint.index.versions import version_test
from locklint.models.calls import ATTACHING, LISTENER

MAX_CALL_SITES = 30
"""The largest number of call sites of one name that are kept."""


def build_index(tree: ast.Module, source: SourceFile) -> ModuleIndex:
    """Return the declarations of a parsed file; accept a tree of any depth, and never raise."""
    return _Builder(source).build(tree)


class _Builder:
    """The state of one pass: a work list of statement iterators, each with its scope."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.module = ModuleScope()
        self.classes: list[ClassScope] = []
        self.functions: list[FunctionScope] = []
        self.calls: list[PendingCall] = []
        self.bound_calls: dict[ast.expr, Value] = {}
        self.star_imports: list[str] = []
        self.imports: dict[str, str] = {}
        self.other_imports: dict[str, list[str]] = {}
        self.attribute_stores: dict[str, list[Binding]] = {}
        self.statements: list[Span] = []
        self.exports: tuple[str, ...] = ()
        self.work: list[tuple[Iterator[ast.stmt], Scope]] = []
        self.binder = TargetBinder(self.module, self.attribute_stores)
        self.scan = ExpressionScan(self.binder, self.calls).scan
        self.handlers: dict[type, Callable[[Any, Scope], None]] = {
            ast.Expr: self._expression,
            ast.Assign: self._assign,
            ast.AnnAssign: self._annotated_assign,
            ast.AugAssign: self._augmented_assign,
            ast.Return: self._return,
            ast.If: self._test,
            ast.While: self._test,
            ast.For: self._for,
            ast.AsyncFor: self._for,
            ast.With: self._with,
            ast.AsyncWith: self._with,
            ast.Try: self._try,
            ast.Match: self._match,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.ClassDef: self._class,
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
            ast.Global: self._global,
            ast.Nonlocal: self._nonlocal,
            ast.Raise: self._raise,
            ast.Assert: self._assert,
            ast.Delete: self._delete,
        }
        if hasattr(ast, "TryStar"):
            self.handlers[ast.TryStar] = self._try

    def build(self, tree: ast.Module) -> ModuleIndex:
        """Run the pass and put the declarations together."""
        module = self.module
        self.work.append((iter(tree.body), module))
        work = self.work
        handlers = self.handlers
        current: ast.stmt | None = None
        while work:
            statements, scope = work[-1]
            is_top = len(work) == 1
            if is_top:
                self._note_statement(current)
            for statement in statements:
                if is_top:
                    self._note_statement(current)
                    current = statement
                kind = statement.__class__
                if kind in handlers:
                    handlers[kind](statement, scope)
                    if work[-1][0] is not statements:
                        break  # A body of it comes first.
            else:
                if is_top:
                    self._note_statement(current)
                work.pop()
        found = self._finish()
        self._let_go()
        return found

    def _note_statement(self, statement: ast.stmt | None) -> None:
        """Note a statement of the module's own code if it, or a part of it, may touch a lock."""
        if self.module.mentions_lock:
            if statement is not None:
                self.statements.append(span_of(statement, self.source))
            self.module.mentions_lock = False

    def _let_go(self) -> None:
        """Break the reference cycles of the pass, so that the tree is freed without a collector."""
        self.handlers.clear()
        for scope in self.functions:
            scope.function = None

    def _finish(self) -> ModuleIndex:
        source = self.source
        functions = {scope.qualname: scope.freeze(source) for scope in self.functions}
        classes = {scope.qualname: scope.freeze(source) for scope in self.classes}
        imports = dict(self.imports)
        for scope in (*self.functions, *self.classes):
            for name, target in scope.imports.items():
                imports.setdefault(name, target)
        return ModuleIndex(
            module=source.module,
            path=source.path,
            is_package=source.is_package,
            imports=imports,
            star_imports=tuple(self.star_imports),
            other_imports={name: tuple(found) for name, found in self.other_imports.items()},
            bindings=freeze(self.module.bindings),
            functions=functions,
            classes=classes,
            call_sites=self._call_sites(),
            module_statements=tuple(self.statements),
            called=frozenset(self.module.called),
            attribute_stores=freeze(self.attribute_stores),
            exports=self.exports,
            unique=source.unique,
        )

    def _call_sites(self) -> tuple[CallSite, ...]:
        names = {scope.node.name for scope in self.functions}
        names.update(scope.node.name for scope in self.classes)
        names.update(("cls", "__class__", "__init__"))
        imported = self._project_imports()
        outside = {*self.imports, *(name for each in self.functions for name in each.imports)}
        outside -= imported
        count: dict[str, int] = {}
        sites: list[CallSite] = []
        for pending in self.calls:
            name = pending.name
            root = pending.root()
            is_open = name not in names and root not in imported and not pending.is_of_element
            if is_open and name not in ATTACHING and name != LISTENER:
                if root in outside or not pending.passes_on():
                    continue
            if count.get(name, 0) >= MAX_CALL_SITES:
                continue
            call = pending.synthetic or value_of(pending.node, 3)
            bound = self.bound_calls.get(pending.node)
            if call == bound:
                call = bound  # One of them is enough to keep.
            if isinstance(call, CallValue) and (call.arguments or call.keywords or not is_open):
                count[name] = count.get(name, 0) + 1
                sites.append(CallSite(pending.function, call, name))
        return tuple(sites)

    def _project_imports(self) -> set[str]:
        """The imported names that may be of the same project: of the same top package, that is.

        A file outside of any package imports its neighbours by their plain names.
        """
        top, dot, _ = self.source.module.partition(".")
        imports = {**self.imports}
        for scope in self.functions:
            imports.update(scope.imports)
        if dot or self.source.is_package:
            return {name for name, to in imports.items() if to.partition(".")[0] == top}
        standard = sys.stdlib_module_names
        return {name for name, to in imports.items() if to.partition(".")[0] not in standard}

    # Simple statements

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        if node.value.__class__ is not ast.Constant:
            self.scan(node.value, scope)

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        expression = node.value
        self.scan(expression, scope)
        value = value_of(expression)
        if expression.__class__ is ast.Call:
            self.bound_calls[expression] = value
        annotation: Value | None = None
        if node.type_comment is not None and len(node.targets) == 1:
            annotation = annotation_of(annotation_in(node.type_comment))
        first: Ref | None = None
        for target in node.targets:
            # In `self.a = self.b = Lock()` both are the same object: the second refers to the
            # first.
            self.binder.bind(
                target, first or value, node.lineno, scope, annotation=annotation, source=expression
            )
            if target.__class__ is not ast.Name:
                self.scan(target, scope)
            if first is None and len(node.targets) > 1 and isinstance(value, CallValue):
                reference = value_of(target, 1)
                first = reference if isinstance(reference, Ref) else None
        if (
            scope is self.module
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "__all__"
            and isinstance(expression, (ast.List, ast.Tuple))
        ):
            self.exports = tuple(
                item.value
                for item in expression.elts
                if isinstance(item, ast.Constant) and isinstance(item.value, str)
            )

    def _annotated_assign(self, node: ast.AnnAssign, scope: Scope) -> None:
        annotation = annotation_of(node.annotation)
        if node.value is not None:
            self.scan(node.value, scope)
        value = value_of(node.value) if node.value is not None else OPAQUE
        self.binder.bind(
            node.target, value, node.lineno, scope, annotation=annotation, source=node.value
        )

    def _augmented_assign(self, node: ast.AugAssign, scope: Scope) -> None:
        self.scan(node.value, scope)
        if node.op.__class__ is ast.Add:
            value = value_of(node.value)
            if isinstance(value, Items):  # `x += [Lock()]` fills a container.
                for item in value.elements:
                    self.binder.fill(node.target, item, node.lineno, scope)
        if node.target.__class__ is not ast.Name:
            self.scan(node.target, scope)

    def _return(self, node: ast.Return, scope: Scope) -> None:
        if scope.__class__ is FunctionScope:
            scope.note_return(node.value)
        if node.value is None:
            return
        self.scan(node.value, scope)
        if scope.__class__ is FunctionScope:
            returns = scope.returns
            value = value_of(node.value)
            if node.value.__class__ is ast.Call:
                self.bound_calls[node.value] = value
            if len(returns) < 20 and value not in returns:
                returns.append(value)

    def _raise(self, node: ast.Raise, scope: Scope) -> None:
        if node.exc is not None:
            self.scan(node.exc, scope)
        if node.cause is not None:
            self.scan(node.cause, scope)

    def _assert(self, node: ast.Assert, scope: Scope) -> None:
        self.scan(node.test, scope)
        if node.msg is not None:
            self.scan(node.msg, scope)

    def _delete(self, node: ast.Delete, scope: Scope) -> None:
        for target in node.targets:
            self.scan(target, scope)

    def _global(self, node: ast.Global, scope: Scope) -> None:
        if isinstance(scope, FunctionScope):
            scope.globals.update(node.names)

    def _nonlocal(self, node: ast.Nonlocal, scope: Scope) -> None:
        if isinstance(scope, FunctionScope):
            scope.nonlocals.update(node.names)

    # Imports

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            if alias.asname:
                self._bind_import(alias.asname, alias.name, scope)
            else:
                top = alias.name.partition(".")[0]
                self._bind_import(top, top, scope)

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        base = absolute_module(node.module, node.level, self.source)
        if base is None:
            return
        for alias in node.names:
            if alias.name == "*":
                if base not in self.star_imports:
                    self.star_imports.append(base)
            else:
                target = f"{base}.{alias.name}" if base else alias.name
                self._bind_import(alias.asname or alias.name, import_target(target), scope)

    def _bind_import(self, name: str, target: str, scope: Scope) -> None:
        if isinstance(scope, FunctionScope) and name in scope.globals:
            scope = self.module
        if scope is not self.module:
            scope.imports.setdefault(name, target)
            return
        known = self.imports.setdefault(name, target)
        if known != target:
            others = self.other_imports.setdefault(name, [])
            if target not in others:
                others.append(target)

    # Compound statements: their bodies are pushed in reverse, so that they are done in order.

    def _push(self, body: list[ast.stmt], scope: Scope) -> None:
        if body:
            self.work.append((iter(body), scope))

    def _test(self, node: ast.If | ast.While, scope: Scope) -> None:
        if is_lock_test(node.test):
            (scope.function or self.module).note_lock_use(tested_path(node.test), "if")
        if node.__class__ is ast.If and scope.__class__ is FunctionScope:
            scope.note_branch(node)
        self.scan(node.test, scope)
        outcome = version_test(node.test, self.source.oldest) if node.__class__ is ast.If else None
        if outcome is not True:
            self._push(node.orelse, scope)
        if outcome is not False:
            self._push(node.body, scope)

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        self.scan(node.iter, scope)
        self.binder.bind(node.target, Element(value_of(node.iter)), node.lineno, scope)
        self._push(node.orelse, scope)
        self._push(node.body, scope)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            expression = item.context_expr
            self.scan(expression, scope)
            if item.optional_vars is not None:
                entered = Entered(value_of(expression))
                self.binder.bind(item.optional_vars, entered, node.lineno, scope)
            if may_be_lock(expression, self.imports):
                (scope.function or self.module).note_lock_use(entered_path(expression), "with")
        self._push(node.body, scope)

    def _try(self, node: ast.Try, scope: Scope) -> None:
        self._push(node.finalbody, scope)
        self._push(node.orelse, scope)
        for handler in reversed(node.handlers):
            if handler.type is not None and handler.type.__class__ is not ast.Name:
                self.scan(handler.type, scope)
            if handler.name:
                self.binder.bind_name(handler.name, OPAQUE, handler.lineno, scope)
            self._push(handler.body, scope)
        self._push(node.body, scope)

    def _match(self, node: ast.Match, scope: Scope) -> None:
        self.scan(node.subject, scope)
        subject = value_of(node.subject)
        for case in reversed(node.cases):
            if case.guard is not None:
                self.scan(case.guard, scope)
            self.binder.bind_pattern(case.pattern, subject, scope)
            if isinstance(case.pattern, ast.MatchClass) and scope.function is not None:
                scope.function.note_test(node.subject, case.pattern.cls)
            self._push(case.body, scope)

    # Definitions

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        for decorator in node.decorator_list:
            self.scan(decorator, scope)
        arguments = node.args
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None and default.__class__ is not ast.Constant:
                self.scan(default, scope)
        qualname = scope.child_name(node.name, node.lineno)
        function = FunctionScope(qualname, scope, node)
        self.functions.append(function)
        if isinstance(scope, FunctionScope):
            if node.name in scope.globals:
                self._bind_definition(node.name, qualname, node.lineno, scope)
            else:
                scope.inner[node.name] = qualname
        elif isinstance(scope, ClassScope):
            _add_method(scope, node, qualname)
        self._push(node.body, function)

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        for expression in (*node.decorator_list, *node.bases):
            if expression.__class__ is not ast.Name:
                self.scan(expression, scope)
        qualname = scope.child_name(node.name, node.lineno)
        body = ClassScope(qualname, scope, node)
        self.classes.append(body)
        if isinstance(scope, FunctionScope):
            scope.inner[node.name] = qualname
        self._push(node.body, body)

    def _bind_definition(self, name: str, qualname: str, line: int, scope: Scope) -> None:
        """Bind a function that is declared global inside a function."""
        binding = Binding(Ref(tuple(qualname.split("."))), line, scope.qualname)
        add_binding(self.module.bindings, name, binding)


def _add_method(
    scope: ClassScope, node: ast.FunctionDef | ast.AsyncFunctionDef, qualname: str
) -> None:
    """Add the definition that a method's name means: not a property's setter, not an overload."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Attribute) and decorator.attr in ("setter", "deleter"):
            scope.methods.setdefault(node.name, qualname)
            return
    scope.methods[node.name] = qualname


def absolute_module(module: str | None, level: int, source: SourceFile) -> str | None:
    """Return the absolute name that a `from` import means. Return None if it leads above the top.

    In a file outside any package a relative import means a sibling.
    """
    if not level:
        return module or ""
    parts = source.module.split(".") if source.module else []
    drop = level - 1 if source.is_package else level
    if drop > len(parts):
        return None
    base = parts[: len(parts) - drop]
    return ".".join([*base, module] if module else base)
