"""What the table of the speed benchmark says, above all of what could not be measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import opponents
from benchmarks.costs import Comparison, Cost, MeasurementError
from benchmarks.opponents import OPPONENTS, Opponent
from benchmarks.subject import Locklint
from benchmarks.table import HEADINGS, Row, figure, markdown_table


def test_cells_of_a_comparison() -> None:
    comparison = Comparison(Cost(1, 2, 30), Cost(4, 1, 60), Cost(0.25, 2, 0.5), 1.0)
    cells = Row("bench", "cold", "ruff", comparison, "a note").cells()
    assert cells == (
        *("bench", "cold", "ruff", "1.00 / 4.00", "2.00 / 1.00", "30 / 60"),
        *("0.250", "2.00", "0.500", "+1.00 s", "a note"),
    )


def test_what_is_missing_keeps_its_row() -> None:
    cells = Row("bench", "", "semgrep", None, "MISSING: no").cells()
    assert len(cells) == len(HEADINGS)
    assert cells[2] == "semgrep"
    assert cells[-1] == "MISSING: no"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "0.0123"), (0.567, "0.567"), (1.234, "1.23"), (12.34, "12.3"), (1234.5, "1234")],
)
def test_figures(value: float, text: str) -> None:
    assert figure(value) == text


def test_markdown() -> None:
    assert markdown_table(["a", "b"], [["1", "x|y"]]) == "| a | b |\n| --- | --- |\n| 1 | x\\|y |"


def test_an_opponent_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opponents, "INSTALLED", tmp_path)
    ruff = next(rival for rival in OPPONENTS if rival.name == "ruff")
    with pytest.raises(FileNotFoundError, match=r"ruff [\d.]+ is not installed; --setup"):
        ruff.command([tmp_path])


def test_python_itself_needs_no_installation(tmp_path: Path) -> None:
    rival = Opponent("ast", "parsing", (), ("{here}/parse_all.py",))
    program, script, path = rival.command([tmp_path])
    assert program == sys.executable
    assert Path(script).is_file()
    assert path == str(tmp_path)


def test_every_version_is_pinned() -> None:
    for rival in OPPONENTS:
        assert all("==" in requirement for requirement in rival.requirements)


def test_only_options_that_there_are_get_passed(tmp_path: Path) -> None:
    script = tmp_path / "fake.py"
    script.write_text("print('  -n, --no-cache  No.\\n  --jobs-of-others N')", encoding="utf-8")
    subject = Locklint(f"{sys.executable} {script}", "--preview")
    command = subject.check([tmp_path], jobs=1)
    assert "--no-cache" in command
    assert "--jobs" not in command
    assert command[-2:] == ["--preview", str(tmp_path)]
    assert "--cache-dir" not in subject.check([tmp_path], cache=tmp_path)


def test_a_locklint_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="cannot be run"):
        Locklint(str(tmp_path / "locklint"))
