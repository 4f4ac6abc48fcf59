"""Makes a program smaller while it keeps what is of interest (delta debugging on its tree)."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

_Subject = TypeVar("_Subject")

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def shrink(text: str, keeps: Callable[[str], bool], maximum_tries: int = 3_000) -> str:
    """The smallest program found for which ``keeps`` holds, as it does for ``text``.

    Takes away statements, puts the parts of a compound statement in its place, and makes
    conditions simpler, until nothing helps any more. Without comments and blank lines afterwards.
    """
    best = ast.unparse(ast.parse(text))
    if not keeps(best):
        return text  # its lines matter
    return smallest(best, _smaller, keeps, maximum_tries)


def smallest(
    best: _Subject,
    smaller: Callable[[_Subject], Iterable[_Subject]],
    keeps: Callable[[_Subject], bool],
    maximum_tries: int,
) -> _Subject:
    """Go from ``best`` to a smaller one for which ``keeps`` holds, as long as there is one."""
    tries = 0
    progress = True
    while progress:
        progress = False
        for candidate in smaller(best):
            tries += 1
            if tries > maximum_tries:
                return best
            if keeps(candidate):
                best = candidate
                progress = True
                break
    return best


def _smaller(text: str) -> Iterator[str]:
    """Programs one step smaller than ``text``, greatest steps first."""
    tree = ast.parse(text)
    seen = {text}
    for edit in _edits(tree):
        changed = copy.deepcopy(tree)
        edit(changed)
        try:
            candidate = ast.unparse(ast.fix_missing_locations(changed))
            compile(candidate, "<candidate>", "exec")
        except (SyntaxError, ValueError):
            continue
        if candidate not in seen and len(candidate) < len(text) + 8:
            seen.add(candidate)
            yield candidate


def _edits(tree: ast.AST) -> Iterator[Callable[[ast.AST], None]]:
    nodes = list(ast.walk(tree))
    for number, node in enumerate(nodes):
        for name in _BLOCKS:
            statements = getattr(node, name, None)
            if not isinstance(statements, list):
                continue
            if len(statements) == 1 and isinstance(node, ast.FunctionDef):
                if node.name != "program":
                    continue  # A helper that does nothing would be another matter.
            for index, statement in enumerate(statements):
                yield _replace(number, name, index, [])
                for part in _parts(statement):
                    yield _replace(number, name, index, part)
        for name in ("test", "value"):
            child = getattr(node, name, None)
            for simpler in _simpler(child):
                yield _set(number, name, simpler)
        if isinstance(node, ast.With) and len(node.items) > 1:
            for index in range(len(node.items)):
                yield _replace(number, "items", index, [])


def _parts(statement: ast.AST) -> Iterator[list[Any]]:
    """What may stand in the place of a compound statement."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler | ast.match_case):
        return
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    owners = (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ()))
    blocks += [owner.body for owner in owners]
    blocks = [block for block in blocks if block]
    if isinstance(statement, ast.If | ast.While):
        blocks.append([ast.Expr(statement.test)])
    if isinstance(statement, ast.Assign):
        blocks.append([ast.Expr(statement.value)])
    if isinstance(statement, ast.Try):
        yield statement.body + statement.finalbody
    yield from blocks


def _simpler(node: object) -> Iterator[ast.expr]:
    match node:
        case ast.BoolOp(values=values):
            yield from values
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.IfExp(body=body):
            yield body
        case ast.NamedExpr(value=value):
            yield value
        case ast.Compare(left=left):
            yield left
        case _:
            return


def _replace(number: int, name: str, index: int, part: list[Any]) -> Callable[[ast.AST], None]:
    part = copy.deepcopy(part)

    def edit(tree: ast.AST) -> None:
        node = list(ast.walk(tree))[number]
        statements = getattr(node, name)
        statements[index : index + 1] = part
        if not statements and name == "body":
            statements.append(ast.Pass())

    return edit


def _set(number: int, name: str, value: ast.expr) -> Callable[[ast.AST], None]:
    value = copy.deepcopy(value)

    def edit(tree: ast.AST) -> None:
        setattr(list(ast.walk(tree))[number], name, value)

    return edit
