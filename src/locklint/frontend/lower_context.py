"""Shared state of the lowering: a session per piece of source, a context per function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import libcst as cst
import msgspec

from locklint.core.source import SourceFile, Span
from locklint.frontend.cfg_builder import GraphBuilder
from locklint.frontend.cleanup import Regions
from locklint.frontend.lower_scope import Scope
from locklint.frontend.positions import Spans
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.instruction import Assign, BlockId, FunctionRef, Instruction, Operand
from locklint.ir.means import Use

# Handlers are chosen by the type of the node, which a type checker cannot follow.
StatementLowering: TypeAlias = "Callable[[Lowering, Any], None]"


class ExpressionLowering(Protocol):
    """Lowers one kind of expression; ``use`` and ``name`` say what becomes of its value."""

    def __call__(self, low: Lowering, node: Any, use: Use, name: str | None) -> Operand:
        """Emit what evaluates ``node``, and return its value."""


class ConditionLowering(Protocol):
    """Lowers a test to branches."""

    def __call__(
        self, low: Lowering, node: cst.BaseExpression, then: BlockId, otherwise: BlockId
    ) -> None:
        """Emit what evaluates ``node``, and go to one of the two blocks."""


class Tables(msgspec.Struct, frozen=True):
    """The lowering functions by kind of node, given by the entry points to keep the parts apart."""

    expressions: Mapping[type[cst.CSTNode], ExpressionLowering]
    statements: Mapping[type[cst.CSTNode], StatementLowering]
    condition: ConditionLowering


class Session(msgspec.Struct):
    """The state that the functions of one piece of source share.

    ``known_names`` are the qualified names of the file's definitions by line and bare name.
    ``functions`` are the finished graphs, ``references`` the nested functions lowered already, by
    the identity of their nodes: clean-up code is lowered more than once, its functions are not.
    """

    source: SourceFile
    spans: Spans
    tables: Tables
    known_names: Mapping[tuple[int, str], str]
    functions: list[Function] = msgspec.field(default_factory=list)
    references: dict[int, FunctionRef] = msgspec.field(default_factory=dict)


def source_text(session: Session, span: Span) -> str:
    """The text of a span, its lines joined by a blank."""
    source = session.source
    if span.line == span.end_line:
        return source.line(span.line)[span.column - 1 : span.end_column - 1]
    inner: Sequence[str] = source.lines[span.line : span.end_line - 1]
    lines = [
        source.line(span.line)[span.column - 1 :],
        *inner,
        source.line(span.end_line)[: span.end_column - 1],
    ]
    return " ".join(line.strip() for line in lines)


class Lowering:
    """The lowering of one function: where it has got to, and what names mean there."""

    def __init__(
        self,
        session: Session,
        scope: Scope,
        place: Span,
        definitions: Mapping[int, str],
        function_qualname: str | None,
    ) -> None:
        self.session = session
        self.scope = scope
        self.graph = GraphBuilder()
        self.regions = Regions(self.graph)
        self.definitions: dict[int, str] = dict(definitions)
        self.function_qualname = function_qualname
        # Variables that hold the id of the process.
        self.process_ids: set[AccessPath] = set()
        # The variables of the exceptions that are handled, innermost last; None without one, or
        # where the handler binds the variable again.
        self.handled: list[AccessPath | None] = []
        # The classes of new objects that variables hold, None for variables that hold nothing but
        # None so far; empty if they may hold something else.
        self.constructed: dict[AccessPath, str | None] = {}
        self._default_place = place
        self._place: cst.CSTNode | None = None

    # Places

    def span(self, node: cst.CSTNode | None = None) -> Span:
        """The place of a node, or of the nearest known node around what is being lowered."""
        spans = self.session.spans
        if node is not None:
            own = spans.of(node)
            if own is not None:
                return own
        around = spans.of(self._place) if self._place is not None else None
        return around or self._default_place

    # Dispatch

    def value(
        self, node: cst.BaseExpression, use: Use = Use.PASSED, name: str | None = None
    ) -> Operand:
        """Lower an expression: emit what evaluates it, and return its value."""
        place = self._place
        if self.session.spans.knows(node):
            self._place = node
        operand = self.session.tables.expressions[type(node)](self, node, use, name)
        self._place = place
        return operand

    def condition(self, node: cst.BaseExpression, then: BlockId, otherwise: BlockId) -> None:
        """Lower a test: emit what evaluates it, and go to one of two blocks."""
        place = self._place
        if self.session.spans.knows(node):
            self._place = node
        self.session.tables.condition(self, node, then, otherwise)
        self._place = place

    def statement(self, node: cst.CSTNode) -> None:
        """Lower a statement, unless control cannot get to it."""
        if not self.graph.reachable:
            return
        place = self._place
        if self.session.spans.knows(node):
            self._place = node
        self.session.tables.statements[type(node)](self, node)
        self._place = place

    def body(self, node: cst.BaseSuite | Sequence[cst.CSTNode]) -> None:
        """Lower the statements of a block."""
        for statement in node.body if isinstance(node, cst.BaseSuite) else node:
            self.statement(statement)

    # Helpers that the parts often need

    def emit(self, instruction: Instruction) -> None:
        """Append an instruction."""
        self.graph.emit(instruction)

    def path_of(self, operand: Operand) -> AccessPath:
        """A path for a value: its own, or that of a temporary to which it is bound."""
        if isinstance(operand, AccessPath):
            return operand
        temporary = self.graph.temporary()
        self.emit(Assign(self.span(), temporary, operand))
        return temporary
