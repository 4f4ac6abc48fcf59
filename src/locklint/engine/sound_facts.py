"""Tests of whether facts from a cache or an index can be those of a file.

A cache may come with the code that is analysed, made by an attacker. Facts can be false, which
cannot be found without computing them again. But all that the analysis relies on is checked: places
are in the file, functions are of that file, and the targets in a graph exist. Types, and that no
line is negative, are checked when facts are decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from locklint.core.source import SourceFile, Span
from locklint.engine.facts import MODULE_CODE, FileFacts, FileInput
from locklint.index.declarations import ModuleIndex
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.terminator import Jump, Return, Unreachable

Graphs = Mapping[str, tuple[Function, ...]]


def are_facts_of(facts: FileFacts, file: FileInput) -> bool:
    """Return whether facts can be those of a file."""
    # In a notebook, ends of lines are in strings of JSON.
    lines = len(file.data) if file.is_notebook else _lines(file.data)
    lowered = facts.lowered
    if lowered.errors or any(
        each.path != file.shown or not _within(each.span, lines) for each in lowered.not_analysed
    ):
        return False
    index = facts.index
    if index is None:
        return not lowered.graphs
    named = (index.path, index.module, index.is_package, index.unique)
    return (
        named == (file.shown, file.module, file.is_package, file.unique)
        and _is_index(index, lines)
        and _are_graphs(lowered.graphs, index, lines)
    )


def are_graphs_of(graphs: Graphs, source: SourceFile, index: ModuleIndex) -> bool:
    """Return whether graphs can be those of further functions of a file."""
    return _are_graphs(graphs, index, len(source.lines))


def _lines(data: bytes) -> int:
    return 1 + data.count(b"\n") + data.count(b"\r")


def _within(span: Span, lines: int) -> bool:
    return span.line <= span.end_line <= lines


def _is_index(index: ModuleIndex, lines: int) -> bool:
    functions, classes = index.functions, index.classes
    for qualname, function in functions.items():
        if (
            function.qualname != qualname
            or not _within(function.span, lines)
            or not _within(function.name_span, lines)
        ):
            return False
    return all(
        declared.qualname == qualname and _within(declared.span, lines)
        for qualname, declared in classes.items()
    ) and all(_within(span, lines) for span in index.module_statements)


def _are_graphs(graphs: Graphs, index: ModuleIndex, lines: int) -> bool:
    for qualname, functions in graphs.items():
        if qualname != MODULE_CODE and qualname not in index.functions:
            return False
        for function in functions:
            if (
                (function.path, function.module) != (index.path, index.module)
                or not _within(function.span, lines)
                or not _within(function.name_span, lines)
                or any(not _within(use.span, lines) for use in function.api_uses)
                or not _are_blocks(function.blocks.values(), function, lines)
            ):
                return False
    return True


def _are_blocks(blocks: Iterable[BasicBlock], function: Function, lines: int) -> bool:
    known = function.blocks
    if function.entry not in known:
        return False
    for block in blocks:
        if known.get(block.id) is not block:
            return False
        for instruction in block.instructions:
            span = instruction.span
            if not span.line <= span.end_line <= lines:
                return False
        terminator = block.terminator
        if not isinstance(terminator, (Jump, Unreachable)) and not _within(terminator.span, lines):
            return False
        if not isinstance(terminator, (Return, Unreachable)):
            if any(target not in known for target in block.successors()):
                return False
        if block.on_exception is not None and block.on_exception not in known:
            return False
    return True
