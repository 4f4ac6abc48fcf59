"""What `full` output looks like, line by line."""

from __future__ import annotations

import re

import msgspec
import pytest
from rich.cells import cell_len

from locklint.core.diagnostic import Applicability, Fix, Severity, Step, StepRole
from locklint.core.not_analysed import NotAnalysed, Reason
from locklint.core.source import Span
from locklint.engine.report import Report, Statistics
from locklint.reporting import render
from locklint.reporting.options import RenderOptions
from locklint.reporting.style import wrap
from locklint.reporting.summary import not_analysed_line
from tests.reporting.canned import BANK, CYCLE_FILES, PORT, Canned, cycle, finding, leak, span, step

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def test_steps_are_drawn_below_their_lines_with_what_is_held() -> None:
    assert (
        Canned().text(leak())
        == """\
error[LCK102] unreleased-on-exception: `self._lock` stays locked if
    `self.serial.write(data)` raises
  --> src/port.py:10:9 in Port.send
   │
10 │ self._lock.acquire()
   │ ^^^^^^^^^^^^^^^^^^^^ ① acquired here
11 │ self.serial.write(data)
   │ ─────────────────────── ② can raise
 ⋮
15 │ self._lock.release()
   │ ──────────────────── ③ skipped then
   = help: put the section into `with self._lock:`

"""
    )


def test_a_narrow_terminal_gets_labels_under_their_marks() -> None:
    assert (
        Canned().text(leak(), width=40)
        == """\
error[LCK102] unreleased-on-exception:
    `self._lock` stays locked if
    `self.serial.write(data)` raises
  --> src/port.py:10:9 in Port.send
   │
10 │ self._lock.acquire()
   │ ^^^^^^^^^^^^^^^^^^^^
   │ ① acquired here
11 │ self.serial.write(data)
   │ ─────────────────────── ② can raise
 ⋮
15 │ self._lock.release()
   │ ──────────────────── ③ skipped then
   = help: put the section into
           `with self._lock:`

"""
    )


def test_a_wide_terminal_or_a_pipe_gets_one_line_for_each_thing() -> None:
    text = Canned().text(leak(), width=None)
    assert text == Canned().text(leak(), width=200)
    assert text.splitlines()[0] == (
        "error[LCK102] unreleased-on-exception: "
        "`self._lock` stays locked if `self.serial.write(data)` raises"
    )


def test_other_encodings_get_ascii() -> None:
    text = Canned().text(leak(), encoding="latin-1")
    assert text.isascii()
    assert text.splitlines()[3:9] == [
        "   |",
        "10 | self._lock.acquire()",
        "   | ^^^^^^^^^^^^^^^^^^^^ 1: acquired here",
        "11 | self.serial.write(data)",
        "   | ----------------------- 2: can raise",
        "...",
    ]


def test_colours_change_nothing_but_colours() -> None:
    colored = Canned().text(leak(), color=True)
    assert "\x1b[1;31merror[LCK102]\x1b[0m" in colored
    assert ESCAPE.sub("", colored) == Canned().text(leak())


def test_a_single_place_is_shown_with_its_neighbours() -> None:
    only = finding("src/port.py", span(PORT, "self.serial.write"), "no", advice="do not")
    assert (
        Canned().text(only)
        == """\
error[LCK102] unreleased-on-exception: no
  --> src/port.py:11:9
   │
10 │ self._lock.acquire()
11 │ self.serial.write(data)
   │ ^^^^^^^^^^^^^^^^^
12 │ # The answer comes at once.
   = help: do not

"""
    )


def test_neighbours_that_say_nothing_are_left_out() -> None:
    text = '    """\nlock.acquire\n)\n'
    rows = Canned({"t.py": text}).text(finding("t.py", span(text, "lock"), "no")).splitlines()
    assert rows[3:] == ["2 │ lock.acquire", "  │ ^^^^", ""]


def test_small_gaps_are_filled_and_a_single_step_has_no_number() -> None:
    first = span(PORT, "threading.Lock()")
    last = step("src/port.py", span(PORT, "send"), "used here")
    assert Canned().text(finding("src/port.py", first, "no", last)).splitlines()[3:] == [
        "6 │     self._lock = threading.Lock()",
        "  │                  ^^^^^^^^^^^^^^^^",
        "7 │     self.serial = serial",
        "8 │",
        "9 │ def send(self, data):",
        "  │     ──── used here",
        "",
    ]


def test_steps_in_other_files_have_their_own_snippets() -> None:
    canned = Canned({"src/port.py": PORT, "bank.py": BANK})
    here = span(PORT, "self.serial.write(data)")
    report = finding(
        "src/port.py",
        here,
        "waits for itself",
        step("src/port.py", here, "calls `move`", ["A"]),
        step("bank.py", span(BANK, "port._lock"), "acquired again", ["A"]),
        step("gone.py", Span(7, 1, 7, 2), "not to be seen", ["A", "B"]),
    )
    assert (
        canned.text(report)
        == """\
error[LCK102] unreleased-on-exception: waits for itself
  --> src/port.py:11:9
   │
11 │ self.serial.write(data)
   │ ^^^^^^^^^^^^^^^^^^^^^^^ ① calls `move`  [holding: A]
  ::: bank.py:2:10 in Port.send
 2 │ with port._lock:
   │      ────────── ② acquired again
  ::: gone.py:7:1 in Port.send
   = ③ line 7: not to be seen [holding: A, B]

"""
    )


def test_steps_are_drawn_in_the_order_in_which_they_happen() -> None:
    def at(part: str, message: str, function: str = "Port.send") -> Step:
        place = span(PORT, part)
        return msgspec.structs.replace(step("src/port.py", place, message), function=function)

    report = finding(
        "src/port.py",
        span(PORT, "self._lock.release()"),
        "no",
        at("self._lock.release()", "first"),
        at("def __init__", "called", "Port.__init__"),
        at("self.serial = serial", "then", "Port.__init__"),
        at("self.serial.write", "again"),
        at("self._lock.acquire()", "last"),
    )
    text = Canned().text(report)
    signs = [character for character in text if character in "①②③④⑤"]
    assert "".join(signs) == "①②③④⑤"
    assert text.splitlines()[4:] == [
        "   │ ^^^^^^^^^^^^^^^^^^^^ ① first",
        "  ::: src/port.py:5:5 in Port.__init__",
        " 5 │ def __init__(self, serial):",
        "   │ ──────────── ② called",
        " 6 │     self._lock = threading.Lock()",
        " 7 │     self.serial = serial",
        "   │     ──────────────────── ③ then",
        "  ::: src/port.py:11:9 in Port.send",
        "11 │ self.serial.write(data)",
        "   │ ───────────────── ④ again",
        " ⋮",
        "10 │ self._lock.acquire()",
        "   │ ──────────────────── ⑤ last",
        "",
    ]


def test_calls_that_only_pass_on_are_told_without_code_in_long_stories() -> None:
    def story(calls: int) -> list[str]:
        place = span(PORT, "self.serial.write(data)")
        steps = [
            msgspec.structs.replace(
                step("src/port.py", place, f"calls `f{number}`", ["A"], StepRole.CALL),
                function=f"f{number}",
            )
            for number in range(calls)
        ]
        here = span(PORT, "self._lock.acquire()")
        return Canned().text(finding("src/port.py", here, "no", *steps)).splitlines()

    assert sum("self.serial.write" in row for row in story(8)) == 8
    long = story(12)
    assert "  ::: ③ calls `f2` (src/port.py:11:9)" in long
    assert len(long) < len(story(8))


def test_where_a_lock_is_made_is_a_note() -> None:
    place = span(PORT, "threading.Lock()")
    made = step("src/port.py", place, "`port.Port._lock` is created", role=StepRole.MADE)
    story = msgspec.structs.replace(leak(), steps=(made, *leak().steps))
    rows = Canned().text(story).splitlines()
    assert rows[5].endswith("① acquired here")
    assert "   = lock: `port.Port._lock` is created at src/port.py:6:22" in rows


def test_identifiers_are_never_broken() -> None:
    name = "`" + "a_very_long_name_of_a_lock" * 2 + "`"
    rows = wrap(f"waits for {name}, which is held", 20)
    assert rows == ["waits for", f"{name},", "which is held"]
    assert wrap("hold it with `with self._lock:` then", 24) == [
        "hold it with",
        "`with self._lock:` then",
    ]
    assert wrap("`one that is never closed", 8) == ["`one", "that is", "never", "closed"]


def test_lanes_stand_one_below_the_other_rather_than_break_a_name() -> None:
    name = "Manager._a_lock_with_a_name_of_more_columns_than_a_lane"
    steps = [
        msgspec.structs.replace(each, message=each.message.replace("audit.ledger", name))
        for each in cycle().steps
    ]
    text = Canned(CYCLE_FILES).text(msgspec.structs.replace(cycle(), steps=tuple(steps)), width=100)
    assert "║" in Canned(CYCLE_FILES).text(cycle(), width=100)
    assert "║" not in text
    assert text.count(name) == 3


def test_nested_code_looks_nested_in_lanes() -> None:
    text = "def f():\n    with a:\n        with b:\n            pass\n"
    steps = [
        Step(StepRole.ACQUIRE, "t.py", span(text, "a:"), "acquires `t.a`", "f", "", ("t.a",), 1),
        Step(
            StepRole.WAIT, "t.py", span(text, "b:"), "waits for `t.b`", "f", "", ("t.a",), 1, "t.b"
        ),
        Step(StepRole.ACQUIRE, "t.py", span(text, "b:"), "acquires `t.b`", "f", "", ("t.b",), 2),
        Step(
            StepRole.WAIT, "t.py", span(text, "a:"), "waits for `t.a`", "f", "", ("t.b",), 2, "t.a"
        ),
    ]
    for width in (60, 160):
        rows = Canned({"t.py": text}).text(
            finding("t.py", steps[0].span, "no", *steps), width=width
        )
        assert "2 │ with a:" in rows
        assert "3 │     with b:" in rows


def test_steps_at_one_place_share_a_mark() -> None:
    place = span(PORT, "self._lock.acquire()")
    again = [step("src/port.py", place, word) for word in ("once", "twice")]
    text = Canned().text(finding("src/port.py", place, "no", *again))
    assert text.splitlines()[5:7] == [
        "   │     ^^^^^^^^^^^^^^^^^^^^ ① once",
        "   │                          ② twice",
    ]


def test_columns_are_right_behind_tabs_and_wide_characters() -> None:
    line = '\tx = "日本語"; lock.acquire(); y\tlock.release()'
    canned = Canned({"t.py": line})
    report = finding(
        "t.py",
        span(line, "lock.acquire()"),
        "no",
        step("t.py", span(line, "lock.release()"), "released"),
    )
    drawn = canned.text(report).splitlines()
    shown, caret, dashes = drawn[3:6]
    assert cell_len(shown[: shown.index("lock.acquire")]) == caret.index("^")
    assert cell_len(shown[: shown.index("lock.release")]) == dashes.index("─")
    assert "\t" not in shown


@pytest.mark.parametrize("width", [40, 80, 200, None])
def test_long_lines_are_clipped_around_what_is_marked(width: int | None) -> None:
    line = "x" * 50_000 + "; lock.acquire(); " + "語" * 50_000 + "; lock.release()"
    canned = Canned({"t.py": line})
    place = span(line, "lock.release()")
    acquired = step("t.py", span(line, "lock.acquire()"), "here")
    report = finding("t.py", place, "no", acquired, step("t.py", place, "there"))
    rows = canned.text(report, width=width).splitlines()[3:]
    code = [row for row in rows if "lock." in row]
    assert [("acquire" in row, "release" in row) for row in code] == [(True, False), (False, True)]
    assert all(cell_len(row) <= (width or 204) for row in rows)
    assert code[0].count("…") == 2
    assert code[1].count("…") == 1


@pytest.mark.parametrize("width", [1, 5, 12, 20])
def test_too_few_columns_lose_no_word(width: int) -> None:
    text = Canned().text(leak(), width=width)
    for word in ("LCK102", "unreleased-on-exception", "src/port.py:10:9", "skipped", "③", "help"):
        assert word in text


def test_terminal_escapes_and_direction_overrides_in_code_are_not_obeyed() -> None:
    canned = Canned({"a\x1b[2J.py": 'lock.acquire("\x1b[31m\u202e\x0c")'})
    place = Span(1, 1, 1, 13)
    text = canned.text(finding("a\x1b[2J.py", place, "bell \x07"))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "a�[2J.py:1:1" in text
    assert "bell �" in text


def test_a_span_of_several_lines_is_marked_on_its_first() -> None:
    text = "with (\n    a,\n    b,\n):\n    pass\n"
    rows = Canned({"t.py": text}).text(finding("t.py", Span(1, 1, 4, 2), "no")).splitlines()
    assert rows[3:6] == ["1 │ with (", "  │ ^^^^^^", "2 │     a,"]


@pytest.mark.parametrize("place", [Span(1, 1, 1, 1), Span(99, 7, 99, 9)])
def test_a_place_without_text_is_named_only(place: Span) -> None:
    text = Canned({"t.py": ""}).text(finding("t.py", place, "cannot be read"))
    assert text.splitlines()[1:] == [f"{'':{len(str(place.line))}}--> t.py:{place}", ""]


def test_a_place_behind_the_end_of_a_line_is_marked_at_its_end() -> None:
    rows = Canned({"t.py": "ab"}).text(finding("t.py", Span(1, 9, 1, 12), "no")).splitlines()
    assert rows[3:5] == ["1 │ ab", "  │   ^"]


def test_more_steps_than_signs() -> None:
    steps = [step("src/port.py", span(PORT, "Port"), f"step {n}") for n in range(1, 24)]
    text = Canned().text(finding("src/port.py", span(PORT, "Port"), "no", *steps))
    assert "⑳ step 20\n" in text
    assert "21: step 21\n" in text


def test_a_finding_with_a_fix_is_starred() -> None:
    fix = Fix("use `with`", (), Applicability.SAFE)
    starred = leak().__class__(
        "LCK101", "manual-acquire", Severity.INFO, leak().confidence, "t.py", Span(1, 1, 1, 2), "m",
        fix=fix,
    )  # fmt: skip
    assert Canned().text(starred).startswith("info[LCK101] [*] manual-acquire: m\n")


def test_the_last_lines_say_what_was_found_and_analysed() -> None:
    text = render("full", Canned().report(leak()), RenderOptions())
    assert text.splitlines()[-2:] == [
        "Found 1 error in 1 file.",
        "Analysed 120 files (34 mention locks), 410 functions, 57 locks.",
    ]


def test_a_clean_run_says_what_was_analysed() -> None:
    report = Report(statistics=Statistics(files=1, candidates=1, edges=2, suppressed=3))
    assert render("full", report, RenderOptions()) == (
        "No findings (3 suppressed).\n"
        "Analysed 1 file (1 mentions locks), 0 functions, 0 locks, 2 lock-order edges.\n"
    )


def test_functions_that_were_given_up_are_counted() -> None:
    place = Span(1, 1, 1, 2)
    missing = [
        NotAnalysed("a.py", place, Reason.TOO_COMPLEX, "one"),
        NotAnalysed("a.py", place, Reason.TOO_COMPLEX, "two"),
        NotAnalysed("a.py", place, Reason.TOO_MUCH_WORK, "three"),
        NotAnalysed("b.py", place, Reason.SYNTAX, message="the file does not parse: odd"),
    ]
    statistics = Statistics(files=2, candidates=2, functions=9, incomplete=3)
    report = Report(statistics=statistics, not_analysed=tuple(missing))
    for name in ("full", "concise", "github", "azure", "markdown"):
        assert "".join(render(name, report, RenderOptions()).splitlines(keepends=True)[-2:]) == (
            "Analysed 2 files (2 mention locks), 6 functions, 0 locks.\n"
            "Not analysed: 1 file (syntax error), 3 functions (2 too complex, 1 too much work);"
            " --verbose names them.\n"
        )
        named = render(name, report, RenderOptions(verbose=True))
        assert named.endswith("too much work): a.py:1 one, a.py:1 two, a.py:1 three.\n")
    report = Report(not_analysed=tuple(missing[3:]))
    assert render("full", report, RenderOptions()).endswith("file (syntax error).\n")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words(reason: Reason) -> None:
    line = not_analysed_line([NotAnalysed("a.py", Span(1, 1, 1, 2), reason, "f")])
    assert re.match(r"Not analysed: 1 function( in part)? \([a-z ]+\)", line)


def test_without_closing_lines_a_clean_run_is_silent() -> None:
    assert render("full", Report(), RenderOptions(closing=False)) == ""
