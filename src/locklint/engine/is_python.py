"""Test of whether a file that the user named holds Python code."""

from __future__ import annotations

import re

from locklint.engine.parsing import undisturbed_parsing
from locklint.engine.read import ReadProblem, decode, read_bytes

SUFFIXES = (".py", ".ipynb")
"""The ends of the names of files that hold Python code and that are found in folders."""

_FURTHER_SUFFIXES = (".pyi", ".pyw")
_CODE = re.compile(rb"^(?:import|from|def|class|async)\b", re.MULTILINE)


def is_python(path: str) -> bool:
    """Return whether a file is Python by its name, by its ``#!`` line, or else by its text.

    Text is Python if it can be parsed and imports or defines something. JSON, for instance, can
    often be parsed. A file that cannot be read is treated as Python, so that the run says why.
    """
    if path.casefold().endswith(SUFFIXES + _FURTHER_SUFFIXES):
        return True
    try:
        data = read_bytes(path)
    except ReadProblem:
        return True
    first = data.partition(b"\n")[0]
    if first.startswith(b"#!") and b"python" in first:
        return True
    return bool(_CODE.search(data)) and _is_code(data)


def _is_code(data: bytes) -> bool:
    import ast

    try:
        with undisturbed_parsing():
            tree = ast.parse(decode(data))
    except (ReadProblem, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(statement, kinds) for statement in tree.body)
