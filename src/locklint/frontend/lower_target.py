"""Assignment targets: names, attributes, elements, and unpacking."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from locklint.core.source import Span
from locklint.frontend.lower_context import Lowering
from locklint.frontend.lower_expr import attribute_path, has_slice, subscript_path
from locklint.frontend.lower_path import mentions
from locklint.ir.access_path import ANY_ELEMENT, AccessPath, ElementField
from locklint.ir.instruction import Assign, Constant, Display, Operand, Operate, Unknown
from locklint.ir.means import OperateKind


def store(low: Lowering, target: cst.BaseExpression, value: Operand, span: Span) -> None:
    """Assign a value that has been evaluated to a target."""
    match target:
        case cst.Name(value=name):
            store_name(low, name, value, span)
        case cst.Attribute():
            low.emit(Assign(span, attribute_path(low, target), value))
        case cst.Subscript():
            path, is_slice = subscript_path(low, target), has_slice(target)
            if is_slice:
                low.emit(Operate(span, OperateKind.SET_SLICE, values=(path.parent(), value)))
            low.emit(Assign(span, path, value, safe=is_slice))
        case cst.Tuple(elements=elements) | cst.List(elements=elements):
            _unpack(low, elements, value, span)
        case cst.StarredElement(value=inner):
            store(low, inner, Unknown(mentions(value)), span)


def store_name(low: Lowering, name: str, value: Operand, span: Span) -> None:
    """Bind a name."""
    path = low.scope.resolve(name)
    low.process_ids.discard(path)
    low.constructed[path] = ""
    if path in low.handled:
        low.handled = [None if each == path else each for each in low.handled]
    low.emit(Assign(span, path, value))


def element_of(iterable: Operand) -> Operand:
    """Return the element that iterating over a value gives."""
    if isinstance(iterable, AccessPath):
        return iterable.field(ANY_ELEMENT)
    return Unknown(mentions(iterable))


def _unpack(low: Lowering, elements: Sequence[cst.BaseElement], value: Operand, span: Span) -> None:
    starred = [isinstance(element, cst.StarredElement) for element in elements]
    if isinstance(value, Display) and len(value.items) == len(elements) and not any(starred):
        for element, held in zip(elements, _held(low, elements, value.items, span), strict=True):
            store(low, element.value, held, span)
        return
    low.emit(Operate(span, OperateKind.UNPACK, values=(value, Constant(len(elements)))))
    before_star = True
    for index, element in enumerate(elements):
        if starred[index]:
            before_star = False
        if before_star and isinstance(value, AccessPath):
            item: Operand = value.field(ElementField(str(index)))
        else:
            item = Unknown(mentions(value))
        store(low, element.value, item, span)


def _held(
    low: Lowering, elements: Sequence[cst.BaseElement], items: Sequence[Operand], span: Span
) -> Sequence[Operand]:
    """The values of a display, put aside where an earlier target would change a later one."""
    if len(items) < 2:
        return items
    targets = {_root(element.value) for element in elements}
    if not any(path.root_name in targets for item in items for path in mentions(item)):
        return items
    held: list[Operand] = []
    for item in items:
        if mentions(item):
            temporary = low.graph.temporary()
            low.emit(Assign(span, temporary, item))
            item = temporary
        held.append(item)
    return held


def _root(target: cst.BaseExpression) -> str:
    while isinstance(target, (cst.Attribute, cst.Subscript)):
        target = target.value
    return target.value if isinstance(target, cst.Name) else ""
