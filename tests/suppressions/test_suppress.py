"""Which findings stay when comments are taken into account."""

from __future__ import annotations

import msgspec

from locklint.core.diagnostic import Anchor, Confidence, Diagnostic, Severity, Step, StepRole
from locklint.core.source import SourceFile, Span
from locklint.engine.report import Silenced
from locklint.engine.suppress import Reported, Silencer
from tests.cli.rules import RULES

TEXT = """\
self.lock = Lock()  # locklint: ignore[LCK102] made here
a.acquire()  # locklint: ignore[manual-acquire]
b.acquire()
c.acquire()  # locklint: ignore[LCK999, nonsense]
"""


def finding(line: int, code: str = "LCK101", name: str = "manual-acquire") -> Diagnostic:
    place = Span(line, 1, line, 2)
    return Diagnostic(code, name, Severity.WARNING, Confidence.HIGH, "a.py", place, "message")


SOURCES = {"a.py": SourceFile("a.py", "a", TEXT)}


def test_findings_that_no_comment_silences_stay_in_order() -> None:
    findings = [finding(4), finding(2), finding(3)]
    assert Silencer(SOURCES).split(findings) == (
        (findings[0], findings[2]),
        (Silenced(findings[1], ""),),
    )


def test_a_comment_at_an_anchor_counts() -> None:
    leak = finding(3, "LCK102", "unreleased-on-exception")
    anchored = msgspec.structs.replace(
        leak, anchors=(Anchor("a.py", Span(4, 1, 4, 2)), Anchor("a.py", Span(1, 1, 1, 5)))
    )
    assert Silencer(SOURCES).split([leak, anchored]) == (
        (leak,),
        (Silenced(anchored, "made here"),),
    )


def test_findings_in_files_without_text_stay() -> None:
    lost = msgspec.structs.replace(finding(2), path="gone.py")
    assert Silencer(SOURCES).split([lost]) == ((lost,), ())
    assert Silencer(SOURCES).split([]) == ((), ())


def test_a_comment_at_a_step_that_acquires_or_makes_counts_in_any_file() -> None:
    files = {
        **SOURCES,
        "b.py": SourceFile("b.py", "b", "x\ny.acquire()  # locklint: ignore[LCK101] one thread\n"),
    }

    def story(role: StepRole) -> Diagnostic:
        step = Step(role, "b.py", Span(2, 1, 2, 5), "here")
        return msgspec.structs.replace(finding(3), steps=(step,))

    for role in (StepRole.ACQUIRE, StepRole.MADE):
        assert Silencer(files).split([story(role)])[0] == ()
    for role in (StepRole.RELEASE, StepRole.RAISE, StepRole.CALL, StepRole.NOTE):
        assert Silencer(files).split([story(role)])[0] == (story(role),)


def unused(text: str, running: str = "LCK101 LCK102 LCK902", *used: Diagnostic) -> list[str]:
    """The messages about the comments of a file, after some findings were silenced."""
    silencer = Silencer({"a.py": SourceFile("a.py", "a", text)})
    for each in used:
        silencer.silences(each)
    codes = frozenset(running.split())
    return [each.message for each in silencer.unused("a.py", codes, RULES)]


def test_comments_that_silence_nothing_are_found() -> None:
    text = "x  # locklint: ignore[LCK101, unreleased-on-exception]\n"
    assert unused(text) == ["`ignore[LCK101, unreleased-on-exception]` suppresses nothing"]
    assert unused(text, "LCK101 LCK102", finding(1)) == [
        "`ignore[unreleased-on-exception]` suppresses nothing"
    ]
    assert unused(text, "LCK101", finding(1)) == []
    assert unused("x  # noqa: E501, LCK101\n") == ["`noqa[LCK101]` suppresses nothing"]
    assert unused("x  # noqa: E501\n") == []


def test_a_beginning_of_codes_is_judged_only_if_all_of_them_ran() -> None:
    text = "x  # locklint: ignore[LCK1]\n"
    assert unused(text, "LCK101") == []
    assert unused(text) == ["`ignore[LCK1]` suppresses nothing"]
    assert unused("x  # locklint: ignore\n") == []
    everything = " ".join(rule.code for rule in RULES)
    assert unused("x  # locklint: ignore\n", everything) == ["this `ignore` suppresses nothing"]


def advice(text: str, *reported: Reported) -> list[str]:
    """The help of the findings about the comments of a file, with findings elsewhere in it."""
    silencer = Silencer({"a.py": SourceFile("a.py", "a", text)})
    codes = frozenset({"LCK101", "LCK102"})
    return [each.help for each in silencer.unused("a.py", codes, RULES, reported)]


def test_a_comment_in_another_line_than_its_finding_is_to_be_moved_there() -> None:
    text = "1\n2\n3  # locklint: ignore[LCK102, LCK101]\n4\n5  # noqa: LCK101\n"
    function = Span(1, 1, 4, 9)
    leak = finding(2, "LCK102", "unreleased-on-exception")
    remove = "remove the comment"
    assert advice(text, Reported(finding(1, "LCK999", "other"), function)) == [remove, remove]
    assert advice(text, Reported(leak)) == [remove, remove]
    move = "move the comment to line 2"
    assert advice(text, Reported(leak, function)) == [move, remove]
    nearer = Reported(finding(4), function)
    assert advice(text, Reported(finding(1), function), nearer)[0] == ("move the comment to line 4")


def test_a_comment_at_a_step_of_a_finding_is_to_be_moved_to_its_place_in_whatever_file() -> None:
    text = "1\n2  # locklint: ignore[LCK101]\n3\n"
    step = Step(StepRole.RAISE, "a.py", Span(2, 1, 2, 5), "here")
    there = msgspec.structs.replace(finding(7), path="b.py", steps=(step,))
    assert advice(text, Reported(there)) == ["move the comment to b.py:7"]
    here = Reported(finding(1), Span(1, 1, 3, 2))
    stepping = Reported(msgspec.structs.replace(finding(3), steps=(step,)))
    assert advice(text, here, stepping)[0] == "move the comment to line 3"
    ranges = "1\n2  # locklint: disable[LCK101]\n3\n"
    assert advice(ranges, Reported(there)) == ["remove the comment"]


def test_unknown_rules_are_told_whatever_ran() -> None:
    (message,) = unused("x  # locklint: ignore[LCK110]\n", "")
    assert message.startswith("`ignore[LCK110]` suppresses nothing: there is no rule `LCK110` (did")
    (message,) = unused("x  # locklint: ignore[manual-aquire]\n", "")
    assert "did you mean `manual-acquire`" in message
