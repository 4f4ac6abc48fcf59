"""The command line with the real analysis behind it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locklint.cli import main

LEAK = """\
import threading


class Port:
    def __init__(self, serial):
        self._lock = threading.Lock()
        self.serial = serial

    def send(self, data):
        self._lock.acquire()
        self.serial.write(data)
        self._lock.release()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one fault in it, to which the process has changed."""
    for variable in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LOCKLINT_OUTPUT_FORMAT"):
        monkeypatch.delenv(variable, raising=False)
    root = tmp_path / "project"
    root.mkdir()
    (root / "port.py").write_text(LEAK)
    (root / "plain.py").write_text("x = 1\n")
    (root / "texts").mkdir()
    (root / "texts" / "read.me").write_text("Read me.\n")
    monkeypatch.chdir(root)
    return root


def test_a_finding_on_the_terminal(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    out = capsys.readouterr().out
    assert out.startswith("error[LCK102] unreleased-on-exception: `self._lock` stays locked")
    assert "  --> port.py:10:9 in Port.send\n" in out
    assert "   │ ^^^^^^^^^^^^^^^^^^^^ ① " in out
    assert out.endswith(
        "Found 1 error in 1 file.\nAnalysed 2 files (1 mentions locks), 1 function, 1 lock.\n"
    )


def test_a_finding_as_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", ".", "--output-format", "json"]) == 1
    record = json.loads(capsys.readouterr().out)["diagnostics"][0]
    assert record["code"] == "LCK102"
    assert record["filename"] == str(project / "port.py")
    assert record["location"] == {"row": 10, "column": 9}
    assert [each["role"] for each in record["trace"]] == ["acquire", "raise", "release"]


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (["plain.py"], 0, "Analysed 1 file (0 mention locks), 0 functions, 0 locks."),
        (["--exit-zero"], 0, "Analysed 2 files"),
        (["--ignore", "LCK1"], 0, "No findings."),
        (["--exclude", "port.py"], 0, "Analysed 1 file "),
        (["--select", "manual-acquire", "--output-format=concise"], 1, "port.py:10:9: LCK101 "),
        (["--statistics"], 1, "1  LCK102  unreleased-on-exception"),
        (["gone.py", "--exit-zero"], 2, "gone.py"),
        (["texts"], 2, "texts"),
        (["--show-files"], 0, "plain.py\nport.py\n"),
        (["debug", "ir", "port.py"], 0, "acquire self._lock"),
        (["debug", "locks", "port.py", "--function", "send"], 0, "self._lock"),
        (["debug", "ir", "gone.py"], 2, "gone.py"),
    ],
)
def test_statuses(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    line: str,
) -> None:
    assert main(words) == status
    captured = capsys.readouterr()
    assert line in (captured.err if status == 2 else captured.out)
    assert (captured.out == "") == (status == 2)
    assert "Traceback" not in captured.err


def test_a_file_that_does_not_parse_is_a_finding(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "bad.py").write_text("import threading\nlock = threading.Lock(\n")
    assert main(["--select", "LCK101", "bad.py", "--output-format", "concise"]) == 1
    assert capsys.readouterr().out.startswith("bad.py:2:")
    assert main(["bad.py", "--ignore", "LCK901"]) == 0


def test_a_comment_silences_a_finding(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silenced = LEAK.replace("acquire()", "acquire()  # locklint: ignore[LCK102] one thread only")
    (project / "port.py").write_text(silenced)
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("No findings (1 suppressed).\n")


def test_settings_are_read_from_the_project(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.locklint]\nignore = ["LCK1"]\n')
    assert main([]) == 0
    assert main(["--isolated"]) == 1


def test_sarif_holds_what_is_hidden_on_request(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silenced = LEAK.replace("acquire()", "acquire()  # locklint: ignore[LCK102] one thread only")
    (project / "port.py").write_text(silenced)
    (project / "old.py").write_text(LEAK)
    assert main(["baseline", "old.py", "-q"]) == 0
    words = ["--baseline", "locklint-baseline.txt", "--output-format=sarif", "-q"]
    capsys.readouterr()
    assert main(["check", *words]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"] == []
    assert main(["check", *words, "--show-suppressed"]) == 0
    results = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert [each["baselineState"] for each in results] == ["unchanged", "new"]
    assert results[1]["suppressions"][0]["justification"] == "one thread only"
    assert all("codeFlows" in each for each in results)
    assert main(["check", *words, "--show-suppressed", "--report-only-for", "plain.py"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"] == []


def test_a_comment_at_the_release_is_to_be_moved_to_the_acquire(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leak = LEAK.replace("release()", "release()  # locklint: ignore[LCK102]")
    (project / "port.py").write_text(leak)
    assert main(["-n"]) == 1
    out = capsys.readouterr().out
    assert "`ignore[LCK102]` suppresses nothing: LCK102 is reported at line 10\n" in out
    assert "= help: move the comment to line 10\n" in out
    moved = leak.replace("  # locklint: ignore[LCK102]", "").replace(
        "acquire()", "acquire()  # locklint: ignore[LCK102]"
    )
    (project / "port.py").write_text(moved)
    assert main(["-n"]) == 0
