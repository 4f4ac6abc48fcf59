"""The other verbs: ``rule``, ``debug`` and ``version``."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import locklint.engine
from locklint import __version__
from locklint.cli.check_options import CHECK_OPTIONS
from tests.cli.conftest import CommandLine

PAGE = """\
# manual-acquire (LCK101)

Severity: **warning** · on by default

Why manual-acquire is bad.
"""


@pytest.mark.parametrize("words", [("version",), ("--version",), ("-V",)])
def test_version(locklint_command: CommandLine, words: tuple[str, ...]) -> None:
    result = locklint_command(*words)
    assert (result.status, result.out) == (0, f"locklint {__version__}\n")


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help(locklint_command: CommandLine, word: str) -> None:
    result = locklint_command(word)
    assert result.status == 0
    for verb in ("check", "rule", "graph", "debug", "version"):
        assert f"  {verb} " in result.out
        assert locklint_command(verb, word).status == 0


@pytest.mark.parametrize("word", ["LCK101", "lck101", "manual-acquire"])
@pytest.mark.parametrize("output_format", ["text", "markdown"])
def test_the_page_of_a_rule(locklint_command: CommandLine, word: str, output_format: str) -> None:
    result = locklint_command("rule", word, "--output-format", output_format)
    assert (result.status, result.out) == (0, PAGE)


def test_the_pages_of_several_rules(locklint_command: CommandLine) -> None:
    out = locklint_command("rule", "--all").out
    assert out.startswith(PAGE)
    assert out.count("# ") == 5
    assert locklint_command("rule", "LCK1").out.count("# ") == 2


def test_a_page_on_a_terminal_is_laid_out(
    locklint_command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = locklint_command("rule", "LCK101").out
    assert "\x1b[1m" in out
    assert "**" not in out
    assert locklint_command("rule", "LCK101", "--output-format=markdown").out == PAGE


def test_the_list_of_rules(locklint_command: CommandLine) -> None:
    assert locklint_command("rule").out.splitlines()[:2] == [
        "LCK101  manual-acquire           warning  Finds manual-acquire.",
        "LCK102  unreleased-on-exception  error    Finds unreleased-on-exception.",
    ]
    table = locklint_command("rule", "--output-format", "markdown").out.splitlines()
    assert table[2] == "| LCK101 | manual-acquire | warning | Finds manual-acquire. |"


def test_rules_as_json(locklint_command: CommandLine) -> None:
    assert json.loads(locklint_command("rule", "LCK210", "--output-format=json").out) == {
        "code": "LCK210",
        "name": "empty-critical-section",
        "severity": "info",
        "default": False,
        "fix": None,
        "summary": "Finds empty-critical-section.",
        "explanation": "Why empty-critical-section is bad.",
    }
    for words in (("rule",), ("rule", "--all")):
        assert len(json.loads(locklint_command(*words, "--output-format=json").out)) == 5


def test_an_unknown_rule(locklint_command: CommandLine) -> None:
    result = locklint_command("rule", "manual-aquire")
    assert result.status == 2
    assert result.err == (
        "error: there is no rule `manual-aquire` (did you mean `manual-acquire`?)\n"
    )


def test_debug_prints_a_stage(
    locklint_command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def print_stage(stage: str, path: str, function: str | None) -> str:
        if path == "gone.py":
            raise FileNotFoundError(2, "No such file or directory")
        if path == "bad.py":
            raise SyntaxError("invalid syntax")
        return f"{stage} {path} {function}"

    module = ModuleType("locklint.engine.debug")
    vars(module).update(print_stage=print_stage)
    monkeypatch.setitem(sys.modules, "locklint.engine.debug", module)
    monkeypatch.setattr(locklint.engine, "debug", module, raising=False)
    assert locklint_command("debug", "ir", "a.py").out == "ir a.py None\n"
    assert locklint_command("debug", "locks", "a.py", "--function", "f").out == "locks a.py f\n"
    for path, message in (
        ("gone.py", "gone.py: cannot be read: no such file or directory"),
        ("bad.py", "bad.py: invalid syntax"),
        (".", ".: is a folder, not a file"),
    ):
        result = locklint_command("debug", "ir", path)
        assert (result.status, result.err) == (2, f"error: {message}\n")


def test_help_cuts_no_summary(
    locklint_command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = locklint_command("--help").out
    assert "..." not in out.partition("Commands:")[2]
    assert "  graph     Show the order in which locks are acquired.\n" in out


def test_options_are_listed_by_group(locklint_command: CommandLine) -> None:
    out = locklint_command("check", "--help").out
    headings = [line for line in out.splitlines() if line.endswith(":") and line[0] != " "]
    groups = "Rules Files Settings Output Adoption Exit-status Cache-and-speed Options"
    assert headings == [f"{group.replace('-', ' ')}:" for group in groups.split()]
    options = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", out, re.MULTILINE))
    assert len(options) == len(CHECK_OPTIONS) + 1
    assert "--add-ignore[=REASON]" in out


def test_the_help_of_baseline_does_not_repeat_that_of_check(locklint_command: CommandLine) -> None:
    out = locklint_command("baseline", "--help").out
    assert "see `locklint check --help`." in out
    assert "--baseline FILE" in out
    assert "--jobs" not in out
    assert len(out.splitlines()) < 40
    assert locklint_command("baseline", "--jobs", "1").status == 0


@pytest.mark.parametrize("columns", [72, 80, 100])
def test_help_breaks_no_name(
    locklint_command: CommandLine, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for verb in ("check", "baseline", "index", "graph", "diff", "debug"):
        out = locklint_command(verb, "--help").out
        assert not re.search(r"\w-\n", out)
        assert all(line.count("`") % 2 == 0 for line in out.splitlines())
        assert "\u2011" not in out


@pytest.mark.parametrize(
    "before",
    [
        ("-q",),
        ("-qv",),
        ("--isolated", "-n"),
        ("-j1",),
        ("-j", "1"),
        ("-qj", "1"),
        ("--exclude", "graph"),
        ("--exclude=x",),
        ("--no-preview", "--color", "never"),
        ("--add-ignore",),
    ],
)
def test_options_before_a_command(locklint_command: CommandLine, before: tuple[str, ...]) -> None:
    for path in ("a.py", "graph"):
        result = locklint_command(*before, "check", path)
        assert (result.status, locklint_command.paths) == (0, (path,)), result.err


def test_options_before_another_command_are_its_own(locklint_command: CommandLine) -> None:
    assert locklint_command("--output-format", "json", "rule", "LCK210").out.startswith("{")
    result = locklint_command("-q", "rule", "LCK210")
    assert (result.status, "No such option" in result.err) == (2, True)
    assert "did you mean `graph`?" in locklint_command("-q", "grahp").err


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--sellect", "--select"),
        ("--ignor", "--ignore"),
        ("--no-cach", "--no-cache"),
        ("--outputformat", "--output-format"),
    ],
)
def test_the_most_similar_option_is_suggested(
    locklint_command: CommandLine, word: str, meant: str
) -> None:
    result = locklint_command(word, "a.py")
    assert result.status == 2
    assert result.err.endswith(f"Error: No such option `{word}` (did you mean `{meant}`?)\n")
    assert locklint_command("--zzzzz").err.endswith("Error: No such option `--zzzzz`\n")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("explain", "LCK102"), "locklint rule LCK102"),
        (("lck102",), "locklint rule lck102"),
        (("explain",), "rule"),
        (("scan", "."), "check"),
    ],
)
def test_a_word_of_other_tools_leads_to_the_command(
    locklint_command: CommandLine, words: tuple[str, ...], meant: str
) -> None:
    result = locklint_command(*words)
    assert result.status == 2
    assert f"`{words[0]}` is neither a command nor a path (did you mean `{meant}`?)" in result.err


def test_a_code_behind_an_option_is_a_value(locklint_command: CommandLine) -> None:
    assert locklint_command("--select", "LCK101", "absent").status == 0
    assert locklint_command.paths == ("absent",)


def test_a_path_with_the_name_of_a_command(locklint_command: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "graph").mkdir()
    result = locklint_command("-n", "-j", "1", "graph")
    assert result.status == 2
    assert "for the command, write `locklint graph -n -j 1`" in result.err
    assert "for the path, `locklint check -n -j 1 graph`" in result.err
    assert locklint_command("-q", "--", "graph").status == 0
    assert list(locklint_command.paths) == ["graph"]
    assert locklint_command("-q", "a.py", "graph").status == 0
    assert list(locklint_command.paths) == ["a.py", "graph"]
