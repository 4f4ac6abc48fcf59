"""Declarations of files in a newer syntax than that of the running Python.

The index reads files with the standard `ast`, which refuses syntax newer than itself. libcst knows
the newer syntax; so it is replaced by older syntax that says the same about locks:

==========================================  =================================================
``type Pair[T] = tuple[T, T]``              ``Pair = tuple[T, T]``
``def first[T](pair): …``, ``class B[T]:``  without the type parameters
``except ValueError, KeyError:``            with parentheses
``t"…{x}"``, ``f"{names["x"]}"``            ``("" % ((x),))``: what it embeds, as an operation
``[*part for part in parts]``               ``[ part for part in parts]``
``lazy import json``                        ``import json``
==========================================  =================================================

The text is edited, not the tree, so that each line stays where it was. Columns do shift, and the
tree is not that of the text: nodes of it must not be handed to the lowering.
"""

from __future__ import annotations

import ast
import bisect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import libcst as cst
from libcst.metadata import CodeRange

from locklint.core.source import SourceFile
from locklint.frontend.parse import LoweringProblem, parse_whole
from locklint.frontend.positions import CST_CHILDREN, code_ranges
from locklint.frontend.recursion import room_for_recursion

# Python 3.15 has these; versions of libcst that do not know them refuse the file.
_LAZY_IMPORTS = tuple(
    getattr(cst, name) for name in ("LazyImport", "LazyImportFrom") if hasattr(cst, name)
)
_STARRED_DICT_COMPREHENSION: type[cst.CSTNode] | None = getattr(cst, "StarredDictComp", None)
_STRINGS = (cst.ConcatenatedString, cst.FormattedString, cst.TemplatedString)
_EMBEDDED = (cst.FormattedStringExpression, cst.TemplatedStringExpression)


def parse_newer(source: SourceFile) -> ast.Module | None:
    """The tree of a file that `ast` refuses, with every definition on its own line.

    None where libcst refuses the file too, or where it holds something newer that has no older
    equivalent here. Never raise for bad input.
    """
    module = parse_whole(source)
    if isinstance(module, LoweringProblem):
        return None
    try:
        with room_for_recursion():
            text = _Rewriter(source.text, code_ranges(module)).rewritten(module)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@dataclass(frozen=True, slots=True)
class _Edit:
    """The characters from ``start`` up to ``end`` become ``text``."""

    start: int
    end: int
    text: str


class _Rewriter:
    """Replaces the newer constructs within nodes of one file."""

    def __init__(self, text: str, places: Mapping[cst.CSTNode, CodeRange]) -> None:
        self._text = text
        self._places = places
        self._line_starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]

    def rewritten(self, node: cst.CSTNode) -> str:
        """The text of a node with the replacements made."""
        start, end = (0, len(self._text)) if isinstance(node, cst.Module) else self._range(node)
        pieces: list[str] = []
        for edit in sorted(self._edits(node), key=lambda edit: (edit.start, edit.end)):
            pieces.append(self._text[start : edit.start])
            pieces.append(edit.text)
            start = edit.end
        pieces.append(self._text[start:end])
        return "".join(pieces)

    def _edits(self, top: cst.CSTNode) -> Iterator[_Edit]:
        """The replacements within a node; they do not overlap."""
        stack: list[cst.CSTNode] = [top]
        while stack:
            node = stack.pop()
            kind = type(node)
            if kind is cst.TypeParameters:
                yield self._without(*self._range(node))
                continue
            if kind in _STRINGS:
                replaced = self._string(node)
                if replaced is not None:
                    yield replaced
                continue
            yield from self._own_edits(node)
            stack.extend(_children(node))

    def _own_edits(self, node: cst.CSTNode) -> Iterator[_Edit]:
        match node:
            case cst.TypeAlias(name=name):
                yield self._without(self._range(node)[0], self._range(name)[0])
            case (
                cst.ExceptHandler(type=cst.Tuple(lpar=()) as types)
                | cst.ExceptStarHandler(type=cst.Tuple(lpar=()) as types)
            ):
                start, end = self._range(types)
                yield _Edit(start, start, "(")
                yield _Edit(end, end, ")")
            case cst.ListComp(elt=elt) | cst.SetComp(elt=elt) | cst.GeneratorExp(elt=elt):
                if isinstance(elt, cst.StarredElement):
                    start = self._range(elt)[0]
                    yield _Edit(start, start + 1, " ")
        if isinstance(node, _LAZY_IMPORTS):
            start = self._range(node)[0]
            yield _Edit(start, self._text.index("lazy", start) + len("lazy "), "")
        elif _STARRED_DICT_COMPREHENSION and isinstance(node, _STARRED_DICT_COMPREHENSION):
            start = self._text.index("**", self._range(node)[0])
            yield _Edit(start, start + 2, "  ")

    def _string(self, node: cst.CSTNode) -> _Edit | None:
        """An f-string or t-string that `ast` refuses, as an operation on what it embeds."""
        if not any(isinstance(part, _STRINGS) for part in _parts(node)):
            return None
        start, end = self._range(node)
        if _is_accepted(self._text[start:end]):
            return None
        line = self._line(start)
        pieces = ['("" % (']
        for expression in _embedded(node):
            above = self._line(self._range(expression)[0]) - line
            text = self.rewritten(expression)
            pieces.append("\n" * above + f"({text}),")
            line += above + text.count("\n")
        pieces.append("\n" * (self._line(end) - line) + "))")
        return _Edit(start, end, "".join(pieces))

    def _without(self, start: int, end: int) -> _Edit:
        """Leave something out, but not the ends of lines in it."""
        return _Edit(start, end, "\\\n" * self._text.count("\n", start, end))

    def _range(self, node: cst.CSTNode) -> tuple[int, int]:
        place = self._places[node]
        return (
            self._line_starts[place.start.line - 1] + place.start.column,
            self._line_starts[place.end.line - 1] + place.end.column,
        )

    def _line(self, offset: int) -> int:
        return bisect.bisect_right(self._line_starts, offset)


def _children(node: cst.CSTNode) -> Sequence[cst.CSTNode]:
    found: list[cst.CSTNode] = []
    for field in CST_CHILDREN.get(type(node), ()):
        child = getattr(node, field)
        if isinstance(child, cst.CSTNode):
            found.append(child)
        elif isinstance(child, (list, tuple)):
            found.extend(child)
    return found


def _parts(string: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The adjacent literals that make up a string, in order."""
    stack = [string]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.ConcatenatedString):
            stack += (node.right, node.left)
        else:
            yield node


def _embedded(string: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The expressions in the braces of a string and of its format specifications, in order."""
    for literal in _parts(string):
        stack = list(reversed(getattr(literal, "parts", ())))
        while stack:
            part = stack.pop()
            if isinstance(part, _EMBEDDED):
                yield part.expression
                stack.extend(reversed(part.format_spec or ()))


def _is_accepted(expression: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(f"({expression})", mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
