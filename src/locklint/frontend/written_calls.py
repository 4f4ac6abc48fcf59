"""Calls of a function, read from its text without lowering it.

A bare name says too little about the callee: half of all functions call some ``get``. Resolving the
callee as it is written costs a fraction of a graph. The same tests are made as for a lowered
function (`frontend.apply_effects`, `frontend.implicit_calls`), so that what is found here would be
found there.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import msgspec

from locklint.core.source import SourceFile
from locklint.frontend.implicit_calls import BUILTINS, OPERATORS
from locklint.frontend.parse import ParsedNode, parse_node
from locklint.frontend.resolver import Asked, Callee, Question
from locklint.frontend.static_resolver import StaticResolver
from locklint.frontend.value_types import Scope, scope_of
from locklint.index.build_expressions import NO_EXPRESSIONS, passed_callees
from locklint.index.build_lock_use import GIVES_ON, written
from locklint.index.declarations import FunctionDecl, ModuleIndex
from locklint.ir.access_path import AccessPath, ResultField, Root
from locklint.ir.event import EventKind
from locklint.ir.means import Use
from locklint.models.calls import LOGGING_METHODS
from locklint.models.conversions import FORMAT, TEXT
from locklint.models.events import event_of, event_of_method
from locklint.models.registrations import FINALIZER

_LONGEST = 1000
"""The largest number of characters of written-out arguments, as in `frontend.definitions`."""

_BY_PATH = (Question.CALL, Question.ENTER)
"""The uses that are resolved everywhere, not only where some class has a method for them."""

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


class WrittenUse(NamedTuple):
    """A use that may run a function: its kind, its path, and the function that contains it.

    The ``name`` of a manager is empty: it may be a generator's. ``use`` is that of a call's result,
    where a statement ignores or binds it; ``passes``: the call has arguments.
    """

    name: str
    question: Asked
    function: str
    path: AccessPath
    use: Use = Use.PASSED
    passes: bool = False


class WrittenCalls(msgspec.Struct):
    """Calls of functions, read from their texts.

    ``resolver`` gives the resolver for the names of a file, ``source`` its text.
    """

    resolver: Callable[[ModuleIndex], StaticResolver]
    source: Callable[[ModuleIndex], SourceFile]
    _uses: dict[tuple[str, str], tuple[WrittenUse, ...] | None] = msgspec.field(
        default_factory=dict
    )
    _names: dict[str, dict[tuple[int, str], str]] = msgspec.field(default_factory=dict)

    def of(self, index: ModuleIndex, decl: FunctionDecl) -> tuple[WrittenUse, ...] | None:
        """Return the uses that may run functions, nested ones included, or None if unreadable.

        Each is there once, operators last: the types of operands take the most time, and calls lead
        to most locks. A callee without a name, such as the choice of two functions, is left out.
        """
        key = (index.path, decl.qualname)
        if key not in self._uses:
            parsed = parse_node(self.source(index), decl.span)
            self._uses[key] = (
                None
                if parsed is None
                else tuple(sorted(dict.fromkeys(self._read(index, decl, parsed)), key=_is_operator))
            )
        return self._uses[key]

    def forget(self) -> None:
        """Drop the uses that were read: each is needed until its function is done with."""
        self._uses.clear()

    def runs(self, index: ModuleIndex, use: WrittenUse) -> Callee:
        """Return the functions that a use runs."""
        resolver = self.resolver(index)
        function = f"{index.key}:{use.function}"
        match use.question:
            case str() as special:
                return resolver.operator(function, use.path, special)
            case Question.CALL:
                found = resolver.callee(function, use.path)
                if not found.targets and found.external is None and use.path.fields:
                    tested = resolver.tested(function, use.path.root_name)
                    return found if tested is None else resolver.callee(tested, use.path)
                return found
            case Question.READ:
                return resolver.getter(function, use.path)
            case Question.BIND:
                return resolver.setter(function, use.path)
            case Question.ENTER:
                entered = resolver.context_manager(function, use.path)
                keys = (
                    entered.enter,
                    entered.exit,
                    entered.generator,
                    entered.async_enter,
                    entered.async_exit,
                )
                return Callee(tuple([key for key in keys if key is not None]))

    def calls(
        self,
        index: ModuleIndex,
        decl: FunctionDecl,
        names: Collection[str],
        keys: Collection[str],
    ) -> bool:
        """Return whether a function calls one of ``keys``, whose bare names are ``names``.

        Calls in functions that are nested in it are left out.
        """
        root_of = self.resolver(index).walker.root_of
        scope = scope_of(index, decl.qualname)
        in_text = False
        # Texts are read from the last call to the first, and each result adds to what is known.
        for callee in reversed(decl.callees.split("\n")):
            *before, name = callee.split(".")
            if name not in names:
                continue
            if before == [""]:
                in_text = True
                continue
            first, *fields = *before, name
            path = AccessPath(first, tuple(fields), root_of(first, scope))
            use = WrittenUse(name, Question.CALL, decl.qualname, path)
            if self._runs_one_of(index, use, keys):
                return True
        if not in_text:
            return False
        uses = self.of(index, decl)
        return uses is None or any(
            use.question is Question.CALL
            and use.name in names
            and use.function == decl.qualname
            and self._runs_one_of(index, use, keys)
            for use in uses
        )

    def happens(
        self,
        index: ModuleIndex,
        decl: FunctionDecl,
        names: Collection[str],
        kinds: Collection[EventKind],
    ) -> bool:
        """Return whether a function calls something outside the program that is such an event.

        ``names`` are the last names of such calls.
        """
        root_of = self.resolver(index).walker.root_of
        scope = scope_of(index, decl.qualname)
        for callee in decl.callees.split("\n"):
            first, *fields = callee.split(".")
            name = (fields or [first])[-1]
            if name not in names:
                continue
            if not first:  # What is called belongs to the result of a call.
                event = event_of_method(name)
                if event is not None and event.kind in kinds:
                    return True
                continue
            path = AccessPath(first, tuple(fields), root_of(first, scope))
            found = self.runs(index, WrittenUse(path.name, Question.CALL, decl.qualname, path))
            event = event_of(found.external) if found.external is not None else None
            if event is None and not found.targets:
                event = event_of_method(path.name)
            if event is not None and event.kind in kinds:
                return True
        return False

    def _runs_one_of(self, index: ModuleIndex, use: WrittenUse, keys: Collection[str]) -> bool:
        found = self.runs(index, use)
        return any(
            target in keys or self._behind(index, target) in keys
            for target in (*found.targets, *found.overrides, *found.runs)
        )

    def _behind(self, index: ModuleIndex, key: str) -> str:
        """The function that wrappers are in front of, by the key of a call of them."""
        decorations = self.resolver(index).dispatch.decorations
        while (use := decorations.use(key)) is not None:
            key = use.inner
        return key

    def _read(
        self, index: ModuleIndex, decl: FunctionDecl, parsed: ParsedNode
    ) -> Iterator[WrittenUse]:
        names, offset = self._names_of(index), parsed.line_offset
        scope, scope_function = scope_of(index, decl.qualname), decl.qualname
        resolver = self.resolver(index)
        special = resolver.dispatch.special_names
        properties = resolver.dispatch.property_names
        root_of = resolver.walker.root_of
        uses: dict[ast.expr, Use] = {}
        work: list[tuple[Any, str]] = [(parsed.node, decl.qualname)]
        pop, push = work.pop, work.append
        while work:
            each, function = pop()
            kind = each.__class__
            if kind in _USED_AS:
                uses |= dict.fromkeys(_results(each.value), _USED_AS[kind])
            if kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
                function = names.get((each.lineno + offset, each.name), function)
            elif kind in _QUESTIONS and (
                kind is not ast.Attribute
                or each.attr in properties
                or (FINALIZER in special and each.ctx.__class__ is not ast.Load)
            ):
                for question, expression in _QUESTIONS[kind](each):
                    if kind is ast.Attribute or question in _BY_PATH or question in special:
                        if function != scope_function:
                            scope, scope_function = scope_of(index, function), function
                        path = _path(expression, scope, root_of)
                        if path is not None:
                            name, use = _name(question, path), uses.get(each, Use.PASSED)
                            passes = kind is ast.Call and bool(each.args or each.keywords)
                            yield WrittenUse(name, question, function, path, use, passes)
            for child in each.__dict__.values():
                kind = child.__class__
                if kind is list:
                    for one in child:
                        if one.__class__ not in _LEAVES:
                            push((one, function))
                elif kind not in _LEAVES:
                    push((child, function))

    def _names_of(self, index: ModuleIndex) -> dict[tuple[int, str], str]:
        """The qualified names of functions in others, by the line of the name and the name."""
        if index.path not in self._names:
            self._names[index.path] = {
                (one.name_span.line, one.name): one.qualname
                for one in index.functions.values()
                if one.parent is not None
            }
        return self._names[index.path]


def _is_operator(use: WrittenUse) -> bool:
    return isinstance(use.question, str)


def _results(node: ast.expr | None) -> Iterator[ast.expr]:
    """Yield the expressions one of which gives the value of an expression."""
    match node:
        case None:
            return
        case ast.BoolOp(values=[*_, last]):
            yield from _results(last)
        case ast.IfExp(body=body, orelse=otherwise):
            yield from _results(body)
            yield from _results(otherwise)
        case _:
            yield node


def _name(question: Asked, path: AccessPath) -> str:
    if isinstance(question, str):
        return question
    return "" if question is Question.ENTER else path.name


Questions: TypeAlias = Iterator[tuple[Asked, ast.expr]]
"""The uses to look for, by kind of expression."""


def _call(node: ast.Call) -> Questions:
    yield Question.CALL, node.func
    if isinstance(node.func, ast.Attribute) and node.func.attr in GIVES_ON and node.args:
        yield Question.ENTER, node.args[0]
    yield from _of_call(node)


def _attribute(node: ast.Attribute) -> Questions:
    if isinstance(node.ctx, ast.Load):
        yield Question.READ, node
        return
    if isinstance(node.ctx, ast.Store):
        yield Question.BIND, node
    yield FINALIZER, node  # The attribute loses what it held.


def _subscript(node: ast.Subscript) -> Questions:
    if isinstance(node.ctx, ast.Load):
        yield "__getitem__", node.value
    elif isinstance(node.ctx, ast.Store):
        yield "__setitem__", node.value
    else:
        yield "__delitem__", node.value


def _formatted(node: ast.FormattedValue) -> Questions:
    yield from _each(FORMAT, node.value)


def _operation(node: ast.BinOp) -> Questions:
    if isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        for value in values:
            yield from _each(TEXT, value)
        return
    yield from _each(_asked_by(node.op), node.left)


def _augmented(node: ast.AugAssign) -> Questions:
    yield from _each(_asked_by(node.op, "="), node.target)


def _comparison(node: ast.Compare) -> Questions:
    operands = [node.left, *node.comparators]
    for left, operator, right in zip(operands, node.ops, node.comparators, strict=False):
        if isinstance(operator, (ast.In, ast.NotIn)):
            yield from _each(_CONTAINS, right)
        else:
            yield from _each(_asked_by(operator), left)


def _loop(node: ast.For | ast.comprehension) -> Questions:
    yield from _each(_ITERATION, node.iter)


def _with_item(node: ast.withitem) -> Questions:
    yield Question.ENTER, node.context_expr


def _test(node: ast.If | ast.While | ast.IfExp | ast.Assert) -> Questions:
    yield from _each(_TRUTH, node.test)


def _junction(node: ast.BoolOp) -> Questions:
    for value in node.values:
        yield from _each(_TRUTH, value)


def _negation(node: ast.UnaryOp) -> Questions:
    if isinstance(node.op, ast.Not):
        yield from _each(_TRUTH, node.operand)


_QUESTIONS: dict[type[ast.AST], Callable[[Any], Questions]] = {
    ast.Assert: _test,
    ast.Attribute: _attribute,
    ast.AugAssign: _augmented,
    ast.BinOp: _operation,
    ast.BoolOp: _junction,
    ast.Call: _call,
    ast.Compare: _comparison,
    ast.For: _loop,
    ast.FormattedValue: _formatted,
    ast.If: _test,
    ast.IfExp: _test,
    ast.Subscript: _subscript,
    ast.UnaryOp: _negation,
    ast.While: _test,
    ast.comprehension: _loop,
    ast.withitem: _with_item,
}

_LEAVES = NO_EXPRESSIONS | {ast.Name}
_USED_AS: dict[type[ast.AST], Use] = {
    ast.AnnAssign: Use.BOUND,
    ast.Assign: Use.BOUND,
    ast.Expr: Use.DISCARDED,
    ast.NamedExpr: Use.BOUND,
}


def _asked_by(operator: ast.AST, suffix: str = "") -> tuple[str, ...]:
    return OPERATORS.get(_SYMBOLS.get(type(operator), "") + suffix, ())


def _of_call(node: ast.Call) -> Questions:
    """Yield the special methods of its arguments that a call of a builtin or of `logging` runs."""
    for passed in passed_callees(node):
        yield Question.CALL, passed
    match node.func:
        case ast.Name(id="print"):
            for argument in node.args:
                yield from _each(TEXT, argument)
        case ast.Name(id=name) if name in _BY_BUILTIN and node.args:
            yield from _each(_BY_BUILTIN[name], node.args[0])
        case ast.Attribute(attr="format", value=ast.Constant()):
            for argument in (*node.args, *[each.value for each in node.keywords]):
                yield from _each(FORMAT, argument)
        case ast.Attribute(attr=name) if name in LOGGING_METHODS:
            for argument in node.args:
                yield from _each(TEXT, argument)
        case _:
            return


def _each(questions: Iterable[str], expression: ast.expr) -> Questions:
    for question in questions:
        yield question, expression


def _path(node: ast.expr, scope: Scope, root_of: Callable[[str, Scope], Root]) -> AccessPath | None:
    """An expression as lowering writes it; None for what lowering finds no path for."""
    found = written(node, _with_arguments)
    if found is None:
        return None
    return AccessPath(found.variable, found.fields, root_of(found.variable, scope))


def _with_arguments(call: ast.Call) -> ResultField | None:
    text = ", ".join([*map(ast.unparse, call.args), *map(_keyword, call.keywords)])
    return None if len(text) > _LONGEST else ResultField(text)


def _keyword(keyword: ast.keyword) -> str:
    value = ast.unparse(keyword.value)
    return f"**{value}" if keyword.arg is None else f"{keyword.arg}={value}"
