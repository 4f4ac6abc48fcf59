"""Lowering of test programs."""

from __future__ import annotations

import ast
import textwrap

from locklint.core.source import SourceFile, Span
from locklint.frontend.lower_module import (
    FunctionSource,
    LoweringProblem,
    lower_function,
    lower_module_code,
)
from locklint.ir.cfg import Function
from locklint.ir.printer import print_block
from locklint.ir.verify import verify


def functions(text: str) -> dict[str, Function]:
    """All functions of a file by qualified name, checked to be well formed."""
    source = SourceFile("case.py", "case", textwrap.dedent(text).lstrip("\n"))
    found: dict[str, Function] = {}

    def visit(body: list[ast.stmt], class_name: str | None) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{class_name}.{node.name}" if class_name else node.name)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lowered = lower_function(function_source(source, node, class_name))
                assert not isinstance(lowered, LoweringProblem), lowered
                found.update({function.qualname: function for function in lowered})

    visit(ast.parse(source.text).body, None)
    for function in found.values():
        assert verify(function) == []
    return found


def function_source(
    source: SourceFile,
    node: ast.FunctionDef | ast.AsyncFunctionDef,
    class_name: str | None = None,
) -> FunctionSource:
    """What the index would say of a function."""
    qualname = f"{class_name}.{node.name}" if class_name else node.name
    column = source.column_of_byte(node.lineno, node.col_offset)
    first_line = min([node.lineno, *[each.lineno for each in node.decorator_list]])
    end_line = node.end_lineno or node.lineno
    end_column = source.column_of_byte(end_line, node.end_col_offset or 0)
    name_column = source.line(node.lineno).index(node.name) + 1
    name_span = Span(node.lineno, name_column, node.lineno, name_column + len(node.name))
    span = Span(first_line, column, end_line, end_column)
    return FunctionSource(source, qualname, span, name_span, node, class_name)


def module_functions(text: str) -> dict[str, Function]:
    """The functions that the top-level statements of a file make, ``<module>`` among them."""
    source = SourceFile("case.py", "case", textwrap.dedent(text).lstrip("\n"))
    nodes = ast.parse(source.text).body
    spans = [
        Span(node.lineno, node.col_offset + 1, node.end_lineno or 0, (node.end_col_offset or 0) + 1)
        for node in nodes
    ]
    lowered = lower_module_code(source, spans, nodes)
    assert not isinstance(lowered, LoweringProblem), lowered
    for function in lowered:
        assert verify(function) == []
    return {function.qualname: function for function in lowered}


def graph(text: str, qualname: str = "f") -> str:
    """The printed blocks of one function, without places."""
    return blocks(functions(text)[qualname])


def blocks(function: Function) -> str:
    """The printed blocks of a function, without places and indentation."""
    lines: list[str] = []
    for block in function.blocks.values():
        heading, *rest = print_block(block).split("\n")
        lines += [heading.strip(), *[f"  {line[12:]}" for line in rest]]
    return "\n".join(lines)


def statements(text: str, qualname: str = "f") -> list[str]:
    """The printed instructions and endings of one function in order, without block headings."""
    return [line.strip() for line in graph(text, qualname).split("\n") if line.startswith(" ")]


def expected(text: str) -> str:
    """An expectation as tests write it."""
    return textwrap.dedent(text).strip("\n")
