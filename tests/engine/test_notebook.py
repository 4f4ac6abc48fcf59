"""The code of notebooks: what is kept, what is blanked, and that no line moves."""

from __future__ import annotations

import ast
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locklint.core.source import Cell, SourceFile
from locklint.engine.notebook import notebook_code, python_of
from locklint.engine.read import ReadProblem


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("x = 1\n%matplotlib inline\ny = 2", "x = 1\npass\ny = 2"),
        ("!pip install x \\\n  y\nz = 1", "pass\n\nz = 1"),
        ("for f in fs:\n    !rm {f}\n    g(f)", "for f in fs:\n    pass\n    g(f)"),
        ("files = !ls *.py\nlen(files)", "files = None\nlen(files)"),
        ("t = %timeit -o f()\n", "t = None\n"),
        ("%%time\nwith lock:\n    f()", "pass\nwith lock:\n    f()"),
        ("%%bash\nlock.acquire()\nls | wc", "\n\n"),
        ("%%html\n<b>it's</b>", "\n"),
        ("f?\nf.g??\n?f\nx = 1", "pass\npass\npass\nx = 1"),
        ("%cd x\ny = (a\n  % b)", "pass\ny = (a\n  % b)"),
        ("%cd x\ny = a \\\n  % b", "pass\ny = a \\\n  % b"),
        ('%cd x\ntext = """\n!not a command\n%nor this\n"""', None),
        ("await lock.acquire()\n", "await lock.acquire()\n"),
        ("y = (1\n  % 2)", "y = (1\n  % 2)"),
        ("x == %y", "x == %y"),
        ("", ""),
    ],
)
def test_what_is_no_python_is_blanked(source: str, code: str | None) -> None:
    found = python_of(source)
    if code is None:
        code = source.replace("%cd x", "pass")
    assert found == code
    if source != "x == %y":
        ast.parse(found)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            ["x = 1", "%magic", "!ls \\", "  % y", "x = (", ")", '"""', "%%time", "if x:", "    !a"]
        )
        | st.text(max_size=20).map(lambda text: text.replace("\n", "").replace("\r", "")),
        max_size=12,
    )
)
def test_no_line_moves(lines: list[str]) -> None:
    source = "\n".join(lines)
    assert python_of(source).count("\n") == source.count("\n")


def test_places_are_those_in_the_cells() -> None:
    cells = [
        {"cell_type": "code", "source": "a = 1\nb = 2"},
        {"cell_type": "markdown", "source": "text"},
        {"cell_type": "code", "source": []},
        {"cell_type": "code", "source": ["c = 3\n", "d = 4\n"]},
    ]
    code = notebook_code(json.dumps({"cells": cells}).encode())
    assert code.text == "a = 1\nb = 2\n\nc = 3\nd = 4\n"
    assert code.cells == (Cell(1, 1), Cell(3, 3), Cell(4, 4))
    source = SourceFile("n.ipynb", "n", code.text, cells=code.cells)
    assert [str(source.position(line, 7)) for line in range(1, 6)] == [
        "cell 1:1:7",
        "cell 1:2:7",
        "cell 3:1:7",
        "cell 4:1:7",
        "cell 4:2:7",
    ]
    assert str(SourceFile("a.py", "a", "x").position(1, 7)) == "1:7"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"{",
        b"[]",
        b"{}",
        b'{"cells": 1}',
        b"[" * 100_000,
        b'{"cells": [{"cell_type": "code", "source": "\\ud800"}]}',
    ],
)
def test_what_is_no_notebook_is_said(data: bytes) -> None:
    with pytest.raises(ReadProblem):
        notebook_code(data)


def test_odd_cells_are_passed_over() -> None:
    cells = [1, None, {}, {"cell_type": "code"}, {"cell_type": "code", "source": [1, "x\r\ny\0"]}]
    code = notebook_code(json.dumps({"metadata": [], "cells": cells}).encode())
    assert (code.text, code.cells) == ("x\ny \n", (Cell(5, 1),))
