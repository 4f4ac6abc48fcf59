"""Places of libcst nodes, taken from the standard `ast`.

libcst's own `PositionProvider` generates the code of the whole tree again, which takes three times
as long as parsing. `ast` knows all places already; so the nodes of the two trees are paired: the
n-th call of one, in source order, is the n-th call of the other, and so on for each kind of node.
Where the two disagree on the number of nodes of some kind, `PositionProvider` is used after all.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import libcst as cst

from locklint.core.source import SourceFile, Span
from locklint.frontend.parse import ParsedStatement
from locklint.frontend.recursion import room_for_recursion
from locklint.frontend.unvalidated import unvalidated

if TYPE_CHECKING:
    from libcst.metadata import CodeRange

_FSTRINGS_HAVE_PLACES = sys.version_info >= (3, 12)

CST_CHILDREN: dict[type[cst.CSTNode], tuple[str, ...]] = {
    cst.AnnAssign: ("target", "annotation", "value"),
    cst.Annotation: ("annotation",),
    cst.Arg: ("value",),
    cst.AsName: ("name",),
    cst.Assert: ("test", "msg"),
    cst.Assign: ("targets", "value"),
    cst.AssignTarget: ("target",),
    cst.Attribute: ("value",),
    cst.AugAssign: ("target", "value"),
    cst.Await: ("expression",),
    cst.BinaryOperation: ("left", "right"),
    cst.BooleanOperation: ("left", "right"),
    cst.Call: ("func", "args"),
    cst.ClassDef: ("decorators", "type_parameters", "bases", "keywords", "body"),
    cst.CompFor: ("target", "iter", "ifs", "inner_for_in"),
    cst.CompIf: ("test",),
    cst.Comparison: ("left", "comparisons"),
    cst.ComparisonTarget: ("comparator",),
    cst.ConcatenatedString: ("left", "right"),
    cst.Decorator: ("decorator",),
    cst.Del: ("target",),
    cst.Dict: ("elements",),
    cst.DictComp: ("key", "value", "for_in"),
    cst.DictElement: ("key", "value"),
    cst.Element: ("value",),
    cst.Else: ("body",),
    cst.ExceptHandler: ("type", "body"),
    cst.ExceptStarHandler: ("type", "body"),
    cst.Expr: ("value",),
    cst.Finally: ("body",),
    cst.For: ("target", "iter", "body", "orelse"),
    cst.FormattedString: ("parts",),
    cst.FormattedStringExpression: ("expression", "format_spec"),
    cst.From: ("item",),
    cst.FunctionDef: ("decorators", "type_parameters", "params", "returns", "body"),
    cst.GeneratorExp: ("elt", "for_in"),
    cst.If: ("test", "body", "orelse"),
    cst.IfExp: ("body", "test", "orelse"),
    cst.IndentedBlock: ("body",),
    cst.Index: ("value",),
    cst.Lambda: ("params", "body"),
    cst.List: ("elements",),
    cst.ListComp: ("elt", "for_in"),
    cst.Match: ("subject", "cases"),
    cst.MatchAs: ("pattern",),
    cst.MatchCase: ("pattern", "guard", "body"),
    cst.MatchClass: ("cls", "patterns", "kwds"),
    cst.MatchKeywordElement: ("pattern",),
    cst.MatchList: ("patterns",),
    cst.MatchMapping: ("elements",),
    cst.MatchMappingElement: ("key", "pattern"),
    cst.MatchOr: ("patterns",),
    cst.MatchOrElement: ("pattern",),
    cst.MatchSequenceElement: ("value",),
    cst.MatchTuple: ("patterns",),
    cst.MatchValue: ("value",),
    cst.Module: ("body",),
    cst.NamedExpr: ("target", "value"),
    cst.Param: ("annotation", "default"),
    cst.Parameters: ("posonly_params", "params", "star_arg", "kwonly_params", "star_kwarg"),
    cst.Raise: ("exc", "cause"),
    cst.Return: ("value",),
    cst.Set: ("elements",),
    cst.SetComp: ("elt", "for_in"),
    cst.SimpleStatementLine: ("body",),
    cst.SimpleStatementSuite: ("body",),
    cst.Slice: ("lower", "upper", "step"),
    cst.StarredDictElement: ("value",),
    **({cst.StarredDictComp: ("value", "for_in")} if hasattr(cst, "StarredDictComp") else {}),
    cst.StarredElement: ("value",),
    cst.Subscript: ("value", "slice"),
    cst.SubscriptElement: ("slice",),
    cst.TemplatedString: ("parts",),
    cst.TemplatedStringExpression: ("expression", "format_spec"),
    cst.Try: ("body", "handlers", "orelse", "finalbody"),
    cst.TryStar: ("body", "handlers", "orelse", "finalbody"),
    cst.Tuple: ("elements",),
    cst.TypeAlias: ("name", "type_parameters", "value"),
    cst.TypeParam: ("param", "default"),
    cst.TypeParameters: ("params",),
    cst.TypeVar: ("bound",),
    cst.UnaryOperation: ("expression",),
    cst.While: ("test", "body", "orelse"),
    cst.With: ("items", "body"),
    cst.WithItem: ("item", "asname"),
    cst.Yield: ("value",),
}
"""The children of each node that are code, in source order.

Names that are no expressions (of parameters, keywords, attributes, imports) are left out, as the
`ast` has them as plain strings.
"""

NO_NODES = frozenset({type(None), str, cst.MaybeSentinel})
"""The values of fields without a child. (Testing each child for being a node takes longer.)"""


def last_first(fields: tuple[str, ...]) -> Callable[[cst.CSTNode], tuple[Any, ...]]:
    """Return a function that reads some fields of a node in reverse, as a stack needs them."""
    getter = attrgetter(*reversed(fields))
    return getter if len(fields) > 1 else lambda node: (getter(node),)


CST_LAST_FIRST = {kind: last_first(fields) for kind, fields in CST_CHILDREN.items()}
"""Readers of the children of each node from the last to the first."""

_KINDS: dict[type[cst.CSTNode], tuple[type[ast.AST], ...]] = {
    cst.AnnAssign: (ast.AnnAssign,),
    cst.Assert: (ast.Assert,),
    cst.Assign: (ast.Assign,),
    cst.Attribute: (ast.Attribute,),
    cst.AugAssign: (ast.AugAssign,),
    cst.Await: (ast.Await,),
    cst.BinaryOperation: (ast.BinOp,),
    cst.Break: (ast.Break,),
    cst.Call: (ast.Call,),
    cst.ClassDef: (ast.ClassDef,),
    cst.Comparison: (ast.Compare,),
    cst.Continue: (ast.Continue,),
    cst.Del: (ast.Delete,),
    cst.DictComp: (ast.DictComp,),
    cst.ExceptHandler: (ast.ExceptHandler,),
    cst.ExceptStarHandler: (ast.ExceptHandler,),
    cst.Expr: (ast.Expr,),
    cst.For: (ast.For, ast.AsyncFor),
    cst.FunctionDef: (ast.FunctionDef, ast.AsyncFunctionDef),
    cst.GeneratorExp: (ast.GeneratorExp,),
    cst.Global: (ast.Global,),
    cst.If: (ast.If,),
    cst.IfExp: (ast.IfExp,),
    cst.Import: (ast.Import,),
    cst.ImportFrom: (ast.ImportFrom,),
    cst.Lambda: (ast.Lambda,),
    cst.ListComp: (ast.ListComp,),
    cst.Match: (ast.Match,),
    cst.Name: (ast.Name,),
    cst.NamedExpr: (ast.NamedExpr,),
    cst.Nonlocal: (ast.Nonlocal,),
    cst.Pass: (ast.Pass,),
    cst.Raise: (ast.Raise,),
    cst.Return: (ast.Return,),
    cst.SetComp: (ast.SetComp,),
    cst.Subscript: (ast.Subscript,),
    cst.Try: (ast.Try,),
    cst.TryStar: (ast.TryStar,),
    cst.UnaryOperation: (ast.UnaryOp,),
    cst.While: (ast.While,),
    cst.With: (ast.With, ast.AsyncWith),
    cst.Yield: (ast.Yield, ast.YieldFrom),
}
if sys.version_info >= (3, 12):
    _KINDS[cst.TypeAlias] = (ast.TypeAlias,)
else:
    _KINDS[cst.TypeAlias] = ()

_RANKS: dict[type[cst.CSTNode], int] = {}
_AST_RANKS: dict[type[ast.AST], int] = {}
for _cst_type, _ast_types in _KINDS.items():
    _rank = next((_AST_RANKS[_each] for _each in _ast_types if _each in _AST_RANKS), len(_RANKS))
    _RANKS[_cst_type] = _rank
    for _each in _ast_types:
        _AST_RANKS[_each] = _rank
_RANK_COUNT = len(_KINDS)

_CONSTANT_NAMES = frozenset({"True", "False", "None"})

_NO_CODE = frozenset(
    (
        "arg asname attr conversion ctx id is_async kind kwd_attrs level module names op ops rest"
        " simple str type_comment"
    ).split()
)
"""Fields of `ast` nodes that hold no code."""

_AST_CHILDREN: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Constant: (),
    ast.Name: (),
    ast.MatchSingleton: (),
    ast.ExceptHandler: ("type", "body"),
    ast.MatchAs: ("pattern",),
    ast.MatchStar: (),
    ast.FunctionDef: ("decorator_list", "type_params", "args", "returns", "body"),
    ast.AsyncFunctionDef: ("decorator_list", "type_params", "args", "returns", "body"),
    ast.IfExp: ("body", "test", "orelse"),
    ast.arg: ("annotation",),
    ast.keyword: ("value",),
}


class Spans:
    """The places of the nodes of some trees; nodes are distinguished by identity.

    Line ``n`` of an `ast` node is line ``n + line_offset`` of the file. The caller has to keep the
    trees alive.
    """

    def __init__(self, source: SourceFile, line_offset: int = 0) -> None:
        self._source = source
        self._line_offset = line_offset
        self._nodes: dict[int, ast.stmt | ast.expr | ast.ExceptHandler] = {}
        self._spans: dict[int, Span] = {}

    def add(self, parsed: ParsedStatement, node: ast.AST | None) -> None:
        """Add a statement; ``node`` is the same statement as `ast` has parsed it."""
        if node is not None:
            pairs = pair(parsed.statement, node)
            if pairs is not None:
                self.add_pairs(pairs)
                return
        self.add_with_provider(parsed.module, parsed.line_offset)

    def add_pairs(self, pairs: Mapping[int, ast.stmt | ast.expr | ast.ExceptHandler]) -> None:
        """Add nodes, by their identities, with the `ast` nodes that have their places."""
        self._nodes.update(pairs)

    def add_with_provider(self, module: cst.Module, line_offset: int = 0) -> None:
        """Add a whole tree through libcst's slow but independent `PositionProvider`."""
        with room_for_recursion():
            ranges = code_ranges(module)
        for node, place in ranges.items():
            if type(node) in _RANKS:
                self._spans[id(node)] = Span(
                    place.start.line + line_offset,
                    place.start.column + 1,
                    place.end.line + line_offset,
                    place.end.column + 1,
                )

    def of(self, node: cst.CSTNode) -> Span | None:
        """The place of a node; None for nodes of a kind that is not tracked."""
        key = id(node)
        span = self._spans.get(key)
        if span is None:
            found = self._nodes.get(key)
            if found is None:
                return None
            line = found.lineno + self._line_offset
            end_line = (found.end_lineno or found.lineno) + self._line_offset
            span = Span(
                line,
                self._source.column_of_byte(line, found.col_offset),
                end_line,
                self._source.column_of_byte(end_line, found.end_col_offset or 0),
            )
            self._spans[key] = span
        return span

    def knows(self, node: cst.CSTNode) -> bool:
        """Return whether the node has a place of its own."""
        key = id(node)
        return key in self._nodes or key in self._spans


def code_ranges(module: cst.Module) -> Mapping[cst.CSTNode, CodeRange]:
    """Return the places of all nodes of a tree, as libcst's `PositionProvider` finds them.

    It makes each node again. The checks of libcst refuse a t-string that follows another string.
    """
    from libcst.metadata import MetadataWrapper, PositionProvider

    with unvalidated():
        return MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)


def pair(
    tree: cst.CSTNode, node: ast.AST
) -> dict[int, ast.stmt | ast.expr | ast.ExceptHandler] | None:
    """Pair the nodes of one statement in both trees, by rank within each kind.

    The keys are the identities of libcst nodes. None where the trees do not agree.
    """
    of_cst = _cst_nodes(tree)
    of_ast = _ast_nodes(node)
    pairs: dict[int, ast.stmt | ast.expr | ast.ExceptHandler] = {}
    for ours, theirs in zip(of_cst, of_ast, strict=True):
        if not ours and not theirs:
            continue
        if len(ours) != len(theirs):
            return None
        for left, (right, place) in zip(ours, theirs, strict=True):
            if not _agree(left, right):
                return None
            pairs[id(left)] = place
    return pairs


def _agree(left: Any, right: Any) -> bool:
    # Nodes are of these very classes, and `isinstance` with libcst's takes longer.
    kind = type(right)
    if kind is ast.Name:
        # `ast` normalises identifiers (NFKC), which changes none that are ASCII.
        return left.value == right.id or not left.value.isascii()
    if kind is ast.Attribute:
        return left.attr.value == right.attr or not left.attr.value.isascii()
    if kind is ast.Call:
        return len(left.args) == len(right.args) + len(right.keywords)
    return True


def _cst_nodes(tree: cst.CSTNode) -> list[list[cst.CSTNode]]:
    found: list[list[cst.CSTNode]] = [[] for _ in range(_RANK_COUNT)]
    names = found[_RANKS[cst.Name]]
    stack: list[Any] = [tree]
    pop = stack.pop
    while stack:
        node = pop()
        kind = type(node)
        if kind is cst.Name:
            if node.value not in _CONSTANT_NAMES:
                names.append(node)
            continue
        if kind in _RANKS:
            found[_RANKS[kind]].append(node)
        if kind in CST_LAST_FIRST:
            for child in CST_LAST_FIRST[kind](node):
                kind = type(child)
                if kind is tuple or kind is list:
                    stack += reversed(child)
                elif kind not in NO_NODES:
                    stack += (child,)
    return found


def _ast_nodes(
    tree: ast.AST,
) -> list[list[tuple[ast.AST, ast.stmt | ast.expr | ast.ExceptHandler]]]:
    """Return the nodes of each kind in source order, each with the node whose place it gets.

    That is the node itself, except within f-strings of Python 3.11, which has wrong places there:
    these get the place of the string.
    """
    found: list[list[tuple[ast.AST, ast.stmt | ast.expr | ast.ExceptHandler]]]
    found = [[] for _ in range(_RANK_COUNT)]
    names = found[_AST_RANKS[ast.Name]]
    stack: list[tuple[Any, ast.expr | None]] = [(tree, None)]
    pop = stack.pop
    while stack:
        node, string = pop()
        kind = type(node)
        if kind is ast.Name:
            names.append((node, string or node))
            continue
        if kind in _AST_RANKS:
            found[_AST_RANKS[kind]].append((node, string or node))
        if string is None and kind is ast.JoinedStr and not _FSTRINGS_HAVE_PLACES:
            string = node
        for child in reversed(_children(node)):
            if type(child) is not ast.Constant:
                stack += ((child, string),)
    return found


def _children(node: Any) -> Sequence[ast.AST]:
    """The children of an `ast` node in source order."""
    kind = type(node)
    if kind is ast.Call:
        if node.keywords and node.args:
            return (node.func, *_sorted([*node.args, *node.keywords]))
        return (node.func, *node.args, *node.keywords)
    if kind is ast.arguments:
        return _argument_children(node)
    if kind is ast.ClassDef:
        return (
            *node.decorator_list,
            *getattr(node, "type_params", ()),
            *_sorted([*node.bases, *node.keywords]),
            *node.body,
        )
    if kind is ast.Dict:
        return [
            child for pair in zip(node.keys, node.values, strict=True) for child in pair if child
        ]
    if kind is ast.MatchMapping:
        return [
            child for pair in zip(node.keys, node.patterns, strict=True) for child in pair if child
        ]
    fields = _AST_CHILDREN.get(kind)
    if fields is None:
        keep_name = kind.__name__ == "TypeAlias"
        fields = tuple(
            field
            for field in kind._fields
            if field not in _NO_CODE and (field != "name" or keep_name)
        )
        if keep_name:
            fields = ("name", "type_params", "value")
        _AST_CHILDREN[kind] = fields
    children: list[ast.AST] = []
    for field in fields:
        child = getattr(node, field, None)
        if type(child) is list:
            children += child
        elif isinstance(child, ast.AST):
            children += (child,)
    return children


def _argument_children(node: ast.arguments) -> Sequence[ast.AST]:
    found: list[ast.expr] = []
    for argument in (*node.posonlyargs, *node.args, node.vararg, *node.kwonlyargs, node.kwarg):
        if argument is not None and argument.annotation is not None:
            found.append(argument.annotation)
    defaults = [*node.defaults, *[default for default in node.kw_defaults if default is not None]]
    return _sorted([*found, *defaults]) if found or defaults else ()


def _sorted(nodes: Iterable[ast.expr | ast.keyword]) -> list[ast.expr | ast.keyword]:
    return sorted(nodes, key=lambda node: (node.lineno, node.col_offset))
