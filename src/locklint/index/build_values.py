"""Expressions of the standard `ast` as the values of `index.declarations`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, TypeAlias

from locklint.index.declarations import (
    ALIASED,
    AttributeValue,
    Awaited,
    CallValue,
    Choice,
    Element,
    Generic,
    Items,
    LambdaValue,
    Literal,
    Opaque,
    Operation,
    Ref,
    Value,
)
from locklint.index.shared import dotted, line_number, variable, written

MAX_DEPTH = 5
"""The depth to which a value is kept; deeper parts are opaque."""

MAX_ITEMS = 24
"""The largest number of elements of a display, or arguments of a call, that are kept."""

MAX_LITERAL = 60
"""The largest number of characters of a literal that are kept."""

MAX_CHAIN = 12
"""The largest number of names in a dotted reference."""

OPAQUE = Opaque()
NONE = Literal("None")
_TRUE = Literal("True")
_TEXT = Literal("''")

Converter: TypeAlias = Callable[[Any, int], Value]


def value_of(node: ast.expr | None, depth: int = MAX_DEPTH) -> Value:
    """Return the value of an expression, to the given depth; never raise, never recurse deeper."""
    kind = node.__class__
    if kind is ast.Name:
        return variable(node.id)  # type: ignore[union-attr]
    if node is None:
        return NONE
    return _CONVERTERS[kind](node, depth) if kind in _CONVERTERS else OPAQUE


def annotation_of(node: ast.expr | None) -> Value | None:
    """An annotation as a value: strings are parsed, subscripts become `Generic`."""
    if node is None:
        return None
    return _annotation(node, MAX_DEPTH)


def dotted_names(node: ast.expr) -> tuple[str, ...] | None:
    """The names of ``a.b.c``; None for anything else, or for more than `MAX_CHAIN` of them."""
    if node.__class__ is ast.Name:
        return (node.id,)
    if node.__class__ is not ast.Attribute:
        return None
    if node.value.__class__ is ast.Name:
        return (node.value.id, node.attr)
    names: list[str] = []
    while node.__class__ is ast.Attribute:
        names.append(node.attr)
        node = node.value
        if len(names) > MAX_CHAIN:
            return None
    if node.__class__ is not ast.Name:
        return None
    names.append(node.id)
    names.reverse()
    return tuple(names)


def callee_text(node: ast.expr) -> str | None:
    """Return a callee as `FunctionDecl.callees` has it. Return None if no variable leads to it."""
    names = dotted_names(node)
    if names is not None:
        return ".".join(names)
    last = node.attr if node.__class__ is ast.Attribute else None
    while node.__class__ in _LINKS:
        node = getattr(node, _LINKS[node.__class__])
    return f".{last}" if last is not None and node.__class__ is ast.Name else None


_LINKS: dict[type[ast.AST], str] = {
    ast.Attribute: "value",
    ast.Call: "func",
    ast.NamedExpr: "target",
    ast.Subscript: "value",
}
"""The fields of expressions that lead to the variable in front."""


def _attribute(node: ast.Attribute, depth: int) -> Value:
    names = dotted_names(node)
    if names is not None:
        return dotted(names)
    if depth <= 0:
        return OPAQUE
    of = value_of(node.value, depth - 1)
    return OPAQUE if of is OPAQUE else AttributeValue(of, node.attr)


def _call(node: ast.Call, depth: int) -> Value:
    if depth <= 0:
        return OPAQUE
    plain = node.func.__class__ is ast.Name or node.func.__class__ is ast.Attribute
    callee = value_of(node.func, depth if plain else depth - 1)
    if callee is OPAQUE:
        return OPAQUE
    arguments: list[Value] = []
    for argument in node.args[:MAX_ITEMS]:
        if argument.__class__ is ast.Starred:
            break  # The positions after it cannot be known.
        arguments.append(value_of(argument, depth - 1))
    keywords = tuple(
        [
            (keyword.arg, value_of(keyword.value, depth - 1))
            for keyword in node.keywords[:MAX_ITEMS]
            if keyword.arg is not None
        ]
    )
    return CallValue(callee, tuple(arguments), keywords, line_number(node.lineno))


def _constant(node: ast.Constant, depth: int) -> Value:
    value = node.value
    if value is None:
        return NONE
    if value.__class__ in (str, bytes) and len(value) > MAX_LITERAL:
        value = value[:MAX_LITERAL]
    if value.__class__ is int and abs(value) > 10**30:
        return OPAQUE  # Turning a huge number into text can be refused.
    return written(repr(value))


def _boolean(node: ast.BoolOp, depth: int) -> Value:
    if depth <= 0:
        return OPAQUE
    if node.op.__class__ is ast.And:
        # An operand before the last one is the result only where it is false.
        return Choice((value_of(node.values[-1], depth - 1), NONE))
    return Choice(tuple([value_of(value, depth - 1) for value in node.values[:MAX_ITEMS]]))


def _conditional(node: ast.IfExp, depth: int) -> Value:
    if depth <= 0:
        return OPAQUE
    return Choice((value_of(node.body, depth - 1), value_of(node.orelse, depth - 1)))


def _element(node: ast.expr, depth: int) -> Value:
    if node.__class__ is ast.Starred:
        of = value_of(node.value, depth)
        return Element(of)
    return value_of(node, depth)


def _display(node: ast.List | ast.Tuple | ast.Set, depth: int) -> Value:
    if depth <= 0:
        return OPAQUE
    return Items(tuple([_element(item, depth - 1) for item in node.elts[:MAX_ITEMS]]))


def _dict(node: ast.Dict, depth: int) -> Value:
    if depth <= 0:
        return OPAQUE
    keys: list[str] = []
    elements: list[Value] = []
    for key, item in zip(node.keys[:MAX_ITEMS], node.values[:MAX_ITEMS], strict=True):
        if key is None:
            keys.append("**")
            elements.append(Element(value_of(item, depth - 1)))
        else:
            literal = value_of(key, 1) if key.__class__ is ast.Constant else OPAQUE
            keys.append(literal.text if isinstance(literal, Literal) else "")
            elements.append(value_of(item, depth - 1))
    # One empty key distinguishes an empty dict from an empty list.
    return Items(tuple(elements), tuple(keys) or ("",))


def _comprehension(node: ast.ListComp | ast.SetComp | ast.GeneratorExp, depth: int) -> Value:
    return Items((value_of(node.elt, depth - 1),)) if depth > 0 else OPAQUE


def _dict_comprehension(node: ast.DictComp, depth: int) -> Value:
    return Items((value_of(node.value, depth - 1),), ("",)) if depth > 0 else OPAQUE


def _subscript(node: ast.Subscript, depth: int) -> Value:
    if depth <= 0:
        return OPAQUE
    of = value_of(node.value, depth - 1)
    if of is OPAQUE:
        return OPAQUE
    if of.__class__ is Ref and of.names[-1] in ALIASED:
        return _annotation(node, depth)
    index = node.slice
    if index.__class__ is ast.Slice:
        return Items((Element(of),))
    return Element(of, literal_key(index))


def literal_key(index: ast.expr) -> str | None:
    """The `repr` of a subscript's key, where that is a literal that can be written down."""
    if index.__class__ is ast.UnaryOp and index.operand.__class__ is ast.Constant:
        literal = _unary(index, 1)
    elif index.__class__ is ast.Constant:
        literal = value_of(index, 1)
    else:
        return None
    return literal.text if isinstance(literal, Literal) else None


def _test(node: ast.expr, depth: int) -> Value:
    """A comparison or a negation: a truth value, be it as it may."""
    return _TRUE


def _formatted(node: ast.JoinedStr, depth: int) -> Value:
    return _TEXT


def _unary(node: ast.UnaryOp, depth: int) -> Value:
    if node.op.__class__ is ast.Not:
        return _TRUE
    if node.op.__class__ is ast.USub and node.operand.__class__ is ast.Constant:
        literal = value_of(node.operand, 1)
        return Literal("-" + literal.text) if isinstance(literal, Literal) else OPAQUE
    return OPAQUE


def _binary(node: ast.BinOp, depth: int) -> Value:
    if depth <= 0:
        return OPAQUE
    operator = node.op.__class__
    if operator is ast.Mult:
        for side in (node.left, node.right):
            if side.__class__ is ast.List or side.__class__ is ast.Tuple:
                return value_of(side, depth - 1)
    left = value_of(node.left, depth - 1)
    if operator is ast.Div and isinstance(node.right, ast.Constant) and _is_text(node.right):
        return left  # No text can be divided: this is the path of a file in a folder.
    if isinstance(left, Literal):
        return left
    right = value_of(node.right, depth - 1)
    if isinstance(right, Literal):
        return right
    if operator is ast.Add and isinstance(left, Items) and isinstance(right, Items):
        return Items((*left.elements, *right.elements)[:MAX_ITEMS])
    if operator is ast.BitOr:
        return OPAQUE if left is OPAQUE and right is OPAQUE else Choice((left, right))
    return OPAQUE if left is OPAQUE or right is OPAQUE else Operation((left, right))


def _is_text(node: ast.Constant) -> bool:
    return isinstance(node.value, str)


def _lambda(node: ast.Lambda, depth: int) -> Value:
    if depth <= 0:
        return OPAQUE
    return LambdaValue(value_of(node.body, depth - 1), node.lineno, node.col_offset + 1)


def _await(node: ast.Await, depth: int) -> Value:
    return Awaited(value_of(node.value, depth - 1)) if depth > 0 else OPAQUE


def _walrus(node: ast.NamedExpr, depth: int) -> Value:
    return value_of(node.value, depth - 1) if depth > 0 else OPAQUE


_CONVERTERS: dict[type[ast.AST], Converter] = {
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Constant: _constant,
    ast.BoolOp: _boolean,
    ast.IfExp: _conditional,
    ast.List: _display,
    ast.Tuple: _display,
    ast.Set: _display,
    ast.Dict: _dict,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _dict_comprehension,
    ast.Subscript: _subscript,
    ast.UnaryOp: _unary,
    ast.Compare: _test,
    ast.JoinedStr: _formatted,
    ast.BinOp: _binary,
    ast.Lambda: _lambda,
    ast.Await: _await,
    ast.NamedExpr: _walrus,
}


def _annotation(node: ast.expr, depth: int) -> Value:
    if depth <= 0:
        return OPAQUE
    match node:
        case ast.Constant(value=str() as text):
            return _quoted(text, depth)
        case ast.Constant(value=None):
            return NONE
        case ast.Name() | ast.Attribute():
            return value_of(node, depth)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return Choice((_annotation(left, depth - 1), _annotation(right, depth - 1)))
        case ast.Subscript(value=of, slice=index):
            parts = index.elts[:MAX_ITEMS] if isinstance(index, ast.Tuple) else [index]
            return Generic(
                value_of(of, depth - 1), tuple([_annotation(part, depth - 1) for part in parts])
            )
        case ast.List(elts=parts):
            return Items(tuple([_annotation(part, depth - 1) for part in parts[:MAX_ITEMS]]))
        case _:
            return OPAQUE


def _quoted(text: str, depth: int) -> Value:
    if len(text) > 4 * MAX_LITERAL or not text.isprintable():
        return OPAQUE
    if text.isidentifier():
        return variable(text)
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return OPAQUE
    return _annotation(tree.body, depth - 1)
