"""Definitions: nested functions, lambdas, generator expressions and classes."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst
import msgspec
from msgspec.structs import replace

from locklint.core.source import Span
from locklint.frontend.cfg_builder import TooComplexError, too_complex_graph
from locklint.frontend.lower_comprehension import ITERATOR, comprehension_names, lower_loops
from locklint.frontend.lower_context import Lowering, Session, source_text
from locklint.frontend.lower_path import constant, dotted_name, plain_path
from locklint.frontend.lower_scope import (
    Bindings,
    Scope,
    ScopeKind,
    bindings_of,
    definition_names,
)
from locklint.frontend.lower_target import store_name
from locklint.ir.access_path import AccessPath, Root, set_apart
from locklint.ir.cfg import BasicBlock, Decorator, Function, FunctionKind
from locklint.ir.instruction import (
    BlockId,
    Call,
    Constant,
    FunctionRef,
    Operand,
    Operate,
    Unknown,
    Yield,
)
from locklint.ir.means import OperateKind, Use
from locklint.ir.operands import operand_paths, terminator_paths, used_paths
from locklint.ir.parameter import Parameter, Star
from locklint.ir.terminator import Return
from locklint.models.driven_generators import is_driven
from locklint.models.endings import NEVER

MAX_CAPTURES = 64
"""The largest number of captured paths of a nested function that are kept."""

_IMPLICIT_CLASS_METHODS = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})


class Heading(msgspec.Struct, frozen=True):
    """The identity of a function, before its body is lowered."""

    qualname: str
    kind: FunctionKind
    span: Span
    name_span: Span
    class_name: str | None = None
    parent: str | None = None


def lower_definition(
    session: Session, node: cst.FunctionDef, around: Scope, head: Heading
) -> Function:
    """Lower a function and everything nested in it; ``around`` is the scope that defines it."""
    bindings = bindings_of(node.body)
    decorators = tuple([_decorator(session, around, each) for each in node.decorators])
    bindings.is_driven = bindings.is_generator and is_driven(
        str(each.path).split(".") for each in decorators if each.path is not None
    )
    parameters, first = parameters_of(node.params)
    has_self = head.kind in (FunctionKind.METHOD, FunctionKind.CLASS_METHOD)
    scope = Scope(
        ScopeKind.FUNCTION,
        around,
        parameters=[each.name for each in parameters],
        self_name=first if has_self else None,
        bindings=bindings,
        qualname=head.qualname,
    )

    def body(low: Lowering) -> None:
        low.body(node.body)
        end = _end_line(session, node, head)
        low.graph.leave(Return(end, Constant(None), implicit=True))

    blocks, is_cut = _graph(session, scope, head, bindings, body)
    function = Function(
        key=f"{session.source.key}:{head.qualname}",
        qualname=head.qualname,
        module=session.source.module,
        path=session.source.path,
        kind=head.kind,
        span=head.span,
        name_span=head.name_span,
        parameters=parameters,
        blocks=blocks,
        class_name=head.class_name,
        parent=head.parent,
        decorators=decorators,
        is_async=node.asynchronous is not None or bindings.is_driven,
        is_generator=bindings.is_generator and not bindings.is_driven,
        globals=tuple(sorted(bindings.globals)),
        nonlocals=tuple(sorted(bindings.nonlocals)),
        too_complex=is_cut,
        defaults=_literal_defaults(node.params),
        never_returns=_never_returns(node.returns),
    )
    options = _literal_options(function)
    return replace(function, defaults=(*function.defaults, *options)) if options else function


def _never_returns(annotation: cst.Annotation | None) -> bool:
    """Return whether an annotation says that a function does not return."""
    if annotation is None:
        return False
    node = annotation.annotation
    text = node.raw_value if isinstance(node, cst.SimpleString) else dotted_name(node) or ""
    return text.rpartition(".")[2] in NEVER


def _literal_defaults(parameters: cst.Parameters) -> tuple[tuple[str, Constant], ...]:
    """Return the parameters whose defaults are literals, with these."""
    every = (*parameters.posonly_params, *parameters.params, *parameters.kwonly_params)
    found: list[tuple[str, Constant]] = []
    for param in every:
        known = constant(param.default) if param.default is not None else None
        if known is not None:
            found.append((param.name.value, known))
    return tuple(found)


def _literal_options(function: Function) -> tuple[tuple[str, Constant], ...]:
    """Return the elements of ``**kwargs`` for which a body has one default, and that is a literal.

    That of ``kwargs.get("wait")`` is None.
    """
    found: dict[str, Constant | None] = {}
    if not any(each.star is Star.KEYWORDS for each in function.parameters):
        return ()
    for block in function.blocks.values():
        for each in block.instructions:
            name = function.option(each) if isinstance(each, Call) else None
            if name is None or not isinstance(each, Call):
                continue
            default = each.arguments[1].value if len(each.arguments) > 1 else Constant(None)
            known = default if isinstance(default, Constant) else None
            found[name] = known if found.get(name, known) == known else None
    return tuple([(name, known) for name, known in found.items() if known is not None])


def _graph(
    session: Session,
    scope: Scope,
    head: Heading,
    bindings: Bindings,
    body: Callable[[Lowering], None],
) -> tuple[dict[BlockId, BasicBlock], bool]:
    """The graph of a body; the second value says that it was beyond the bound."""
    lines = definition_lines(session, bindings)
    names = definition_names(bindings, head.qualname, session.known_names, lines)
    try:
        low = Lowering(session, scope, head.name_span, names, head.qualname)
        body(low)
        return low.graph.finish(), False
    except TooComplexError:
        return too_complex_graph(), True


def definition_lines(session: Session, bindings: Bindings) -> dict[int, int]:
    """The line of each definition of a scope, by the identity of its node."""
    lines: dict[int, int] = {}
    for node in bindings.definitions:
        span = session.spans.of(node)
        if span is not None:
            lines[id(node)] = span.line
    return lines


def parameters_of(parameters: cst.Parameters) -> tuple[tuple[Parameter, ...], str | None]:
    """All parameters, and the name of the first positional one."""
    positional = [param.name.value for param in (*parameters.posonly_params, *parameters.params)]
    found = [Parameter(name) for name in positional]
    if isinstance(parameters.star_arg, cst.Param):
        found.append(Parameter(parameters.star_arg.name.value, Star.POSITIONAL))
    found += [Parameter(param.name.value) for param in parameters.kwonly_params]
    if parameters.star_kwarg is not None:
        found.append(Parameter(parameters.star_kwarg.name.value, Star.KEYWORDS))
    return tuple(found), positional[0] if positional else None


def function_kind(node: cst.FunctionDef, class_name: str | None) -> FunctionKind:
    """Return the kind of function that a definition in a class, or in none, is."""
    if class_name is None:
        return FunctionKind.FUNCTION
    for decorator in node.decorators:
        if isinstance(decorator.decorator, cst.Name):
            if decorator.decorator.value == "staticmethod":
                return FunctionKind.STATIC_METHOD
            if decorator.decorator.value == "classmethod":
                return FunctionKind.CLASS_METHOD
    if node.name.value in _IMPLICIT_CLASS_METHODS:
        return FunctionKind.CLASS_METHOD
    return FunctionKind.METHOD


def lower_function_definition(low: Lowering, node: cst.FunctionDef) -> None:
    """A `def` as a statement: decorators and defaults are evaluated, then the name is bound."""
    for decorator in node.decorators:
        low.value(decorator.decorator)
    defaults = _defaults(low, node.params)
    span = _name_span(low.session, low.span(node), node.name.value)
    store_name(low, node.name.value, _function_reference(low, node, defaults), span)


def _function_reference(
    low: Lowering, node: cst.FunctionDef, defaults: tuple[AccessPath, ...]
) -> FunctionRef:
    session = low.session
    known = session.references.get(id(node))
    if known is not None:
        return known
    qualname = low.definitions.get(id(node), node.name.value)
    if low.scope.kind is ScopeKind.MODULE:
        # The functions of a module are lowered by themselves.
        return FunctionRef(qualname)
    class_name = low.scope.qualname if low.scope.kind is ScopeKind.CLASS else None
    head = definition_heading(session, node, qualname, class_name, low.function_qualname)
    return _reference(low, node, lower_definition(session, node, low.scope, head), defaults)


def definition_heading(
    session: Session,
    node: cst.FunctionDef,
    qualname: str,
    class_name: str | None,
    parent: str | None,
) -> Heading:
    """The heading of a definition, with the places of the whole and of the name."""
    span = session.spans.of(node) or Span(1, 1, 1, 1)
    first_line = span.line
    if node.decorators:
        decorated = session.spans.of(node.decorators[0].decorator)
        first_line = min(first_line, decorated.line) if decorated else first_line
    return Heading(
        qualname,
        function_kind(node, class_name),
        Span(first_line, span.column, span.end_line, span.end_column),
        _name_span(session, span, node.name.value),
        class_name,
        parent,
    )


def lower_class_definition(low: Lowering, node: cst.ClassDef) -> None:
    """A class: its body is lowered in place, with its names set apart."""
    for decorator in node.decorators:
        low.value(decorator.decorator)
    for argument in (*node.bases, *node.keywords):
        low.value(argument.value)
    qualname = low.definitions.get(id(node), node.name.value)
    if low.scope.kind is not ScopeKind.MODULE:
        bindings = bindings_of(node.body)
        serial = low.graph.serial()
        outer = low.scope
        own = bindings.names - bindings.globals - bindings.nonlocals
        names = {name: set_apart(name, serial) for name in own}
        lines = definition_lines(low.session, bindings)
        low.definitions.update(definition_names(bindings, qualname, low.session.known_names, lines))
        low.scope = Scope(ScopeKind.CLASS, outer, names, qualname=qualname)
        low.body(node.body)
        low.scope = outer
    span = low.span(node)
    line = Span(span.line, span.column, span.line, len(low.session.source.line(span.line)) + 1)
    store_name(low, node.name.value, Unknown(), line)


def lower_lambda(low: Lowering, node: cst.Lambda, use: Use, name: str | None) -> Operand:
    """A lambda: its defaults are evaluated, its body is a function of its own."""
    defaults = _defaults(low, node.params)
    known = low.session.references.get(id(node))
    if known is not None:
        return known
    session, span = low.session, low.span(node)
    bindings = bindings_of(node.body)
    parameters, _ = parameters_of(node.params)
    head = Heading(
        _anonymous(low, "lambda", span),
        FunctionKind.LAMBDA,
        span,
        span,
        None,
        low.function_qualname,
    )
    scope = Scope(
        ScopeKind.FUNCTION,
        low.scope,
        parameters=[each.name for each in parameters],
        bindings=bindings,
        qualname=head.qualname,
    )

    def body(inner: Lowering) -> None:
        value = inner.value(node.body, Use.RETURNED)
        inner.graph.leave(Return(inner.span(node.body), value))

    blocks, is_cut = _graph(session, scope, head, bindings, body)
    function = _anonymous_function(session, head, parameters, blocks, is_cut, bindings.is_generator)
    return _reference(low, node, function, defaults)


def lower_generator(low: Lowering, node: cst.GeneratorExp, use: Use, name: str | None) -> Operand:
    """A generator expression: its first iterable is evaluated, the rest runs later.

    The enclosing function iterates over that one, too: it knows what it is.
    """
    first = low.value(node.for_in.iter)
    if node.for_in.asynchronous is None:
        iterable = low.span(node.for_in.iter)
        low.emit(Operate(iterable, OperateKind.ITERATE, values=(first,)))
    known = low.session.references.get(id(node))
    if known is not None:
        return known
    session, span = low.session, low.span(node)
    head = Heading(
        _anonymous(low, "genexpr", span),
        FunctionKind.GENERATOR_EXPRESSION,
        span,
        span,
        None,
        low.function_qualname,
    )
    bindings = Bindings(names=comprehension_names(node.for_in), is_generator=True)
    parameters = (Parameter(ITERATOR.root_name),)
    scope = Scope(
        ScopeKind.FUNCTION,
        low.scope,
        parameters=[ITERATOR.root_name],
        bindings=bindings,
        qualname=head.qualname,
    )

    def body(inner: Lowering) -> None:
        def element() -> None:
            inner.emit(Yield(inner.span(node.elt), inner.value(node.elt)))

        lower_loops(inner, node.for_in, ITERATOR, element)
        inner.graph.leave(Return(span, Constant(None), implicit=True))

    blocks, is_cut = _graph(session, scope, head, bindings, body)
    is_async = _is_async(node.for_in)
    function = _anonymous_function(session, head, parameters, blocks, is_cut, True, is_async)
    return _reference(low, node, function)


def _is_async(loop: cst.CompFor) -> bool:
    following: cst.CompFor | None = loop
    while following is not None:
        if following.asynchronous is not None:
            return True
        following = following.inner_for_in
    return False


def _anonymous(low: Lowering, what: str, span: Span) -> str:
    prefix = low.scope.qualname
    own = f"<{what}@{span.line}:{span.column}>"
    return f"{prefix}.{own}" if prefix else own


def _anonymous_function(
    session: Session,
    head: Heading,
    parameters: tuple[Parameter, ...],
    blocks: dict[BlockId, BasicBlock],
    is_cut: bool,
    is_generator: bool,
    is_async: bool = False,
) -> Function:
    return Function(
        key=f"{session.source.key}:{head.qualname}",
        qualname=head.qualname,
        module=session.source.module,
        path=session.source.path,
        kind=head.kind,
        span=head.span,
        name_span=head.name_span,
        parameters=parameters,
        blocks=blocks,
        parent=head.parent,
        is_async=is_async,
        is_generator=is_generator,
        too_complex=is_cut,
    )


def _reference(
    low: Lowering, node: cst.CSTNode, function: Function, defaults: tuple[AccessPath, ...] = ()
) -> FunctionRef:
    """Return a reference to a nested function; it has what its ``defaults`` mention, too."""
    low.session.functions.append(function)
    captured = dict.fromkeys((*captures(function, low.scope), *defaults))
    reference = FunctionRef(function.qualname, tuple(captured))
    low.session.references[id(node)] = reference
    return reference


def captures(function: Function, around: Scope) -> tuple[AccessPath, ...]:
    """The paths of the scopes around a nested function that its body uses, as named there."""
    found: dict[AccessPath, None] = {}
    for block in function.blocks.values():
        for instruction in block.instructions:
            for path in used_paths(instruction):
                if path.root is Root.CLOSURE:
                    found[path] = None
        for path in terminator_paths(block.terminator):
            if path.root is Root.CLOSURE:
                found[path] = None
    seen: list[AccessPath] = []
    for path in sorted(found)[:MAX_CAPTURES]:
        root = around.from_inside(path.root_name)
        seen.append(AccessPath(path.root_name, path.fields, root.root))
    return tuple(seen)


def _defaults(low: Lowering, parameters: cst.Parameters) -> tuple[AccessPath, ...]:
    """Evaluate the defaults of parameters. Return the paths that they mention."""
    found: list[AccessPath] = []
    for param in (*parameters.posonly_params, *parameters.params, *parameters.kwonly_params):
        if param.default is not None:
            found += operand_paths(low.value(param.default))
    return tuple(found)


def _decorator(session: Session, scope: Scope, node: cst.Decorator) -> Decorator:
    called = isinstance(node.decorator, cst.Call)
    expression = node.decorator
    while isinstance(expression, cst.Call):
        expression = expression.func
    span = session.spans.of(node.decorator)
    text = source_text(session, span) if span is not None else ""
    return Decorator(plain_path(scope, expression), called, text)


def _name_span(session: Session, span: Span, name: str) -> Span:
    """The place of a function's name; ``span`` starts at `def` or `async`."""
    line = session.source.line(span.line)
    keyword = line.find("def", span.column - 1)
    found = line.find(name, keyword + 3) if keyword >= 0 else -1
    if found < 0:  # A backslash after `def`.
        return Span(span.line, span.column, span.line, span.column + 3)
    return Span(span.line, found + 1, span.line, found + 1 + len(name))


def _end_line(session: Session, node: cst.FunctionDef, head: Heading) -> Span:
    """The last line of a function's last statement: where it ends without a `return`."""
    body = node.body.body
    if not body:
        return head.name_span
    last: cst.CSTNode = body[-1]
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    span = session.spans.of(last)
    if span is None:
        return head.name_span
    if span.line == span.end_line:
        return span
    text = session.source.line(span.end_line)
    column = len(text) - len(text.lstrip()) + 1
    return Span(span.end_line, min(column, span.end_column), span.end_line, span.end_column)
