"""Code as its author wrote it, short enough for a sentence."""

from __future__ import annotations

import io
import re
import tokenize
from keyword import iskeyword

from locklint.core.source import SourceFile, Span

MAX_LENGTH = 60
"""The largest number of characters of code that a sentence quotes."""

_MAX_LINES = 40

_STRING_OR_COMMENT = re.compile(
    r"""
    \"{3} [^"\\]* (?: (?: \\. | "(?!"") ) [^"\\]* )* \"{3}
    | '{3} [^'\\]* (?: (?: \\. | '(?!'') ) [^'\\]* )* '{3}
    | " [^"\\\n]* (?: \\. [^"\\\n]* )* "
    | ' [^'\\\n]* (?: \\. [^'\\\n]* )* '
    | (?P<comment> \#[^\n]* )
    """,
    re.DOTALL | re.VERBOSE,
)


def written(source: SourceFile | None, span: Span, *, keeps_arguments: bool = False) -> str:
    """The code at a place in one line, empty where it is too long.

    A call goes without its arguments, unless they are kept and there is room for them.
    """
    if source is None or span.end_line - span.line > _MAX_LINES:
        return ""
    if span.line == span.end_line:
        text = source.line(span.line)[span.column - 1 : span.end_column - 1]
    else:
        lines = source.lines[span.line - 1 : span.end_line]
        lines[-1] = lines[-1][: span.end_column - 1]
        lines[0] = lines[0][span.column - 1 :]
        text = "\n".join(lines)
    short = " ".join(text.split())
    if not keeps_arguments or len(short) > MAX_LENGTH:
        short = " ".join(_without_arguments(text).split())
    if "`" in short or ("\n" in text and "#" in short):
        return ""
    return short if len(short) <= MAX_LENGTH else _last_part(short)


def without_comments(text: str) -> str:
    """Return the text of a file with its comments blanked.

    Strings are skipped as a whole. `tokenize` takes ten times as long.
    """
    return _STRING_OR_COMMENT.sub(_blanked, text) if "#" in text else text


def _blanked(found: re.Match[str]) -> str:
    return found[0] if found["comment"] is None else " " * len(found[0])


def _without_arguments(text: str) -> str:
    """``open(path).read(5)`` as ``open(path).read()``: what is called, not with what."""
    if not text.endswith(")"):
        return text
    try:
        # In parentheses it may go over several lines.
        tokens = list(tokenize.generate_tokens(io.StringIO(f"({text})").readline))
    except (tokenize.TokenError, SyntaxError):
        return text
    marks = [each for each in tokens if each.type in (tokenize.OP, tokenize.NAME)][:-1]
    depth = 0
    for place in range(len(marks) - 1, 0, -1):
        if marks[place].string in (")", "]", "}"):
            depth += 1
        elif marks[place].string in ("(", "[", "{"):
            depth -= 1
            if depth == 0:
                before = marks[place - 1]
                is_call = before.string in (")", "]") or (
                    before.type == tokenize.NAME and not iskeyword(before.string)
                )
                return f"{_up_to(text, before.end)}()" if is_call else text
    return text


def _up_to(text: str, end: tuple[int, int]) -> str:
    """The text up to a place of the same text in parentheses."""
    row, column = end
    lines = text.split("\n")[:row]
    lines[-1] = lines[-1][: column - 1 if row == 1 else column]
    return "\n".join(lines)


def _last_part(text: str) -> str:
    """The end of a long call or attribute, from its last dot on; empty where there is none."""
    found = re.search(r"\.\w+(?:\(\))?$", text)
    return f"…{found[0]}" if found is not None and len(found[0]) < MAX_LENGTH else ""
