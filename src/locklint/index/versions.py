"""Tests of Python's version: which of them the oldest version that the code runs on decides."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

_NEWEST_MINOR = 60
_MICROS = (0, 99)
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def version_test(test: ast.expr, oldest: int) -> bool | None:
    """Return the outcome of a test such as ``sys.version_info >= (3, 9)`` where it is fixed.

    ``oldest`` is the minor version of the oldest Python 3 that the code runs on. Return None for
    another test, or if newer versions have another outcome.
    """
    negated = False
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, negated = test.operand, not negated
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    compare = _COMPARISONS.get(type(test.ops[0]))
    left, right = test.left, test.comparators[0]
    of_left, of_right = _part(left), _part(right)
    try:
        if compare is None or (of_left is None) == (of_right is None):
            return None
        if of_left is not None:
            constant = ast.literal_eval(right)
            outcomes = {compare(of_left(version), constant) for version in _versions(oldest)}
        else:
            assert of_right is not None
            constant = ast.literal_eval(left)
            outcomes = {compare(constant, of_right(version)) for version in _versions(oldest)}
    except (TypeError, ValueError, IndexError, RecursionError, MemoryError):
        return None
    return outcomes.pop() != negated if len(outcomes) == 1 else None


def _versions(oldest: int) -> list[tuple[Any, ...]]:
    """The values of ``sys.version_info`` on the versions from the oldest one on."""
    return [
        (3, minor, micro, "final", 0) for minor in range(oldest, _NEWEST_MINOR) for micro in _MICROS
    ]


def _part(node: ast.expr) -> Callable[[tuple[Any, ...]], Any] | None:
    """The part of ``sys.version_info`` that an expression reads; None for any other expression."""
    if _is_version(node):
        return lambda version: version
    if isinstance(node, ast.Attribute) and _is_version(node.value):
        index = {"major": 0, "minor": 1, "micro": 2}.get(node.attr)
        return None if index is None else lambda version: version[index]
    if isinstance(node, ast.Subscript) and _is_version(node.value):
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
            place = node.slice.value
            return lambda version: version[place]
        if isinstance(node.slice, ast.Slice) and node.slice.lower is node.slice.step is None:
            end = node.slice.upper
            if isinstance(end, ast.Constant) and isinstance(end.value, int):
                length = end.value
                return lambda version: version[:length]
    return None


def _is_version(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return (
            node.attr == "version_info"
            and isinstance(node.value, ast.Name)
            and node.value.id == "sys"
        )
    return isinstance(node, ast.Name) and node.id == "version_info"
