"""Assignment targets: which name, attribute or container a value is bound to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from locklint.index.build_scopes import Bindings, FunctionScope, ModuleScope, Scope, add_binding
from locklint.index.build_values import OPAQUE, dotted_names, literal_key, value_of
from locklint.index.declarations import (
    Binding,
    Element,
    Items,
    Literal,
    Opaque,
    Operation,
    Ref,
    Value,
)
from locklint.index.shared import dotted, line_number

MAX_TARGET_DEPTH = 4
"""The largest depth of targets nested in tuples."""


class TargetBinder:
    """Puts bindings where they belong: locals, globals, class level, self, or other objects."""

    def __init__(self, module: ModuleScope, attribute_stores: Bindings) -> None:
        self.module = module
        self.attribute_stores = attribute_stores

    def bind(
        self,
        target: ast.expr,
        value: Value,
        line: int,
        scope: Scope,
        *,
        annotation: Value | None = None,
        source: ast.expr | None = None,
        depth: int = 0,
    ) -> None:
        """Bind a target of any form; ``source`` is the expression that ``value`` was made from."""
        kind = target.__class__
        if kind is ast.Name:
            self.bind_name(target.id, value, line, scope, annotation)  # type: ignore[attr-defined]
        elif kind is ast.Attribute:
            self._bind_attribute(target, value, line, scope, annotation)  # type: ignore[arg-type]
        elif kind is ast.Subscript:
            assert isinstance(target, ast.Subscript)
            self.fill(target.value, value, line, scope, literal_key(target.slice))
        elif isinstance(target, (ast.Tuple, ast.List)) and depth < MAX_TARGET_DEPTH:
            self._bind_each(target, value, line, scope, source, depth)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, Items((value,)), line, scope, depth=depth)

    def _bind_each(
        self,
        target: ast.Tuple | ast.List,
        value: Value,
        line: int,
        scope: Scope,
        source: ast.expr | None,
        depth: int,
    ) -> None:
        starred = any(item.__class__ is ast.Starred for item in target.elts)
        if (
            isinstance(source, (ast.Tuple, ast.List))
            and len(source.elts) == len(target.elts)
            and not starred
            and not any(item.__class__ is ast.Starred for item in source.elts)
        ):
            for item, part in zip(target.elts, source.elts, strict=True):
                self.bind(item, value_of(part), line, scope, source=part, depth=depth + 1)
            return
        made = _made_for_each(source) if not starred else None
        if made is not None:
            for item in target.elts:
                self.bind(item, value_of(made), line, scope, source=made, depth=depth + 1)
            return
        for index, item in enumerate(target.elts):
            key = None if starred else str(index)
            self.bind(item, Element(value, key), line, scope, depth=depth + 1)

    def bind_name(
        self, name: str, value: Value, line: int, scope: Scope, annotation: Value | None = None
    ) -> None:
        """Bind a plain name, heeding `global` and `nonlocal`."""
        table = self._table_of(name, scope)
        function = scope.function.qualname if scope.function is not None else ""
        add_binding(table, name, Binding(value, line_number(line), function, annotation))

    def _table_of(self, name: str, scope: Scope) -> Bindings:
        if not isinstance(scope, FunctionScope):
            return scope.bindings
        if name in scope.globals:
            return self.module.bindings
        if name in scope.nonlocals:
            outer = scope.enclosing_function
            while outer is not None:
                if name in outer.bindings or any(p.name == name for p in outer.parameters):
                    return outer.bindings
                outer = outer.enclosing_function
        return scope.bindings

    def _bind_attribute(
        self,
        target: ast.Attribute,
        value: Value,
        line: int,
        scope: Scope,
        annotation: Value | None = None,
        element: bool = False,
        key: str | None = None,
    ) -> None:
        receiver = target.value
        function = scope.function
        where = function.qualname if function is not None else ""
        if function is not None and isinstance(receiver, ast.Name):
            owner = function.owner_of_self(receiver.id)
            if owner is not None:
                if annotation is None and type(value) is Ref and len(value.names) == 1:
                    annotation = function.class_at(value.names[0], line)
                binding = Binding(value, line_number(line), where, annotation, element, key=key)
                add_binding(owner.self_bindings, target.attr, binding)
                return
        of = value_of(receiver, 2)
        if not isinstance(of, (Opaque, Operation)):
            binding = Binding(value, line_number(line), where, annotation, element, of, key)
            add_binding(self.attribute_stores, target.attr, binding)

    def fill(
        self,
        container: ast.expr,
        value: Value,
        line: int,
        scope: Scope,
        key: str | None = None,
    ) -> None:
        """Record that a value is put into a container (a name or an attribute, or a part of one).

        ``key`` is the `repr` of a literal key.
        """
        if isinstance(value, (Literal, Opaque, Operation)):
            return
        holder = _object_of_dict(container)
        if holder is not None:
            name = key[1:-1] if key is not None else ""
            if name.isidentifier():
                self._bind_attribute(_stored(holder, name), value, line, scope)
            return
        outer = _holder(container)
        if outer is not None:
            # ``d[k].append(x)`` and ``d.setdefault(k, []).append(x)`` put a list of x into d.
            container, key = outer
            value = Items((value,))
        if container.__class__ is ast.Name:
            name = container.id
            where = scope.function.qualname if scope.function is not None else ""
            binding = Binding(value, line_number(line), where, element=True, key=key)
            add_binding(self._fill_table(name, scope), name, binding)
        elif isinstance(container, ast.Attribute):
            self._bind_attribute(container, value, line, scope, element=True, key=key)

    def _fill_table(self, name: str, scope: Scope) -> Bindings:
        """Return the table of a name's container: filling it needs no `global` or `nonlocal`."""
        if not isinstance(scope, FunctionScope):
            return scope.bindings
        function: FunctionScope | None = scope
        while function is not None:
            if name in function.bindings:
                return function.bindings
            if any(parameter.name == name for parameter in function.parameters):
                return function.parameter_fills
            function = function.enclosing_function
        return self.module.bindings

    def set_attribute(self, node: ast.Call, scope: Scope) -> None:
        """Record ``setattr(x, "name", value)``, ``object.__setattr__(x, "name", value)``.

        Also ``x.__setattr__("name", value)``, of the own object with ``super()`` for x. The name
        may be the variable of a loop over literals; then ``getattr(y, name)`` is followed.
        """
        match node:
            case ast.Call(args=[receiver, name, value]):
                pass
            case ast.Call(func=ast.Attribute(value=receiver), args=[name, value]):
                if isinstance(receiver, ast.Call) and scope.function is not None:
                    first = scope.function.first if _is_super(receiver) else None
                    receiver = ast.Name(first) if first else receiver
            case _:
                return
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            target = _stored(receiver, name.value)
            self._bind_attribute(target, value_of(value), node.lineno, scope)
        elif isinstance(name, ast.Name):
            for text in self._texts(name.id, scope):
                held = _attribute_named(name.id, text, value)
                self._bind_attribute(_stored(receiver, text), value_of(held), node.lineno, scope)

    def _texts(self, name: str, scope: Scope) -> Iterator[str]:
        """The texts over which the loop iterates that binds a name, where they are written down."""
        for binding in scope.bindings.get(name, ()):
            if not isinstance(binding.value, Element):
                continue
            of = binding.value.of
            if isinstance(of, Ref) and len(of.names) == 1:
                known = scope.bindings.get(of.names[0]) or self.module.bindings.get(of.names[0])
                of = known[0].value if known and len(known) == 1 else of
            for element in of.elements if isinstance(of, Items) else ():
                if isinstance(element, Literal) and element.text[1:-1].isidentifier():
                    yield element.text[1:-1]

    def bind_pattern(self, pattern: ast.pattern, subject: Value, scope: Scope) -> None:
        """Bind the names of a match pattern: the whole subject, or something unknown."""
        stack: list[tuple[ast.pattern, Value]] = [(pattern, subject)]
        while stack:
            node, value = stack.pop()
            match node:
                case ast.MatchAs(pattern=inner, name=name):
                    if name is not None:
                        said = value_of(inner.cls) if isinstance(inner, ast.MatchClass) else None
                        self.bind_name(name, value, node.lineno, scope, said)
                    if inner is not None:
                        stack.append((inner, value))
                case ast.MatchOr(patterns=patterns):
                    stack.extend((inner, value) for inner in patterns)
                case ast.MatchStar(name=str() as name):
                    self.bind_name(name, OPAQUE, node.lineno, scope)
                case ast.MatchSequence(patterns=patterns):
                    stack.extend((inner, Element(value)) for inner in patterns)
                case ast.MatchMapping(patterns=patterns, rest=rest):
                    stack.extend((inner, Element(value)) for inner in patterns)
                    if rest is not None:
                        self.bind_name(rest, OPAQUE, node.lineno, scope)
                case ast.MatchClass(patterns=patterns, kwd_patterns=keyword_patterns):
                    stack.extend((inner, OPAQUE) for inner in (*patterns, *keyword_patterns))
                case _:
                    pass


def _made_for_each(source: ast.expr | None) -> ast.expr | None:
    """Return the call that a comprehension makes for each element, if all are alike, else None."""
    match source:
        case (
            ast.GeneratorExp(elt=ast.Call() as made, generators=generators)
            | ast.ListComp(elt=ast.Call() as made, generators=generators)
        ):
            bound = {name for one in generators for name in _names(one.target)}
            return made if bound.isdisjoint(_names(made)) else None
        case _:
            return None


def _names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _attribute_named(name: str, text: str, value: ast.expr) -> ast.expr:
    """Return ``x.text`` for ``getattr(x, name)``, else the value itself."""
    match value:
        case ast.Call(func=ast.Name("getattr"), args=[of, ast.Name(id=asked), *_]) if asked == name:
            return ast.Attribute(value=of, attr=text, ctx=ast.Load())
        case _:
            return value


def _stored(receiver: ast.expr, name: str) -> ast.Attribute:
    return ast.Attribute(value=receiver, attr=name, ctx=ast.Store())


def _is_super(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "super"


def _object_of_dict(container: ast.expr) -> ast.expr | None:
    """Return x for ``x.__dict__`` and ``vars(x)``, whose elements are the attributes of x."""
    match container:
        case (
            ast.Attribute(value=holder, attr="__dict__")
            | ast.Call(func=ast.Name("vars"), args=[holder])
        ):
            return holder
        case _:
            return None


def reference(node: ast.expr) -> Ref | None:
    """A dotted name as a reference."""
    names = dotted_names(node)
    return dotted(names) if names is not None else None


def _holder(container: ast.expr) -> tuple[ast.expr, str | None] | None:
    """Return the container of which a container is an element, and its key, or None."""
    if isinstance(container, ast.Subscript):
        return container.value, literal_key(container.slice)
    if isinstance(container, ast.Call) and isinstance(container.func, ast.Attribute):
        if container.func.attr == "setdefault" and container.args:
            return container.func.value, literal_key(container.args[0])
    return None
