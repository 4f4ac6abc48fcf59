"""The lowering's entry points: from a function's place in a file to its control-flow graphs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import libcst as cst
import msgspec

from locklint.core.not_analysed import Reason
from locklint.core.source import SourceFile, Span
from locklint.frontend.cfg_builder import TooComplexError, too_complex_graph
from locklint.frontend.from_ast import UnsupportedError, statement_from_ast
from locklint.frontend.lower_context import Lowering, Session
from locklint.frontend.lower_definition import (
    Heading,
    definition_lines,
    function_kind,
    lower_definition,
)
from locklint.frontend.lower_scope import Scope, ScopeKind, bindings_of, definition_names
from locklint.frontend.lower_tables import TABLES
from locklint.frontend.parse import (
    MAX_NODES,
    LoweringProblem,
    has_few_nodes,
    parse_function,
    parse_statement,
    parse_whole,
    tree_size,
)
from locklint.frontend.positions import Spans
from locklint.frontend.recursion import room_for_recursion
from locklint.ir.cfg import MODULE_QUALNAME, Function, FunctionKind
from locklint.ir.instruction import Constant
from locklint.ir.terminator import Return

_Result = TypeVar("_Result")


class FunctionSource(msgspec.Struct, frozen=True):
    """A function to lower: its place and its facts from the index.

    ``span`` starts at the first decorator. ``node`` is the `ast` node of the definition, None where
    `ast` refuses the file; its line ``n`` is line ``n + line_offset`` of the file. ``names`` are
    the qualified names of all definitions of the file, by the line of the `def` or `class` and the
    bare name. ``enclosing_names`` are the names bound in the functions around it, where a nested
    function is lowered by itself.
    """

    source: SourceFile
    qualname: str
    span: Span
    name_span: Span
    node: ast.FunctionDef | ast.AsyncFunctionDef | None = None
    class_name: str | None = None
    parent: str | None = None
    line_offset: int = 0
    names: Mapping[tuple[int, str], str] = msgspec.field(default_factory=dict)
    enclosing_names: frozenset[str] = frozenset()


def lower_function(function: FunctionSource) -> tuple[Function, ...] | LoweringProblem:
    """Return the graphs of a function and of functions, lambdas and generators in it.

    The function itself comes first. Never raise for bad input: source that cannot be parsed is a
    `LoweringProblem`, a function whose graph would be too large has ``too_complex`` set.
    """
    source = function.source
    found = _tree(function)
    if isinstance(found, LoweringProblem):
        return found
    node, spans = found
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

    return _deeply(run, function.span)


def _tree(function: FunctionSource) -> tuple[cst.FunctionDef, Spans] | LoweringProblem:
    """Return the tree of a function, and the places of its nodes."""
    source, node = function.source, function.node
    spans = Spans(source, function.line_offset)
    if node is not None and has_few_nodes(source, function.span, node):
        tree = _tree_of(source, node, spans, function.line_offset)
        if tree is not None:
            return tree, spans
    parsed = parse_function(source, function.span, node)
    if isinstance(parsed, LoweringProblem):
        if parsed.reason in (Reason.TOO_DEEP, Reason.TOO_LARGE):
            return parsed
        return _find_in_whole(source, function) or parsed
    assert isinstance(parsed.statement, cst.FunctionDef)
    try:
        spans.add(parsed, node)
    except RecursionError:
        return LoweringProblem.too_deep(function.span)
    return parsed.statement, spans


def _tree_of(source: SourceFile, node: ast.stmt, spans: Spans, line_offset: int = 0) -> Any:
    """Return a statement's tree, made from its `ast` node, or None if only libcst can make it."""
    try:
        tree, places = statement_from_ast(source, node, line_offset)
    except UnsupportedError:
        return None
    spans.add_pairs(places)
    return tree


def lower_module_code(
    source: SourceFile,
    spans: Sequence[Span],
    nodes: Sequence[ast.stmt] | None = None,
    names: Mapping[tuple[int, str], str] | None = None,
) -> tuple[Function, ...] | LoweringProblem:
    """The graph of some of a module's top-level statements, as one function ``<module>``.

    ``nodes`` are the `ast` nodes of the statements in the order of ``spans``. Functions and classes
    among the statements are bound, not lowered. The functions of lambdas and generator expressions
    follow. A statement that cannot be parsed is left out; a problem is returned if all are.
    """
    places = Spans(source)
    bodies: list[cst.CSTNode] = []
    problem: LoweringProblem | None = None
    room = MAX_NODES
    for index, span in enumerate(spans):
        node = nodes[index] if nodes is not None else None
        room -= tree_size(node).nodes if node is not None else span.end_line - span.line + 1
        if room < 0:
            return LoweringProblem.too_large(span)
        if node is not None and _is_alone(source, node):
            tree = _tree_of(source, node, places)
            if tree is not None:
                bodies.append(tree)
                continue
        parsed = parse_statement(source, span, node)
        if isinstance(parsed, LoweringProblem):
            problem = parsed
            continue
        try:
            places.add(parsed, node)
        except RecursionError:
            problem = LoweringProblem.too_deep(span)
            continue
        bodies.append(parsed.statement)
    if problem is not None and not bodies:
        return problem
    session = Session(source, places, TABLES, names or {})
    end = spans[-1] if spans else Span(1, 1, 1, 1)
    return _deeply(lambda: (_module_function(session, bodies, end), *session.functions), end)


def _is_alone(source: SourceFile, node: ast.stmt) -> bool:
    """Return whether no other statement is on the lines of one of a module's top level."""
    if node.col_offset > 0:
        return False
    end = node.end_lineno or node.lineno
    rest = source.line(end)[source.column_of_byte(end, node.end_col_offset or 0) - 1 :].lstrip()
    return not rest or rest.startswith("#")


def _module_function(session: Session, bodies: Sequence[cst.CSTNode], end: Span) -> Function:
    source = session.source
    bindings = bindings_of(*bodies)
    names = definition_names(bindings, "", session.known_names, definition_lines(session, bindings))
    is_cut = False
    start = Span(1, 1, 1, 1)
    try:
        low = Lowering(session, Scope(ScopeKind.MODULE), start, names, None)
        low.body(bodies)
        low.graph.leave(Return(end, Constant(None), implicit=True))
        blocks = low.graph.finish()
    except TooComplexError:
        blocks, is_cut = too_complex_graph(), True
    return Function(
        key=f"{source.key}:{MODULE_QUALNAME}",
        qualname=MODULE_QUALNAME,
        module=source.module,
        path=source.path,
        kind=FunctionKind.MODULE,
        span=Span(1, 1, len(source.lines), len(source.lines[-1]) + 1),
        name_span=start,
        parameters=(),
        blocks=blocks,
        too_complex=is_cut,
    )


@lru_cache(maxsize=1)
def _whole(source: SourceFile) -> tuple[cst.Module, Spans] | LoweringProblem:
    """The tree of a whole file, kept for its next function."""
    module = parse_whole(source)
    if isinstance(module, LoweringProblem):
        return module
    spans = Spans(source)
    spans.add_with_provider(module)
    return module, spans


def _find_in_whole(
    source: SourceFile, function: FunctionSource
) -> tuple[cst.FunctionDef, Spans] | None:
    """Return a function, whose lines alone do not parse, from the tree of its whole file."""
    whole = _whole(source)
    if isinstance(whole, LoweringProblem):
        return None
    module, spans = whole
    stack: list[cst.CSTNode] = [module]
    while stack:
        for node in bindings_of(stack.pop()).definitions:
            span = spans.of(node)
            if span is None:
                continue
            if isinstance(node, cst.FunctionDef) and span.line == function.name_span.line:
                return node, spans
            if span.line <= function.span.line <= span.end_line:
                stack.append(node.body)
    return None


def _deeply(run: Callable[[], _Result], place: Span) -> _Result | LoweringProblem:
    """Run with room for deep recursion."""
    try:
        with room_for_recursion():
            return run()
    except RecursionError:
        return LoweringProblem.too_deep(place)


__all__ = [
    "FunctionSource",
    "LoweringProblem",
    "lower_function",
    "lower_module_code",
]
