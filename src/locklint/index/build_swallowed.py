"""Find the exceptions that a context manager does not let out of a `with`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from locklint.index.build_values import dotted_names
from locklint.index.declarations import ANY_EXCEPTION, SOME_EXCEPTION

_LEAVING = ("__exit__", "__aexit__")
_TELLING = frozenset(("all", "any", "bool", "isinstance", "issubclass"))
_MAX_DEPTH = 6
"""The depth of nested statements that are looked at."""


def swallowed(
    node: ast.FunctionDef | ast.AsyncFunctionDef, *, is_generator: bool
) -> tuple[str, ...]:
    """Return the dotted names of these classes, if a function is a manager, or the end of one."""
    if is_generator:
        found = dict.fromkeys(_around_yields(node.body, _variables(node), 0))
    elif node.name in _LEAVING:
        found = dict.fromkeys(_returned(node))
    else:
        found = {}
    return tuple(found)


def _variables(node: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    arguments = node.args
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    rest = [each.arg for each in (arguments.vararg, arguments.kwarg) if each is not None]
    return frozenset((*[each.arg for each in every], *rest))


def _around_yields(body: list[ast.stmt], variables: frozenset[str], depth: int) -> Iterator[str]:
    """Yield the classes that handlers around a `yield` catch, unless they raise in any case."""
    for each in body if depth < _MAX_DEPTH else ():
        match each:
            case ast.Try(body=inner, handlers=handlers):
                if handlers and _yields(inner):
                    for handler in handlers:
                        if not _raises(handler.body):
                            yield from _classes(handler.type, variables)
                yield from _around_yields(inner, variables, depth + 1)
            case ast.With(body=inner, items=items) | ast.AsyncWith(body=inner, items=items):
                for item in items if _yields(inner) else ():
                    match item.context_expr:
                        case ast.Call(
                            func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"),
                            args=types,
                        ):
                            for one in types:
                                yield from _classes(one, variables)
                yield from _around_yields(inner, variables, depth + 1)
            case ast.If(body=inner, orelse=otherwise) | ast.While(body=inner, orelse=otherwise):
                yield from _around_yields(inner, variables, depth + 1)
                yield from _around_yields(otherwise, variables, depth + 1)


def _yields(body: list[ast.stmt]) -> bool:
    return any(isinstance(each, ast.Yield) for one in body for each in ast.walk(one))


def _raises(body: list[ast.stmt]) -> bool:
    """Return whether statements raise in any case, as far as their text says."""
    match body[-1]:
        case ast.Raise():
            return True
        case ast.If(body=then, orelse=[*_] as otherwise) if otherwise:
            return _raises(then) and _raises(otherwise)
        case ast.With(body=inner) | ast.Try(body=inner, handlers=[]):
            return _raises(inner)
        case _:
            return False


def _classes(node: ast.expr | None, variables: frozenset[str]) -> Iterator[str]:
    if node is None:
        yield ANY_EXCEPTION
        return
    for each in node.elts if isinstance(node, ast.Tuple) else (node,):
        names = dotted_names(each)
        yield SOME_EXCEPTION if names is None or names[0] in variables else ".".join(names)


def _returned(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield what is not let out by what `__exit__` returns: everything, or it depends."""
    values = [each.value for each in _returns(node.body)]
    truths = [_truth(each) for each in values]
    if not truths or all(each is False for each in truths):
        return
    last = node.body[-1]
    ends = isinstance(last, ast.Return)
    yield ANY_EXCEPTION if ends and all(truths) else SOME_EXCEPTION


def _returns(body: list[ast.stmt]) -> Iterator[ast.Return]:
    for each in body:
        if isinstance(each, ast.Return):
            yield each
        elif not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for name in ("body", "orelse", "finalbody"):
                yield from _returns(getattr(each, name, []))
            for handler in getattr(each, "handlers", []):
                yield from _returns(handler.body)
            for case in getattr(each, "cases", []):
                yield from _returns(case.body)


def _truth(value: ast.expr | None) -> bool | None:
    """Return the truth of what `__exit__` returns; None if it depends.

    What another function returns is taken for false: mostly it is the `__exit__` of an object
    that lets everything out, or nothing at all.
    """
    match value:
        case None:
            return False
        case ast.Constant(value=constant):
            return bool(constant)
        case ast.Call(func=ast.Name(id=name)) if name in _TELLING:
            return None
        case ast.Call() | ast.Await():
            return False
        case _:
            return None
