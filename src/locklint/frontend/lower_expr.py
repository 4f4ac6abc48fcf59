"""Expressions: everything but tests, comprehensions and functions within expressions."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import libcst as cst

from locklint.core.source import Span
from locklint.frontend.lower_condition import boolean_operands, compare, truth
from locklint.frontend.lower_context import Lowering
from locklint.frontend.lower_path import (
    calculated,
    concatenated_parts,
    constant,
    element_field,
    folded,
    mentions,
    negated,
    operator_text,
)
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import (
    Assign,
    Await,
    Call,
    CallArgument,
    Constant,
    Display,
    Operand,
    Operate,
    Read,
    Unknown,
    Yield,
)
from locklint.ir.means import AwaitForm, OperateKind, Use
from locklint.ir.parameter import Star
from locklint.models.conversions import fields

_TRUE, _FALSE = Constant(True), Constant(False)

_STARS = {"": None, **{star.value: star for star in Star}}
_LITERAL_TYPES = {str: "str", bytes: "bytes", int: "int", float: "float", bool: "bool"}


def lower_name(low: Lowering, node: cst.Name, use: Use, name: str | None) -> Operand:
    """A name: its variable; no instruction."""
    return constant(node) or low.scope.resolve(node.value)


def lower_literal(low: Lowering, node: cst.BaseExpression, use: Use, name: str | None) -> Operand:
    """A number or string; those that are not tracked (``...``, ``2j``) are unknown."""
    return constant(node) or Unknown()


def lower_attribute(low: Lowering, node: cst.Attribute, use: Use, name: str | None) -> Operand:
    """``a.b``: a `Read`."""
    path = attribute_path(low, node)
    low.emit(Read(low.span(node), path))
    return path


def attribute_path(low: Lowering, node: cst.Attribute) -> AccessPath:
    """The path of an attribute, its receiver evaluated but itself not read yet."""
    receiver = low.value(node.value)
    return _receiver_path(low, receiver, node.value).field(sys.intern(node.attr.value))


def _receiver_path(low: Lowering, receiver: Operand, node: cst.BaseExpression) -> AccessPath:
    """A path for a receiver; methods of literals are those of their types."""
    match receiver:
        case AccessPath():
            return receiver
        case Constant(value=value) if type(value) in _LITERAL_TYPES:
            return AccessPath(_LITERAL_TYPES[type(value)])
        case Display(kind=kind):
            return AccessPath(kind)
        case _ if isinstance(node, (cst.FormattedString, cst.ConcatenatedString)):
            return AccessPath("str")
        case _:
            return low.path_of(receiver)


def lower_subscript(low: Lowering, node: cst.Subscript, use: Use, name: str | None) -> Operand:
    """``a[b]``: a `Read` of an element; a slice gives something new."""
    path = subscript_path(low, node)
    if has_slice(node):
        low.emit(Operate(low.span(node), OperateKind.SLICE, values=(path.parent(),)))
        return Unknown((path.parent(),))
    low.emit(Read(low.span(node), path))
    return path


def has_slice(node: cst.Subscript) -> bool:
    """Return whether a subscript is, or holds, a slice."""
    return any(isinstance(element.slice, cst.Slice) for element in node.slice)


def subscript_path(low: Lowering, node: cst.Subscript) -> AccessPath:
    """The path of an element, with container and index evaluated but itself not read yet."""
    container = low.path_of(low.value(node.value))
    for element in node.slice:
        if isinstance(element.slice, cst.Index):
            low.value(element.slice.value)
        elif isinstance(element.slice, cst.Slice):
            for bound in (element.slice.lower, element.slice.upper, element.slice.step):
                if bound is not None:
                    low.value(bound)
    return container.field(element_field(low.scope, tuple(node.slice)))


def lower_call(low: Lowering, node: cst.Call, use: Use, name: str | None) -> Operand:
    """A call: receiver, arguments in order, then the call itself."""
    callee: AccessPath
    if isinstance(node.func, cst.Attribute):
        callee = attribute_path(low, node.func)
    else:
        callee = low.path_of(low.value(node.func))
    arguments: list[CallArgument] = []
    for argument in node.args:
        keyword = argument.keyword.value if argument.keyword is not None else None
        arguments.append(CallArgument(_passed(low, argument), keyword, _STARS[argument.star]))
    if isinstance(node.func, cst.Attribute) and node.func.attr.value == "format":
        _emit_formatting(low, node.func.value, low.span(node), arguments)
    result = low.graph.temporary()
    low.emit(Call(low.span(node), result, callee, tuple(arguments), use, name))
    return result


def _emit_formatting(
    low: Lowering, text: cst.BaseExpression, span: Span, arguments: list[CallArgument]
) -> None:
    """Emit what ``"{!r}".format(x)`` does to its values; the call itself may raise."""
    known = constant(text)
    if known is None or not isinstance(known.value, str):
        return
    for field, conversion in fields(known.value):
        if isinstance(field, str):
            values = [each.value for each in arguments if each.name == field]
        else:
            plain = [each for each in arguments if each.name is None]
            starred = any(each.star is not None for each in plain[: field + 1])
            values = [] if starred else [each.value for each in plain[field : field + 1]]
        if values:
            what = OperateKind.FORMAT
            low.emit(Operate(span, what, conversion, values=tuple(values), safe=True))


def _passed(low: Lowering, argument: cst.Arg) -> Operand:
    """The value of an argument. ``*(f(x) for x in y)`` is consumed before the call."""
    value = argument.value
    if argument.star == "*" and isinstance(value, cst.GeneratorExp):
        return low.session.tables.expressions[cst.ListComp](low, value, Use.PASSED, None)
    return low.value(value)


def lower_await(low: Lowering, node: cst.Await, use: Use, name: str | None) -> Operand:
    """``await x``. The result of an awaited call keeps the name of the call's result."""
    return _await(low, node, node.expression, name)


def _await(
    low: Lowering,
    node: cst.BaseExpression,
    awaited: cst.BaseExpression,
    name: str | None,
    form: AwaitForm = AwaitForm.AWAIT,
) -> Operand:
    value = low.value(awaited, Use.AWAITED, name)
    low.emit(Await(low.span(node), value, form))
    return value if isinstance(awaited, cst.Call) else Unknown(mentions(value))


def lower_yield(low: Lowering, node: cst.Yield, use: Use, name: str | None) -> Operand:
    """``yield x`` and ``yield from x``, which await in a generator that a decorator drives."""
    if low.scope.is_driven and node.value is not None:
        awaited = node.value.item if isinstance(node.value, cst.From) else node.value
        return _await(low, node, awaited, name, AwaitForm.YIELD)
    is_from = isinstance(node.value, cst.From)
    value: Operand = Constant(None)
    if isinstance(node.value, cst.From):
        value = low.value(node.value.item)
    elif node.value is not None:
        value = low.value(node.value)
    low.emit(Yield(low.span(node), value, is_from))
    return Unknown()


def lower_binary(low: Lowering, node: cst.BinaryOperation, use: Use, name: str | None) -> Operand:
    """Lower an arithmetic operator; a long chain is lowered without recursion."""
    chain: list[cst.BinaryOperation] = []
    left: cst.BaseExpression = node
    while isinstance(left, cst.BinaryOperation):
        chain.append(left)
        left = left.left
    value = low.value(left)
    for operation in reversed(chain):
        right = low.value(operation.right)
        known = folded(operation.operator, value, right)
        text = operator_text(operation.operator)
        if known is None:
            literal = isinstance(value, Constant) or isinstance(right, Constant)
            low.emit(
                Operate(low.span(operation), OperateKind.OPERATOR, text, literal, (value, right))
            )
        value = known or calculated(text, value, right)
    return value


def lower_unary(low: Lowering, node: cst.UnaryOperation, use: Use, name: str | None) -> Operand:
    """``-x``, ``+x``, ``~x``, and ``not x`` as a value."""
    if isinstance(node.operator, cst.Not):
        return _test_value(low, node, use)
    known = constant(node)
    if known is not None:
        return known
    value = low.value(node.expression)
    if isinstance(node.operator, cst.Minus) and isinstance(value, Constant):
        return negated(value) or Unknown()
    low.emit(
        Operate(
            low.span(node),
            OperateKind.OPERATOR,
            f"{operator_text(node.operator)}x",
            values=(value,),
        )
    )
    return Unknown(mentions(value), is_number=True)


def lower_comparison(low: Lowering, node: cst.Comparison, use: Use, name: str | None) -> Operand:
    """A comparison as a value."""
    return _test_value(low, node, use)


def _test_value(low: Lowering, node: cst.BaseExpression, use: Use) -> Operand:
    """A test as a value.

    Where the outcome is given a name or returned, both outcomes are followed, so that a later test
    of that name means the same as this one.
    """
    if use in (Use.BOUND, Use.RETURNED, Use.TESTED):
        graph = low.graph
        yes, no, join = graph.new_block(), graph.new_block(), graph.new_block()
        result = graph.temporary()
        low.condition(node, yes, no)
        for block, outcome in ((yes, _TRUE), (no, _FALSE)):
            graph.start(block)
            low.emit(Assign(low.span(node), result, outcome))
            graph.jump(join)
        graph.start(join)
        return result
    if isinstance(node, cst.UnaryOperation):
        return Unknown(mentions(low.value(node.expression)))
    assert isinstance(node, cst.Comparison)
    return Unknown(mentions(*compare(low, node)))


def lower_boolean(low: Lowering, node: cst.BooleanOperation, use: Use, name: str | None) -> Operand:
    """``a and b``, ``a or b`` as values: a branch after each operand but the last."""
    graph = low.graph
    is_and = isinstance(node.operator, cst.And)
    result, join = graph.temporary(), graph.new_block()
    *others, last = boolean_operands(node)
    for operand in others:
        following, short = graph.new_block(), graph.new_block()
        then, otherwise = (following, short) if is_and else (short, following)
        value: Operand
        if _is_test(operand):
            low.condition(operand, then, otherwise)
            value = _FALSE if is_and else _TRUE
        else:
            value = low.value(operand, Use.TESTED)
            truth(low, operand, value, then, otherwise)
        graph.start(short)
        low.emit(Assign(low.span(operand), result, value))
        graph.jump(join)
        graph.start(following)
    value = low.value(last, use, name)
    low.emit(Assign(low.span(last), result, value))
    graph.jump(join)
    graph.start(join)
    return result


def _is_test(node: cst.BaseExpression) -> bool:
    """Return whether the value of an expression is a truth value."""
    if isinstance(node, cst.UnaryOperation):
        return isinstance(node.operator, cst.Not)
    return isinstance(node, cst.Comparison)


def lower_choice(low: Lowering, node: cst.IfExp, use: Use, name: str | None) -> Operand:
    """``a if c else b``."""
    graph = low.graph
    then, otherwise, join = graph.new_block(), graph.new_block(), graph.new_block()
    result = graph.temporary()
    low.condition(node.test, then, otherwise)
    for block, branch in ((then, node.body), (otherwise, node.orelse)):
        graph.start(block)
        if graph.reachable:
            low.emit(Assign(low.span(branch), result, low.value(branch, use, name)))
        graph.jump(join)
    graph.start(join)
    return result


def lower_walrus(low: Lowering, node: cst.NamedExpr, use: Use, name: str | None) -> Operand:
    """``name := value``."""
    assert isinstance(node.target, cst.Name)
    target = low.scope.binding_scope().resolve(node.target.value)
    value = low.value(node.value, Use.BOUND, node.target.value)
    low.emit(Assign(low.span(node), target, value))
    return target


def lower_display(
    low: Lowering, node: cst.Tuple | cst.List | cst.Set, use: Use, name: str | None
) -> Operand:
    """A tuple, list or set."""
    kind = type(node).__name__.lower()
    return Display(kind, tuple([_element(low, element) for element in node.elements]))


def lower_dict(low: Lowering, node: cst.Dict, use: Use, name: str | None) -> Operand:
    """A dict: its values."""
    values: list[Operand] = []
    for element in node.elements:
        if isinstance(element, cst.DictElement):
            low.value(element.key)
            values.append(low.value(element.value))
        else:
            values.append(Unknown(mentions(low.value(element.value))))
    return Display("dict", tuple(values))


def _element(low: Lowering, element: cst.BaseElement) -> Operand:
    value = low.value(element.value)
    if isinstance(element, cst.StarredElement):
        low.emit(Operate(low.span(element), OperateKind.ITERATE, values=(value,)))
        return Unknown(mentions(value))
    return value


def lower_starred(low: Lowering, node: cst.StarredElement, use: Use, name: str | None) -> Operand:
    """Lower ``*x`` where it is alone."""
    return Unknown(mentions(low.value(node.value)))


def lower_formatted(
    low: Lowering, node: cst.FormattedString | cst.TemplatedString, use: Use, name: str | None
) -> Operand:
    """An f-string: its expressions, then the formatting. A t-string formats nothing."""
    found = list(_formatted_values(low, node.parts))
    if isinstance(node, cst.FormattedString):
        # Each conversion runs another method of its values.
        for conversion in dict.fromkeys(conversion for conversion, _ in found):
            values = tuple([value for other, value in found if other == conversion])
            low.emit(Operate(low.span(node), OperateKind.FORMAT, conversion, values=values))
    return Unknown(mentions(*[value for _, value in found]))


def _formatted_values(low: Lowering, parts: Sequence[cst.CSTNode]) -> Iterator[tuple[str, Operand]]:
    """Yield the letters of conversions, each with its value; without one, it is empty."""
    for part in parts:
        if isinstance(part, (cst.FormattedStringExpression, cst.TemplatedStringExpression)):
            conversion = part.conversion or ""
            if part.equal is not None and part.format_spec is None:
                conversion = conversion or "r"
            yield conversion, low.value(part.expression)
            yield from _formatted_values(low, part.format_spec or ())


def lower_concatenated(
    low: Lowering, node: cst.ConcatenatedString, use: Use, name: str | None
) -> Operand:
    """Adjacent string literals, formatted ones among them."""
    known = constant(node)
    if known is not None:
        return known
    return Unknown(mentions(*[low.value(part) for part in concatenated_parts(node)]))
