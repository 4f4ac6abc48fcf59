"""Odd and huge input: a clear answer, never a crash."""

from __future__ import annotations

import ast
import time

import pytest

from locklint.core.source import SourceFile, Span
from locklint.frontend.cfg_builder import MAX_BLOCKS
from locklint.frontend.lower_module import (
    FunctionSource,
    LoweringProblem,
    lower_function,
    lower_module_code,
)
from locklint.ir.cfg import Function
from locklint.ir.verify import verify
from tests.frontend.lowered import blocks, function_source


def lower_first(text: str, with_ast: bool = True) -> Function | LoweringProblem:
    """Lower the first function of a file, wherever it is."""
    source = SourceFile("case.py", "case", text)
    node = next(
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    wanted = function_source(source, node)
    if not with_ast:
        wanted = FunctionSource(source, wanted.qualname, wanted.span, wanted.name_span)
    lowered = lower_function(wanted)
    if isinstance(lowered, LoweringProblem):
        return lowered
    assert verify(lowered[0]) == []
    return lowered[0]


ONE_CALL = "b0\n  %1 = call lock.acquire()  [discarded]\n  return None  [implicit]"


@pytest.mark.parametrize("with_ast", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "def f():\n\tlock.acquire()\n",
        "def f(): lock.acquire()",
        "def f(): lock.acquire();\n",
        "class A:\n\tdef f():\n\t\tlock.acquire()\n",
        "class A:\n  if x:\n     def f():\n                lock.acquire()\n",
        "class A:\n    def f():\n        lock.acquire()  # the end\n",
        "\fdef f():\n    lock.acquire()\n\f\n",
        "class A:\n\f    def f():\n        lock.acquire()\n",
        "def f():\n    lock.acquire(\n)\n# a comment\n",
        "class A:\n    def f():\n        '''Text\nto the left\n    '''\n        lock.acquire()\n",
        "if x:\n    def f(): \\\n  lock.acquire()\n",
        "if x:\n  \\\n      def f():\n        lock.acquire()\n",
        "class A:\n    @a.b(1)\n\n    # a comment\n    @c\n    def f():\n        lock.acquire()\n",
        "def \\\n  f():\n    lock.acquire()\n",
        "def f():\n    lock.acquire()\n\n\n\n",
        "class Ä:\n    def f(ö='ü'):\n        lock.acquire()\n",
    ],
)
def test_odd_layout(text: str, with_ast: bool) -> None:
    function = lower_first(text, with_ast)
    assert isinstance(function, Function)
    assert blocks(function) == ONE_CALL
    (instruction,) = function.blocks[0].instructions
    line = text.split("\n")[instruction.span.line - 1]
    assert line[instruction.span.column - 1 :].startswith("lock.acquire(")


def test_both_ways_to_know_places_agree() -> None:
    text = """
class A:
    @property
    async def f(self, x=(1), *y: T, **z) -> None:
        '''é'''; é = [a.b for a in (yield) if a.c]
        async with self.lock as k, (a): await k(x)(y, *z, k=1, **z)
        if x.y and not (z[1:2] or {**x}) and 1 < x < 2: return lambda q=1: (q)
        try: x = a if b.c else d.e
        except (E, a.F) as e: raise X(e) from e
        finally: (w := x + -y[0])
        for i in range(10): print(f'{i.x!r}', end="")
        while x: del x.y; x += 1; assert x.y, y
"""
    source = SourceFile("case.py", "case", text)
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.ClassDef)
    method = node.body[0]
    assert isinstance(method, ast.AsyncFunctionDef)
    wanted = function_source(source, method, "A")
    alone = FunctionSource(source, "A.f", wanted.span, wanted.name_span, None, "A")
    first, second = lower_function(wanted), lower_function(alone)
    assert not isinstance(first, LoweringProblem)
    assert not isinstance(second, LoweringProblem)
    starts = [
        [
            (each.span.line, each.span.column)
            for function in lowered
            for block in function.blocks.values()
            for each in block.instructions
            if "'{" not in text.split("\n")[each.span.line - 1]  # Python 3.11 is vague there.
        ]
        for lowered in (first, second)
    ]
    assert len(starts[0]) > 30
    assert starts[0] == starts[1]


@pytest.mark.parametrize(
    "expression",
    [
        " + ".join(["a"] * 900),
        "a" + ".b()" * 150,
        " and ".join(["a.b"] * 3000),
        "a or " * 1000 + "a",
        "not " * 100 + "a",
        "(" * 150 + "a" + ")" * 150,
        "[" * 90 + "a" + "]" * 90,
        "lambda: " * 60 + "a",
        "a if b else " * 200 + "c",
        "(" + "\n 'text'" * 1500 + ")",
        "a" + " < a" * 3000,
        "{" + "a: b, " * 3000 + "}",
    ],
)
def test_long_expressions(expression: str) -> None:
    function = lower_first(f"def f(a):\n    x = {expression}\n")
    assert isinstance(function, Function)
    assert function.too_complex or len(function.blocks) >= 1


def test_expressions_that_are_too_deep_are_a_problem_not_a_crash() -> None:
    found = lower_first(f"def f(a):\n    return {' + '.join(['a'] * 2500)}\n")
    assert isinstance(found, LoweringProblem)
    assert found.message == "the code is nested too deeply to be analysed"
    assert str(found.span) == "1:1"


def test_many_nested_blocks() -> None:
    lines = ["def f(x):"]
    for depth in range(1, 96):
        lines.append("  " * depth + ("with x:" if depth % 2 else "if x:"))
    lines.append("  " * 96 + "return 1")
    function = lower_first("\n".join(lines) + "\n")
    assert isinstance(function, Function)
    assert not function.too_complex


def test_long_elif_chain() -> None:
    text = "def f(x):\n    if x == 0: a()\n"
    text += "".join(f"    elif x == {number}: a()\n" for number in range(1, 500))
    function = lower_first(text)
    assert isinstance(function, Function)
    assert len(function.blocks) == 1001


def test_nested_regions_stay_linear() -> None:
    def size(depth: int) -> int:
        lines = ["def f(x):"]
        for level in range(1, depth + 1):
            lines.append(" " * level + "with x:")
        lines += [" " * (depth + 1) + "if x(): return", " " * (depth + 1) + "work()"]
        function = lower_first("\n".join(lines) + "\n")
        assert isinstance(function, Function)
        return len(function.blocks)

    assert size(40) - size(30) == size(30) - size(20)


def test_breaks_share_the_way_out() -> None:
    def calls(breaks: int) -> int:
        lines = ["def f(x):", "  while x():", "    try:", "      work()"]
        lines += ["      if x(): break"] * breaks
        lines += ["    finally:", "      close()"]
        function = lower_first("\n".join(lines) + "\n")
        assert isinstance(function, Function)
        return blocks(function).count("call close")

    assert calls(1) == calls(20) == 3


def test_exponential_clean_ups_are_cut_short() -> None:
    lines: list[str] = []
    for level in range(1, 25):
        lines += [" " * level + "try:", " " * (level + 1) + "work()", " " * level + "finally:"]
    lines.append(" " * 25 + "done()")
    start = time.perf_counter()
    function = lower_first("def f():\n" + "\n".join(lines) + "\n")
    assert time.perf_counter() - start < 20
    assert isinstance(function, Function)
    assert function.too_complex
    assert len(function.blocks) == 1


def test_a_function_of_many_blocks_is_cut_short() -> None:
    text = "def f(x):\n" + "    if x(): y()\n" * (MAX_BLOCKS // 2 + 10)
    function = lower_first(text)
    assert isinstance(function, Function)
    assert function.too_complex


def test_what_libcst_refuses_is_a_problem() -> None:
    text = "def f():\n    return 1\n"
    source = SourceFile("case.py", "case", "def f(:\n    return 1\n")
    found = lower_function(FunctionSource(source, "f", Span(1, 1, 2, 13), Span(1, 5, 1, 6)))
    assert isinstance(found, LoweringProblem)
    assert found.message.startswith("libcst cannot parse this code: ")
    assert isinstance(lower_first(text), Function)


def test_a_module_statement_that_libcst_refuses_is_left_out() -> None:
    text = "(a): int = '\f'\nlock.acquire()\n"
    source = SourceFile("case.py", "case", text)
    spans = [Span(1, 1, 1, 15), Span(2, 1, 2, 15)]
    found = lower_module_code(source, spans, ast.parse(text).body)
    assert not isinstance(found, LoweringProblem)
    assert blocks(found[0]).split("\n")[1] == "  %1 = call lock.acquire()  [discarded]"


def test_a_module_statement_like_the_prefix_of_indented_functions() -> None:
    text = "if 1:\n    a()\n    b()\n"
    source = SourceFile("case.py", "case", text)
    found = lower_module_code(source, [Span(1, 1, 3, 8)], ast.parse(text).body)
    assert not isinstance(found, LoweringProblem)
    assert [str(each.span) for each in found[0].blocks[0].instructions] == ["2:5", "3:5"]


def test_newer_syntax_than_the_running_python() -> None:
    text = (
        "type Pair[T] = tuple[T, T]\n"
        "def first[T](pair: Pair[T]) -> T:\n"
        "    with pair.lock:\n"
        "        type Inner = int\n"
        "        return f'{pair[f'{0}']}' + t'{pair.x}'\n"
    )
    source = SourceFile("case.py", "case", text)
    found = lower_function(FunctionSource(source, "first", Span(2, 1, 5, 47), Span(2, 5, 2, 10)))
    assert not isinstance(found, LoweringProblem)
    assert verify(found[0]) == []
    instructions = found[0].blocks[0].instructions
    assert [str(each.span) for each in instructions] == ["3:10", "3:10"]


def test_numbers_and_strings_that_python_would_warn_about(recwarn: pytest.WarningsRecorder) -> None:
    function = lower_first(f"def f(x):\n    return x['\\d'], x[0x{'f' * 5000}], x == '\\d'\n")
    assert isinstance(function, Function)
    assert not [w for w in recwarn if "locklint" in str(w.filename) or w.lineno == 1]
