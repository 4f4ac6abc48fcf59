"""Scopes under construction while a module is indexed."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Mapping
from typing import Any

from locklint.core.source import SourceFile, Span
from locklint.index.build_ends import ends_in, is_never
from locklint.index.build_swallowed import swallowed
from locklint.index.build_values import MAX_ITEMS, annotation_of, dotted_names, value_of
from locklint.index.declarations import (
    Binding,
    CallValue,
    ClassDecl,
    FunctionDecl,
    Items,
    LockUse,
    Parameter,
    Ref,
    Value,
    Written,
)
from locklint.index.shared import line_number, plain_parameter
from locklint.index.type_comments import commented_parameters, commented_result
from locklint.ir.parameter import Star
from locklint.models.driven_generators import is_driven

Bindings = dict[str, list[Binding]]

MAX_BINDINGS = 40
"""The largest number of bindings of one name that are kept; generated code may have thousands."""


def add_binding(table: Bindings, name: str, binding: Binding) -> None:
    """Append a binding, unless there are too many already, or the very same one."""
    existing = table.get(name)
    if existing is None:
        table[name] = [binding]
    elif len(existing) < MAX_BINDINGS and binding not in existing:
        existing.append(binding)


def freeze(table: Bindings) -> dict[str, tuple[Binding, ...]]:
    """The bindings as the declarations hold them."""
    if not table:
        return _NOTHING
    return {name: tuple(bindings) for name, bindings in table.items()}


_NOTHING: dict[str, Any] = {}
"""The empty table of names, which most functions share; declarations are never changed."""


class Scope:
    """A module, class or function body under construction.

    ``enclosing`` is the scope whose body holds this one, ``function`` the innermost function scope,
    itself included (None at module or class level).
    """

    __slots__ = (
        "bindings",
        "called",
        "callees",
        "defined",
        "enclosing",
        "function",
        "imports",
        "qualname",
    )

    def __init__(self, qualname: str, enclosing: Scope | None) -> None:
        self.qualname = qualname
        self.enclosing = enclosing
        self.function: FunctionScope | None = enclosing.function if enclosing else None
        self.bindings: Bindings = {}
        self.defined: set[str] = set()
        self.imports: dict[str, str] = {}
        self.called: set[str] = set()
        # In the order of the text; a set would forget it.
        self.callees: dict[str, None] = {}

    def child_name(self, name: str, line: int) -> str:
        """The qualname of a function or class of this scope, made unique by its line."""
        unique = f"{name}@{line}" if name in self.defined else name
        self.defined.add(name)
        if unique in self.defined and unique != name:
            unique = f"{unique}.{len(self.defined)}"
        self.defined.add(unique)
        return f"{self.qualname}.{unique}" if self.qualname else unique


class ModuleScope(Scope):
    """The module's own code."""

    __slots__ = ("mentions_lock",)

    def __init__(self) -> None:
        super().__init__("", None)
        self.mentions_lock = False

    def note_lock_use(self, of: Written | None, word: str) -> None:
        """Note that the statement at hand may touch a lock."""
        self.mentions_lock = True


class ClassScope(Scope):
    """A class body."""

    __slots__ = ("methods", "node")

    def __init__(self, qualname: str, enclosing: Scope, node: ast.ClassDef) -> None:
        super().__init__(qualname, enclosing)
        self.node = node
        self.methods: dict[str, str] = {}

    def freeze(self, source: SourceFile) -> ClassDecl:
        """The finished declaration."""
        node = self.node
        return ClassDecl(
            qualname=self.qualname,
            name=node.name,
            span=span_with_decorators(node, source),
            bases=tuple([annotation_of(base) or value_of(base) for base in node.bases]),
            keywords=tuple([(kw.arg, value_of(kw.value)) for kw in node.keywords if kw.arg]),
            decorators=tuple([value_of(decorator, 3) for decorator in node.decorator_list]),
            attributes=freeze(self.bindings),
            methods=self.methods,
            parent=(self.enclosing.qualname or None) if self.enclosing else None,
        )


class FunctionScope(Scope):
    """A function body."""

    __slots__ = (
        "comprehensions",
        "first",
        "globals",
        "inner",
        "is_generator",
        "lock_uses",
        "narrowed",
        "node",
        "nonlocals",
        "parameter_fills",
        "parameters",
        "returned_calls",
        "returns",
        "self_bindings",
        "tested",
        "yields",
    )

    def __init__(
        self, qualname: str, enclosing: Scope, node: ast.FunctionDef | ast.AsyncFunctionDef
    ) -> None:
        super().__init__(qualname, enclosing)
        self.node = node
        self.function = self
        said = dict((*commented_parameters(node), *_asserted(node.body)))
        self.parameters = _parameters(node.args, said)
        arguments = node.args
        positional = arguments.posonlyargs or arguments.args
        self.first: str | None = positional[0].arg if positional else None
        if isinstance(enclosing, ClassScope) and _is_static(node):
            self.first = None
        self.comprehensions: Bindings = {}
        self.self_bindings: Bindings = {}
        self.parameter_fills: Bindings = {}
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.inner: dict[str, str] = {}
        self.returns: list[Value] = []
        # The callees of `return f()`, None if some `return` gives anything else.
        self.returned_calls: list[ast.expr] | None = []
        self.yields: list[Value] = []
        self.is_generator = False
        self.lock_uses: dict[LockUse, None] = {}
        self.tested: dict[str, tuple[Value, ...]] = _NOTHING
        self.narrowed: dict[str, list[tuple[int, int, ast.expr]]] = _NOTHING

    def note_lock_use(self, of: Written | None, word: str) -> None:
        """Note what may touch a lock, as in `locklint.index.declarations.LockUse`."""
        self.lock_uses[LockUse(of, word)] = None

    def note_return(self, value: ast.expr | None) -> None:
        """Note a `return`: whether it gives what a call gives decides if it is reached."""
        called = value.value if isinstance(value, ast.Await) else value
        if not isinstance(called, ast.Call):
            self.returned_calls = None
        elif self.returned_calls is not None:
            self.returned_calls.append(called.func)

    def note_test(self, subject: ast.expr, cls: ast.expr) -> None:
        """Note a test of whether a variable is of a class, or of one of several."""
        if isinstance(subject, ast.Name):
            if self.tested is _NOTHING:
                self.tested = {}
            value = value_of(cls)
            found = value.elements if isinstance(value, Items) else (value,)
            known = self.tested.get(subject.id, ())
            self.tested[subject.id] = tuple(dict.fromkeys((*known, *found)))[:MAX_ITEMS]

    def note_branch(self, node: ast.If) -> None:
        """Note the branch of a test in which a variable is known to be of a class."""
        match node.test:
            case ast.Call(
                func=ast.Name("isinstance"),
                args=[ast.Name(name), ast.Name() | ast.Attribute() as cls],
            ):
                if self.narrowed is _NOTHING:
                    self.narrowed = {}
                last = node.body[-1].end_lineno or node.lineno
                self.narrowed.setdefault(name, []).append((node.body[0].lineno, last, cls))

    def class_at(self, name: str, line: int) -> Value | None:
        """Return the class that a test says a variable is of, if nothing binds it again there."""
        for first, last, cls in reversed(self.narrowed.get(name, ())):
            if first <= line <= last:
                bound = self.bindings.get(name, ())
                is_same = not any(binding.line >= first for binding in bound)
                return value_of(cls) if is_same else None
        return None

    @property
    def enclosing_function(self) -> FunctionScope | None:
        """Return the innermost function whose body, without nested classes, holds this function."""
        return self.enclosing.function if self.enclosing else None

    def owner_of_self(self, name: str) -> FunctionScope | None:
        """Return the function, this or an enclosing one, whose first parameter is ``name``."""
        scope: FunctionScope | None = self
        while scope is not None:
            if scope.first == name:
                return scope
            if name in scope.bindings or any(p.name == name for p in scope.parameters):
                return None
            scope = scope.enclosing_function
        return None

    def freeze(self, source: SourceFile) -> FunctionDecl:
        """The finished declaration."""
        node = self.node
        parent = self.enclosing_function
        driven = self.is_generator and is_driven(_dotted_names(node.decorator_list))
        annotation = annotation_of(node.returns or commented_result(node))
        return FunctionDecl(
            qualname=self.qualname,
            name=node.name,
            span=span_with_decorators(node, source),
            name_span=_name_span(node, source),
            parameters=self.parameters,
            class_name=self.enclosing.qualname if isinstance(self.enclosing, ClassScope) else None,
            parent=parent.qualname if parent else None,
            is_async=node.__class__ is ast.AsyncFunctionDef or driven,
            is_generator=self.is_generator and not driven,
            decorators=tuple([value_of(decorator, 3) for decorator in node.decorator_list]),
            returns_annotation=annotation,
            returns=tuple(self.returns),
            yields=tuple(self.yields),
            locals=freeze(self.bindings),
            inner=self.inner or _NOTHING,
            globals=tuple(sorted(self.globals)),
            nonlocals=tuple(sorted(self.nonlocals)),
            imports=self.imports or _NOTHING,
            self_bindings=freeze(self._with_parameter_fills()),
            called=tuple(sorted(self.called)),
            callees="\n".join(self.callees),
            lock_uses=tuple(self.lock_uses),
            is_abstract=_is_abstract(node),
            is_empty=_does_nothing(node.body),
            comprehensions=freeze(self.comprehensions),
            tested=self.tested,
            documented=_documented(node),
            ends=() if is_never(annotation) else self._ends(),
            swallows=swallowed(node, is_generator=self.is_generator),
        )

    def _ends(self) -> tuple[str, ...] | None:
        called = self.returned_calls
        return None if called is None else ends_in(self.node.body, called)

    def _with_parameter_fills(self) -> Bindings:
        """The bindings of attributes; what is put into a parameter is put into its attribute too.

        After ``self.state = state`` both are the same container, unless the name is bound again.
        """
        if not self.parameter_fills:
            return self.self_bindings
        found = {name: list(bindings) for name, bindings in self.self_bindings.items()}
        for bindings in found.values():
            for binding in tuple(bindings):
                value = binding.value
                if binding.element or not isinstance(value, Ref) or len(value.names) != 1:
                    continue
                if value.names[0] not in self.bindings:
                    bindings += self.parameter_fills.get(value.names[0], ())
        return found


class PendingCall:
    """A call that may turn out to be of a function or class of the file."""

    __slots__ = ("function", "name", "node", "synthetic")

    def __init__(
        self, function: str, name: str, node: ast.Call, synthetic: CallValue | None = None
    ) -> None:
        self.function = function
        self.name = name
        self.node = node
        self.synthetic = synthetic

    @property
    def is_of_element(self) -> bool:
        """Return whether it calls an element of a container."""
        return self.synthetic is None and self.node.func.__class__ is ast.Subscript

    def passes_on(self) -> bool:
        """Return whether it passes more than constants to a method, or to what a variable holds.

        The callee may be one of another file. Names of built-in functions, and of methods of
        built-in types, are left out.
        """
        if self.name in _METHODS:
            return False
        if self.synthetic is not None:
            callee = self.synthetic.callee
            return isinstance(callee, Ref) and len(callee.names) > 1
        node = self.node
        if self.name in _FUNCTIONS and node.func.__class__ is ast.Name:
            return False
        if any(argument.__class__ in _OBJECTS for argument in node.args):
            return True
        return any(keyword.value.__class__ in _OBJECTS for keyword in node.keywords)

    def root(self) -> str | None:
        """The first name of what is called, where it is a dotted name."""
        if self.synthetic is not None:
            callee = self.synthetic.callee
            return callee.names[0] if isinstance(callee, Ref) else None
        node: Any = self.node.func
        while node.__class__ is ast.Attribute:
            node = node.value
        return node.id if node.__class__ is ast.Name else None


_OBJECTS = frozenset((ast.Name, ast.Attribute, ast.Call, ast.Lambda, ast.List, ast.Tuple, ast.Dict))
"""The expressions by which a call passes what has methods of the project, or is one."""

_METHODS = frozenset(
    {name for each in (str, bytes, list, dict) for name in dir(each)} - {"__init__"}
)
"""Names of methods that are mostly those of texts and containers."""

_FUNCTIONS = frozenset(dir(builtins))


def span_of(node: ast.stmt | ast.expr, source: SourceFile) -> Span:
    """The span of a statement or expression, in characters."""
    end_line = node.end_lineno or node.lineno
    return Span(
        line_number(node.lineno),
        source.column_of_byte(node.lineno, node.col_offset),
        line_number(end_line),
        source.column_of_byte(end_line, node.end_col_offset or 0),
    )


def span_with_decorators(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, source: SourceFile
) -> Span:
    """The span of a function or class from its first decorator on."""
    span = span_of(node, source)
    if not node.decorator_list:
        return span
    # The first decorator's `@` is in the column of the definition itself.
    return Span(node.decorator_list[0].lineno, span.column, span.end_line, span.end_column)


def _name_span(node: ast.FunctionDef | ast.AsyncFunctionDef, source: SourceFile) -> Span:
    line = source.line(node.lineno)
    start = source.column_of_byte(node.lineno, node.col_offset) - 1
    keyword = line.find("def", start)
    found = line.find(node.name, keyword + 3) if keyword >= 0 else -1
    if found < 0:  # A backslash after `def`, or a name that the parser has normalised.
        return Span(node.lineno, start + 1, node.lineno, start + 4)
    return Span(node.lineno, found + 1, node.lineno, found + 1 + len(node.name))


def _is_static(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(decorator, ast.Name) and decorator.id == "staticmethod"
        for decorator in node.decorator_list
    )


def _does_nothing(body: list[ast.stmt]) -> bool:
    """Return whether there are only texts, ellipses, `pass`, and `return None`."""
    for statement in body:
        match statement:
            case ast.Pass() | ast.Return(None | ast.Constant(None)) | ast.Expr(ast.Constant()):
                continue
            case _:
                return False
    return True


_TYPE_FIELD = re.compile(r"^\s*:type\s+(\w+)\s*:\s*([A-Za-z_][\w.]*)\s*$", re.MULTILINE)


def _documented(node: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, str]:
    """Return the classes that a docstring names: ``:type executor: pools.Executor``."""
    first = node.body[0]
    if first.__class__ is not ast.Expr or first.value.__class__ is not ast.Constant:
        return _NOTHING
    text = first.value.value
    if text.__class__ is not str or ":type " not in text:
        return _NOTHING
    return dict(_TYPE_FIELD.findall(text))


def _is_abstract(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    for decorator in node.decorator_list:
        names = dotted_names(decorator)
        if names is not None and names[-1].startswith("abstract"):
            return True
    body = node.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if len(body) != 1 or not isinstance(body[0], ast.Raise):
        return False
    raised = body[0].exc
    if isinstance(raised, ast.Call):
        raised = raised.func
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"


def _asserted(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names of which a function first asserts what they are, with their class.

    ``assert isinstance(x, C)`` says as much as the annotation ``x: C``.
    """
    for statement in body:
        match statement:
            case ast.Assert(
                test=ast.Call(
                    func=ast.Name("isinstance"),
                    args=[ast.Name(name), ast.Name() | ast.Attribute() as cls],
                )
            ):
                yield name, cls
            case ast.If(
                test=ast.UnaryOp(
                    ast.Not(),
                    ast.Call(
                        func=ast.Name("isinstance"),
                        args=[ast.Name(name), ast.Name() | ast.Attribute() as cls],
                    ),
                ),
                body=[ast.Raise()],
                orelse=[],
            ):
                yield name, cls
            case ast.Expr(value=ast.Constant()) | ast.Assert():
                continue
            case _:
                return


def _parameters(arguments: ast.arguments, said: Mapping[str, ast.expr]) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    for index, argument in enumerate(positional):
        default = arguments.defaults[index - first_default] if index >= first_default else None
        found.append(_parameter(_annotated(argument, said), default))
    if arguments.vararg is not None:
        found.append(_parameter(arguments.vararg, None, star=Star.POSITIONAL))
    for argument, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        argument = _annotated(argument, said)
        found.append(_parameter(argument, keyword_default, keyword_only=True))
    if arguments.kwarg is not None:
        found.append(_parameter(arguments.kwarg, None, star=Star.KEYWORDS))
    return tuple(found)


def _annotated(argument: ast.arg, said: Mapping[str, ast.expr]) -> ast.arg:
    """Return a parameter with what other code than its annotation says that it is."""
    if argument.annotation is None and argument.arg in said:
        return ast.arg(argument.arg, said[argument.arg])
    return argument


def _parameter(
    argument: ast.arg,
    default: ast.expr | None,
    star: Star | None = None,
    keyword_only: bool = False,
) -> Parameter:
    if argument.annotation is None and default is None:
        return plain_parameter(argument.arg, star, keyword_only)
    return Parameter(
        argument.arg,
        annotation_of(argument.annotation),
        value_of(default) if default is not None else None,
        star,
        keyword_only,
    )


def _dotted_names(decorators: list[ast.expr]) -> Iterator[tuple[str, ...]]:
    for node in decorators:
        names = dotted_names(node.func if isinstance(node, ast.Call) else node)
        if names is not None:
            yield names
