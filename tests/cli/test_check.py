"""``locklint check``: flags, settings, streams and exit statuses, over an analysis made up."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from locklint.cli.output import wants_color
from locklint.core.config import Config
from locklint.core.diagnostic import Severity
from locklint.core.not_analysed import NotAnalysed, Reason
from locklint.core.source import Span
from locklint.engine.find_files import UsageError
from locklint.engine.report import InternalError, Report, Statistics
from tests.cli.conftest import CommandLine
from tests.reporting.canned import Canned, leak

ANALYSED = "Analysed 120 files (34 mention locks), 410 functions, 57 locks.\n"


def with_severity(severity: Severity) -> Report:
    """A report with one finding."""
    return Canned().report(msgspec.structs.replace(leak(), severity=severity))


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        ((), (".",)),
        (("check",), (".",)),
        (("check", "a", "b"), ("a", "b")),
        (("a.py", "b"), ("a.py", "b")),
        (("-q", "a"), ("a",)),
        (("--select", "LCK1", "a"), ("a",)),
        (("check", "rule"), ("rule",)),
        (("check", "--", "-q"), ("-q",)),
    ],
)
def test_check_is_meant_where_no_verb_stands(
    locklint_command: CommandLine, words: tuple[str, ...], paths: tuple[str, ...]
) -> None:
    assert locklint_command(*words).status == 0
    assert locklint_command.paths == paths


def test_a_word_that_is_no_path_may_be_a_mistyped_verb(locklint_command: CommandLine) -> None:
    result = locklint_command("chekc", ".")
    assert result.status == 2
    assert "did you mean `check`?" in result.err
    assert locklint_command.paths == ()
    Path("chekc").mkdir()
    assert locklint_command("chekc").status == 0


@pytest.mark.parametrize(
    ("severity", "words", "status"),
    [
        (Severity.ERROR, (), 1),
        (Severity.WARNING, (), 1),
        (Severity.INFO, (), 0),
        (Severity.ERROR, ("--exit-zero",), 0),
        (Severity.ERROR, ("-e", "-q"), 0),
    ],
)
@pytest.mark.parametrize("output_format", ["full", "concise", "json"])
def test_the_status_tells_of_findings_in_every_format(
    locklint_command: CommandLine,
    severity: Severity,
    words: tuple[str, ...],
    status: int,
    output_format: str,
) -> None:
    locklint_command.report = with_severity(severity)
    assert locklint_command(*words, "--output-format", output_format).status == status
    assert locklint_command(*words, "-o", "out", "--statistics").status == status


def test_the_fail_level_comes_from_the_settings(locklint_command: CommandLine) -> None:
    locklint_command.report = with_severity(Severity.WARNING)
    Path("locklint.toml").write_text('fail-level = "error"\n')
    assert locklint_command().status == 0
    assert locklint_command("--isolated").status == 1
    assert locklint_command("--fail-level", "warning").status == 1
    assert locklint_command("--isolated", "--fail-level=error").status == 0
    locklint_command.report = with_severity(Severity.INFO)
    assert locklint_command("--fail-level=info").status == 1
    assert locklint_command("--fail-level=info", "--exit-zero").status == 0


def test_findings_go_to_standard_output(locklint_command: CommandLine) -> None:
    locklint_command.report = Canned().report(leak())
    result = locklint_command()
    assert result.out.startswith("error[LCK102] unreleased-on-exception: ")
    assert result.out.endswith(ANALYSED)
    assert result.err == ""


def test_a_clean_run_says_what_was_analysed_unless_quiet(locklint_command: CommandLine) -> None:
    locklint_command.report = Report(statistics=Statistics(120, 34, 410, 57))
    assert locklint_command().out == f"No findings.\n{ANALYSED}"
    assert locklint_command("-q").out == ""


def test_quiet_leaves_the_findings(locklint_command: CommandLine) -> None:
    locklint_command.report = Canned().report(leak())
    out = locklint_command("--quiet", "--output-format=concise").out
    assert out.startswith("src/port.py:10:9: LCK102 ")
    assert out.count("\n") == 1


def test_findings_in_a_file_leave_the_closing_lines_for_people(
    locklint_command: CommandLine,
) -> None:
    locklint_command.report = Canned().report(leak())
    result = locklint_command("-o", "out.json", "--output-format", "json")
    assert result.out == ""
    assert result.err == f"Found 1 error in 1 file.\n{ANALYSED}"
    assert json.loads(Path("out.json").read_text())["summary"]["errors"] == 1
    assert locklint_command("-q", "-o", "out.txt").err == ""
    assert "①" in Path("out.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["no/such/folder.txt", "."])
def test_a_file_that_cannot_be_written_is_refused_before_the_run(
    locklint_command: CommandLine, path: str
) -> None:
    result = locklint_command("-o", path)
    assert result.status == 2
    assert result.err.startswith(f"error: {path}: cannot be written: ")
    assert locklint_command.paths == ()


def test_statistics(locklint_command: CommandLine) -> None:
    locklint_command.report = Canned().report(leak())
    assert locklint_command("--statistics").out.startswith("1  LCK102  unreleased-on-exception\n")


def test_errors_of_usage_found_by_the_analysis(locklint_command: CommandLine) -> None:
    locklint_command.error = UsageError("gone.py: no such file or directory")
    result = locklint_command("gone.py", "--exit-zero")
    assert (result.status, result.out) == (2, "")
    assert result.err == "error: gone.py: no such file or directory\n"


def test_internal_errors_in_files_do_not_hide_findings(locklint_command: CommandLine) -> None:
    problem = InternalError("src/odd.py", "KeyError: 'x'", "Traceback: somewhere")
    locklint_command.report = Report((leak(),), errors=(problem,))
    result = locklint_command("--exit-zero")
    assert result.status == 2
    assert "error[LCK102]" in result.out
    assert "Found 1 error in 1 file, 1 internal error.\n" in result.out
    assert result.err == "error: src/odd.py: internal error, a bug in locklint: KeyError: 'x'\n"
    assert "Traceback: somewhere" in locklint_command("-v").err


def test_functions_that_were_given_up_are_named_on_request(
    locklint_command: CommandLine,
) -> None:
    given_up = NotAnalysed("src/odd.py", Span(12, 5, 12, 9), Reason.TOO_MANY_STATES, "Pool.grow")
    locklint_command.report = Report(
        statistics=Statistics(files=1, candidates=1, functions=3, incomplete=1),
        not_analysed=(given_up,),
    )
    line = "Not analysed: 1 function (too many states); --verbose names them.\n"
    result = locklint_command()
    assert (result.status, result.err) == (0, "")
    assert result.out.endswith(f"2 functions, 0 locks.\n{line}")
    # It is said however little is printed.
    quiet = locklint_command("-q")
    assert (quiet.status, quiet.out, quiet.err) == (0, "", line)
    assert line in locklint_command("--output-format", "json").err
    named = locklint_command("-v")
    assert "src/odd.py:12:5: `Pool.grow` not analysed: too many states\n" in named.err
    assert named.out.endswith("1 function (too many states): src/odd.py:12 Pool.grow.\n")
    strict = locklint_command("--error-incomplete", "-q")
    assert strict.status == 1
    assert "error: the analysis is not complete" in strict.err
    assert locklint_command("--error-incomplete", "--exit-zero").status == 0


def test_a_complete_analysis_is_no_error(locklint_command: CommandLine) -> None:
    assert locklint_command("--error-incomplete", "-q") == SimpleNamespace(status=0, out="", err="")


def test_a_crash_is_told_with_its_traceback(locklint_command: CommandLine) -> None:
    locklint_command.error = ZeroDivisionError("made up")
    result = locklint_command("--exit-zero")
    assert result.status == 2
    assert "ZeroDivisionError: made up" in result.err
    assert "bug in locklint" in result.err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "error: not enough memory\n"),
        (OSError(errno.EMFILE, "Too many open files", "a.py"), "error: too many open files\n"),
    ],
)
def test_a_system_that_is_exhausted(
    locklint_command: CommandLine, error: Exception, message: str
) -> None:
    locklint_command.error = error
    assert locklint_command() == SimpleNamespace(status=2, out="", err=message)


def test_an_interrupt(locklint_command: CommandLine) -> None:
    locklint_command.error = KeyboardInterrupt()
    assert locklint_command().status == 130


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--selct", "LCK1"), "--select"),
        (("--select", "LCK999"), "there is no rule `LCK999`"),
        (("--select", "manual-aquire"), "did you mean `manual-acquire`?"),
        (("--ignore", "LCK101,XYZ"), "there is no rule `XYZ`"),
        (("--color", "sometimes"), "always"),
        (("--output-format", "xml"), "concise"),
        (("--min-severity", "fatal"), "warning"),
        (("--fail-level", "never"), "warning"),
        (("--jobs", "0"), "--jobs"),
        (("rule", "LCK999"), "there is no rule `LCK999`"),
        (("rule", "--all", "LCK101"), "not both"),
        (("debug", "cfg", "a.py"), "locks"),
        (("debug", "ir"), "FILE"),
    ],
)
def test_errors_of_usage(locklint_command: CommandLine, words: tuple[str, ...], part: str) -> None:
    result = locklint_command(*words)
    assert (result.status, result.out) == (2, "")
    assert part in result.err
    assert "Traceback" not in result.err


def test_comma_lists_and_repeats(locklint_command: CommandLine) -> None:
    locklint_command(
        "--select=LCK1, manual-acquire", "--select", "LCK201,", "--ignore=LCK101",
        "--extend-select", "ALL", "--extend-ignore=LCK102", "--exclude=a,b", "--extend-exclude=c",
        "--force-exclude", "--no-respect-gitignore", "--min-severity=warning",
    )  # fmt: skip
    assert locklint_command.config == Config(
        select=("LCK1", "manual-acquire", "LCK201"),
        ignore=("LCK101",),
        extend_select=("ALL",),
        extend_ignore=("LCK102",),
        exclude=("a", "b"),
        extend_exclude=("c",),
        force_exclude=True,
        respect_gitignore=False,
        min_severity=Severity.WARNING,
    )


def test_flags_without_effect_are_accepted(locklint_command: CommandLine) -> None:
    assert locklint_command("--no-cache", "--cache-dir=x", "--jobs=4").status == 0
    assert locklint_command("-n", "-j", "2").status == 0
    assert locklint_command.config == Config()


def test_flags_stand_above_the_settings_file(locklint_command: CommandLine) -> None:
    Path("pyproject.toml").write_text(
        '[tool.locklint]\nselect = ["LCK2"]\nextend-select = ["LCK101"]\n'
        'ignore = ["LCK210"]\nextend-ignore = ["LCK901"]\nforce-exclude = true\n'
    )
    locklint_command("--extend-select", "LCK102", "--no-force-exclude")
    assert locklint_command.config == Config(
        select=("LCK2",),
        extend_select=("LCK101", "LCK102"),
        ignore=("LCK210",),
        extend_ignore=("LCK901",),
    )
    locklint_command("--select", "LCK1", "--ignore", "LCK102")
    assert locklint_command.config.select == ("LCK1",)
    assert locklint_command.config.extend_select == ()
    assert locklint_command.config.ignore == ("LCK102",)
    locklint_command("--isolated")
    assert locklint_command.config == Config()


def test_an_error_in_the_settings_file(locklint_command: CommandLine) -> None:
    Path("locklint.toml").write_text("selct = []\n")
    result = locklint_command("--exit-zero")
    assert result.status == 2
    assert result.err.startswith("error: ")
    assert "locklint.toml:1:1: unknown setting `selct` (did you mean `select`?)" in result.err
    assert locklint_command("--isolated").status == 0


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("error-stale-baseline", "use the option `--error-stale-baseline`"),
        ("jobs", "use the option `--jobs`, or the variable LOCKLINT_JOBS"),
        ("quiet", "use the option `--quiet`"),
    ],
)
def test_an_option_is_no_setting(locklint_command: CommandLine, key: str, hint: str) -> None:
    Path("locklint.toml").write_text(f"{key} = 1\n")
    result = locklint_command()
    assert result.status == 2
    assert result.err.endswith(f"locklint.toml:1:1: unknown setting `{key}`: {hint}\n")


def test_verbose_tells_settings_and_rules(locklint_command: CommandLine) -> None:
    result = locklint_command("-v", "--select", "LCK1")
    assert "settings: all defaults\n" in result.err
    assert "rules: LCK101, LCK102, LCK901\n" in result.err


def test_the_output_format_can_come_from_the_environment(
    locklint_command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCKLINT_OUTPUT_FORMAT", "json")
    assert json.loads(locklint_command().out)["diagnostics"] == []
    assert locklint_command("--output-format=full").out.startswith("No findings")


@pytest.mark.parametrize(
    ("choice", "environment", "on_terminal", "expected"),
    [
        ("auto", {}, False, False),
        ("auto", {}, True, True),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "0"}, True, False),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour(
    choice: str, environment: dict[str, str], on_terminal: bool, expected: bool
) -> None:
    class Stream:
        def isatty(self) -> bool:
            return on_terminal

    assert wants_color(choice, Stream(), environment) is expected  # type: ignore[arg-type]


def test_colours_are_written_when_asked_for(
    locklint_command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    locklint_command.report = Canned().report(leak())
    assert "\x1b[" not in locklint_command().out
    assert "\x1b[1;31m" in locklint_command("--color", "always").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in locklint_command().out
    assert "\x1b[" not in locklint_command("--color=never").out


def test_the_width_comes_from_the_environment(
    locklint_command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    locklint_command.report = Canned().report(leak())
    monkeypatch.setenv("COLUMNS", "40")
    assert locklint_command("-q").out.splitlines()[0] == "error[LCK102] unreleased-on-exception:"


def test_show_files(locklint_command: CommandLine) -> None:
    Path("a.py").touch()
    Path("b.txt").touch()
    result = locklint_command("--show-files")
    assert (result.status, result.out) == (0, "a.py\n")
    assert locklint_command("--show-files", "gone.py").status == 2
    assert locklint_command.paths == ()
