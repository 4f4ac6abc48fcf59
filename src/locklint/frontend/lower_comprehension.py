"""Comprehensions, as the loops that they are."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from locklint.frontend.lower_context import Lowering
from locklint.frontend.lower_path import mentions
from locklint.frontend.lower_scope import Scope, ScopeKind, add_target_names
from locklint.frontend.lower_target import element_of, store
from locklint.ir.access_path import AccessPath, Root, set_apart
from locklint.ir.instruction import Await, Operand, Operate, Unknown
from locklint.ir.means import AwaitForm, OperateKind, Use
from locklint.ir.terminator import Opaque

ITERATOR = AccessPath(".0", (), Root.PARAMETER)
"""The parameter of a generator expression: an iterator over its first iterable."""


def lower_comprehension(
    low: Lowering,
    node: cst.ListComp | cst.SetComp | cst.GeneratorExp | cst.DictComp | cst.StarredDictComp,
    use: Use,
    name: str | None,
) -> Operand:
    """A comprehension, or a generator that is consumed at once.

    Its variables are set apart from the function's.
    """
    first = low.value(node.for_in.iter)
    serial = low.graph.serial()
    names = {each: set_apart(each, serial) for each in comprehension_names(node.for_in)}
    outer = low.scope
    low.scope = Scope(ScopeKind.COMPREHENSION, outer, names)
    values: list[Operand] = []

    def element() -> None:
        if isinstance(node, cst.DictComp):
            low.value(node.key)
            values.append(low.value(node.value))
        elif isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
            values.append(low.value(node.elt))
        else:
            values.append(low.value(node.value))

    lower_loops(low, node.for_in, first, element)
    low.scope = outer
    # The loop's own variables and temporaries mean nothing outside it.
    own = frozenset(names.values())
    kept = [path for path in mentions(first, *values) if path.root_name not in own]
    return Unknown(tuple([path for path in kept if path.root is not Root.TEMP]))


def comprehension_names(loop: cst.CompFor) -> set[str]:
    """The names that the loops of a comprehension bind."""
    names: set[str] = set()
    following: cst.CompFor | None = loop
    while following is not None:
        add_target_names(following.target, names)
        following = following.inner_for_in
    return names


def lower_loops(
    low: Lowering, loop: cst.CompFor, iterable: Operand, element: Callable[[], None]
) -> None:
    """The loops and filters of a comprehension; ``element`` lowers the code before the `for`."""
    graph = low.graph
    header, body, done = graph.new_block(), graph.new_block(), graph.new_block()
    span = low.span(loop.iter)
    graph.jump(header)
    graph.start(header)
    if loop.asynchronous is not None:
        low.emit(Await(span, iterable, AwaitForm.FOR))
    else:
        is_asked_outside = iterable == ITERATOR
        low.emit(Operate(span, OperateKind.ITERATE, values=(iterable,), safe=is_asked_outside))
    graph.branch(span, Opaque(None), body, done)
    graph.start(body)
    store(low, loop.target, element_of(iterable), low.span(loop.target))
    for test in loop.ifs:
        passed = graph.new_block()
        low.condition(test.test, passed, header)
        graph.start(passed)
    if loop.inner_for_in is not None:
        lower_loops(low, loop.inner_for_in, low.value(loop.inner_for_in.iter), element)
    else:
        element()
    graph.jump(header)
    graph.start(done)
