"""libcst nodes made from the standard `ast`.

The lowering reads libcst nodes. Most of libcst's time goes into white space, comments and checks,
none of which the lowering needs. So the tree of a statement is built from its `ast` nodes: the same
classes, with the fields that the lowering reads and no others. The graphs are byte-for-byte
identical. Code that `ast` does not describe closely enough (``match``, strings with a form feed,
comments in an empty `with`) is left to libcst.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import libcst as cst

from locklint.core.source import SourceFile
from locklint.frontend.parse import SAFE_DEPTH
from locklint.models.endings import NEVER

_Placed = ast.stmt | ast.expr | ast.ExceptHandler

_LITERAL = re.compile(
    r"[A-Za-z]{0,2}(?:'{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'{3}"
    r'|"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"{3}'
    r"|'[^'\\]*(?:\\.[^'\\]*)*'"
    r'|"[^"\\]*(?:\\.[^"\\]*)*")',
    re.DOTALL,
)
_BETWEEN = re.compile(r"(?:[\s\\]|#[^\n]*)*")

_FSTRINGS_HAVE_PLACES = sys.version_info >= (3, 12)

_BINARY: dict[type[ast.operator], tuple[type[cst.CSTNode], type[cst.CSTNode]]] = {
    ast.Add: (cst.Add, cst.AddAssign),
    ast.BitAnd: (cst.BitAnd, cst.BitAndAssign),
    ast.BitOr: (cst.BitOr, cst.BitOrAssign),
    ast.BitXor: (cst.BitXor, cst.BitXorAssign),
    ast.Div: (cst.Divide, cst.DivideAssign),
    ast.FloorDiv: (cst.FloorDivide, cst.FloorDivideAssign),
    ast.LShift: (cst.LeftShift, cst.LeftShiftAssign),
    ast.MatMult: (cst.MatrixMultiply, cst.MatrixMultiplyAssign),
    ast.Mod: (cst.Modulo, cst.ModuloAssign),
    ast.Mult: (cst.Multiply, cst.MultiplyAssign),
    ast.Pow: (cst.Power, cst.PowerAssign),
    ast.RShift: (cst.RightShift, cst.RightShiftAssign),
    ast.Sub: (cst.Subtract, cst.SubtractAssign),
}
"""The operator of an expression, and that of an assignment."""

_OTHER_OPERATORS: dict[type[ast.AST], type[cst.CSTNode]] = {
    ast.And: cst.And,
    ast.Eq: cst.Equal,
    ast.Gt: cst.GreaterThan,
    ast.GtE: cst.GreaterThanEqual,
    ast.In: cst.In,
    ast.Invert: cst.BitInvert,
    ast.Is: cst.Is,
    ast.IsNot: cst.IsNot,
    ast.Lt: cst.LessThan,
    ast.LtE: cst.LessThanEqual,
    ast.Not: cst.Not,
    ast.NotEq: cst.NotEqual,
    ast.NotIn: cst.NotIn,
    ast.Or: cst.Or,
    ast.UAdd: cst.Plus,
    ast.USub: cst.Minus,
}


class UnsupportedError(Exception):
    """The `ast` does not say all that the lowering has to know."""


_new = object.__new__
_set = object.__setattr__


def _make(kind: type[cst.CSTNode], **fields: object) -> Any:
    """Return a node with some of its fields; to read another one raises `AttributeError`."""
    node = _new(kind)
    # The nodes are frozen, and their constructors fill all fields.
    for name, value in fields.items():
        _set(node, name, value)
    return node


_ASYNC = _make(cst.Asynchronous)
_OPERATORS: dict[type[ast.AST], Any] = {
    **{kind: _make(ours) for kind, ours in _OTHER_OPERATORS.items()},
    **{kind: _make(ours) for kind, (ours, _) in _BINARY.items()},
}
_ASSIGN_OPERATORS = {kind: _make(ours) for kind, (_, ours) in _BINARY.items()}


def statement_from_ast(
    source: SourceFile, node: ast.stmt, line_offset: int = 0
) -> tuple[Any, dict[int, _Placed]]:
    """Return a statement's tree, and the `ast` node of each of its nodes that has a place.

    Line ``n`` of ``node`` is line ``n + line_offset`` of the file. The keys are the identities of
    libcst nodes, as those of `positions.pair`. Raise `UnsupportedError` if libcst has to parse the
    statement.
    """
    maker = _Maker(source, line_offset)
    return maker.statement(node), maker.places


class _Maker:
    """Makes the nodes of one statement."""

    def __init__(self, source: SourceFile, line_offset: int) -> None:
        self.places: dict[int, _Placed] = {}
        self._source = source
        self._line_offset = line_offset
        self._depth = 0
        # The formatted string around what is made, where its parts have no places of their own.
        self._string: ast.expr | None = None

    def statement(self, node: ast.stmt) -> Any:
        """Make a statement, compound or simple; simple ones are not put into lines."""
        return self._placed(node, _STATEMENTS)

    def value(self, node: ast.expr) -> Any:
        """Make an expression."""
        return self._placed(node, _EXPRESSIONS)

    def _placed(self, node: Any, makers: dict[type[ast.AST], Callable[[_Maker, Any], Any]]) -> Any:
        kind = type(node)
        make = makers.get(kind)
        if make is None or self._depth >= SAFE_DEPTH:
            raise UnsupportedError(kind.__name__)
        self._depth += 1
        made = make(self, node)
        self._depth -= 1
        if kind in _WITH_PLACE:
            self.places[id(made)] = self._string or node
        return made

    def check_depth(self, more: int) -> None:
        """Leave a statement to libcst that is too deep with so many further levels."""
        if self._depth + more > SAFE_DEPTH:
            raise UnsupportedError("a deep tree")

    def optional(self, node: ast.expr | None) -> Any:
        """Make an expression that may be left out."""
        return None if node is None else self.value(node)

    def name(self, text: str) -> Any:
        """Make a name, with or without a place; `ast` has changed those that are not ASCII."""
        if not text.isascii():
            raise UnsupportedError(text)
        return _make(cst.Name, value=text)

    def dotted(self, text: str) -> Any:
        """Make a dotted name of an import."""
        first, *others = text.split(".")
        made = self.name(first)
        for each in others:
            made = _make(cst.Attribute, value=made, attr=self.name(each))
        return made

    def suite(self, statements: Sequence[ast.stmt]) -> Any:
        """Make a block."""
        return _make(cst.IndentedBlock, body=[self.statement(each) for each in statements])

    def orelse(self, statements: Sequence[ast.stmt]) -> Any:
        """Make an `else`, None if there is none."""
        return _make(cst.Else, body=self.suite(statements)) if statements else None

    def alias(self, node: ast.alias) -> Any:
        """Make a part of an import."""
        asname = node.asname and _make(cst.AsName, name=self.name(node.asname))
        return _make(cst.ImportAlias, name=self.dotted(node.name), asname=asname)

    def elements(self, nodes: Sequence[ast.expr]) -> list[Any]:
        """Make the elements of a display or of a target."""
        return [
            self.value(each)
            if type(each) is ast.Starred
            else _make(cst.Element, value=self.value(each))
            for each in nodes
        ]

    def parameters(self, node: ast.arguments) -> Any:
        """Make parameters, without their annotations."""

        def make(argument: ast.arg, default: ast.expr | None = None) -> Any:
            named, value = self.name(argument.arg), self.optional(default)
            return _make(cst.Param, name=named, annotation=None, default=value)

        positional = [*node.posonlyargs, *node.args]
        missing = len(positional) - len(node.defaults)
        defaults = [*[None] * missing, *node.defaults]
        made = [make(each, default) for each, default in zip(positional, defaults, strict=True)]
        only = len(node.posonlyargs)
        named = zip(node.kwonlyargs, node.kw_defaults, strict=True)
        return _make(
            cst.Parameters,
            posonly_params=made[:only],
            params=made[only:],
            star_arg=None if node.vararg is None else make(node.vararg),
            kwonly_params=[make(each, default) for each, default in named],
            star_kwarg=None if node.kwarg is None else make(node.kwarg),
        )

    def arguments(self, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> list[Any]:
        """Make the arguments of a call or a class, in source order."""
        nodes: list[ast.expr | ast.keyword] = [*args, *keywords]
        if args and keywords:
            nodes.sort(key=lambda each: (each.lineno, each.col_offset))
        made: list[Any] = []
        for each in nodes:
            star, keyword, value = "", None, each
            if isinstance(each, ast.keyword):
                value = each.value
                star = "**" if each.arg is None else ""
                keyword = each.arg and self.name(each.arg)
            elif type(each) is ast.Starred:
                star, value = "*", each.value
            assert isinstance(value, ast.expr)
            made.append(_make(cst.Arg, value=self.value(value), keyword=keyword, star=star))
        return made

    def loops(self, generators: Sequence[ast.comprehension]) -> Any:
        """Make the loops of a comprehension, the last one first."""
        inner = None
        for each in reversed(generators):
            inner = _make(
                cst.CompFor,
                target=self.value(each.target),
                iter=self.value(each.iter),
                ifs=[_make(cst.CompIf, test=self.value(test)) for test in each.ifs],
                inner_for_in=inner,
                asynchronous=_ASYNC if each.is_async else None,
            )
        return inner

    def text(self, node: ast.expr) -> str:
        """Return the source of an expression."""
        if self._string is not None:
            raise UnsupportedError("no places within this string")
        line = node.lineno + self._line_offset
        end_line = (node.end_lineno or node.lineno) + self._line_offset
        first = self._source.column_of_byte(line, node.col_offset) - 1
        last = self._source.column_of_byte(end_line, node.end_col_offset or 0) - 1
        if end_line == line:
            return self._source.line(line)[first:last]
        inner = self._source.lines[line : end_line - 1]
        lines = [self._source.line(line)[first:], *inner, self._source.line(end_line)[:last]]
        return "\n".join(lines)

    def begins_with_bracket(self, node: ast.expr) -> bool:
        """Return whether the source of an expression begins with a round bracket."""
        return self.text(node).startswith("(")

    def literals(self, node: ast.expr) -> list[str]:
        """Return the adjacent string literals of which an expression is made, as written."""
        text = self.text(node)
        if "\f" in text:
            raise UnsupportedError("a form feed")
        found: list[str] = []
        position = 0
        while position < len(text):
            match = _LITERAL.match(text, position)
            if match is None:
                raise UnsupportedError("a string")
            found.append(match.group())
            between = _BETWEEN.match(text, match.end())
            position = between.end() if between is not None else match.end()
        return found

    def within(self, string: ast.expr, parts: Iterable[ast.expr]) -> list[Any]:
        """Make the parts of a formatted string that are expressions."""
        outer = self._string
        if not _FSTRINGS_HAVE_PLACES and outer is None:
            self._string = string
        made: list[Any] = []
        for each in parts:
            if isinstance(each, ast.FormattedValue):
                value = self.value(each.value)
                spec = each.format_spec
                inner = self.within(spec, spec.values) if isinstance(spec, ast.JoinedStr) else None
                conversion = chr(each.conversion) if each.conversion > 0 else None
                made.append(
                    _make(
                        cst.FormattedStringExpression,
                        expression=value,
                        conversion=conversion,
                        format_spec=inner,
                        equal=None,
                    )
                )
        self._string = outer
        return made

    def written(self, node: ast.Constant) -> list[str]:
        """Return the literals of a string or number, as they are written."""
        value = node.value
        if self._string is None:
            return self.literals(node) if isinstance(value, str | bytes) else [self.text(node)]
        # No literal in such a string holds a backslash, so its text is its value.
        if not isinstance(value, str):
            return [repr(value)]
        quote = '"' if "'" in value else "'"
        if quote in value or "\n" in value:
            raise UnsupportedError("a string in a string")
        return [f"{quote}{value}{quote}"]


def _constant(maker: _Maker, node: ast.Constant) -> Any:
    value = node.value
    kind = type(value)
    if kind is str or kind is bytes:
        made: Any = None
        for text in maker.written(node):
            right = _make(cst.SimpleString, value=text)
            made = right if made is None else _make(cst.ConcatenatedString, left=made, right=right)
        return made
    if value is None or kind is bool:
        return _make(cst.Name, value=str(value))
    if value is ...:
        return _make(cst.Ellipsis)
    (text,) = maker.written(node)
    return _make(_NUMBERS[kind], value=text)


_NUMBERS: dict[type, type[cst.CSTNode]] = {
    int: cst.Integer,
    float: cst.Float,
    complex: cst.Imaginary,
}


def _joined(maker: _Maker, node: ast.JoinedStr) -> Any:
    values = [each for each in node.values if isinstance(each, ast.FormattedValue)]
    literals = maker.literals(node)
    if len(literals) == 1:
        return _make(cst.FormattedString, parts=maker.within(node, values))
    counts = [_count_values(text) for text in literals]
    if sum(count or 0 for count in counts) != len(values):
        raise UnsupportedError("adjacent strings")
    made: Any = None
    for text, count in zip(literals, counts, strict=True):
        if count is None:
            right = _make(cst.SimpleString, value=text)
        else:
            right = _make(cst.FormattedString, parts=maker.within(node, values[:count]))
            values = values[count:]
        made = right if made is None else _make(cst.ConcatenatedString, left=made, right=right)
    return made


def _count_values(literal: str) -> int | None:
    """Return the number of values that a formatted string has. Return None for any other string."""
    prefix = literal.partition("'")[0].partition('"')[0]
    if "f" not in prefix.lower():
        return None
    try:
        string = ast.parse(f"({literal})", mode="eval").body
    except (SyntaxError, ValueError):
        raise UnsupportedError("a part of a string") from None
    parts = string.values if isinstance(string, ast.JoinedStr) else []
    return sum(isinstance(each, ast.FormattedValue) for each in parts)


def _boolean(maker: _Maker, node: ast.BoolOp) -> Any:
    operator = _OPERATORS[type(node.op)]
    left, *others = node.values
    made = maker.value(left)
    for each in others:
        right = maker.value(each)
        made = _make(cst.BooleanOperation, left=made, operator=operator, right=right)
    return made


def _compare(maker: _Maker, node: ast.Compare) -> Any:
    compared = [
        _make(cst.ComparisonTarget, operator=_OPERATORS[type(op)], comparator=maker.value(each))
        for op, each in zip(node.ops, node.comparators, strict=True)
    ]
    return _make(cst.Comparison, left=maker.value(node.left), comparisons=compared)


def _subscript(maker: _Maker, node: ast.Subscript) -> Any:
    index = node.slice
    parts = [index]
    if isinstance(index, ast.Tuple):
        # ``a[b, c]`` has two elements, ``a[(b, c)]`` has one.
        if not index.elts or maker.begins_with_bracket(index):
            raise UnsupportedError("a tuple as index")
        parts = index.elts
    made = [_make(cst.SubscriptElement, slice=_slice(maker, each)) for each in parts]
    return _make(cst.Subscript, value=maker.value(node.value), slice=made)


def _slice(maker: _Maker, node: ast.expr) -> Any:
    if isinstance(node, ast.Slice):
        lower, upper, step = [maker.optional(each) for each in (node.lower, node.upper, node.step)]
        return _make(cst.Slice, lower=lower, upper=upper, step=step)
    if type(node) is ast.Starred:
        raise UnsupportedError("a starred index")
    return _make(cst.Index, value=maker.value(node), star=None)


def _dict(maker: _Maker, node: ast.Dict) -> Any:
    made = [
        _make(cst.StarredDictElement, value=maker.value(value))
        if key is None
        else _make(cst.DictElement, key=maker.value(key), value=maker.value(value))
        for key, value in zip(node.keys, node.values, strict=True)
    ]
    return _make(cst.Dict, elements=made)


def _comprehension(kind: type[cst.CSTNode]) -> Callable[[_Maker, Any], Any]:
    return lambda m, n: _make(kind, elt=m.value(n.elt), for_in=m.loops(n.generators))


def _display(kind: type[cst.CSTNode]) -> Callable[[_Maker, Any], Any]:
    return lambda m, n: _make(kind, elements=m.elements(n.elts))


_EXPRESSIONS: dict[type[ast.AST], Callable[[_Maker, Any], Any]] = {
    ast.Attribute: lambda m, n: _make(cst.Attribute, value=m.value(n.value), attr=m.name(n.attr)),
    ast.Await: lambda m, n: _make(cst.Await, expression=m.value(n.value)),
    ast.BinOp: lambda m, n: _make(
        cst.BinaryOperation,
        left=m.value(n.left),
        operator=_OPERATORS[type(n.op)],
        right=m.value(n.right),
    ),
    ast.BoolOp: _boolean,
    ast.Call: lambda m, n: _make(
        cst.Call, func=m.value(n.func), args=m.arguments(n.args, n.keywords)
    ),
    ast.Compare: _compare,
    ast.Constant: _constant,
    ast.Dict: _dict,
    ast.DictComp: lambda m, n: _make(
        cst.DictComp, key=m.value(n.key), value=m.value(n.value), for_in=m.loops(n.generators)
    ),
    ast.GeneratorExp: _comprehension(cst.GeneratorExp),
    ast.IfExp: lambda m, n: _make(
        cst.IfExp, body=m.value(n.body), test=m.value(n.test), orelse=m.value(n.orelse)
    ),
    ast.JoinedStr: _joined,
    ast.Lambda: lambda m, n: _make(cst.Lambda, params=m.parameters(n.args), body=m.value(n.body)),
    ast.List: _display(cst.List),
    ast.ListComp: _comprehension(cst.ListComp),
    ast.Name: lambda m, n: m.name(n.id),
    ast.NamedExpr: lambda m, n: _make(
        cst.NamedExpr, target=m.value(n.target), value=m.value(n.value)
    ),
    ast.Set: _display(cst.Set),
    ast.SetComp: _comprehension(cst.SetComp),
    ast.Starred: lambda m, n: _make(cst.StarredElement, value=m.value(n.value)),
    ast.Subscript: _subscript,
    ast.Tuple: _display(cst.Tuple),
    ast.UnaryOp: lambda m, n: _make(
        cst.UnaryOperation, operator=_OPERATORS[type(n.op)], expression=m.value(n.operand)
    ),
    ast.Yield: lambda m, n: _make(cst.Yield, value=m.optional(n.value)),
    ast.YieldFrom: lambda m, n: _make(cst.Yield, value=_make(cst.From, item=m.value(n.value))),
}


_NEVER = cst.Name("Never")


def _is_never(annotation: ast.expr | None) -> bool:
    """Return whether a function does not return: of the annotation no more is needed."""
    match annotation:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str() as name):
            return name.rpartition(".")[2] in NEVER
        case _:
            return False


def _function(maker: _Maker, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
    if getattr(node, "type_params", ()):
        raise UnsupportedError("type parameters")
    return _make(
        cst.FunctionDef,
        name=maker.name(node.name),
        decorators=_decorators(maker, node),
        type_parameters=None,
        params=maker.parameters(node.args),
        returns=_make(cst.Annotation, annotation=_NEVER) if _is_never(node.returns) else None,
        body=maker.suite(node.body),
        asynchronous=_ASYNC if isinstance(node, ast.AsyncFunctionDef) else None,
    )


def _class(maker: _Maker, node: ast.ClassDef) -> Any:
    if getattr(node, "type_params", ()):
        raise UnsupportedError("type parameters")
    bases = maker.arguments(node.bases, node.keywords)
    return _make(
        cst.ClassDef,
        name=maker.name(node.name),
        decorators=_decorators(maker, node),
        type_parameters=None,
        bases=[each for each in bases if each.keyword is None and each.star != "**"],
        keywords=[each for each in bases if each.keyword is not None or each.star == "**"],
        body=maker.suite(node.body),
    )


def _decorators(
    maker: _Maker, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
) -> list[Any]:
    return [_make(cst.Decorator, decorator=maker.value(each)) for each in node.decorator_list]


def _if(maker: _Maker, node: ast.If) -> Any:
    # An `elif` begins where its `if` does; an `if` in an `else` is further to the right.
    chain = [node]
    while len(chain[-1].orelse) == 1:
        following = chain[-1].orelse[0]
        if not isinstance(following, ast.If) or following.col_offset != node.col_offset:
            break
        chain.append(following)
        maker.check_depth(len(chain))
    made = maker.orelse(chain[-1].orelse)
    for each in reversed(chain):
        test, body = maker.value(each.test), maker.suite(each.body)
        made = _make(cst.If, test=test, body=body, orelse=made)
        maker.places[id(made)] = each
    return made


def _for(maker: _Maker, node: ast.For | ast.AsyncFor) -> Any:
    return _make(
        cst.For,
        target=maker.value(node.target),
        iter=maker.value(node.iter),
        body=maker.suite(node.body),
        orelse=maker.orelse(node.orelse),
        asynchronous=_ASYNC if isinstance(node, ast.AsyncFor) else None,
    )


def _with(maker: _Maker, node: ast.With | ast.AsyncWith) -> Any:
    if all(_does_nothing(each) for each in node.body):
        raise UnsupportedError("a comment may belong to it")
    items = [
        _make(
            cst.WithItem,
            item=maker.value(each.context_expr),
            asname=each.optional_vars and _make(cst.AsName, name=maker.value(each.optional_vars)),
        )
        for each in node.items
    ]
    is_async = _ASYNC if isinstance(node, ast.AsyncWith) else None
    return _make(cst.With, items=items, body=maker.suite(node.body), asynchronous=is_async)


def _does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant | ast.UnaryOp)
    return isinstance(node, ast.Pass)


def _try(maker: _Maker, node: Any) -> Any:
    is_group = not isinstance(node, ast.Try)
    handlers: list[Any] = []
    for each in node.handlers:
        made = _make(
            cst.ExceptStarHandler if is_group else cst.ExceptHandler,
            type=maker.optional(each.type),
            name=each.name and _make(cst.AsName, name=maker.name(each.name)),
            body=maker.suite(each.body),
        )
        maker.places[id(made)] = each
        handlers.append(made)
    return _make(
        cst.TryStar if is_group else cst.Try,
        body=maker.suite(node.body),
        handlers=handlers,
        orelse=maker.orelse(node.orelse),
        finalbody=_make(cst.Finally, body=maker.suite(node.finalbody)) if node.finalbody else None,
    )


def _delete(maker: _Maker, node: ast.Delete) -> Any:
    target: ast.expr = node.targets[0]
    if len(node.targets) == 1:
        return _make(cst.Del, target=maker.value(target))
    return _make(cst.Del, target=_make(cst.Tuple, elements=maker.elements(node.targets)))


def _import_from(maker: _Maker, node: ast.ImportFrom) -> Any:
    is_star = node.names[0].name == "*"
    return _make(
        cst.ImportFrom,
        module=node.module and maker.dotted(node.module),
        relative=[_make(cst.Dot)] * node.level,
        names=_make(cst.ImportStar) if is_star else [maker.alias(each) for each in node.names],
    )


def _names(kind: type[cst.CSTNode]) -> Callable[[_Maker, Any], Any]:
    return lambda m, n: _make(
        kind, names=[_make(cst.NameItem, name=m.name(each)) for each in n.names]
    )


def _raise(maker: _Maker, node: ast.Raise) -> Any:
    cause = node.cause and _make(cst.From, item=maker.value(node.cause))
    return _make(cst.Raise, exc=maker.optional(node.exc), cause=cause)


_STATEMENTS: dict[type[ast.AST], Callable[[_Maker, Any], Any]] = {
    ast.AnnAssign: lambda m, n: _make(
        cst.AnnAssign, target=m.value(n.target), annotation=None, value=m.optional(n.value)
    ),
    ast.Assert: lambda m, n: _make(cst.Assert, test=m.value(n.test), msg=m.optional(n.msg)),
    ast.Assign: lambda m, n: _make(
        cst.Assign,
        targets=[_make(cst.AssignTarget, target=m.value(each)) for each in n.targets],
        value=m.value(n.value),
    ),
    ast.AsyncFor: _for,
    ast.AsyncFunctionDef: _function,
    ast.AsyncWith: _with,
    ast.AugAssign: lambda m, n: _make(
        cst.AugAssign,
        target=m.value(n.target),
        operator=_ASSIGN_OPERATORS[type(n.op)],
        value=m.value(n.value),
    ),
    ast.Break: lambda m, n: _make(cst.Break),
    ast.ClassDef: _class,
    ast.Continue: lambda m, n: _make(cst.Continue),
    ast.Delete: _delete,
    ast.Expr: lambda m, n: _make(cst.Expr, value=m.value(n.value)),
    ast.For: _for,
    ast.FunctionDef: _function,
    ast.Global: _names(cst.Global),
    ast.If: _if,
    ast.Import: lambda m, n: _make(cst.Import, names=[m.alias(each) for each in n.names]),
    ast.ImportFrom: _import_from,
    ast.Nonlocal: _names(cst.Nonlocal),
    ast.Pass: lambda m, n: _make(cst.Pass),
    ast.Raise: _raise,
    ast.Return: lambda m, n: _make(cst.Return, value=m.optional(n.value)),
    ast.Try: _try,
    ast.While: lambda m, n: _make(
        cst.While, test=m.value(n.test), body=m.suite(n.body), orelse=m.orelse(n.orelse)
    ),
    ast.With: _with,
}
if hasattr(ast, "TryStar"):
    _STATEMENTS[ast.TryStar] = _try

_WITHOUT_PLACE = {ast.BoolOp, ast.Constant, ast.Dict, ast.JoinedStr, ast.List, ast.Set}
_WITHOUT_PLACE |= {ast.Starred, ast.Tuple}
_WITH_PLACE = frozenset((_EXPRESSIONS.keys() | _STATEMENTS.keys()) - _WITHOUT_PLACE)
"""The kinds of nodes whose places `positions.pair` finds."""
