"""Trees made from `ast` lower to the same graphs as those of libcst."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import libcst as cst
import pytest

from locklint.core.source import SourceFile
from locklint.frontend import lower_module
from locklint.frontend.from_ast import UnsupportedError, statement_from_ast
from locklint.frontend.lower_module import lower_function
from tests.frontend.lowered import function_source, module_functions

_FOLDER = Path(cst.__file__).parent
_SOURCES = sorted(
    [*_FOLDER.joinpath("_nodes").glob("*.py"), *Path(ast.__file__).parent.glob("a*.py")]
)

BODIES = {
    "names and calls": "x = a.b.c(1, *d, k=e, **g)[h](i)",
    "order of arguments": "f(*a, k=1, *b)",
    "constants": "f(None, True, ..., 0x10, 1_000, -1.5e3, 2j, 'a', b'b', r'\\n', '''c\nd''')",
    "adjacent strings": "x = ('a'  # 'one'\n  \"c\" 'it\\'s' \"b\")",
    "string that is continued": "x = 'a' \\\n    'b'",
    "formatted strings": "x = f'{a.b!r:>{c}} {d[\"k\"]} {1 + e(2)} {g=}'",
    "formatted string beside others": "x = ('a' f'{b} {c.d()!r}' rF\"{e:>{g}}\" f'' 'h' '{i}')",
    "formatted strings of several lines": "x = f'''{a}\n{b()}''' \\\n    f'{c[\"d\"]}{{}}' 'é'",
    "formatted generators": "x = f'{[a.b(c) for c in d]}'",
    "boolean chains": "x = a and (b and c) and d or not e",
    "comparisons": "if not a.b < c() <= d is not None != e in g: pass",
    "versions": "if sys.version_info >= (3, 8):\n    a.b()\nelse:\n    c.d()",
    "choice": "x = a if b.c() else d",
    "walrus": "while (x := a.b()) is None: c(x)",
    "lambda": "x = lambda a, /, b=c.d, *e, g, h=1, **i: a.b(c)",
    "comprehensions": (
        "x = [a for b in c.d if e(b) for a in b]; y = {a: b for a, b in c}; z = {a for a in b}"
    ),
    "generator": "return any(a.b(c) for c in d if c)",
    "subscripts": "x = a[1]; a[b:c, ::d] = e; del a[b], a[c:], (d, g); a[b, c] += 1",
    "displays": "x = (1, *a), [b, *c], {d, *e}, {g: h, **i}; a, (b, *c) = d",
    "unary": "x = -a, +b, ~c, not d",
    "operators": "x = a + b - c * d / e // f % g @ h ** i << j >> k & l | m ^ n",
    "augmented": (
        "a += 1; b.c -= d; e[g] @= h; a //= b; a **= b\n"
        "a <<= b; a >>= b; a &= b; a |= b; a ^= b; a *= b; a /= b; a %= b"
    ),
    "annotated": "x: int; y: a.b = c.d(); self.z: str = e",
    "elif": "if a: b()\nelif c: d()\nelse:\n    if e: g()\n    else: h()",
    "if in else": "if a: b()\nelse:\n    if c: d()\n    elif e: g()",
    "loops": (
        "for a, b in c.d():\n    if a: break\n    continue\nelse: e()\nwhile a: b()\nelse: c()"
    ),
    "try": (
        "try: a()\nexcept (b, c.d) as e: raise\nexcept g: raise h from i\nelse: j()\nfinally: k()"
    ),
    "with": "with a.b as c, d(e) as (g, h), i: j()",
    "imports": "import a.b.c as d, e.f; from . import g as h; from ..i.j import *",
    "asserts": "assert a.b(), c.d()",
    "globals": "global a, b; a = 1",
    "nested functions": (
        "@a.b(c)\n@d\ndef g(h, /, i=j(), *k, l, m=n, **o) -> p:\n"
        "    nonlocal q\n    yield h\n    q = yield from i\nasync def r(): return await s()"
    ),
    "nested class": (
        "@a\nclass B(c.d, metaclass=e, **g):\n    x = 1\n    def h(self): return self.x"
    ),
    "returns": "if a: return\nreturn b, *c",
    "places after other letters": "x = 'ä' + a.b('é', c.d()); y = 'a' 'ö' 'b'",
    "async": (
        "async def g():\n    async with a as b, c: d()\n    async for e in h: i()\n"
        "    return [j async for j in k if await l]"
    ),
}

LEFT_TO_LIBCST = {
    "match": "match a:\n    case 1: b()",
    "tuple in brackets as index": "a[(b, c)]",
    "empty with": "with a: pass  # why",
    "names that are not ASCII": "größe = a.b()",
    "form feed": "x = 'a\fb'",
}


def _functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.col_offset == 0:
            yield node


def _refuse(source: SourceFile, node: ast.stmt, line_offset: int) -> None:
    raise UnsupportedError("all is left to libcst")


@contextmanager
def _left_to_libcst() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lower_module, "statement_from_ast", _refuse)
        yield


def _same(source: SourceFile, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    function = function_source(source, node)
    with _left_to_libcst():
        expected = lower_function(function)
    assert lower_function(function) == expected


def _function(body: str) -> tuple[SourceFile, ast.FunctionDef | ast.AsyncFunctionDef]:
    text = "def f(self, q):\n" + textwrap.indent(body, "    ") + "\n"
    return SourceFile("case.py", "case", text), next(_functions(text))


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_both_trees_give_the_same_graphs(body: str) -> None:
    source, node = _function(body)
    statement_from_ast(source, node)
    _same(source, node)


@pytest.mark.parametrize("body", LEFT_TO_LIBCST.values(), ids=LEFT_TO_LIBCST.keys())
def test_what_ast_does_not_say_is_left_to_libcst(body: str) -> None:
    source, node = _function(body)
    with pytest.raises(UnsupportedError):
        statement_from_ast(source, node)
    _same(source, node)


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: path.name)
def test_functions_of_real_files(path: Path) -> None:
    source = SourceFile(str(path), "case", path.read_text("utf-8"))
    for node in _functions(source.text):
        _same(source, node)


def test_code_that_is_deep_is_left_to_libcst() -> None:
    source, node = _function("return " + "-" * 200 + "a")
    _same(source, node)


@pytest.mark.parametrize(
    "text",
    [
        "a.b(c)\nwith d: e()\n",
        "a = b.c()  # why\n",
        "if a: b()\nelse:\n    c()\n",
        "try: a()\nfinally: b()\n",
        "a = b(); c = d()\n",
        "a = b();\n",
        "a = 'ä'; b = c()\n",
        "a = (\n    b()\n)\n",
        "a = b() \\\n\nc()\n",
    ],
)
def test_module_code(text: str) -> None:
    with _left_to_libcst():
        expected = module_functions(text)
    assert module_functions(text) == expected
