"""Simple statements, branches and loops."""

from __future__ import annotations

import libcst as cst

from locklint.frontend.cleanup import LoopFrame
from locklint.frontend.lower_condition import is_process_id
from locklint.frontend.lower_context import Lowering
from locklint.frontend.lower_expr import attribute_path, has_slice, subscript_path
from locklint.frontend.lower_path import calculated, dotted_name, operator_text
from locklint.frontend.lower_scope import imported_name
from locklint.frontend.lower_target import element_of, store, store_name
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.instruction import Assign, Await, Constant, Operand, Operate, Read, Unknown
from locklint.ir.means import AwaitForm, OperateKind, Use
from locklint.ir.terminator import Opaque, Raise, Return


def lower_line(low: Lowering, node: cst.SimpleStatementLine) -> None:
    """A line of simple statements."""
    low.body(node.body)


def lower_nothing(low: Lowering, node: cst.CSTNode) -> None:
    """`pass`, `global`, `nonlocal`: nothing happens when they run."""


def lower_expression_statement(low: Lowering, node: cst.Expr) -> None:
    """Lower an expression whose value is discarded; a bare path is a discarded `Read`."""
    value = node.value
    if isinstance(value, cst.Name):
        path: Operand = low.value(value)
    elif isinstance(value, cst.Attribute):
        path = attribute_path(low, value)
    elif isinstance(value, cst.Subscript) and not has_slice(value):
        path = subscript_path(low, value)
    else:
        low.value(value, Use.DISCARDED)
        return
    if isinstance(path, AccessPath):
        low.emit(Read(low.span(value), path, discarded=True))


def lower_assign(low: Lowering, node: cst.Assign) -> None:
    """``a = b = value``: the value once, then the targets from left to right."""
    targets = [target.target for target in node.targets]
    value = _assigned(low, targets[0], node.value)
    made = dotted_name(node.value.func) if isinstance(node.value, cst.Call) else None
    for target in targets:
        path = low.scope.resolve(target.value) if isinstance(target, cst.Name) else None
        before = None if path is None else _class_of(low, path)
        store(low, target, value, low.span(node))
        if path is not None and value == Constant(None):
            low.constructed[path] = before
        elif path is not None and made is not None and before in (None, made):
            low.constructed[path] = made
        if isinstance(target, cst.Name) and is_process_id(low, node.value):
            low.process_ids.add(low.scope.resolve(target.value))


def _class_of(low: Lowering, path: AccessPath) -> str | None:
    """Return the class of which a variable holds an object, None if it holds none so far."""
    is_own = path.root is Root.LOCAL
    return low.constructed.get(path, None if is_own else "")


def lower_annotated_assign(low: Lowering, node: cst.AnnAssign) -> None:
    """``a: T = value``; without a value nothing is bound."""
    if node.value is not None:
        store(low, node.target, _assigned(low, node.target, node.value), low.span(node))


def _assigned(low: Lowering, target: cst.BaseExpression, value: cst.BaseExpression) -> Operand:
    name = dotted_name(target)
    if name is None and not isinstance(target, cst.Subscript):
        return low.value(value)
    return low.value(value, Use.BOUND, name)


def lower_augmented_assign(low: Lowering, node: cst.AugAssign) -> None:
    """``a += value``: read, evaluate, operate, store."""
    span = low.span(node)
    target: AccessPath
    match node.target:
        case cst.Attribute():
            target = attribute_path(low, node.target)
        case cst.Subscript():
            target = subscript_path(low, node.target)
        case _:
            target = low.path_of(low.value(node.target))
    if target.fields:
        low.emit(Read(low.span(node.target), target))
    value = low.value(node.value)
    text, literal = operator_text(node.operator), isinstance(value, Constant)
    low.emit(Operate(span, OperateKind.OPERATOR, text, literal, (target, value)))
    low.emit(Assign(span, target, calculated(text, target, value)))


def lower_delete(low: Lowering, node: cst.Del) -> None:
    """``del a, b.c, d[0]``."""
    span = low.span(node)
    stack: list[cst.BaseExpression] = [node.target]
    while stack:
        target = stack.pop()
        match target:
            case cst.Tuple(elements=elements) | cst.List(elements=elements):
                stack.extend([element.value for element in reversed(elements)])
            case cst.Name(value=name):
                store_name(low, name, Unknown(), span)
            case cst.Attribute():
                path = attribute_path(low, target)
                low.emit(Operate(span, OperateKind.DELETE, values=(path,)))
                low.emit(Assign(span, path, Unknown()))
            case cst.Subscript():
                path = subscript_path(low, target)
                if has_slice(target):
                    low.emit(Operate(span, OperateKind.DELETE_SLICE, values=(path.parent(),)))
                else:
                    low.emit(Operate(span, OperateKind.DELETE, values=(path,)))


def lower_return(low: Lowering, node: cst.Return) -> None:
    """``return value``: the value before the clean-ups."""
    span = low.span(node)
    value: Operand = Constant(None)
    if node.value is not None:
        value = low.value(node.value, Use.RETURNED)
    if isinstance(value, AccessPath) and low.regions.rebinds(value.root_name):
        held = low.graph.temporary()
        low.emit(Assign(span, held, value))
        value = held
    low.regions.leave_function(Return(span, value))


def lower_raise(low: Lowering, node: cst.Raise) -> None:
    """``raise``, ``raise X``, ``raise X from Y``."""
    exception = node.exc
    if exception is None:
        low.graph.leave(Raise(low.span(node), None, reraise=True))
        return
    called = exception.func if isinstance(exception, cst.Call) else exception
    name = dotted_name(called)
    if isinstance(exception, cst.Name):
        value: Operand = low.scope.resolve(exception.value)
    else:
        value = low.value(exception)
    if node.cause is not None:
        low.value(node.cause.item)
    if low.handled and value == low.handled[-1]:
        # The exception that is handled goes on, perhaps with another cause.
        low.graph.leave(Raise(low.span(node), None, reraise=True))
        return
    root = (name or "").split(".", 1)[0]
    is_class = name is not None and low.scope.resolve(root).root.value == "global"
    if not is_class and isinstance(value, AccessPath) and not isinstance(exception, cst.Call):
        # A variable that holds an exception: its class is known if it was made here.
        name = _class_of(low, value) or None
    low.graph.leave(Raise(low.span(node), name))


def lower_assert(low: Lowering, node: cst.Assert) -> None:
    """``assert test, message``."""
    graph = low.graph
    holds, fails = graph.new_block(), graph.new_block()
    low.condition(node.test, holds, fails)
    graph.start(fails)
    if node.msg is not None and graph.reachable:
        low.value(node.msg)
    graph.leave(Raise(low.span(node), "AssertionError"))
    graph.start(holds)


def lower_break(low: Lowering, node: cst.Break) -> None:
    """``break``."""
    low.regions.leave_loop(by_break=True)


def lower_continue(low: Lowering, node: cst.Continue) -> None:
    """``continue``."""
    low.regions.leave_loop(by_break=False)


def lower_import(low: Lowering, node: cst.Import | cst.ImportFrom) -> None:
    """An import statement: it runs the module's code, then binds names."""
    span = low.span(node)
    if isinstance(node, cst.ImportFrom):
        module = dotted_name(node.module) if node.module is not None else ""
        low.emit(Operate(span, OperateKind.IMPORT, f"{'.' * len(node.relative)}{module}"))
        if isinstance(node.names, cst.ImportStar):
            return
        for alias in node.names:
            store_name(low, imported_name(alias), Unknown(), span)
        return
    for alias in node.names:
        low.emit(Operate(span, OperateKind.IMPORT, f"{dotted_name(alias.name)}"))
        store_name(low, imported_name(alias), Unknown(), span)


def lower_type_alias(low: Lowering, node: cst.TypeAlias) -> None:
    """``type X = …``: the value is evaluated lazily."""
    store_name(low, node.name.value, Unknown(), low.span(node))


def lower_if(low: Lowering, node: cst.If) -> None:
    """``if``, its ``elif`` chain without recursion, and ``else``."""
    graph = low.graph
    join = graph.new_block()
    following: cst.If | cst.Else | None = node
    while isinstance(following, cst.If):
        then, otherwise = graph.new_block(), graph.new_block()
        low.condition(following.test, then, otherwise)
        graph.start(then)
        low.body(following.body)
        graph.jump(join)
        graph.start(otherwise)
        following = following.orelse
    if following is not None:
        low.body(following.body)
    graph.jump(join)
    graph.start(join)


def lower_while(low: Lowering, node: cst.While) -> None:
    """``while`` with its ``else``."""
    graph = low.graph
    header, body, done, after = [graph.new_block() for _ in range(4)]
    graph.jump(header)
    graph.start(header)
    low.condition(node.test, body, done)
    _loop_body(low, node, header, body, after)
    graph.start(done)
    if node.orelse is not None:
        low.body(node.orelse.body)
    graph.jump(after)
    graph.start(after)


def lower_for(low: Lowering, node: cst.For) -> None:
    """``for`` and ``async for`` with their ``else``."""
    graph = low.graph
    iterable = low.value(node.iter)
    span = low.span(node.iter)
    header, body, done, after = [graph.new_block() for _ in range(4)]
    graph.jump(header)
    graph.start(header)
    if node.asynchronous is not None:
        low.emit(Await(span, iterable, AwaitForm.FOR))
    else:
        low.emit(Operate(span, OperateKind.ITERATE, values=(iterable,)))
    graph.branch(span, Opaque(None), body, done)
    graph.start(body)
    target_span = low.session.spans.of(node.target) or span
    store(low, node.target, element_of(iterable), target_span)
    graph.jump(start := graph.new_block())
    _loop_body(low, node, header, start, after)
    graph.start(done)
    if node.orelse is not None:
        low.body(node.orelse.body)
    graph.jump(after)
    graph.start(after)


def _loop_body(
    low: Lowering, node: cst.For | cst.While, header: int, body: int, after: int
) -> None:
    graph = low.graph
    graph.start(body)
    low.regions.enter(LoopFrame(header, after))
    low.body(node.body)
    low.regions.exit()
    graph.jump(header)
