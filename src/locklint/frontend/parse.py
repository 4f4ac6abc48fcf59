"""Source text to libcst trees, one function or statement at a time.

libcst is slow, so it never sees a whole file, but for files that the standard `ast` refuses: those
may hold newer syntax than the running Python knows.
"""

from __future__ import annotations

import ast
import re
import threading
from collections.abc import Callable
from functools import cache
from typing import NamedTuple, TypeVar

import libcst as cst
import msgspec

from locklint.core.not_analysed import Reason
from locklint.core.source import NOT_CODE, SourceFile, Span
from locklint.frontend.unvalidated import unvalidated

MAX_DEPTH = 1000
"""The largest depth of a tree; libcst takes seconds, or the whole stack, for deeper ones."""

MAX_BRACKETS = 200
"""The largest depth of nested brackets: Python's own tokenizer refuses more, in all versions."""

MAX_NODES = 50_000
"""The largest number of nodes of a statement: 5,000 lines of code, or 10,000 rows of a table.

libcst takes ten times the time of `ast` and 7 KB for each.
"""

SAFE_DEPTH = 150
"""Up to this depth the thread's own stack is surely large enough for libcst's parser."""

_STACK_BYTES = 256 * 1024 * 1024
_PREFIX = "if 1:\n"
_FORM_FEED = re.compile(r"^[ \t\f]*\f", re.MULTILINE)
"""Characters that Python does not treat as indentation, but libcst does."""

_OPERATORS = "-+*/%@&|^~."
_WORDS = ("not", "lambda", "if", "await")
"""The operators that are words."""

_NESTING_BYTES = f"([{{}}]){_OPERATORS}".encode()
_NESTING = (
    rf"{NOT_CODE}|\\\n|(?P<open>[(\[{{])|(?P<close>[)\]}}])|(?P<next>[,;])"
    rf"|(?P<operator>[{re.escape(_OPERATORS)}]+|\b(?:{'|'.join(_WORDS)})\b)"
    r"|(?P<statement>\n[ \t]*(?:def|class|return|with|import|try|while|raise)\b)|(?P<end>\n)"
)
_SEPARATORS = ",.(=\n"

_NOT_NODES = frozenset(
    {
        *(type(None), bool, int, float, complex, str, bytes, type(...)),
        *(ast.Load, ast.Store, ast.Del),
    }
)
"""The classes of values in fields that are no nodes, or no nodes that matter."""

_Result = TypeVar("_Result")


class LoweringProblem(msgspec.Struct, frozen=True):
    """The reason why a piece of source could not be lowered; plain data, for a diagnostic."""

    message: str
    span: Span
    reason: Reason = Reason.UNSUPPORTED

    @classmethod
    def too_deep(cls, span: Span) -> LoweringProblem:
        """The problem of code that is nested too deeply."""
        return cls("the code is nested too deeply to be analysed", span, Reason.TOO_DEEP)

    @classmethod
    def too_large(cls, span: Span) -> LoweringProblem:
        """The problem of code that is too large."""
        return cls("the code is too large to be analysed", span, Reason.TOO_LARGE)


class ParsedStatement(msgspec.Struct, frozen=True):
    """A statement, and the relation of the lines of its tree to those of the file.

    ``module`` is the tree that holds ``statement``; line ``n`` of it is line ``n + line_offset`` of
    the file.
    """

    module: cst.Module
    statement: cst.BaseStatement
    line_offset: int


def parse_statement(
    source: SourceFile, span: Span, node: ast.AST | None = None
) -> ParsedStatement | LoweringProblem:
    """Parse the lines of one statement; a function's ``span`` starts at its first decorator.

    ``node`` is the statement's `ast` node, where there is one; without it the file is assumed to
    have a newer syntax. Never raise for bad input: any error of libcst is returned as a problem at
    ``span``.
    """
    text, line_offset = _slice(source, span)
    if node is not None:
        size = tree_size(node)
        problem = _tree_too_deep_or_large(size, span)
        stack_is_safe = size.depth + size.cheap_depth <= SAFE_DEPTH
    else:
        problem = _text_too_deep_or_large(text, span)
        stack_is_safe = False
    if problem is not None:
        return problem
    parsed = _guarded(lambda: cst.parse_module(text), stack_is_safe)
    if isinstance(parsed, str):
        return LoweringProblem(f"libcst cannot parse this code: {parsed}", span)
    statement = _only_statement(parsed, is_prefixed=line_offset < span.line - 1)
    if statement is None:
        return LoweringProblem("the code is not one statement", span)
    return ParsedStatement(parsed, statement, line_offset)


def parse_function(
    source: SourceFile, span: Span, node: ast.AST | None = None
) -> ParsedStatement | LoweringProblem:
    """Parse one function, decorators included; its tree's statement is a `FunctionDef`."""
    parsed = parse_statement(source, span, node)
    if isinstance(parsed, LoweringProblem) or isinstance(parsed.statement, cst.FunctionDef):
        return parsed
    return LoweringProblem("the code is not a function", span)


class ParsedNode(NamedTuple):
    """An `ast` node whose line ``n`` is line ``n + line_offset`` of the file."""

    node: ast.stmt
    line_offset: int


def parse_node(source: SourceFile, span: Span) -> ParsedNode | None:
    """Return the `ast` node of one statement, from its own text alone.

    Return None if that is not possible, or its columns would not be those of the file.
    """
    text, line_offset = _slice(source, span)
    is_prefixed = line_offset < span.line - 1
    if "\f" in source.text or _text_too_deep_or_large(text, span) is not None:
        return None
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if is_prefixed and len(body) == 1 and isinstance(body[0], ast.If):
        body = body[0].body
    return ParsedNode(body[0], line_offset) if len(body) == 1 else None


def parse_whole(source: SourceFile) -> cst.Module | LoweringProblem:
    """Parse a whole file: only for files that `ast` refuses."""
    lines = source.lines
    span = Span(1, 1, len(lines), len(lines[-1]) + 1)
    problem = _text_too_deep_or_large(source.text, span, 2 * MAX_NODES)
    if problem is not None:
        return problem
    parsed = _guarded(lambda: cst.parse_module(source.text), stack_is_safe=False)
    if isinstance(parsed, str):
        return LoweringProblem(f"libcst cannot parse this file: {parsed}", span)
    return parsed


def _tree_too_deep_or_large(size: TreeSize, span: Span) -> LoweringProblem | None:
    if size.depth > MAX_DEPTH:
        return LoweringProblem.too_deep(span)
    return LoweringProblem.too_large(span) if size.nodes > MAX_NODES else None


def _text_too_deep_or_large(
    text: str, span: Span, most_nodes: int = MAX_NODES
) -> LoweringProblem | None:
    depth, brackets = _most_text_depth(text)
    if depth > MAX_DEPTH or brackets > MAX_BRACKETS:
        depth, brackets = text_depth(text)
    if depth > MAX_DEPTH or brackets > MAX_BRACKETS:
        return LoweringProblem.too_deep(span)
    # Most nodes come with a character of their own.
    if len(text) > most_nodes and sum(map(text.count, _SEPARATORS)) > most_nodes:
        return LoweringProblem.too_large(span)
    return None


class TreeSize(msgspec.Struct, frozen=True):
    """The size of a tree, and how much deeper libcst's may be.

    libcst nests the operands of ``a and b and c …`` and adjacent string literals, which `ast` keeps
    flat. That costs no more time, but ``cheap_depth`` includes it for the machine's stack.
    """

    depth: int
    cheap_depth: int
    nodes: int


def has_few_nodes(source: SourceFile, span: Span, node: ast.AST) -> bool:
    """Return whether the tree of some lines has no more than `MAX_NODES` nodes.

    No code has more than two nodes for each of its characters: ``-a`` has three.
    """
    length = source.lines.length(span.line, span.end_line)
    return 2 * length < MAX_NODES or tree_size(node).nodes <= MAX_NODES


def tree_size(node: ast.AST) -> TreeSize:
    """Measure a tree, without recursion."""
    deepest = extra = nodes = 0
    level: list[ast.AST] = [node]
    while level and nodes <= MAX_NODES:
        deepest += 1
        nodes += len(level)
        following: list[ast.AST] = []
        push = following.append
        for parent in level:
            if type(parent) is ast.Name:
                continue
            for child in parent.__dict__.values():
                kind = type(child)
                if kind is list:
                    if child:
                        following += [each for each in child if type(each) not in _NOT_NODES]
                elif kind not in _NOT_NODES:
                    push(child)
        for each in following:
            if type(each) is ast.BoolOp:
                extra = max(extra, len(each.values))
            elif type(each) is ast.Constant or type(each) is ast.JoinedStr:
                extra = max(extra, _string_pieces(each))
        level = following
    return TreeSize(deepest, extra, nodes)


def _string_pieces(node: ast.Constant | ast.JoinedStr) -> int:
    """An upper bound, nearly always, of the adjacent literals that make up a string."""
    lines = (node.end_lineno or node.lineno) - node.lineno
    return lines or ((node.end_col_offset or 0) - node.col_offset) // 3


def _slice(source: SourceFile, span: Span) -> tuple[str, int]:
    """The lines of a span as a module of their own, and the offset of its line numbers.

    Nothing is dedented, since that would change multi-line strings; an `if` above makes the
    indentation legal.
    """
    lines = source.lines[span.line - 1 : span.end_line]
    end = span.end_line
    while lines and lines[-1].endswith("\\") and end < len(source.lines):
        lines.append(source.lines[end])
        end += 1
    text = "\n".join(lines) + "\n"
    if "\f" in text:
        text = _FORM_FEED.sub("", text)
    if text[:1] in (" ", "\t"):
        return _PREFIX + text, span.line - 2
    return text, span.line - 1


def _only_statement(module: cst.Module, is_prefixed: bool) -> cst.BaseStatement | None:
    body = module.body
    if len(body) != 1:
        return None
    if not is_prefixed:
        return _as_statement(body[0])
    block = body[0].body if isinstance(body[0], cst.If) else None
    if isinstance(block, cst.IndentedBlock) and len(block.body) == 1:
        return _as_statement(block.body[0])
    return None


def _as_statement(node: cst.CSTNode) -> cst.BaseStatement | None:
    return node if isinstance(node, cst.BaseStatement) else None


def _most_text_depth(text: str) -> tuple[int, int]:
    """Return a bound of `text_depth`: everything that could nest is counted as nested.

    For most functions that is enough, and it takes a hundredth of the time.
    """
    # Dropping characters takes one pass over the text, counting them one pass for each.
    data = text.encode("utf-8", "surrogatepass")
    opening = len(data) - len(data.translate(None, b"([{"))
    nesting = len(data) - len(data.translate(None, _NESTING_BYTES))
    return nesting + sum(map(text.count, _WORDS)), opening


@cache
def _nesting() -> re.Pattern[str]:
    """Return the pattern of nesting code, which few runs need and which takes long to compile."""
    return re.compile(_NESTING)


def text_depth(text: str) -> tuple[int, int]:
    """Return roughly how deep a text's expressions and brackets are nested, without parsing.

    Each operator and each bracket after another adds a level, up to the next comma or statement.
    Text that looks like the beginning of a statement is assumed to be one, so that a bracket in a
    string that was not recognised has no lasting consequences.
    """
    # The levels within each open bracket, the outermost, which is none, first.
    levels = [0]
    deepest = brackets = 0
    for match in _nesting().finditer(text):
        kind = match.lastgroup
        if kind == "operator":
            levels[-1] += len(match.group()) if match.group()[0] in _OPERATORS else 1
        elif kind == "open":
            levels.append(levels[-1] + 1)
            brackets = max(brackets, len(levels) - 1)
        elif kind == "close":
            if len(levels) > 1:
                levels.pop()
            levels[-1] += 1
        elif kind == "next":
            levels[-1] = levels[-2] + 1 if len(levels) > 1 else 0
        elif kind == "statement" or (kind == "end" and len(levels) == 1):
            levels = [0]
        deepest = max(deepest, levels[-1])
    return deepest, brackets


def _guarded(parse: Callable[[], _Result], stack_is_safe: bool) -> _Result | str:
    """Run a parser; return its error if it fails.

    The native parser recurses on the machine's stack, and overflowing that would end the process,
    so text that is not known to be shallow is parsed in a thread with a large stack.
    """
    results: list[_Result | str] = []

    def run() -> None:
        try:
            with unvalidated():
                results.append(parse())
        except cst.ParserSyntaxError as error:
            results.append(error.message.strip().split("\n")[0])
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # The native parser has been seen to raise `CSTLogicError`, and it may panic, which
            # arrives as a `BaseException`.
            results.append(f"{type(error).__name__}: {error}".split("\n")[0])

    if stack_is_safe:
        run()
        return results[0]
    previous = threading.stack_size(_STACK_BYTES)
    try:
        thread = threading.Thread(target=run, name="locklint-parse")
        thread.start()
    finally:
        threading.stack_size(previous)
    thread.join()
    return results[0] if results else "the parser failed"
