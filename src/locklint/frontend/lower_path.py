"""Values as text and as paths: constants, fields, what a value mentions, tests that repeat."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import libcst as cst

from locklint.frontend.lower_scope import Scope
from locklint.ir.access_path import ANY_ELEMENT, AccessPath, ElementField
from locklint.ir.instruction import Constant, Display, FunctionRef, Operand, Unknown

MAX_MENTIONS = 16
"""The largest number of paths that an untracked value keeps."""

_MAX_TEXT = 400
_MOST_DIGITS = 400

_CONSTANT_NAMES: dict[str, bool | None] = {
    "True": True,
    "False": False,
    "None": None,
    "__debug__": True,
}

_LITERALS = frozenset(
    {
        cst.Name,
        cst.Integer,
        cst.Float,
        cst.SimpleString,
        cst.ConcatenatedString,
        cst.UnaryOperation,
    }
)

_PURE_CALLS = frozenset(
    ("bool", "callable", "hasattr", "id", "int", "isinstance", "issubclass", "len", "str", "type")
)


def mentions(*operands: Operand) -> tuple[AccessPath, ...]:
    """The paths that went into some values, each once, at most `MAX_MENTIONS`."""
    found: dict[AccessPath, None] = {}
    stack = list(reversed(operands))
    while stack and len(found) < MAX_MENTIONS:
        match stack.pop():
            case AccessPath() as path:
                found[path] = None
            case Unknown(mentions=paths) | FunctionRef(captures=paths):
                found.update(dict.fromkeys(paths))
            case Display(items=items):
                stack.extend(reversed(items))
    return tuple(found)[:MAX_MENTIONS]


def constant(node: cst.BaseExpression) -> Constant | None:
    """Return the value of a literal. Return None if the node is no literal that is tracked."""
    if type(node) not in _LITERALS:
        return None
    match node:
        case cst.Name(value=text):
            return Constant(_CONSTANT_NAMES[text]) if text in _CONSTANT_NAMES else None
        case cst.Integer(value=text):
            if len(text) > _MOST_DIGITS:
                return None
            try:
                return Constant(int(text.replace("_", ""), 0))
            except ValueError:  # Python refuses `0777`, but that is not for libcst to say.
                return None
        case cst.Float(value=text):
            return Constant(float(text.replace("_", "")))
        case cst.SimpleString():
            return Constant(_string(node))
        case cst.ConcatenatedString():
            return _concatenated(node)
        case cst.UnaryOperation(operator=cst.Minus(), expression=inner):
            number = constant(inner)
            return negated(number) if number is not None else None
        case _:
            return None


def negated(number: Constant) -> Constant | None:
    """A number with its sign changed."""
    if isinstance(number.value, (int, float)):
        return Constant(-number.value)
    return None


def _concatenated(node: cst.ConcatenatedString) -> Constant | None:
    """Return the value of adjacent string literals. Return None if one of them is formatted."""
    parts: list[str | bytes] = []
    for piece in concatenated_parts(node):
        if not isinstance(piece, cst.SimpleString):
            return None
        parts.append(_string(piece))
    if all(isinstance(part, bytes) for part in parts):
        return Constant(b"".join(part for part in parts if isinstance(part, bytes)))
    return Constant("".join(part for part in parts if isinstance(part, str)))


def concatenated_parts(node: cst.ConcatenatedString) -> list[cst.BaseExpression]:
    """Return adjacent literals, in order."""
    parts: list[cst.BaseExpression] = []
    stack: list[cst.BaseExpression] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, cst.ConcatenatedString):
            stack += (part.right, part.left)
        else:
            parts.append(part)
    return parts


def folded(operator: cst.BaseBinaryOp, left: Operand, right: Operand) -> Constant | None:
    """The result of arithmetic on two numbers, for timeouts such as ``60 * 5``."""
    if not (isinstance(left, Constant) and isinstance(right, Constant)):
        return None
    first, second = left.value, right.value
    if not (isinstance(first, (int, float)) and isinstance(second, (int, float))):
        return None
    if abs(first) > 1e15 or abs(second) > 1e15:
        return None
    match operator:
        case cst.Add():
            return Constant(first + second)
        case cst.Subtract():
            return Constant(first - second)
        case cst.Multiply():
            return Constant(first * second)
        case cst.Divide() if second:
            return Constant(first / second)
        case _:
            return None


def _string(node: cst.SimpleString) -> str | bytes:
    """Return the text of a string literal, its escapes left as they are written.

    Evaluating them would warn about those that are not valid, and no analysis needs more than
    whether two literals are the same.
    """
    text = node.value
    start = min(position for position in (text.find("'"), text.find('"')) if position >= 0)
    prefix = text[:start].lower()
    quote = 3 if text[start : start + 3] in ("'''", '"""') else 1
    body = text[start + quote : len(text) - quote]
    return body.encode("utf-8", "replace") if "b" in prefix else body


def element_field(scope: Scope, slices: tuple[cst.SubscriptElement, ...]) -> ElementField:
    """The field that a subscript leads to: ``[0]``, ``['k']``, ``[i]``, ``[self.n]``, ``[*]``."""
    if len(slices) != 1 or not isinstance(slices[0].slice, cst.Index):
        return ANY_ELEMENT
    index = slices[0].slice
    if index.star:
        return ANY_ELEMENT
    known = constant(index.value)
    if known is not None:
        text = repr(known.value)
        return ElementField(text) if len(text) <= 60 else ANY_ELEMENT
    path = plain_path(scope, index.value)
    return ElementField(str(path)) if path is not None else ANY_ELEMENT


def plain_path(scope: Scope, node: cst.BaseExpression) -> AccessPath | None:
    """The path that names and attributes alone spell; None for anything else."""
    fields: list[str] = []
    while isinstance(node, cst.Attribute):
        fields.append(sys.intern(node.attr.value))
        node = node.value
    if not isinstance(node, cst.Name) or node.value in _CONSTANT_NAMES:
        return None
    root = scope.resolve(node.value)
    return AccessPath(root.root_name, (*root.fields, *reversed(fields)), root.root)


def dotted_name(node: cst.BaseExpression) -> str | None:
    """The dotted name that an expression spells; None for anything else."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if not isinstance(node, cst.Name):
        return None
    return ".".join([node.value, *reversed(parts)])


def pure_text(scope: Scope, node: cst.BaseExpression) -> tuple[str, tuple[AccessPath, ...]] | None:
    """Return the normalised text of an expression that gives the same value when repeated.

    With it the paths on which the value depends. Return None if it calls something that might
    return another value the next time.
    """
    found: dict[AccessPath, None] = {}
    parts: list[str] = []
    # The parts left to write: text as it is, or a node.
    stack: list[str | cst.CSTNode] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            parts.append(part)
            continue
        path = plain_path(scope, part) if isinstance(part, cst.BaseExpression) else None
        if path is not None:
            found[path] = None
            parts.append(str(path))
            continue
        pieces = _pieces(part)
        if pieces is None or len(parts) > _MAX_TEXT:
            return None
        stack.extend(reversed(pieces))
    text = "".join(parts)
    return (text, tuple(found)) if len(text) <= _MAX_TEXT else None


def _pieces(node: cst.CSTNode) -> list[str | cst.CSTNode] | None:
    if isinstance(node, cst.BaseExpression):
        known = constant(node)
        if known is not None:
            return [repr(known.value)]
    match node:
        case cst.Attribute(value=value, attr=attr):
            return [value, f".{attr.value}"]
        case cst.Subscript(value=value, slice=[cst.SubscriptElement(slice=cst.Index() as index)]):
            return [value, "[", index.value, "]"]
        case cst.BinaryOperation(left=left, operator=operator, right=right):
            return ["(", left, f" {operator_text(operator)} ", right, ")"]
        case cst.UnaryOperation(operator=operator, expression=inner):
            return [f"{operator_text(operator)} ", inner]
        case cst.BooleanOperation(left=left, operator=operator, right=right):
            return ["(", left, f" {operator_text(operator)} ", right, ")"]
        case cst.Comparison(left=left, comparisons=comparisons):
            pieces: list[str | cst.CSTNode] = ["(", left]
            for target in comparisons:
                pieces += [f" {operator_text(target.operator)} ", target.comparator]
            return [*pieces, ")"]
        case cst.Call(func=cst.Name(value=name), args=args) if name in _PURE_CALLS:
            if any(argument.star or argument.keyword is not None for argument in args):
                return None
            return [f"{name}(", *_listed([argument.value for argument in args]), ")"]
        case (
            cst.Tuple(elements=elements) | cst.List(elements=elements) | cst.Set(elements=elements)
        ):
            return ["[", *_listed([element.value for element in elements]), "]"]
        case _:
            return None


def _listed(nodes: Sequence[cst.CSTNode]) -> list[str | cst.CSTNode]:
    pieces: list[str | cst.CSTNode] = []
    for node in nodes:
        pieces += [", ", node] if pieces else [node]
    return pieces


_OPERATORS: dict[type[cst.CSTNode], str] = {
    cst.Add: "+",
    cst.And: "and",
    cst.BitAnd: "&",
    cst.BitInvert: "~",
    cst.BitOr: "|",
    cst.BitXor: "^",
    cst.Divide: "/",
    cst.Equal: "==",
    cst.FloorDivide: "//",
    cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=",
    cst.In: "in",
    cst.Is: "is",
    cst.IsNot: "is not",
    cst.LeftShift: "<<",
    cst.LessThan: "<",
    cst.LessThanEqual: "<=",
    cst.MatrixMultiply: "@",
    cst.Minus: "-",
    cst.Modulo: "%",
    cst.Multiply: "*",
    cst.Not: "not",
    cst.NotEqual: "!=",
    cst.NotIn: "not in",
    cst.Or: "or",
    cst.Plus: "+",
    cst.Power: "**",
    cst.RightShift: ">>",
    cst.Subtract: "-",
    cst.AddAssign: "+=",
    cst.BitAndAssign: "&=",
    cst.BitOrAssign: "|=",
    cst.BitXorAssign: "^=",
    cst.DivideAssign: "/=",
    cst.FloorDivideAssign: "//=",
    cst.LeftShiftAssign: "<<=",
    cst.MatrixMultiplyAssign: "@=",
    cst.ModuloAssign: "%=",
    cst.MultiplyAssign: "*=",
    cst.PowerAssign: "**=",
    cst.RightShiftAssign: ">>=",
    cst.SubtractAssign: "-=",
}


def operator_text(operator: cst.CSTNode) -> str:
    """Return an operator as it is written."""
    return _OPERATORS.get(type(operator), "?")


_CALCULATING = frozenset(("-", "*", "/", "//", "**", "<<", ">>"))
_WITH_NUMBER = frozenset(("+", "%"))


def calculated(operator: str, left: Operand, right: Operand) -> Unknown:
    """Return the value that an operator gives, a number unless it may join or format texts.

    ``operator`` is as it is written, with or without the ``=`` of an assignment.
    """
    what = operator.removesuffix("=")
    is_number = what in _CALCULATING or (
        what in _WITH_NUMBER and (_is_number(right) or (what == "+" and _is_number(left)))
    )
    return Unknown(mentions(left, right), is_number)


def _is_number(value: Operand) -> bool:
    match value:
        case Constant(value=literal):
            return isinstance(literal, int | float)
        case Unknown(is_number=is_number):
            return is_number
        case _:
            return False
