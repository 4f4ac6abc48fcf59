"""What a function runs, read from its text without lowering it.

A bare name says too little about whom a call means: half of all functions call some ``get``. The
callee as it is written says it, and resolving that costs a fraction of a graph. The same questions
are asked as for a lowered function (`frontend.apply_effects`, `frontend.implicit_calls`), so that
what is found here would be found there.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from locklint.core.source import SourceFile
from locklint.frontend.implicit_calls import BUILTINS, CALLED, FORMAT, OPERATORS, POSITIONS, TEXT
from locklint.frontend.parse import parse_node
from locklint.frontend.resolver import Callee
from locklint.frontend.static_resolver import StaticResolver
from locklint.frontend.value_types import Scope, scope_of
from locklint.index.declarations import FunctionDecl, ModuleIndex
from locklint.ir.access_path import AccessPath, Root
from locklint.models.calls import LOGGING_METHODS

_LONGEST = 1000
"""How many characters of arguments may be written out, as in `frontend.definitions`."""

_CALL = "callee"
_GETTER = "getter"
_SETTER = "setter"
_MANAGER = "manager"

_SYMBOLS: dict[type[ast.AST], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Mod: "%",
    ast.BitAnd: "&",
    ast.BitOr: "|",
}
_CONTAINS = OPERATORS["in"]
_BY_BUILTIN = {name.removeprefix("builtins."): methods for name, methods in BUILTINS.items()}
_TRUTH = BUILTINS["builtins.bool"]
_ITERATION = ("__iter__", "__next__")


@dataclass(frozen=True, slots=True)
class WrittenUse:
    """Something that may run a function: how that is called, by which path, in which function.

    ``question`` is ``callee``, ``getter``, ``setter``, ``manager``, or the name of the special
    method that an operator asks. The ``name`` of a manager is empty: it may be a generator's.
    """

    name: str
    question: str
    function: str
    path: AccessPath


@dataclass
class WrittenCalls:
    """Reads from functions' texts what they run.

    ``resolver`` gives what answers for the names of a file, ``source`` its text.
    """

    resolver: Callable[[ModuleIndex], StaticResolver]
    source: Callable[[ModuleIndex], SourceFile]
    _uses: dict[tuple[str, str], tuple[WrittenUse, ...] | None] = field(default_factory=dict)

    def of(self, index: ModuleIndex, decl: FunctionDecl) -> tuple[WrittenUse, ...] | None:
        """What runs something in a function and in those nested in it; None if it can't be read.

        What has no name to be found by, such as the choice of two functions, is left out.
        """
        key = (index.path, decl.qualname)
        if key not in self._uses:
            node = parse_node(self.source(index), decl.span)
            self._uses[key] = None if node is None else tuple(self._read(index, decl, node))
        return self._uses[key]

    def runs(self, index: ModuleIndex, use: WrittenUse) -> Callee:
        """What a use comes to run."""
        resolver = self.resolver(index)
        function = f"{index.key}:{use.function}"
        match use.question:
            case "callee":
                return resolver.callee(function, use.path)
            case "getter":
                return resolver.getter(function, use.path)
            case "setter":
                return resolver.setter(function, use.path)
            case "manager":
                found = resolver.context_manager(function, use.path)
                keys = (
                    found.enter,
                    found.exit,
                    found.generator,
                    found.async_enter,
                    found.async_exit,
                )
                return Callee(tuple([key for key in keys if key is not None]))
            case special:
                return resolver.operator(function, use.path, special)

    def calls(
        self,
        index: ModuleIndex,
        decl: FunctionDecl,
        names: Collection[str],
        keys: Collection[str],
    ) -> bool:
        """Whether a function calls one of ``keys``, whose bare names are ``names``."""
        uses = self.of(index, decl)
        if uses is None:
            return True
        for use in uses:
            if use.question == _CALL and use.name in names:
                found = self.runs(index, use)
                if any(key in keys for key in (*found.targets, *found.overrides, *found.runs)):
                    return True
        return False

    def _read(self, index: ModuleIndex, decl: FunctionDecl, node: ast.stmt) -> Iterator[WrittenUse]:
        names = {(one.name_span.line, one.name): one.qualname for one in index.functions.values()}
        resolver = self.resolver(index)
        known = resolver.dispatch.special_names() | {_CALL, _MANAGER}
        properties = resolver.dispatch.property_names()
        work: list[tuple[ast.AST, str]] = [(node, decl.qualname)]
        while work:
            each, function = work.pop()
            if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
                function = names.get((each.lineno, each.name), function)
            else:
                scope = scope_of(index, function)
                for question, expression in _questions(each):
                    if question in (_GETTER, _SETTER):
                        if each.attr not in properties:  # type: ignore[attr-defined]
                            continue
                    elif question not in known:
                        continue
                    path = _path(expression, scope, resolver.walker.root_of)
                    if path is not None:
                        yield WrittenUse(_name(question, path), question, function, path)
            work.extend([(child, function) for child in ast.iter_child_nodes(each)])


def _name(question: str, path: AccessPath) -> str:
    if question == _MANAGER:
        return ""
    return path.last if question in (_CALL, _GETTER, _SETTER) else question


def _questions(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What a node asks of which expressions."""
    match node:
        case ast.Call():
            yield _CALL, node.func
            yield from _of_call(node)
        case ast.Attribute(ctx=ast.Load()):
            yield _GETTER, node
        case ast.Attribute(ctx=ast.Store()):
            yield _SETTER, node
        case ast.Subscript(value=value, ctx=ast.Load()):
            yield "__getitem__", value
        case ast.Subscript(value=value, ctx=ast.Store()):
            yield "__setitem__", value
        case ast.Subscript(value=value, ctx=ast.Del()):
            yield "__delitem__", value
        case ast.FormattedValue(value=value):
            yield from _each(FORMAT, value)
        case ast.BinOp(left=left, op=op):
            yield from _each(OPERATORS.get(_SYMBOLS.get(type(op), ""), ()), left)
        case ast.AugAssign(target=target, op=op):
            yield from _each(OPERATORS.get(f"{_SYMBOLS.get(type(op), '')}=", ()), target)
        case ast.Compare(left=left, ops=ops, comparators=others):
            for one, compared, other in zip([left, *others], ops, others, strict=False):
                if isinstance(compared, (ast.In, ast.NotIn)):
                    yield from _each(_CONTAINS, other)
                else:
                    yield from _each(OPERATORS.get(_SYMBOLS.get(type(compared), ""), ()), one)
        case ast.For(iter=iterated) | ast.comprehension(iter=iterated):
            yield from _each(_ITERATION, iterated)
        case ast.withitem(context_expr=context):
            yield _MANAGER, context
        case (
            ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test)
        ):
            yield from _each(_TRUTH, test)
        case ast.BoolOp(values=values):
            for value in values:
                yield from _each(_TRUTH, value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from _each(_TRUTH, operand)
        case _:
            return


def _of_call(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """What a call asks of its arguments, if it is one of a builtin or of `logging`."""
    for keyword in node.keywords:
        if keyword.arg in CALLED:
            yield _CALL, keyword.value
    if isinstance(node.func, (ast.Name, ast.Attribute)):
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        position = POSITIONS.get(name)
        if position is not None and position < len(node.args):
            yield _CALL, node.args[position]
    match node.func:
        case ast.Name(id="print"):
            for argument in node.args:
                yield from _each(TEXT, argument)
        case ast.Name(id=name) if name in _BY_BUILTIN and node.args:
            yield from _each(_BY_BUILTIN[name], node.args[0])
        case ast.Attribute(attr=name) if name in LOGGING_METHODS:
            for argument in node.args:
                yield from _each(TEXT, argument)
        case _:
            return


def _each(questions: Iterable[str], expression: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    for question in questions:
        yield question, expression


def _path(node: ast.expr, scope: Scope, root_of: Callable[[str, Scope], Root]) -> AccessPath | None:
    """An expression as lowering writes it; None for what lowering finds no path for."""
    fields: list[str] = []
    while True:
        match node:
            case ast.Name(id=name):
                fields.reverse()
                return AccessPath(name, tuple(fields), root_of(name, scope))
            case ast.Attribute(value=value, attr=attr):
                fields.append(attr)
                node = value
            case ast.Call(func=func, args=args, keywords=keywords):
                text = ", ".join([*map(ast.unparse, args), *map(_keyword, keywords)])
                if len(text) > _LONGEST:
                    return None
                fields.append(f"({text})")
                node = func
            case ast.Subscript(value=value, slice=ast.Constant(value=key)):
                fields.append(f"[{key!r}]")
                node = value
            case ast.Subscript(value=value, slice=ast.Name(id=name)):
                fields.append(f"[{name}]")
                node = value
            case ast.Subscript(value=value):
                fields.append("[*]")
                node = value
            case ast.NamedExpr(target=target):
                node = target
            case _:
                return None


def _keyword(keyword: ast.keyword) -> str:
    value = ast.unparse(keyword.value)
    return f"**{value}" if keyword.arg is None else f"{keyword.arg}={value}"
