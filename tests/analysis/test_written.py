"""Code as it is quoted in sentences."""

from __future__ import annotations

import pytest

from locklint.analysis.written import MAX_LENGTH, written
from locklint.core.source import SourceFile, Span


def quoted(text: str) -> str:
    lines = text.split("\n")
    span = Span(1, 1, len(lines), len(lines[-1]) + 1)
    return written(SourceFile("a.py", "a", text), span)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b", "a.b"),
        ("open(path, 'r')", "open()"),
        ("open(path).read(5)", "open(path).read()"),
        ("make(\n    1,\n    2,\n)", "make()"),
        ("a <\n    b", "a < b"),
        ("(a, b)", "(a, b)"),
        ("x = (a)", "x = (a)"),
        ("print(')')", "print()"),
        ("await go(1)", "await go()"),
        ("handlers[0](event)", "handlers[0]()"),
        ("a + (b)", "a + (b)"),
        ("a < f(b)", "a < f()"),
        ("", ""),
    ],
)
def test_quoted(text: str, expected: str) -> None:
    assert quoted(text) == expected


def test_what_is_long_is_cut_at_a_dot_or_left_out() -> None:
    assert quoted("first_name." * 8 + "last()") == "….last()"
    assert quoted("name + " * 20 + "name") == ""
    assert len(quoted("a" * MAX_LENGTH)) == MAX_LENGTH
    assert quoted("a" * (MAX_LENGTH + 1)) == ""


def test_nothing_is_quoted_of_no_source() -> None:
    assert written(None, Span(1, 1, 1, 5)) == ""
