"""Extraction of a notebook's code: the text of its code cells, and where each of them begins.

The cells are analysed as one module, in their order in the file. What is not Python in them, such
as magics and commands for a shell, is replaced by `pass`, so that no line moves.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from typing import Any

import msgspec

from locklint.core.source import Cell
from locklint.engine.read import ReadProblem

SUFFIX = ".ipynb"

# Cell magics whose cells are still Python.
_PYTHON_CELLS = frozenset(["capture", "prun", "time", "timeit", "python", "python3", "pypy"])
# A magic, a command for a shell, or a request for help. No statement of Python begins or ends so.
_MAGIC = re.compile(r"^(?P<indent>\s*)(?:[%!?,;/]|[\w.%*]+\?{1,2}\s*$)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ASSIGNED = re.compile(r"^(?P<target>\s*[^=%!#'\"]*[^=<>!:%'\"#]=\s*)[%!](?!=).*$")


class NotebookCode(msgspec.Struct, frozen=True):
    """The code of a notebook as one text, each cell ended by a line end, and the cells' places."""

    text: str
    cells: tuple[Cell, ...]


def notebook_code(data: bytes) -> NotebookCode:
    """The Python code of a notebook's bytes; no code where its language is another.

    Raise `ReadProblem` for what is no notebook of format 4.
    """
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ReadProblem("the notebook is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        reason = getattr(error, "msg", None) or "it is nested too deeply"
        raise ReadProblem(f"the notebook is not valid JSON: {reason}", line) from None
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        raise ReadProblem("the file is not a notebook of format 4: it has no list of cells")
    if not _is_python(document):
        return NotebookCode("", ())
    texts: list[str] = []
    found: list[Cell] = []
    line = 1
    for number, cell in enumerate(cells, start=1):
        source = _source(cell)
        if source is None:
            continue
        text = python_of(source)
        text = text if text.endswith("\n") else f"{text}\n"
        texts.append(text)
        found.append(Cell(number, line))
        line += text.count("\n")
    whole = "".join(texts)
    if _SURROGATE.search(whole):
        raise ReadProblem(
            "the notebook contains half of a surrogate pair, which is not a character"
        )
    return NotebookCode(whole, tuple(found))


def _is_python(document: dict[str, Any]) -> bool:
    """Return whether a notebook says that it is Python, or nothing."""
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for name, key in (("language_info", "name"), ("kernelspec", "language")):
        described = metadata.get(name)
        language = described.get(key) if isinstance(described, dict) else None
        if isinstance(language, str):
            return language.lower() in ("python", "ipython")
    return True


def _source(cell: object) -> str | None:
    """The text of a code cell, with ``\\n`` line ends; None for any other cell."""
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return None
    source = cell.get("source")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    if not isinstance(source, str):
        return None
    return source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", " ")


def python_of(source: str) -> str:
    """A cell's text with as many lines, in which what only IPython understands is blanked."""
    if _parses(source):
        return source
    lines = source.split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        name = re.match(r"%%\s*(\w*)", lines[first])
        if name is None or name[1] not in _PYTHON_CELLS:
            return "\n" * (len(lines) - 1)
        lines[first] = "pass"
    start = 0  # Of the statement that is being read.
    index = 0
    while index < len(lines):
        if index > start and _is_whole(lines[start:index]):
            start = index
        if index == start:
            index = _blank(lines, index)
        index += 1
    return "\n".join(lines)


def _blank(lines: list[str], index: int) -> int:
    """Blank what begins at a line if it is no Python; give the last line of it."""
    assigned = _ASSIGNED.match(lines[index])
    magic = _MAGIC.match(lines[index])
    if not assigned and not magic:
        return index
    last = index
    while lines[last].endswith("\\") and last + 1 < len(lines):
        last += 1
    if assigned:
        lines[index] = f"{assigned['target']}None"
    elif magic:
        lines[index] = f"{magic['indent']}pass"
    lines[index + 1 : last + 1] = [""] * (last - index)
    return last


def _is_whole(lines: list[str]) -> bool:
    """Return whether no bracket, string or continued line is left open at the end of some lines."""
    if lines[-1].endswith("\\"):
        return False
    text = "\n".join(line.lstrip() if at == 0 else line for at, line in enumerate(lines)) + "\n"
    try:
        for _ in tokenize.generate_tokens(io.StringIO(text).readline):
            pass
    except tokenize.TokenError as error:
        return "EOF in multi-line" not in str(error) and "unterminated triple" not in str(error)
    except SyntaxError:
        return True
    return True


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
