"""What was not analysed is listed with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.hard_programs import attempts, calls_of_all, locks_in_one_function, nested_pairs
from locklint.analysis import composition, lockset
from locklint.core.config import Config
from locklint.core.not_analysed import Extent, NotAnalysed, Reason
from locklint.engine.pipeline import check
from locklint.engine.report import Report


def check_text(folder: Path, text: str | bytes) -> Report:
    path = folder / "sample.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return check([str(path)], Config())


def not_analysed(folder: Path, text: str | bytes) -> tuple[NotAnalysed, ...]:
    return check_text(folder, text).not_analysed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lock = (\n", Reason.SYNTAX),
        (b"lock = '\xff'\n", Reason.UNDECODABLE),
    ],
)
def test_files(tmp_path: Path, text: str | bytes, reason: Reason) -> None:
    (found,) = not_analysed(tmp_path, text)
    assert (found.path, found.function, found.reason) == (
        str(tmp_path / "sample.py"),
        "",
        reason,
    )
    assert found.extent is Extent.FILE


def test_functions(tmp_path: Path) -> None:
    deep = "-" * 1500 + "1"
    text = f"import threading\nlock = threading.Lock()\ndef f():\n    with lock:\n        {deep}\n"
    (found,) = not_analysed(tmp_path, text)
    assert (found.function, found.reason, found.span.line) == ("f", Reason.TOO_DEEP, 3)
    assert found.extent is Extent.FUNCTION


def test_too_many_states(tmp_path: Path) -> None:
    """Locks that are tried in one block: what is known of one must not be lost for another."""
    locks = range(7)
    lines = ["import threading", *(f"lock{number} = threading.Lock()" for number in locks)]
    lines.append("def f():")
    lines += [f"    got{number} = lock{number}.acquire(False)" for number in locks]
    lines += [f"    if got{number}:\n        lock{number}.release()" for number in locks]
    report = check_text(tmp_path, "\n".join(lines))
    assert report.diagnostics == ()
    (found,) = report.not_analysed
    assert (found.function, found.reason) == ("f", Reason.TOO_MANY_STATES)


def test_complete(tmp_path: Path) -> None:
    text = "import threading\nlock = threading.Lock()\ndef f():\n    with lock:\n        pass\n"
    assert not_analysed(tmp_path, text) == ()


def test_more_chains_than_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions that all call each other with a lock held: what is left out is said."""
    text = calls_of_all(6)
    whole = check_text(tmp_path, text)
    assert len(whole.diagnostics) == 6
    assert whole.not_analysed == ()
    monkeypatch.setattr(composition, "MAX_PAIRS", 5)
    cut = check_text(tmp_path, text)
    assert {each.function for each in cut.not_analysed} == {f"call{number}" for number in range(6)}
    assert {each.reason for each in cut.not_analysed} == {Reason.TOO_MANY_CHAINS}
    assert {each.extent for each in cut.not_analysed} == {Extent.PART}
    assert {each.code for each in cut.diagnostics} <= {each.code for each in whole.diagnostics}


def test_other_kinds_displace_no_acquires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many awaits in callees must not displace the acquire in one of them (LCK601, LCK301)."""
    lines = ["import threading", "", "a = threading.Lock()", "b = threading.Lock()", ""]
    lines += ["class Hub:", "    def __init__(self):"]
    lines += [f"        self.lock{number} = threading.Lock()" for number in range(8)]
    lines += ["", "async def rest(hub: Hub):"]
    for number in range(8):
        lines += [f"    with hub.lock{number}:", "        await hub.step()"]
    lines += ["    with a, b:", "        pass", "", "async def take_both():"]
    lines += ["    with b:", "        await rest(Hub())"]
    monkeypatch.setattr(composition, "MAX_PAIRS", 12)
    report = check_text(tmp_path, "\n".join(lines) + "\n")
    assert {each.code for each in report.diagnostics} == {"LCK302", "LCK601"}
    assert report.not_analysed == ()


def test_more_locks_than_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = locks_in_one_function(8)
    whole = check_text(tmp_path, text)
    assert [each.code for each in whole.diagnostics] == ["LCK206"] * 8
    assert whole.not_analysed == ()
    monkeypatch.setattr(lockset, "MAX_LOCKS", 7)
    given_up = check_text(tmp_path, text)
    assert given_up.diagnostics == ()
    (found,) = given_up.not_analysed
    assert (found.function, found.reason) == ("work", Reason.TOO_MANY_LOCKS)
    assert found.extent is Extent.FUNCTION


def test_hard_programs_are_analysed_to_the_end(tmp_path: Path) -> None:
    """The programs of ``benchmarks.bounds`` in a small size."""
    sections = check_text(tmp_path, attempts(4))
    assert (sections.diagnostics, sections.not_analysed) == ((), ())
    pairs = check_text(tmp_path, nested_pairs(3))
    assert [each.code for each in pairs.diagnostics] == ["LCK301"] * 3
    assert pairs.not_analysed == ()
