"""Whatever the text and the places, a snippet keeps within its columns and loses no label."""

from __future__ import annotations

import re

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from locklint.core.diagnostic import StepRole
from locklint.core.source import Span
from tests.reporting.canned import Canned, finding, step

TEXTS = st.text(
    st.one_of(
        st.sampled_from(" \tab.()語é\u0301\u200b\u202e\x1b\x0c\udc80🙂"),
        st.characters(exclude_characters="\n"),
    ),
    max_size=300,
)
SPANS = st.tuples(st.integers(1, 6), st.integers(1, 320), st.integers(0, 1), st.integers(1, 320))


def _span(numbers: tuple[int, int, int, int]) -> Span:
    line, column, more, end = numbers
    return Span(line, column, line + more, end if more else max(column, end))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(TEXTS, min_size=1, max_size=6),
    st.lists(SPANS, min_size=1, max_size=5),
    st.integers(32, 120),
    st.sampled_from(["utf-8", "ascii", "cp437"]),
)
@example(["0", "\t000000000000000000000000"], [(2, 26, 0, 1)], 32, "utf-8")
def test_snippets_keep_within_their_columns(
    lines: list[str], places: list[tuple[int, int, int, int]], width: int, encoding: str
) -> None:
    spans = [_span(place) for place in places]
    steps = [
        step("t.py", place, f"says{index}", ["module.lock"]) for index, place in enumerate(spans)
    ]
    canned = Canned({"t.py": "\n".join(lines)})
    text = canned.text(finding("t.py", spans[0], "no", *steps), width=width, encoding=encoding)
    text.encode(encoding)
    rows = text.split("\n")[2:]
    assert all(cell_len(row) <= width for row in rows)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    for index in range(len(steps)):
        assert text.count(f"says{index}") == 1 + f"{lines}".count(f"says{index}")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(
    st.lists(TEXTS, min_size=1, max_size=6),
    st.lists(st.tuples(SPANS, st.integers(0, 3), st.booleans()), min_size=2, max_size=8),
    st.integers(32, 200),
    st.sampled_from(["utf-8", "ascii", "cp437"]),
)
def test_lanes_keep_within_their_columns(
    lines: list[str],
    places: list[tuple[tuple[int, int, int, int], int, bool]],
    width: int,
    encoding: str,
) -> None:
    steps = [
        msgspec.structs.replace(
            step(
                "t.py",
                _span(place),
                f"says{index}",
                ["module.lock"],
                StepRole.WAIT if waits else StepRole.NOTE,
            ),
            thread=thread,
            waits_for="module.other" if waits else "",
        )
        for index, (place, thread, waits) in enumerate(places)
    ]
    canned = Canned({"t.py": "\n".join(lines)})
    story = finding("t.py", _span(places[0][0]), "no", *steps)
    text = canned.text(story, width=width, encoding=encoding)
    text.encode(encoding)
    rows = text.split("\n")[2:]
    assert all(cell_len(row) <= width for row in rows)
    for index in range(len(steps)):
        assert text.count(f"says{index}") == 1 + f"{lines}".count(f"says{index}")
