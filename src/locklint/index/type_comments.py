"""Annotations that are written as comments: ``x = None  # type: Store`` (PEP 484)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_COMMENT = re.compile(r"#\s*type:\s*(?!ignore\b)\S")
_MOST_MISPLACED = 4
"""The largest number of misplaced comments that are left out, each at the price of a parse."""


def has_type_comments(text: str) -> bool:
    """Return whether a file may have such comments. Most have none, or only ``type: ignore``."""
    return "type:" in text and _COMMENT.search(text) is not None


def parse_with_comments(text: str) -> ast.Module:
    """Return the tree of a file with the comments in it, without those that are misplaced.

    Raises `SyntaxError` or `ValueError` as `ast.parse` does.
    """
    lines = text.split("\n")
    for _ in range(_MOST_MISPLACED):
        try:
            return ast.parse("\n".join(lines), type_comments=True)
        except SyntaxError as error:
            line = (error.lineno or 0) - 1
            if not (0 <= line < len(lines)) or _COMMENT.search(lines[line]) is None:
                break
            lines[line] = _COMMENT.sub(lambda found: "#" + " " * (len(found[0]) - 1), lines[line])
    return ast.parse(text)


def commented_parameters(
    node: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[tuple[str, ast.expr]]:
    """Yield the parameters of a function that comments annotate, with the annotations.

    A comment stands behind one parameter, or is one for all below the signature: ``# type: (Store,
    int) -> None``, in which the first parameter of a method may be left out.
    """
    arguments = [*node.args.posonlyargs, *node.args.args]
    signature = _signature(node) if node.type_comment is not None else None
    types = signature.argtypes if signature is not None else []
    if types and len(arguments) - len(types) in (0, 1) and not _is_ellipsis(types[0]):
        typed = arguments[len(arguments) - len(types) :]
        yield from zip((each.arg for each in typed), types, strict=True)
    for each in (*arguments, *node.args.kwonlyargs):
        if each.type_comment is not None:
            annotation = annotation_in(each.type_comment)
            if annotation is not None:
                yield each.arg, annotation


def commented_result(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.expr | None:
    """Return the annotation of a function's result in the comment below its signature."""
    signature = _signature(node)
    return signature.returns if signature is not None else None


def annotation_in(comment: str | None) -> ast.expr | None:
    """Return the annotation that a comment is. Return None if it is none."""
    if comment is None:
        return None
    try:
        return ast.parse(comment.partition("#")[0].strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.FunctionType | None:
    if node.type_comment is None:
        return None
    try:
        found = ast.parse(node.type_comment.partition("#")[0].strip(), mode="func_type")
    except (SyntaxError, ValueError):
        return None
    assert isinstance(found, ast.FunctionType)
    return found


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis
