"""Find the functions whose texts do not let them return, and those that depend on their callees."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from locklint.index.build_values import dotted_names
from locklint.index.declarations import Ref, Value
from locklint.models.endings import METHODS_WITHOUT_RETURN, NEVER

_MAX_DEPTH = 20
"""The depth of nested statements that are looked at."""

_MAX_NAMES = 2
"""The largest number of names in a callee that is looked up, unless its last one is known."""


def is_never(annotation: Value | None) -> bool:
    """Return whether an annotation says that a function does not return."""
    return isinstance(annotation, Ref) and annotation.names[-1] in NEVER


def ends_in(body: list[ast.stmt], returned: Iterable[ast.expr]) -> tuple[str, ...] | None:
    """Return the callees of which none may return if the body is not to reach its end.

    Return None if it may reach it anyway. ``returned`` are the callees in its `return` statements.
    """
    called: list[ast.expr] = [*returned]
    if _completes(body, called, 0):
        return None
    found: dict[str, None] = {}
    for node in called:
        names = dotted_names(node)
        if names is None:
            return None
        if len(names) > _MAX_NAMES and names[-1] not in METHODS_WITHOUT_RETURN:
            return None
        found[".".join(names)] = None
    return tuple(found)


def _completes(body: list[ast.stmt], called: list[ast.expr], depth: int) -> bool:
    """Return whether statements may reach their end; that of a call at the end goes to a list."""
    if not body or depth > _MAX_DEPTH:
        return True
    deeper = depth + 1
    match body[-1]:
        case ast.Raise() | ast.Return() | ast.Assert(test=ast.Constant(value=False)):
            return False
        case ast.Expr(value=ast.Call(func=callee) | ast.Await(value=ast.Call(func=callee))):
            called.append(callee)
            return False
        case ast.If(body=then, orelse=[*_] as otherwise):
            return _completes(then, called, deeper) or _completes(otherwise, called, deeper)
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return _completes(inner, called, deeper)
        case ast.While(test=ast.Constant(value=value), body=inner) if value:
            return any(isinstance(each, ast.Break) for one in inner for each in ast.walk(one))
        case ast.Try(body=inner, handlers=handlers, orelse=otherwise, finalbody=final):
            needed: list[ast.expr] = []
            if final and not _completes(final, needed, deeper) and not needed:
                return False
            ways = [otherwise or inner, *[handler.body for handler in handlers]]
            return any(_completes(way, called, deeper) for way in ways)
        case ast.Match(cases=[*cases]):
            last = cases[-1]
            match last.pattern:
                case ast.MatchAs(pattern=None) if last.guard is None:
                    pass
                case _:
                    return True
            return any(_completes(each.body, called, deeper) for each in cases)
        case _:
            return True
