"""Fixes are shown as what they change."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from locklint.core.diagnostic import Applicability, Fix, TextEdit
from locklint.core.source import SourceFile, Span
from locklint.reporting.fix_diff import fixed
from tests.reporting.canned import PORT, Canned, leak, span

WITH = Fix(
    "hold it with `with`",
    (
        TextEdit(span(PORT, "self._lock.acquire()"), "with self._lock:"),
        TextEdit(span(PORT, "self.serial.write(data)"), "    self.serial.write(data)"),
        TextEdit(Span(15, 1, 16, 1), ""),
    ),
    Applicability.UNSAFE,
)


def test_a_fix_is_a_diff_below_the_help() -> None:
    text = Canned().text(msgspec.structs.replace(leak(), fix=WITH))
    assert text.endswith(
        """\
   = help: put the section into `with self._lock:`
   = fix: hold it with `with` (unsafe)
   │   def send(self, data):
   │ -     self._lock.acquire()
   │ -     self.serial.write(data)
   │ +     with self._lock:
   │ +         self.serial.write(data)
   │       # The answer comes at once.
 ⋮
   │       # So there is nothing to loop over.
   │ -     self._lock.release()

"""
    )


def test_long_lines_are_cut_and_marked() -> None:
    fix = Fix("x", (TextEdit(Span(1, 1, 1, 1), "y" * 300 + "\x1b"),), Applicability.SAFE)
    text = Canned().text(msgspec.structs.replace(leak(), fix=fix), width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert "= fix: x\n" in text
    assert "yyy…\n" in text


@given(st.text(st.sampled_from("ab\n"), max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_edits_replace_their_spans(text: str, first: int, last: int) -> None:
    first, last = sorted((min(first, len(text)), min(last, len(text))))

    def place(offset: int) -> tuple[int, int]:
        before = text[:offset]
        return before.count("\n") + 1, offset - before.rfind("\n")

    edit = TextEdit(Span(*place(first), *place(last)), "NEW")
    fix = Fix("x", (edit,), Applicability.SAFE)
    assert fixed(SourceFile("a.py", "a", text), fix) == text[:first] + "NEW" + text[last:]
