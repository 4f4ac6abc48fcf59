"""A walk over an expression that collects calls, uses of locks, bindings and yields."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from locklint.index.build_bindings import TargetBinder, reference
from locklint.index.build_lock_use import LOCK_WORDS, method_use
from locklint.index.build_scopes import FunctionScope, ModuleScope, PendingCall, Scope
from locklint.index.build_values import NONE, callee_text, value_of
from locklint.index.declarations import (
    CallValue,
    Element,
    Items,
    Value,
    Written,
    called_element,
    called_result,
)
from locklint.models.calls import CALLED, POSITIONS

_FILLS_FIRST = frozenset(("append", "appendleft", "add", "put", "put_nowait", "push"))
_FILLS_SECOND = frozenset(("setdefault", "insert"))
_FILLS_ALL = frozenset(("extend", "update"))
_FILLS = _FILLS_FIRST | _FILLS_SECOND | _FILLS_ALL

_HANDS_ON_FIRST = frozenset(("submit", "partial", "to_thread", "start_new_thread", "run_sync"))
"""Callees whose arguments are a function and, after it, the function's arguments."""

_HANDS_ON_SECOND = frozenset(("run_in_executor",))

_NO_RECEIVER = Written("")

_POOLS = frozenset(("Pool", "ThreadPool"))
"""Callees whose second and third argument are a function and the tuple of its arguments."""

NO_EXPRESSIONS = frozenset(
    (
        ast.Constant,
        *ast.expr_context.__subclasses__(),
        *ast.boolop.__subclasses__(),
        *ast.operator.__subclasses__(),
        *ast.unaryop.__subclasses__(),
        *ast.cmpop.__subclasses__(),
        *(type(None), bool, int, float, complex, str, bytes, type(...)),
    )
)
"""The classes of values in an expression's fields that hold no expression."""


class ExpressionScan:
    """Walks expressions with an explicit stack: a chain of 5,000 terms is nothing special."""

    def __init__(self, binder: TargetBinder, calls: list[PendingCall]) -> None:
        self.binder = binder
        self.calls = calls

    def scan(self, expression: ast.expr, scope: Scope) -> None:
        """Record everything of interest in an expression of the given scope."""
        kind = expression.__class__
        if kind is ast.Name or kind is ast.Constant:
            return
        stack: list[Any] = [expression]
        pop = stack.pop
        push = stack.append
        holder: FunctionScope | ModuleScope = scope.function or self.binder.module
        called = holder.called
        callees = holder.callees
        leaves = NO_EXPRESSIONS
        words = LOCK_WORDS
        extend = stack.extend
        while stack:
            node = pop()
            kind = node.__class__
            if kind is ast.Attribute:
                if words[node.attr]:
                    holder.note_lock_use(*method_use(node))
                node = node.value
                if node.__class__ is not ast.Name:
                    push(node)
                continue
            if kind is ast.Name:
                if words[node.id]:
                    holder.note_lock_use(_NO_RECEIVER, node.id)
                continue
            if kind in leaves:
                continue
            if kind is ast.Call:
                callee, name = node.func, ""
                if callee.__class__ is ast.Attribute:
                    name = callee.attr
                    called.add(name)
                    text = callee_text(callee)
                    if text is not None:
                        callees[text] = None
                    if name in _FILLS:
                        self._fill(name, callee.value, node, scope)
                    elif name == "__setattr__":
                        self.binder.set_attribute(node, scope)
                    self._site(name, node, scope)
                elif callee.__class__ is ast.Name:
                    name = callee.id
                    called.add(name)
                    callees[name] = None
                    if name == "setattr":
                        self.binder.set_attribute(node, scope)
                    elif name == "isinstance" and len(node.args) == 2 and scope.function:
                        scope.function.note_test(*node.args)
                    self._site(name, node, scope)
                elif callee.__class__ is ast.Call:
                    made = reference(callee.func)
                    if made is not None:
                        self._site(called_result(made.names[-1]), node, scope)
                elif callee.__class__ is ast.Subscript:
                    held = reference(callee.value)
                    if held is not None:
                        self._site(called_element(held.names[-1]), node, scope)
                push(callee)
                extend(node.args)
                for keyword in node.keywords:
                    push(keyword.value)
                if node.keywords or name in POSITIONS:
                    for passed in passed_callees(node):
                        text = callee_text(passed)
                        if text is not None:
                            callees[text] = None
            elif kind is ast.NamedExpr:
                self.binder.bind(
                    node.target, value_of(node.value), node.lineno, scope, source=node.value
                )
                push(node.value)
            else:
                if kind is ast.Yield or kind is ast.YieldFrom:
                    _yield(node, kind, scope)
                elif kind is ast.comprehension:
                    self._comprehension(node, scope)
                for child in node.__dict__.values():
                    kind = child.__class__
                    if kind is list:
                        extend(child)
                    elif kind not in leaves:
                        push(child)

    def _site(self, name: str, node: ast.Call, scope: Scope) -> None:
        where = scope.function.qualname if scope.function is not None else ""
        self.calls.append(PendingCall(where, name, node))
        if name in _HANDS_ON_FIRST:
            self._hand_on(node, 0, where)
        elif name in _HANDS_ON_SECOND:
            self._hand_on(node, 1, where)
        elif node.keywords:
            for keyword in node.keywords:
                if keyword.arg == "target":
                    self._target(node, keyword.value, where)
                elif keyword.arg == "initializer":
                    given = [each.value for each in node.keywords if each.arg == "initargs"]
                    self._call_with(node, keyword.value, given, where)
        if name in _POOLS and len(node.args) > 2:
            self._call_with(node, node.args[1], node.args[2:3], where)

    def _hand_on(self, node: ast.Call, position: int, where: str) -> None:
        """Record ``submit(f, x)`` as a call ``f(x)``."""
        if len(node.args) <= position:
            return
        callee = reference(node.args[position])
        if callee is None:
            return
        arguments = []
        for argument in node.args[position + 1 :]:
            if argument.__class__ is ast.Starred:
                break
            arguments.append(value_of(argument, 2))
        keywords = tuple([(kw.arg, value_of(kw.value, 2)) for kw in node.keywords if kw.arg])
        call = CallValue(callee, tuple(arguments), keywords, node.lineno)
        self.calls.append(PendingCall(where, callee.names[-1], node, call))

    def _target(self, node: ast.Call, target: ast.expr, where: str) -> None:
        """Record ``Thread(target=f, args=(x,), kwargs={"k": y})`` as a call ``f(x, k=y)``."""
        keywords: list[tuple[str, Value]] = []
        given: list[ast.expr] = []
        for keyword in node.keywords:
            if keyword.arg == "args":
                given.append(keyword.value)
            elif keyword.arg == "kwargs" and isinstance(keyword.value, ast.Dict):
                for key, item in zip(keyword.value.keys, keyword.value.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        keywords.append((key.value, value_of(item, 2)))
        self._call_with(node, target, given, where, tuple(keywords))

    def _call_with(
        self,
        node: ast.Call,
        target: ast.expr,
        given: Sequence[ast.expr],
        where: str,
        keywords: tuple[tuple[str, Value], ...] = (),
    ) -> None:
        """Record a call of a function that is passed on with a tuple of its arguments."""
        callee = reference(target)
        if callee is None:
            return
        arguments: list[Value] = []
        for display in given:
            if isinstance(display, (ast.Tuple, ast.List)):
                for item in display.elts:
                    if item.__class__ is ast.Starred:
                        break
                    arguments.append(value_of(item, 2))
        call = CallValue(callee, tuple(arguments), keywords, node.lineno)
        self.calls.append(PendingCall(where, callee.names[-1], node, call))

    def _fill(self, name: str, container: ast.expr, node: ast.Call, scope: Scope) -> None:
        arguments = node.args
        if name in _FILLS_ALL:
            for each in node.keywords:
                if each.arg is not None:
                    value = value_of(each.value)
                    self.binder.fill(container, value, node.lineno, scope, repr(each.arg))
        if not arguments:
            return
        if name in _FILLS_SECOND:
            if len(arguments) == 2:
                self.binder.fill(container, value_of(arguments[1]), node.lineno, scope)
        elif name in _FILLS_FIRST:
            self.binder.fill(container, value_of(arguments[0]), node.lineno, scope)
        else:
            value = value_of(arguments[0])
            elements = value.elements if isinstance(value, Items) else (Element(value),)
            keys = value.keys if isinstance(value, Items) else ()
            for position, element in enumerate(elements):
                key = keys[position] if len(keys) == len(elements) else None
                self.binder.fill(container, element, node.lineno, scope, key)

    def _comprehension(self, node: ast.comprehension, scope: Scope) -> None:
        """Bind the targets of a comprehension, apart from the function's own locals."""
        function = scope.function
        if function is None:
            return
        own = function.bindings
        function.bindings = function.comprehensions
        try:
            self.binder.bind(node.target, Element(value_of(node.iter)), node.target.lineno, scope)
        finally:
            function.bindings = own


def passed_callees(call: ast.Call) -> Iterator[ast.expr]:
    """Yield the arguments that a call of the standard library calls, as far as its text says so."""
    for keyword in call.keywords:
        if keyword.arg in CALLED:
            yield keyword.value
    name = getattr(call.func, "attr", None) or getattr(call.func, "id", None)
    if name in POSITIONS and POSITIONS[name] < len(call.args):
        yield call.args[POSITIONS[name]]


def _yield(node: Any, kind: type, scope: Scope) -> None:
    if scope.__class__ is not FunctionScope:
        return
    scope.is_generator = True
    value = value_of(node.value) if node.value is not None else NONE
    yields = scope.yields
    if len(yields) < 20:
        yields.append(Element(value) if kind is ast.YieldFrom else value)
