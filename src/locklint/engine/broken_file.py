"""Finds broken files among those that mention no lock and are therefore not parsed.

To parse them all would make a scan a third slower. So only a file with a sign of damage is parsed:
brackets or triple quotes without a partner, a merge conflict, Python 2, bytes that are no text.
"""

from __future__ import annotations

import ast
import re
from functools import cache

from locklint.core.source import NOT_CODE
from locklint.engine.parsing import undisturbed_parsing

_BRACKETS = ((b"(", b")"), (b"[", b"]"), (b"{", b"}"))
_NO_BRACKETS = bytes(set(range(256)) - set(b"()[]{}"))
_SIGNS = tuple(map(re.compile, (rb"\0", rb"\n<<<<<<< ", rb"print ['\"]", rb"= =")))

MOST_BYTES = 128 * 1024
"""The size of the largest file that is parsed on suspicion: mostly it is data, and no code."""


def is_broken(path: str, data: bytes, surely: bool) -> bool:
    """Return whether Python cannot use a file of source text.

    Without ``surely``, some broken files are treated as sound.
    """
    if not path.endswith(".py"):
        return False
    if surely:
        return _is_refused(data, flags=0)
    return (
        _is_suspicious(data)
        and len(data) <= MOST_BYTES
        and not _is_surely_parsed(data)
        and _is_refused(data, flags=ast.PyCF_ONLY_AST)
    )


def compile_error(text: str) -> SyntaxError | ValueError | None:
    """Return why Python does not compile a text that it can parse. Return None if it does."""
    try:
        compile(text, "<file>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return error.with_traceback(None)  # Which would keep the caller's syntax tree alive.
    except (RecursionError, MemoryError, OverflowError):
        return None
    return None


def _is_suspicious(data: bytes) -> bool:
    if not data.isascii() and not _is_text(data):
        return True
    return (
        # Most brackets without a partner are in strings, which take longer to find.
        (_has_odd_brackets(data) and _has_odd_brackets(_not_code().sub(b"", data)))
        or any(sign.search(data) for sign in _SIGNS)
        or data.count(b'"""') % 2 == 1
        or data.count(b"'''") % 2 == 1
    )


def _has_odd_brackets(data: bytes) -> bool:
    brackets = data.translate(None, _NO_BRACKETS)
    return any(brackets.count(opening) != brackets.count(closing) for opening, closing in _BRACKETS)


@cache
def _not_code() -> re.Pattern[bytes]:
    """Return the pattern of comments and strings, which few runs need."""
    return re.compile(NOT_CODE.encode())


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_surely_parsed(data: bytes) -> bool:
    """Return whether Python parses a text and understands its names, without making a tree."""
    from symtable import symtable

    with undisturbed_parsing():
        try:
            symtable(data, "<file>", "exec")  # type: ignore[arg-type]
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return False
    return True


def _is_refused(data: bytes, flags: int) -> bool:
    with undisturbed_parsing():
        try:
            compile(data, "<file>", "exec", flags, dont_inherit=True)
        except (SyntaxError, ValueError):
            return True
        except (RecursionError, MemoryError, OverflowError):
            pass  # It may still be sound.
    return False
