"""Standard input, notebooks, and reports on some files of a project, with the real analysis."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from locklint.cli import main

LEAK = """\
from shared import lock


def send(port):
    lock.acquire()
    port.write()
    lock.release()
"""

SHARED = """\
import threading

lock = threading.Lock()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose fault can be judged only if another file is known."""
    for variable in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LOCKLINT_OUTPUT_FORMAT"):
        monkeypatch.delenv(variable, raising=False)
    root = tmp_path / "project"
    (root / "sub").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.locklint]\n")
    (root / "port.py").write_text(LEAK)
    (root / "shared.py").write_text(SHARED)
    (root / "plain.py").write_text("x = 1\n")
    (root / "READ.me").write_text("Read me.\n")
    monkeypatch.chdir(root)
    return root


class Run:
    """One run of ``check`` with concise output."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *words: str) -> None:
        capsys.readouterr()
        self.status = main(["check", "--output-format=concise", *words])
        captured = capsys.readouterr()
        self.out, self.err = captured.out, captured.err
        self.findings = [line for line in self.out.splitlines() if ": LCK" in line]


def test_a_named_file_that_is_not_python_is_passed_over_with_a_note(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = "note: passed over, not Python: READ.me\n"
    for words in (("READ.me", "plain.py"), ("--report-only-for", "READ.me", "plain.py")):
        for _ in range(2):  # Analysed, then from the cache.
            run = Run(capsys, *words)
            assert (run.status, run.err) == (0, note)
        assert Run(capsys, "-q", *words).err == ""
    assert Run(capsys, "--show-files", "READ.me", "plain.py").out == "plain.py\n"
    assert main(["graph", "READ.me", "plain.py"]) == 0
    assert note in capsys.readouterr().err


def test_one_file_that_is_not_python_is_an_error_and_several_are_not(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PRE_COMMIT", raising=False)
    run = Run(capsys, "READ.me")
    assert run.status == 2
    assert run.err.startswith("error: READ.me: is not a Python file (with --force-exclude, ")
    for number in range(6):
        Path(f"{number}.txt").write_text("Some text.\n")
    texts = [f"{number}.txt" for number in range(6)]
    run = Run(capsys, *texts)
    shown = "0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 1 more"
    assert (run.status, run.err) == (0, f"note: passed over, not Python: {shown}\n")
    # Hooks may be given one file alone.
    assert Run(capsys, "--report-only-for", "READ.me").status == 0
    assert Run(capsys, "--force-exclude", "READ.me").status == 0
    monkeypatch.setenv("PRE_COMMIT", "1")
    assert Run(capsys, "READ.me").status == 0
    assert Run(capsys, "gone.md").status == 2


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put a text on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_names_narrow_the_report_and_not_the_analysis(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = Run(capsys, "port.py")
    assert alone.findings == []  # What `lock` is cannot be told from here.
    assert "note: the named files create no lock" in alone.err
    assert Run(capsys, "port.py", "-q").err == ""
    run = Run(capsys, "--report-only-for", "port.py")
    assert run.status == 1
    assert run.findings[0].startswith("port.py:5:5: LCK102 ")
    assert run.err == ""
    assert run.out.endswith("Analysed 3 files (2 mention locks), 1 function, 1 lock.\n")
    # The file that makes the lock has to do with it as well.
    assert Run(capsys, "--report-only-for", "shared.py").findings == run.findings
    other = Run(capsys, "--report-only-for", "plain.py", "READ.me")
    assert (other.status, other.findings) == (0, [])
    assert "Analysed 3 files" in other.out
    assert Run(capsys, "--report-only-for", ".").findings == run.findings


def test_the_project_is_found_from_a_folder_below(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "sub")
    run = Run(capsys, "--report-only-for", "../port.py")
    assert run.findings[0].startswith("../port.py:5:5: LCK102 ")


def test_an_empty_list_of_names_is_no_fault(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(capsys, "--report-only-for")
    assert (run.status, run.findings) == (0, [])
    assert "nothing to report" in run.err
    gone = Run(capsys, "--report-only-for", "gone.py", "port.py")
    assert (gone.status, gone.err) == (2, "error: gone.py: does not exist\n")


def test_standard_input_takes_the_place_of_a_file(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, SHARED + "\nlock.acquire()\n")
    run = Run(capsys, "-", "--stdin-filename", "new/file.py")
    assert run.findings[0].startswith("new/file.py:5:1: LCK104 ")
    give(monkeypatch, LEAK.replace("port.write()", "pass"))
    words = ("--report-only-for", "--stdin-filename", "port.py")
    assert Run(capsys, *words, "--ignore=LCK101").findings == []
    give(monkeypatch, LEAK.replace("def send", "\ndef send"))
    run = Run(capsys, *words)
    assert run.findings[0].startswith("port.py:6:5: LCK102 ")
    give(monkeypatch, SHARED + "\nlock.acquire()\n")
    assert Run(capsys, "-").findings[0].startswith("<stdin>:5:1: LCK104 ")
    give(monkeypatch, "lock = threading.Lock(\n")
    assert Run(capsys, "-").findings[0].startswith("<stdin>:1:")


def test_standard_input_of_a_process(project: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "locklint", "check", "-", "--output-format=concise"],
        input=(SHARED + "\nlock.acquire()  # ü\n").encode("latin-1"),
        capture_output=True,
        check=False,
    )
    assert result.returncode == 1
    assert b"<stdin>:5:1: LCK901" in result.stdout


def notebook(*cells: tuple[str, str], **metadata: Any) -> str:
    """A notebook of cells, each a kind and a text."""
    written = [{"cell_type": kind, "source": text.splitlines(True)} for kind, text in cells]
    return json.dumps({"nbformat": 4, "metadata": metadata, "cells": written}, indent=1)


def test_a_notebook_is_one_module(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = notebook(
        ("code", "%load_ext autoreload\nimport threading\nlock = threading.Lock()"),
        ("markdown", "# Then"),
        (
            "code",
            "def send(port):\n    lock.acquire()\n    !ls\n    port.write()\n    lock.release()",
        ),
    )
    (project / "try.ipynb").write_text(text)
    run = Run(capsys, "try.ipynb")
    assert run.status == 1
    assert run.findings[0].startswith("try.ipynb:cell 3:2:5: LCK102 ")
    assert [line.split(":")[0] for line in Run(capsys).findings] == ["port.py", "try.ipynb"]
    assert main(["try.ipynb"]) == 1
    out = capsys.readouterr().out
    assert "  --> try.ipynb:cell 3:2:5" in out or " --> try.ipynb:cell 3:2:5" in out
    assert "4 │ port.write()" in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"threading.Lock"', "cell"),
        ('{"a": "threading.Lock"}', "it has no list of cells"),
        (notebook(("code", "import threading\nlock = threading.Lock(")), "cell 1:2:"),
    ],
)
def test_a_notebook_that_cannot_be_read_is_a_finding(
    project: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (project / "bad.ipynb").write_text(text)
    run = Run(capsys, "bad.ipynb")
    assert (run.status, len(run.findings)) == (1, 1)
    assert "LCK901" in run.findings[0]
    assert message in run.findings[0] or message == "cell"


def test_a_notebook_of_another_language_is_left_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = notebook(("code", "Lock <- threading"), language_info={"name": "R"})
    (project / "r.ipynb").write_text(text)
    assert Run(capsys, "r.ipynb").status == 0


def test_an_index_passes_over_what_is_not_python(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["index", "plain.py", "READ.me", "-o", "all.lki"]) == 0
    assert "note: passed over, not Python: READ.me\n" in capsys.readouterr().err
