"""Comments, baselines and changes from the command line, with the real analysis behind it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from locklint.cli import main
from tests.cli.test_end_to_end import LEAK

Run = Callable[..., SimpleNamespace]

CLEAN = LEAK[: LEAK.index("    def send")] + "    def send(self):\n        pass\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line in a folder with one fault, in a.py."""
    for variable in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI", "LOCKLINT_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LOCKLINT_OUTPUT_FORMAT", "concise")
    monkeypatch.chdir(tmp_path)
    Path("a.py").write_text(LEAK)

    def call(*words: str) -> SimpleNamespace:
        status = main(words)
        captured = capsys.readouterr()
        return SimpleNamespace(status=status, out=captured.out, err=captured.err)

    return call


def test_a_baseline_from_beginning_to_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    written = run("baseline")
    assert written.status == 0
    assert (
        "Wrote 1 finding to the baseline (locklint-baseline.txt): 1 added, 0 removed\n"
        "Commit the file: `locklint check --baseline locklint-baseline.txt` reports new findings"
        in written.err
    )
    assert "Commit" not in run("baseline").err
    flags = ("--baseline", "locklint-baseline.txt")
    known = run(*flags)
    assert (known.status, "No new findings (1 in the baseline)." in known.out) == (0, True)
    Path("b.py").write_text(LEAK)
    new = run(*flags)
    assert new.status == 1
    assert new.out.startswith("b.py:10:9: LCK102 ")
    Path("b.py").unlink()
    Path("a.py").write_text(CLEAN)
    text = Path("locklint-baseline.txt").read_text()

    monkeypatch.setenv("CI", "true")
    stale = run(*flags)
    assert stale.status == 0
    assert (
        "1 fixed finding in the baseline (locklint-baseline.txt): --update-baseline removes it"
        in stale.err
    )
    assert run(*flags, "--error-stale-baseline").status == 1
    assert run(*flags, "--error-stale-baseline", "--exit-zero").status == 0
    monkeypatch.setenv("CI", "false")
    assert run(*flags, "--error-stale-baseline").status == 1
    narrowed = run(*flags, "--ignore", "LCK1", "--error-stale-baseline")
    assert narrowed.status == 0
    assert (
        "the baseline was not checked for fixed findings: `--ignore` may leave out findings"
        in narrowed.err
    )
    Path("other.toml").write_text("")
    assert run(*flags, "--config", "other.toml", "--error-stale-baseline").status == 1
    assert Path("locklint-baseline.txt").read_text() == text

    for options, which in (
        (["--isolated"], "`--isolated`"),
        (["--target-version", "py312"], "`--target-version`"),
        (["--no-preview", "--respect-gitignore"], "`--no-preview` and `--respect-gitignore`"),
        (["--config", "ignore = ['LCK1']"], "`--config ignore = ['LCK1']`"),
    ):
        kept = run(*flags, *options)
        assert (kept.status, f": {which} may leave out findings" in kept.err) == (0, True), kept.err
    assert Path("locklint-baseline.txt").read_text() == text

    for options in (
        ["--config", "fail-level='error'"],
        ["--config", "docs-url='https://docs.example.com/{code}'", "--preview"],
        ["--fail-level", "error", "--no-respect-gitignore", "--no-force-exclude"],
        ["--extend-select", "LCK101"],
    ):
        Path("locklint-baseline.txt").write_text(text)
        assert "Removed 1 fixed finding" in run(*flags, *options).err
    Path("locklint-baseline.txt").write_text(text)
    shrunk = run(*flags)
    assert (
        shrunk.status,
        "Removed 1 fixed finding from the baseline (locklint-baseline.txt)\n" in shrunk.err,
    ) == (0, True)
    assert "LCK102" not in Path("locklint-baseline.txt").read_text()
    assert run(*flags, "--error-stale-baseline").status == 0


def test_the_baseline_of_the_settings(run: Run) -> None:
    Path("locklint.toml").write_text('baseline = "known.txt"\n')
    assert run().status == 2
    assert run("--update-baseline").status == 0
    assert Path("known.txt").exists()
    assert run().status == 0
    Path("sub").mkdir()
    Path("sub/b.py").write_text(LEAK)
    assert run("baseline", "sub").status == 0
    assert "a.py\t" in Path("known.txt").read_text()
    assert "sub/b.py\t" in Path("known.txt").read_text()
    assert run().status == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--baseline", "gone.txt"), "the baseline does not exist"),
        (("--baseline", "a.py"), "not a line of a baseline"),
        (("--baseline", "no/folder.txt", "--update-baseline"), "the folder does not exist"),
        (("--error-stale-baseline",), "needs a baseline"),
        (("--changed-since", "-x"), "not a git revision"),
        (("--add-ignore=a # b",), "the reason must be one line without `#`"),
        (("--config", "gone.toml"), "gone.toml: does not exist"),
        (("--config", "selct=['LCK1']"), "did you mean `select`"),
        (("--config", "a=", "--config", "b"), "is neither a file nor a setting"),
        (("--config", "fail-level=error"), '(a text needs quotes: `fail-level="error"`)'),
        (("--config", "a.py", "--config", "b"), "give one settings file, not"),
        (("--config", "a.py", "--isolated"), "--isolated ignores settings files"),
        (("--config", "extend='x'"), "`extend` belongs in a settings file"),
        (("--per-file-ignores", "a.py"), "expected `pattern:rule`"),
        (("--per-file-ignores", "a.py:LCK999"), "there is no rule `LCK999`"),
        (("--target-version", "3.11"), "expected a version such as `py311`"),
        (("--selct", "LCK1"), "--select"),
        (("--profile", "lax"), "'lax' is not one of"),
        (("config", "selct"), "did you mean `select`"),
        (("--show-settings", "gone.py"), "gone.py: does not exist"),
        (("diff", "gone.json", "gone.json"), "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, words: tuple[str, ...], message: str) -> None:
    before = sorted(Path().iterdir())
    result = run(*words)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert "Traceback" not in result.err
    assert Path("a.py").read_text() == LEAK
    assert sorted(Path().iterdir()) == before


def test_flags_stand_above_single_values_above_files(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("locklint.toml").write_text('select = ["LCK105"]\n')
    assert run().status == 0
    assert "LCK101" in run("--config", 'select = ["LCK101"]').out
    assert "LCK102" in run("--config", 'select = ["LCK101"]', "--select", "LCK102").out
    Path("other.toml").write_text('select = ["LCK101"]\n')
    assert "LCK101" in run("--config", "other.toml").out
    monkeypatch.setenv("LOCKLINT_CONFIG", "other.toml")
    assert "LCK101" in run().out
    assert "LCK102" in run("--isolated").out
    assert "LCK105" in run("--config", "locklint.toml", "--show-settings").out


def test_per_file_ignores_on_the_command_line(run: Run) -> None:
    assert run("--per-file-ignores", "a.py:LCK101,a.py:LCK102").status == 0
    assert run("--per-file-ignores", "b.py:LCK102").status == 1


def test_settings_in_force(run: Run) -> None:
    Path("locklint.toml").write_text('select = ["LCK1"]\n')
    Path("sub").mkdir()
    Path("sub/b.py").write_text("x = 1\n")
    Path("sub/locklint.toml").write_text('profile = "strict"\nsource-roots = ["src"]\n')
    result = run("--show-settings", "--min-severity", "error")
    assert result.status == 0
    root, _, sub = result.out.partition("\n\n# /")
    assert 'select = ["LCK1"]\n' in root
    assert 'min-severity = "error"\n' in root
    assert 'profile = "strict"\n' in sub
    assert "source-roots" not in sub
    assert "ignored `source-roots`: only the settings file" in result.err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), 'profile            "default" | "strict"'),
        (("lock-types",), "timeout-argument       The argument of acquire that limits the wait."),
        (("lock-order",), "read from: the settings file of the project's root"),
        (("--output-format", "json"), '"key": "extend"'),
        (("select", "--output-format", "json"), '"default": []'),
        (("--output-format", "json-schema"), '"$schema"'),
        (("--output-format", "markdown"), "## lock-order\n"),
    ],
)
def test_what_can_be_set(run: Run, words: tuple[str, ...], part: str) -> None:
    result = run("config", *words)
    assert result.status == 0
    assert part in result.out


def test_comments_are_added(run: Run) -> None:
    result = run("--add-ignore=one thread only", ".")
    assert (result.status, result.out) == (0, "")
    assert result.err == "Suppressed 1 finding in 1 file.\n"
    assert "acquire()  # locklint: ignore[LCK102] one thread only\n" in Path("a.py").read_text()
    assert run().status == 0


def test_what_add_ignore_cannot_silence_is_a_finding(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bad.py").write_text("lock = threading.Lock(\n")
    result = run("--add-ignore", ".")
    assert result.status == 1
    assert "Suppressed 1 finding in 1 file.\n" in result.err
    assert "bad.py:1: LCK901 cannot be suppressed by a comment" in result.err
    assert "Not analysed: 1 file (syntax error)." in result.err
    assert run("--add-ignore", "--exit-zero", ".").status == 0
    Path("bad.py").unlink()
    Path("a.py").write_text(LEAK)

    def refuse(path: str, data: bytes) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("locklint.engine.add_ignore.replace_file", refuse)
    for words in (["--add-ignore"], ["--add-ignore", "--exit-zero"]):
        result = run(*words)
        assert (result.status, Path("a.py").read_text()) == (2, LEAK)
        assert "a.py: no comments added: Permission denied" in result.err
        assert "Suppressed 0 findings in 0 files." in result.err


def test_a_word_behind_add_ignore_is_a_path(run: Run) -> None:
    Path("sub").mkdir()
    Path("sub/b.py").write_text(LEAK)
    assert run("--add-ignore", "sub").status == 0
    assert "ignore[LCK102]\n" in Path("sub/b.py").read_text()
    assert Path("a.py").read_text() == LEAK


def test_unused_comments_are_told_of_folders_only(run: Run) -> None:
    Path("a.py").write_text(CLEAN.replace("pass", "pass  # locklint: ignore[LCK102]"))
    assert "LCK902" in run().out
    assert run("a.py").status == 0
    assert "LCK902" in run("a.py", "--extend-select", "LCK902").out
    assert run("--ignore", "LCK102").status == 0


def test_noqa_gives_a_note_once(run: Run) -> None:
    Path("a.py").write_text(LEAK.replace("acquire()", "acquire()  # noqa: LCK102"))
    Path("b.py").write_text(LEAK.replace("acquire()", "acquire()  # noqa: E1, LCK102"))
    result = run()
    assert result.status == 0
    assert result.err.count('lint.external = ["LCK"]') == 1
    assert run("-q").err == ""
    Path("ruff.toml").write_text('lint.external = ["LCK"]\n')
    assert run().err == ""


def git(*words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words],
        check=True,
        capture_output=True,
    )


def test_changed_since(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd().parent))
    outside = run("--changed-since", "HEAD")
    assert (outside.status, "not a git repository" in outside.err) == (2, True)
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "one")
    unchanged = run("--changed-since", "HEAD")
    assert unchanged.status == 0
    assert "1 finding not shown: they involve no line changed since HEAD" in unchanged.err
    Path("b.py").write_text(LEAK)
    changed = run("--changed-since", "HEAD")
    assert changed.status == 1
    assert changed.out.startswith("b.py:10:9: LCK102 ")
    unknown = run("--changed-since", "nothing")
    assert (unknown.status, "no such revision" in unknown.err) == (2, True)


def test_two_results(run: Run) -> None:
    run("--output-format", "json", "-o", "old.json")
    Path("b.py").write_text(LEAK)
    Path("a.py").write_text("# moved\n" + LEAK)
    run("--output-format", "json", "-o", "new.json")
    result = run("diff", "old.json", "new.json")
    assert result.status == 1
    assert result.out.startswith("+ b.py:10:9: LCK102 ")
    assert result.out.endswith("1 introduced, 0 fixed, 1 kept.\n")
    assert run("diff", "new.json", "old.json").status == 0
    assert run("diff", "old.json", "new.json", "--exit-zero").status == 0
    markdown = run("diff", "old.json", "new.json", "--output-format", "markdown", "-o", "c.md")
    assert markdown.status == 1
    assert Path("c.md").read_text().startswith("### locklint: 1 introduced, 0 fixed, 1 kept\n")


def test_the_fingerprint_of_json_is_that_of_the_baseline(run: Run) -> None:
    record = json.loads(run("--output-format", "json").out)["diagnostics"][0]
    run("baseline")
    assert record["fingerprint"] in Path("locklint-baseline.txt").read_text()


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (("--force-exclude", "gen/a.py"), 0),
        (("--force-exclude", "gen"), 0),
        (("--force-exclude", "gen", "gen/a.py"), 0),
        (("--force-exclude", "gen/a.py", "a.py"), 1),
        (("gen/a.py",), 1),
        (("--",), 0),
        (("check", "--"), 0),
        (("--", "a.py"), 1),
    ],
)
def test_lists_of_files_from_hooks(run: Run, words: tuple[str, ...], files: int) -> None:
    Path("locklint.toml").write_text('extend-exclude = ["gen/*"]\n')
    Path("gen").mkdir()
    Path("gen/a.py").write_text(LEAK)
    result = run(*words)
    assert result.status == (1 if files else 0)
    assert f"Analysed {files} file" in result.out


def test_an_existing_result_stays_if_it_cannot_be_replaced(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("out.txt").write_text("old")

    def full(*words: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    result = run("-o", "out.txt")
    assert result.status == 2
    assert "error: out.txt: cannot be written: no space left on device" in result.err
    assert Path("out.txt").read_text() == "old"
    assert sorted(path.name for path in Path().iterdir()) == ["a.py", "out.txt"]


ORDER = """\
import threading

a = threading.Lock()
b = threading.Lock()


def f():
    with b:
        with a:
            pass
"""
IN_ORDER = '[tool.locklint]\nbaseline = "known.txt"\nlock-order = ["order.a < order.b"]\n'


@pytest.mark.parametrize("words", [("check",), ("baseline",), ("check", "--add-ignore=later")])
def test_a_misspelt_lock_leaves_all_files_as_they_are(run: Run, words: tuple[str, ...]) -> None:
    Path("order.py").write_text(ORDER)
    Path("pyproject.toml").write_text(IN_ORDER)
    assert run("baseline").status == 0
    assert "LCK305" in Path("known.txt").read_text()
    Path("pyproject.toml").write_text(IN_ORDER.replace("order.a <", "order.aa <"))
    before = {path: path.read_text() for path in Path.cwd().iterdir() if path.is_file()}
    done = run(*words)
    assert done.status == 2
    assert "pyproject.toml:3:16: `lock-order`: " in done.err
    assert {path: path.read_text() for path in before} == before


def test_a_name_that_settings_share_with_others_stops_nothing(run: Run) -> None:
    Path("order.py").write_text(ORDER)
    Path("shared.toml").write_text('lock-order = ["order.a < order.b", "other.a < other.b"]\n')
    Path("locklint.toml").write_text('extend = "shared.toml"\nbaseline = "known.txt"\n')
    assert run("baseline").status == 0
    assert "LCK305" in Path("known.txt").read_text()
    Path("order.py").write_text(ORDER.replace("with a", "with b"))
    stale = run("check", "--error-stale-baseline")
    assert "not checked for fixed findings: the settings name `other.a`" in stale.err
    assert "LCK305" in Path("known.txt").read_text()
    Path("known.txt").unlink()
    Path("locklint.toml").write_text('extend = "shared.toml"\n')
    assert run("check", "--add-ignore=later").status == 0
    assert "locklint: ignore" in Path("a.py").read_text()


def test_a_new_baseline_of_the_settings_needs_no_option(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("sub").mkdir()
    Path("sub/a.py").write_text(LEAK)
    Path("locklint.toml").write_text('baseline = "known.txt"\n')
    written = run("baseline")
    assert "Commit the file: `locklint check` now reports new findings only\n" in written.err
    Path("known.txt").unlink()
    assert run("baseline", "-q").err == ""
    Path("known.txt").unlink()
    Path("locklint.toml").write_text("")
    monkeypatch.chdir("sub")
    written = run("baseline")
    assert "/locklint-baseline.txt` reports new findings only" in written.err
    assert 'With `baseline = "locklint-baseline.txt"` in the settings' in written.err
