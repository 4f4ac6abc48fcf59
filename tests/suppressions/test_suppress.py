"""Which findings stay when comments are taken into account."""

from __future__ import annotations

import msgspec

from locklint.core.diagnostic import Anchor, Confidence, Diagnostic, Severity
from locklint.core.source import SourceFile, Span
from locklint.engine.report import Silenced
from locklint.engine.suppress import Silencer

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
