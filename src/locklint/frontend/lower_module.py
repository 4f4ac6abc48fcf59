"""The lowering's entry points: from a function's place in a file to its control-flow graphs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import libcst as cst

from locklint.core.source import SourceFile, Span
from locklint.frontend.cfg_builder import TooComplexError, too_complex_graph
from locklint.frontend.lower_comprehension import lower_comprehension
from locklint.frontend.lower_condition import lower_condition
from locklint.frontend.lower_context import (
    ExpressionLowering,
    Lowering,
    Session,
    StatementLowering,
    Tables,
)
from locklint.frontend.lower_definition import (
    Heading,
    definition_lines,
    function_kind,
    lower_class_definition,
    lower_definition,
    lower_function_definition,
    lower_generator,
    lower_lambda,
)
from locklint.frontend.lower_expr import (
    lower_attribute,
    lower_await,
    lower_binary,
    lower_boolean,
    lower_call,
    lower_choice,
    lower_comparison,
    lower_concatenated,
    lower_dict,
    lower_display,
    lower_formatted,
    lower_literal,
    lower_name,
    lower_starred,
    lower_subscript,
    lower_unary,
    lower_walrus,
    lower_yield,
)
from locklint.frontend.lower_match import lower_match
from locklint.frontend.lower_scope import Scope, ScopeKind, bindings_of, definition_names
from locklint.frontend.lower_stmt import (
    lower_annotated_assign,
    lower_assert,
    lower_assign,
    lower_augmented_assign,
    lower_break,
    lower_continue,
    lower_delete,
    lower_expression_statement,
    lower_for,
    lower_if,
    lower_import,
    lower_line,
    lower_nothing,
    lower_raise,
    lower_return,
    lower_type_alias,
    lower_while,
)
from locklint.frontend.lower_try import lower_try, lower_with
from locklint.frontend.parse import (
    LoweringProblem,
    ParsedStatement,
    parse_function,
    parse_statement,
    parse_whole,
)
from locklint.frontend.positions import Spans
from locklint.ir.cfg import Function, FunctionKind
from locklint.ir.instruction import Constant, Return

MODULE_QUALNAME = "<module>"

_RECURSION_LIMIT = 20_000
"""Trees are at most `parse.MAX_DEPTH` deep, and each level takes a few calls of ours.

Python's own calls do not use the machine's stack, so that a high limit is safe for as long as
nothing but the lowering runs under it.
"""

_EXPRESSIONS: dict[type[cst.CSTNode], ExpressionLowering] = {
    cst.Attribute: lower_attribute,
    cst.Await: lower_await,
    cst.BinaryOperation: lower_binary,
    cst.BooleanOperation: lower_boolean,
    cst.Call: lower_call,
    cst.Comparison: lower_comparison,
    cst.ConcatenatedString: lower_concatenated,
    cst.Dict: lower_dict,
    cst.DictComp: lower_comprehension,
    cst.Ellipsis: lower_literal,
    cst.Float: lower_literal,
    cst.FormattedString: lower_formatted,
    cst.GeneratorExp: lower_generator,
    cst.IfExp: lower_choice,
    cst.Imaginary: lower_literal,
    cst.Integer: lower_literal,
    cst.Lambda: lower_lambda,
    cst.List: lower_display,
    cst.ListComp: lower_comprehension,
    cst.Name: lower_name,
    cst.NamedExpr: lower_walrus,
    cst.Set: lower_display,
    cst.SetComp: lower_comprehension,
    cst.SimpleString: lower_literal,
    cst.StarredElement: lower_starred,
    cst.Subscript: lower_subscript,
    cst.TemplatedString: lower_formatted,
    cst.Tuple: lower_display,
    cst.UnaryOperation: lower_unary,
    cst.Yield: lower_yield,
}

_STATEMENTS: dict[type[cst.CSTNode], StatementLowering] = {
    cst.AnnAssign: lower_annotated_assign,
    cst.Assert: lower_assert,
    cst.Assign: lower_assign,
    cst.AugAssign: lower_augmented_assign,
    cst.Break: lower_break,
    cst.ClassDef: lower_class_definition,
    cst.Continue: lower_continue,
    cst.Del: lower_delete,
    cst.Expr: lower_expression_statement,
    cst.For: lower_for,
    cst.FunctionDef: lower_function_definition,
    cst.Global: lower_nothing,
    cst.If: lower_if,
    cst.Import: lower_import,
    cst.ImportFrom: lower_import,
    cst.Match: lower_match,
    cst.Nonlocal: lower_nothing,
    cst.Pass: lower_nothing,
    cst.Raise: lower_raise,
    cst.Return: lower_return,
    cst.SimpleStatementLine: lower_line,
    cst.Try: lower_try,
    cst.TryStar: lower_try,
    cst.TypeAlias: lower_type_alias,
    cst.While: lower_while,
    cst.With: lower_with,
}

TABLES = Tables(_EXPRESSIONS, _STATEMENTS, lower_condition)

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class FunctionSource:
    """A function to lower: its place and what the index knows of it.

    ``span`` starts at the first decorator. ``node`` is the `ast` node of the definition, None where
    `ast` refuses the file. ``names`` are the qualified names of all definitions of the file, by the
    line of the `def` or `class` and the bare name. ``enclosing_names`` are the names bound in the
    functions around it, where a nested function is lowered by itself.
    """

    source: SourceFile
    qualname: str
    span: Span
    name_span: Span
    node: ast.FunctionDef | ast.AsyncFunctionDef | None = None
    class_name: str | None = None
    parent: str | None = None
    names: Mapping[tuple[int, str], str] = field(default_factory=dict)
    enclosing_names: frozenset[str] = frozenset()


def lower_function(function: FunctionSource) -> tuple[Function, ...] | LoweringProblem:
    """The graphs of a function and of the functions, lambdas and generator expressions in it.

    The function itself comes first. Never raises for bad input: what cannot be parsed is a
    `LoweringProblem`, a function whose graph would be too large has ``too_complex`` set.
    """
    source = function.source
    spans = Spans(source)
    parsed = parse_function(source, function.span, function.node)
    if isinstance(parsed, LoweringProblem):
        found = _find_in_whole(source, function.name_span, spans)
        if found is None:
            return parsed
        node = found
    else:
        assert isinstance(parsed.statement, cst.FunctionDef)
        node = parsed.statement
        spans.add(parsed, function.node)
    session = Session(source, spans, TABLES, function.names)
    around = Scope(ScopeKind.MODULE)
    if function.enclosing_names:
        names = {name: name for name in function.enclosing_names}
        around = Scope(ScopeKind.FUNCTION, around, names)
    head = Heading(
        function.qualname,
        function_kind(node, function.class_name),
        function.span,
        function.name_span,
        function.class_name,
        function.parent,
    )

    def run() -> tuple[Function, ...]:
        own = lower_definition(session, node, around, head)
        return (own, *session.functions)

    return _deeply(run)


def lower_module_code(
    source: SourceFile,
    spans: Sequence[Span],
    nodes: Sequence[ast.stmt] | None = None,
    names: Mapping[tuple[int, str], str] | None = None,
) -> tuple[Function, ...] | LoweringProblem:
    """The graph of some of a module's top-level statements, as one function ``<module>``.

    ``nodes`` are the `ast` nodes of the statements in the order of ``spans``. Functions and classes
    among the statements are bound, not lowered. The functions of lambdas and generator expressions
    follow.
    """
    places = Spans(source)
    bodies: list[cst.BaseStatement] = []
    for index, span in enumerate(spans):
        node = nodes[index] if nodes is not None else None
        parsed = parse_statement(source, span, node)
        if isinstance(parsed, LoweringProblem):
            return parsed
        places.add(parsed, node)
        bodies.append(parsed.statement)
    session = Session(source, places, TABLES, names or {})
    bindings = bindings_of(*bodies)
    whole = Span(1, 1, len(source.lines), len(source.lines[-1]) + 1)
    start = Span(1, 1, 1, 1)

    def run() -> tuple[Function, ...]:
        lines = definition_lines(session, bindings)
        named = definition_names(bindings, "", session.known_names, lines)
        is_cut = False
        try:
            low = Lowering(session, Scope(ScopeKind.MODULE), start, named, None)
            low.body(bodies)
            low.graph.leave(Return(spans[-1] if spans else start, Constant(None), implicit=True))
            blocks = low.graph.finish()
        except TooComplexError:
            blocks, is_cut = too_complex_graph(), True
        own = Function(
            key=f"{source.key}:{MODULE_QUALNAME}",
            qualname=MODULE_QUALNAME,
            module=source.module,
            path=source.path,
            kind=FunctionKind.MODULE,
            span=whole,
            name_span=start,
            parameters=(),
            blocks=blocks,
            too_complex=is_cut,
        )
        return (own, *session.functions)

    return _deeply(run)


def _find_in_whole(source: SourceFile, name_span: Span, spans: Spans) -> cst.FunctionDef | None:
    """A function by the place of its name, where its lines alone are no code that parses."""
    module = parse_whole(source)
    if isinstance(module, LoweringProblem):
        return None
    spans.add_with_provider(module)
    stack: list[cst.CSTNode] = [module]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.FunctionDef):
            span = spans.of(node)
            if span is not None and span.line == name_span.line:
                return node
        if isinstance(node, (cst.BaseCompoundStatement, cst.BaseSuite, cst.Module)):
            stack.extend(node.children)
        elif isinstance(node, (cst.Else, cst.Finally, cst.ExceptHandler, cst.MatchCase)):
            stack.extend(node.children)
    return None


def _deeply(run: Callable[[], _Result]) -> _Result:
    """Run with room for deep recursion."""
    with _recursion_limit():
        return run()


@contextmanager
def _recursion_limit() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


__all__ = [
    "MODULE_QUALNAME",
    "FunctionSource",
    "LoweringProblem",
    "ParsedStatement",
    "lower_function",
    "lower_module_code",
]
