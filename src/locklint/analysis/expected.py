"""Errors that the analysed code counts on: a test, or a handler, that names them."""

from __future__ import annotations

from collections.abc import Collection

from locklint.core.source import Span
from locklint.ir.cfg import Function
from locklint.ir.instruction import Catch


def is_expected(function: Function, span: Span, names: Collection[str]) -> bool:
    """Whether an exception of the instruction at ``span`` is caught by one of the class names."""
    for block in function.blocks.values():
        if block.on_exception is None or not any(i.span == span for i in block.instructions):
            continue
        handler = function.blocks[block.on_exception].terminator
        if isinstance(handler, Catch):
            if handler.expected:
                return True
            for clause in handler.handlers:
                if any(name.rsplit(".", 1)[-1] in names for name in clause.types):
                    return True
    return False
