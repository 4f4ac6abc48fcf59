"""Statements with regions of their own: `try` and `with`."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from locklint.core.source import Span
from locklint.frontend.cleanup import CleanupFrame
from locklint.frontend.lower_context import Lowering
from locklint.frontend.lower_path import constant, dotted_name
from locklint.frontend.lower_scope import bindings_of
from locklint.frontend.lower_target import store, store_name
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import Await, BlockId, Enter, Exit, Unknown
from locklint.ir.means import AwaitForm, Use
from locklint.ir.terminator import Handler, Opaque, Raise, Swallows


def lower_try(low: Lowering, node: cst.Try | cst.TryStar) -> None:
    """``try`` with handlers, ``else`` and ``finally``."""
    final = node.finalbody
    if final is None:
        _handled(low, node)
        return
    graph, regions = low.graph, low.regions
    outer = graph.handler
    after, exceptional = graph.new_block(), graph.new_block()
    binds = frozenset(bindings_of(final.body).names)
    regions.enter(CleanupFrame(outer, lambda: low.body(final.body), binds))
    graph.handler = exceptional
    graph.start_new()
    _handled(low, node)
    regions.exit()
    graph.handler = outer
    if graph.reachable:
        graph.start_new()
        low.body(final.body)
        graph.jump(after)
    graph.start(exceptional)
    low.body(final.body)
    graph.leave(Raise(low.span(node), None, reraise=True))
    graph.start(after)


def _handled(low: Lowering, node: cst.Try | cst.TryStar) -> None:
    """The part of a `try` without its `finally`."""
    graph = low.graph
    if not node.handlers:
        low.body(node.body)
        if node.orelse is not None:
            low.body(node.orelse.body)
        return
    outer = graph.handler
    dispatch, after = graph.new_block(), graph.new_block()
    graph.handler = dispatch
    graph.start_new()
    low.body(node.body)
    graph.handler = outer
    graph.start_new()
    if node.orelse is not None:
        low.body(node.orelse.body)
    graph.jump(after)
    graph.start(dispatch)
    if graph.reachable:
        if isinstance(node, cst.TryStar):
            _group_handlers(low, node, after)
        else:
            _handlers(low, node, after)
    graph.start(after)


def _handlers(low: Lowering, node: cst.Try, after: BlockId) -> None:
    graph = low.graph
    targets = [graph.new_block() for _ in node.handlers]
    handlers: list[Handler] = []
    for handler, target in zip(node.handlers, targets, strict=True):
        handlers.append(Handler(_caught(low, handler.type), target))
    _dispatch(low, node, tuple(handlers))
    for handler, target in zip(node.handlers, targets, strict=True):
        graph.start(target)
        _handler_body(low, handler)
        graph.jump(after)


def _group_handlers(low: Lowering, node: cst.TryStar, after: BlockId) -> None:
    """Lower `except*`: each handler may catch a part of the group and leave the rest to others."""
    graph = low.graph
    targets = [graph.new_block() for _ in node.handlers]
    types = [_caught(low, handler.type) for handler in node.handlers]
    for index, handler in enumerate(node.handlers):
        remaining = zip(types[index:], targets[index:], strict=True)
        _dispatch(low, node, tuple([Handler(each, block, True) for each, block in remaining]))
        graph.start(targets[index])
        _handler_body(low, handler)
        rest = graph.new_block()
        graph.branch(low.span(handler), Opaque(None), after, rest)
        graph.start(rest)
    if graph.reachable:
        graph.leave(Raise(low.span(node), None, reraise=True))


def _dispatch(low: Lowering, node: cst.Try | cst.TryStar, handlers: tuple[Handler, ...]) -> None:
    graph = low.graph
    if graph.handler is not None:
        graph.catch(low.span(node), handlers, graph.handler)
        return
    uncaught = graph.new_block()
    graph.catch(low.span(node), handlers, uncaught)
    graph.start(uncaught)
    graph.leave(Raise(low.span(node), None, reraise=True))


def _handler_body(low: Lowering, handler: cst.ExceptHandler | cst.ExceptStarHandler) -> None:
    name = None
    if handler.name is not None and isinstance(handler.name.name, cst.Name):
        name = handler.name.name.value
    span = low.span(handler)
    if name is not None:
        store_name(low, name, Unknown(), span)
    low.handled.append(low.scope.resolve(name) if name is not None else None)
    low.body(handler.body)
    low.handled.pop()
    if name is not None:
        store_name(low, name, Unknown(), span)


def _caught(low: Lowering, node: cst.BaseExpression | None) -> tuple[str, ...]:
    """Return the classes that a handler names; a class without a dotted name is ``?``."""
    if node is None:
        return ()
    parts = [node]
    if isinstance(node, cst.Tuple):
        parts = [element.value for element in node.elements]
        if not parts:
            return ("?",)
    names: list[str] = []
    for part in parts:
        name = dotted_name(part)
        if name is None:
            low.value(part)
        names.append(name or "?")
    return tuple(names)


def lower_with(low: Lowering, node: cst.With) -> None:
    """``with`` and ``async with``; several items nest."""
    _with_items(low, node, 0)


def _with_items(low: Lowering, node: cst.With, index: int) -> None:
    if index == len(node.items):
        low.body(node.body)
        return
    graph, regions = low.graph, low.regions
    item = node.items[index]
    is_async = node.asynchronous is not None
    span = low.session.spans.of(item.item) or _header_span(low, node)
    context = low.value(item.item, Use.ENTERED)
    if not isinstance(context, AccessPath):
        context = low.path_of(context)
    if is_async:
        low.emit(Await(span, context, AwaitForm.WITH))
    result, target = _bound(low, item)
    is_empty = index == len(node.items) - 1 and _is_empty(node.body)
    is_commented = is_empty and (_has_comment(node) or _comment_follows(low, node))
    low.emit(Enter(span, context, result, is_async, is_empty, is_commented))

    outer = graph.handler
    after, exceptional = graph.new_block(), graph.new_block()

    def leave() -> None:
        low.emit(Exit(span, context, False, is_async))

    regions.enter(CleanupFrame(outer, leave))
    graph.handler = exceptional
    graph.start_new()
    if target is not None and result is not None:
        store(low, target, result, span)
    _with_items(low, node, index + 1)
    regions.exit()
    graph.handler = outer
    if graph.reachable:
        graph.start_new()
        leave()
        graph.jump(after)
    graph.start(exceptional)
    if graph.reachable:
        low.emit(Exit(span, context, True, is_async))
        reraise = graph.new_block()
        graph.branch(span, Swallows(context), after, reraise)
        graph.start(reraise)
        graph.leave(Raise(span, None, reraise=True))
    graph.start(after)


def _header_span(low: Lowering, node: cst.With) -> Span:
    span = low.span(node)
    return Span(span.line, span.column, span.line, len(low.session.source.line(span.line)) + 1)


def _bound(
    low: Lowering, item: cst.WithItem
) -> tuple[AccessPath | None, cst.BaseExpression | None]:
    """Return the path that the result of entering is bound to, and a target that needs more."""
    if item.asname is None:
        return None, None
    target = item.asname.name
    if isinstance(target, cst.Name):
        return low.scope.resolve(target.value), None
    assert isinstance(target, cst.BaseExpression)
    return low.graph.temporary(), target


def _is_empty(body: cst.BaseSuite) -> bool:
    """Return whether a body does nothing: `pass`, `...`, a string."""
    statements: list[cst.CSTNode] = []
    for statement in body.body:
        if isinstance(statement, cst.SimpleStatementLine):
            statements.extend(statement.body)
        else:
            statements.append(statement)
    return all(_does_nothing(statement) for statement in statements)


def _does_nothing(statement: cst.CSTNode) -> bool:
    if isinstance(statement, cst.Expr):
        value = statement.value
        return isinstance(value, cst.Ellipsis) or constant(value) is not None
    return isinstance(statement, cst.Pass)


def _has_comment(node: cst.With) -> bool:
    """Return whether there is a comment on the line of a `with` or in its body."""
    body = node.body
    if isinstance(body, cst.SimpleStatementSuite):
        return body.trailing_whitespace.comment is not None
    if not isinstance(body, cst.IndentedBlock):
        return False
    if body.header.comment is not None or _comments(body.footer):
        return True
    for statement in body.body:
        if isinstance(statement, cst.SimpleStatementLine) and (
            statement.trailing_whitespace.comment is not None or _comments(statement.leading_lines)
        ):
            return True
    return False


def _comment_follows(low: Lowering, node: cst.With) -> bool:
    """Return whether a comment ends the body; libcst gives it to a block further out."""
    span = low.span(node)
    following = low.session.source.line(span.end_line + 1)
    text = following.lstrip()
    return text.startswith("#") and len(following) - len(text) >= span.column


def _comments(lines: Sequence[cst.EmptyLine]) -> bool:
    return any(line.comment is not None for line in lines)
