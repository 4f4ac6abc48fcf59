"""Tests: truth, comparison with None and constants, `not`, `and`, `or`, as control flow."""

from __future__ import annotations

import ast

import libcst as cst

from locklint.frontend.lower_context import Lowering, source_text
from locklint.frontend.lower_path import (
    constant,
    dotted_name,
    mentions,
    operator_text,
    pure_text,
)
from locklint.index.versions import version_test
from locklint.ir.access_path import ANY_ELEMENT, AccessPath
from locklint.ir.instruction import BlockId, Constant, Operand, Operate
from locklint.ir.means import OperateKind, Use
from locklint.ir.terminator import Condition, Equals, IsNone, Opaque, Truth, of_process

_FALSE_NAMES = frozenset({"TYPE_CHECKING", "typing.TYPE_CHECKING"})
_PROCESS_ID_CALLS = frozenset(
    {"os.getpid", "getpid", "multiprocessing.current_process", "current_process"}
)


def lower_condition(
    low: Lowering, node: cst.BaseExpression, then: BlockId, otherwise: BlockId
) -> None:
    """Evaluate a test and go to one of two blocks."""
    while isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
        node, then, otherwise = node.expression, otherwise, then
    if isinstance(node, cst.BooleanOperation):
        _boolean(low, node, then, otherwise)
    elif isinstance(node, cst.IfExp):
        _choice(low, node, then, otherwise)
    elif isinstance(node, cst.Comparison):
        _comparison(low, node, then, otherwise)
    elif isinstance(node, (cst.Name, cst.Attribute)) and dotted_name(node) in _FALSE_NAMES:
        low.graph.jump(otherwise)
    else:
        truth(low, node, low.value(node, Use.TESTED), then, otherwise)


def truth(
    low: Lowering, node: cst.BaseExpression, value: Operand, then: BlockId, otherwise: BlockId
) -> None:
    """Branch on the truth of ``node``, which has been evaluated to ``value``."""
    graph, span = low.graph, low.span(node)
    match value:
        case Constant(value=known):
            graph.jump(then if known else otherwise)
        case AccessPath() if not isinstance(node, cst.Call) and value.last != ANY_ELEMENT:
            graph.branch(span, Truth(value), then, otherwise)
        case _:
            text = pure_text(low.scope, node)
            condition: Condition
            if text is not None:
                condition = Opaque(*text)
            elif isinstance(value, AccessPath) and value.last != ANY_ELEMENT:
                condition = Truth(value)
            else:
                condition = Opaque(None, mentions(value))
            graph.branch(span, condition, then, otherwise)


def compare(low: Lowering, node: cst.Comparison) -> list[Operand]:
    """Evaluate a comparison, its outcome left aside; the compared values."""
    values = [low.value(node.left)]
    for target in node.comparisons:
        values.append(low.value(target.comparator))
        if not isinstance(target.operator, (cst.Is, cst.IsNot)):
            literal = isinstance(target.operator, (cst.Equal, cst.NotEqual)) or any(
                isinstance(operand, Constant) for operand in values[-2:]
            )
            text = operator_text(target.operator)
            # `in` runs a method of the right operand, the other comparisons one of the left
            # operand.
            asked = reversed(values[-2:]) if text.endswith("in") else values[-2:]
            low.emit(Operate(low.span(node), OperateKind.OPERATOR, text, literal, tuple(asked)))
    return values


def boolean_operands(node: cst.BooleanOperation) -> list[cst.BaseExpression]:
    """The operands of a chain of one operator, in order."""
    operator = type(node.operator)
    operands: list[cst.BaseExpression] = []
    stack: list[cst.BaseExpression] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, cst.BooleanOperation) and type(part.operator) is operator:
            stack += (part.right, part.left)
        else:
            operands.append(part)
    return operands


def _boolean(low: Lowering, node: cst.BooleanOperation, then: BlockId, otherwise: BlockId) -> None:
    graph = low.graph
    is_and = isinstance(node.operator, cst.And)
    *others, last = boolean_operands(node)
    for operand in others:
        following = graph.new_block()
        if is_and:
            low.condition(operand, following, otherwise)
        else:
            low.condition(operand, then, following)
        graph.start(following)
    if graph.reachable:
        low.condition(last, then, otherwise)


def _choice(low: Lowering, node: cst.IfExp, then: BlockId, otherwise: BlockId) -> None:
    graph = low.graph
    yes, no = graph.new_block(), graph.new_block()
    low.condition(node.test, yes, no)
    for block, branch in ((yes, node.body), (no, node.orelse)):
        graph.start(block)
        if graph.reachable:
            low.condition(branch, then, otherwise)


def _comparison(low: Lowering, node: cst.Comparison, then: BlockId, otherwise: BlockId) -> None:
    graph, span = low.graph, low.span(node)
    outcome = _outcome_with_itself(node)
    if outcome is None:
        outcome = _version_outcome(low, node)
    if outcome is not None:
        graph.jump(then if outcome else otherwise)
        return
    known = _with_constant(node)
    if known is None:
        values = compare(low, node)
        same = _compares_process_ids(low, node)
        if same is not None:
            graph.jump(then if same else otherwise)
            return
        kept = _compared_with_process_id(low, node, values)
        if kept is not None:
            if isinstance(node.comparisons[0].operator, cst.NotEqual | cst.IsNot):
                then, otherwise = otherwise, then
            graph.branch(span, of_process(kept), then, otherwise)
            return
        text = pure_text(low.scope, node)
        condition: Condition = Opaque(*text) if text else Opaque(None, mentions(*values))
        graph.branch(span, condition, then, otherwise)
        return
    compared, against, is_equal = known
    if not is_equal:
        then, otherwise = otherwise, then
    value = low.value(compared, Use.TESTED)
    if isinstance(value, Constant):
        graph.jump(then if value.value == against.value else otherwise)
    elif not isinstance(value, AccessPath) or value.last == ANY_ELEMENT:
        text = pure_text(low.scope, compared)
        condition = Opaque(f"{text[0]} == {against}", text[1]) if text else Opaque(None)
        graph.branch(span, condition, then, otherwise)
    elif against.value is None:
        graph.branch(span, IsNone(value), then, otherwise)
    else:
        graph.branch(span, Equals(value, against), then, otherwise)


def is_process_id(low: Lowering, node: cst.BaseExpression) -> bool:
    """Return whether an expression gives the process that runs the function, or its id.

    A call of ``os.getpid``, or a variable that the function has bound to one.
    """
    if isinstance(node, cst.Name):
        return low.scope.resolve(node.value) in low.process_ids
    return (
        isinstance(node, cst.Call)
        and not node.args
        and isinstance(node.func, cst.Name | cst.Attribute)
        and dotted_name(node.func) in _PROCESS_ID_CALLS
    )


def _compares_process_ids(low: Lowering, node: cst.Comparison) -> bool | None:
    """Return the outcome of comparing two ids of this process; None for any other comparison.

    They differ only in a child that was forked in between, and locks are not the child's concern.
    """
    if len(node.comparisons) != 1:
        return None
    (target,) = node.comparisons
    if not (is_process_id(low, node.left) and is_process_id(low, target.comparator)):
        return None
    match target.operator:
        case cst.Equal() | cst.Is():
            return True
        case cst.NotEqual() | cst.IsNot():
            return False
        case _:
            return None


def _compared_with_process_id(
    low: Lowering, node: cst.Comparison, values: list[Operand]
) -> AccessPath | None:
    """Return the path that is compared with the id of this process, which stays the same.

    None for any other comparison.
    """
    if len(node.comparisons) != 1:
        return None
    (target,) = node.comparisons
    if not isinstance(target.operator, cst.Equal | cst.Is | cst.NotEqual | cst.IsNot):
        return None
    for side, other in ((target.comparator, values[0]), (node.left, values[1])):
        if isinstance(other, AccessPath) and other.last != ANY_ELEMENT and is_process_id(low, side):
            return other
    return None


def _outcome_with_itself(node: cst.Comparison) -> bool | None:
    """Return the outcome of ``key is not key``, a test of a variable's identity with itself."""
    match node:
        case cst.Comparison(
            left=cst.Name(value=left),
            comparisons=[cst.ComparisonTarget(operator, cst.Name(value=right))],
        ) if left == right and isinstance(operator, cst.Is | cst.IsNot):
            return isinstance(operator, cst.Is)
    return None


def _version_outcome(low: Lowering, node: cst.Comparison) -> bool | None:
    """The outcome of a test of Python's version, where the oldest version decides it."""
    for side in (node.left, node.comparisons[0].comparator):
        if isinstance(side, cst.Subscript):
            side = side.value
        if isinstance(side, (cst.Name, cst.Attribute)) and "version_info" in (
            dotted_name(side) or ""
        ):
            break
    else:
        return None
    span = low.session.spans.of(node)
    if span is None:
        return None
    try:
        parsed = ast.parse(f"({source_text(low.session, span)})", mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return version_test(parsed.body, low.session.source.oldest)


def _with_constant(node: cst.Comparison) -> tuple[cst.BaseExpression, Constant, bool] | None:
    """Return the compared value, the constant, and whether the test is for equality."""
    if len(node.comparisons) != 1:
        return None
    target = node.comparisons[0]
    match target.operator:
        case cst.Is() | cst.Equal():
            is_equal = True
        case cst.IsNot() | cst.NotEqual():
            is_equal = False
        case _:
            return None
    against = constant(target.comparator)
    if against is not None:
        return node.left, against, is_equal
    against = constant(node.left)
    if against is not None:
        return target.comparator, against, is_equal
    return None
