"""Comments that silence findings: what is read from a text, and for which lines it counts."""

from __future__ import annotations

import pytest

from locklint.frontend.suppressions import Pragma, PragmaKind, parse_suppressions


def silenced(text: str, code: str = "LCK101", name: str = "manual-acquire") -> list[int]:
    """The lines on which a rule is silenced, as far as the text goes."""
    suppressions = parse_suppressions(text)
    lines = range(1, text.count("\n") + 2)
    return [line for line in lines if suppressions.find(code, name, line)]


def test_what_a_comment_holds() -> None:
    text = "x = 1  # locklint: ignore[LCK101, manual-acquire] one thread only  # noqa: E501, LCK102"
    assert parse_suppressions(text).pragmas == (
        Pragma(
            PragmaKind.IGNORE, ("LCK101", "manual-acquire"), "one thread only", 1, 1, 1, 8, 66
        ),
        Pragma(PragmaKind.NOQA, ("E501", "LCK102"), "", 1, 1, 1, 68, 88),
    )  # fmt: skip


@pytest.mark.parametrize(
    "comment",
    [
        "# locklint: ignore[LCK101]",
        "# locklint: ignore[LCK101] because",
        "#locklint:ignore[LCK101]",
        "# locklint: ignore [ LCK102 , LCK101 ]",
        "# locklint: ignore[manual-acquire]",
        "# locklint: ignore[lck101]",
        "# locklint: ignore[LCK1]",
        "# locklint: ignore[ALL]",
        "# locklint: ignore",
        "# locklint: ignore: because",
        "# type: ignore  # locklint: ignore[LCK101]",
        "# locklint: file-ignore[LCK101]",
        "# locklint: disable[LCK101]",
        "# noqa: LCK101",
        "# noqa:E501,LCK101",
        "# NOQA: E501 LCK101",
        "# locklint: ignore LCK101",
        "# locklint: ignore: LCK102, LCK101 because",
        "# locklint: ignore(LCK101) because",
        "# locklint: disable=LCK101",
        "# locklint: ignore: [LCK101]",
    ],
)
def test_comments_that_silence(comment: str) -> None:
    assert silenced(f"lock.acquire()  {comment}") == [1]


@pytest.mark.parametrize(
    "comment",
    [
        "# locklint: ignore[LCK102]",
        "# locklint: ignore[LCK102, no-such-rule, ?]",
        "# locklint: ignore[]",
        "# locklint: ignore[LCK101",
        "# locklint: ignore [LCK101",
        "# locklint: ignore LCK102 because",
        "# locklint: disable=LCK102",
        "# locklint: ignored",
        "# locklint: ignore-file",
        "# locklint: enable[LCK101]",
        "# locklint",
        "# noqa",
        "# noqa: E501",
        "# noqa: manual-acquire",
        "locklint: ignore",
    ],
)
def test_comments_that_do_not(comment: str) -> None:
    assert silenced(f"lock.acquire()  {comment}") == []


@pytest.mark.parametrize(
    ("comment", "spelling"),
    [
        ("# locklint: ignores[LCK102] because", "ignore[LCK102]"),
        ("# locklint: ignore[LCK102", "ignore[LCK102]"),
        ("# locklint: ignore [ LCK102, LCK103 because", "ignore[LCK102, LCK103]"),
        ("# locklint: ignore[manual-acquire", "ignore[manual-acquire]"),
        ("# locklint: ignore[]", "ignore"),
        ("# locklint: ignored", "ignore"),
        ("# locklint: Ignore[LCK102]", "ignore[LCK102]"),
        ("# LOCKLINT: ignore", "ignore"),
        ("# locklint: ignore_file[LCK102]", "file-ignore[LCK102]"),
        ("# locklint: disable-next-line[LCK102]", "ignore[LCK102]"),
        ("# locklint: noqa LCK102", "ignore[LCK102]"),
        ("# locklint: off[LCK102]", "ignore[LCK102]"),
        ("# locklint: [LCK102]", "ignore[LCK102]"),
        ("# locklint: LCK102", "ignore[LCK102]"),
        ("# locklint: enabled", "enable"),
        ("# locklint ignore[LCK102]", "ignore[LCK102]"),
        ("# locklint ignore", "ignore"),
        ("# locklint-disable LCK102", "disable[LCK102]"),
        ("# noqa LCK102", "ignore[LCK102]"),
        ("# noqa[LCK102]", "ignore[LCK102]"),
        ("# ruff: noqa: LCK102", "file-ignore[LCK102]"),
        ("# lock-lint: ignore[LCK102]", "ignore[LCK102]"),
        ("# pylint: disable=LCK102", "disable[LCK102]"),
        ("# type: ignore # locklint: ignores[LCK102] # a", "ignore[LCK102]"),
    ],
)
def test_comments_that_cannot_be_read(comment: str, spelling: str) -> None:
    suppressions = parse_suppressions(f"lock.acquire()  {comment}\n")
    assert [each.spelling for each in suppressions.unread] == [f"# locklint: {spelling}"]
    assert not suppressions.pragmas


@pytest.mark.parametrize(
    "comment",
    [
        "# locklint: ignore[LCK102] because of LCK103",
        "# locklint: ignore",
        "# locklint: enable",
        "# noqa: E501, LCK102",
        "# locklint: order a < b",
        "# locklint: a static analyser",
        "# locklint ignores locks without a name",
        "# locklint reports LCK102 here",
        "# see locklint: ignore[LCK102]",
        "# LCK102 is not reported: disable it",
        "# noqa is not needed for LCK102",
        "# type: ignore[attr-defined]  (LCK102 too)",
        "# locklint.toml",
    ],
)
def test_comments_that_are_read_or_not_meant(comment: str) -> None:
    assert parse_suppressions(f"lock.acquire()  {comment}\n").unread == ()


def test_the_place_and_the_words_of_a_comment_that_cannot_be_read() -> None:
    text = f"x = 1  # a # locklint:  ignores[LCK102] {'very ' * 20}long  \n"
    (unread,) = parse_suppressions(text).unread
    assert (unread.span.line, unread.span.column) == (1, 12)
    assert unread.span.end_column == len(text.rstrip()) + 1
    assert unread.written == "# locklint: ignores[LCK102] very very very very very very ve…"


def test_long_lines_that_almost_are_comments_to_locklint_take_no_time() -> None:
    for odd in ("# noqa{} x lck1", "# locklint: ignore{}[x", "#{}lck1", "# a{}: b lck1"):
        for filler in (" ", "#", "a", "lck1", "=", "- "):
            parse_suppressions(odd.format(filler * 20_000))


def test_text_in_strings_is_no_comment() -> None:
    assert silenced('x = "# locklint: ignore"\ny = """\n# locklint: file-ignore\n"""') == []


def test_a_comment_counts_for_its_line_alone() -> None:
    assert silenced("a\nb  # locklint: ignore\nc") == [2]


def test_a_comment_behind_the_last_line_counts_for_the_whole_statement() -> None:
    text = "a\nb(\n    1,\n    2,\n)  # locklint: ignore\nc"
    assert silenced(text) == [2, 3, 4, 5]
    header = "with (\n    a,\n    b,\n):  # noqa: LCK101\n    pass"
    assert silenced(header) == [1, 2, 3, 4]


def test_a_comment_within_a_statement_counts_for_its_line() -> None:
    assert silenced("b(\n    1,  # locklint: ignore\n    2,\n)") == [2]


def test_a_comment_on_its_own_line_counts_for_the_statement_below() -> None:
    text = "a\n# locklint: ignore[LCK101] why\n# and more\n\nb(\n    1,\n)\nc"
    assert silenced(text) == [5, 6, 7]
    assert silenced("if x:\n    # locklint: ignore\n    a\n    b") == [3]


def test_noqa_on_its_own_line_counts_for_nothing_else() -> None:
    assert silenced("# noqa: LCK101\na") == [1]


def test_a_comment_for_the_file_counts_everywhere() -> None:
    text = "a\nb\n# locklint: file-ignore[LCK101] generated"
    assert silenced(text) == [1, 2, 3]
    assert silenced(text, "LCK102", "unreleased-on-exception") == []


def test_ranges() -> None:
    text = "a\n# locklint: disable[LCK101]\nb\n# locklint: enable[LCK101]\nc"
    assert silenced(text) == [2, 3]
    assert silenced(text, "LCK102", "other") == []


def test_a_range_without_an_end_goes_to_the_end_of_the_file() -> None:
    assert silenced("a\n# locklint: disable\nb\nc") == [2, 3, 4]


def test_one_rule_of_a_range_can_be_enabled_again() -> None:
    text = "# locklint: disable\na\n# locklint: enable[LCK101]\nb"
    assert silenced(text) == [1, 2]
    assert silenced(text, "LCK102", "other") == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "text",
    [
        "def f(:\n    '''\n a.acquire()  # locklint: ignore[LCK101]",
        "a.acquire((  # locklint: ignore[LCK101]",
        "    a\n  b\n c  # locklint: ignore[LCK101]",
        "a\x00b  # locklint: ignore[LCK101]",
        "x = $?  # locklint: ignore[LCK101]",
    ],
)
def test_text_that_is_not_python_is_searched_by_line(text: str) -> None:
    assert silenced(text) == [text.count("\n") + 1]


def test_texts_without_comments_to_locklint_are_cheap() -> None:
    assert parse_suppressions("x = 1  # noqa\n" * 10).pragmas == ()
