"""Several formats in one run, where each goes, and what the services around a run are told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from locklint.cli.destinations import checkout_folder
from locklint.engine.report import Report, Statistics
from locklint.reporting import FORMATS
from tests.cli.conftest import CommandLine
from tests.reporting.canned import Canned, leak

ANALYSED = "Analysed 120 files (34 mention locks), 410 functions, 57 locks.\n"
CLOSING = f"Found 1 error in 1 file.\n{ANALYSED}"


@pytest.fixture
def leaky(locklint_command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A command line whose analysis has one finding, outside of any service."""
    for name in ("GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    locklint_command.report = Canned().report(leak())
    return locklint_command


def test_one_run_writes_text_to_the_terminal_and_data_to_files(leaky: CommandLine) -> None:
    words = ("--output-format", "concise", "--output-format=sarif:out.sarif")
    result = leaky(*words, "--output-format", "json:out.json")
    assert result.status == 1
    assert result.out.startswith("src/port.py:10:9: LCK102 ")
    assert result.out.endswith(CLOSING)
    assert result.err == ""
    run = json.loads(Path("out.sarif").read_text())["runs"][0]
    assert [each["ruleId"] for each in run["results"]] == ["LCK102"]
    assert len(run["tool"]["driver"]["rules"]) >= 5
    assert json.loads(Path("out.json").read_text())["summary"]["errors"] == 1


def test_what_was_analysed_is_said_where_no_text_says_it(leaky: CommandLine) -> None:
    result = leaky("--output-format=sarif:out.sarif")
    assert (result.out, result.err) == ("", CLOSING)
    result = leaky("--output-format=json")
    assert json.loads(result.out)["diagnostics"]
    assert result.err == CLOSING
    assert leaky("--output-format=json", "-q").err == ""
    assert leaky("--output-format=github").err == ""


@pytest.mark.parametrize("output_format", FORMATS)
def test_the_status_is_that_of_the_findings(leaky: CommandLine, output_format: str) -> None:
    assert leaky("--output-format", output_format).status == 1
    assert leaky("--output-format", output_format, "--exit-zero").status == 0
    leaky.report = Report(statistics=Statistics(1))
    assert leaky("--output-format", f"{output_format}:out").status == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--output-format=sarfi",), "unknown format `sarfi` (did you mean `sarif`?)"),
        (("--output-format=sarif:",), "the file after the colon is missing"),
        (
            ("--output-format=full", "--output-format=json"),
            "full and json would both be written to standard output",
        ),
        (
            ("--output-format=full:out", "--output-format=json:./out"),
            "full and json would both be written to ./out",
        ),
        (("--output-format=full:out", "-o", "other"), "other: nothing to write"),
        (("--output-format=full:no/such/out",), "no/such/out: cannot be written"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_run(
    leaky: CommandLine, words: tuple[str, ...], message: str
) -> None:
    result = leaky(*words)
    assert result.status == 2
    assert message in result.err.replace("\n", " ")
    assert leaky.paths == ()


def test_the_file_option_takes_what_would_go_to_the_terminal(leaky: CommandLine) -> None:
    result = leaky("-o", "text", "--output-format=concise", "--output-format=json:out.json")
    assert (result.out, result.err) == ("", CLOSING)
    assert Path("text").read_text().startswith("src/port.py")
    assert Path("out.json").exists()


def test_formats_come_from_the_environment_too(
    leaky: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCKLINT_OUTPUT_FORMAT", "concise json:out.json")
    assert leaky().out.startswith("src/port.py:10:9: ")
    assert Path("out.json").exists()


def test_github_gets_a_summary_of_the_step(
    leaky: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("# Before\n")
    leaky("--output-format=github")
    text = (tmp_path / "summary.md").read_text()
    assert text.startswith("# Before\n## locklint\n")
    assert "| error | LCK102 unreleased-on-exception | `src/port.py:10:9` |" in text
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "summary.md"))
    result = leaky("--output-format=github")
    assert result.status == 1
    assert "cannot write the summary" in result.err


def test_paths_start_at_the_checkout(leaky: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("services/app")
    folder.mkdir(parents=True)
    monkeypatch.setenv("GITHUB_WORKSPACE", os.getcwd())
    monkeypatch.chdir(folder)
    assert "file=services/app/src/port.py," in leaky("--output-format=github").out


def test_the_checkout_is_the_folder_that_the_service_names(tmp_path: Path) -> None:
    (tmp_path / "real" / "app").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    inside, linked = tmp_path / "real" / "app", tmp_path / "link" / "app"
    real = {"CI_PROJECT_DIR": str(tmp_path / "real")}
    assert checkout_folder(str(inside), real) == str(tmp_path / "real")
    assert checkout_folder(str(linked), real) == str(tmp_path / "link")
    assert checkout_folder(str(tmp_path), real) == str(tmp_path)
    assert checkout_folder(str(inside), {"CI_PROJECT_DIR": "real"}) == str(inside)
    assert checkout_folder(str(inside), {}) == str(inside)
