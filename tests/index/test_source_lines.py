"""The lines of a file, cut out of its text one at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locklint.core.source import Lines, SourceFile


@given(st.text(alphabet="ab\nä\r"), st.slices(8))
def test_lines_are_those_of_the_text(text: str, part: slice) -> None:
    lines, expected = Lines(text), text.split("\n")
    assert list(lines) == expected
    assert len(lines) == len(expected)
    assert list(lines[part]) == expected[part]
    assert lines[-1] == expected[-1]
    for beyond in (len(expected), -len(expected) - 1):
        with pytest.raises(IndexError):
            lines[beyond]


@given(st.text(alphabet="aä\n"))
def test_bytes_are_counted_within_their_line(text: str) -> None:
    source = SourceFile("m.py", "m", text)
    for number, line in enumerate(text.split("\n"), start=1):
        for column in range(len(line) + 1):
            offset = len(line[:column].encode("utf-8"))
            assert source.column_of_byte(number, offset) == column + 1
