"""Findings that touch what git says has changed, in real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from locklint.core.config import Config
from locklint.engine.changes import changes_since
from locklint.engine.load_config import SettingsError
from locklint.engine.pipeline import check

LOCKS = "import threading\n\nlock = threading.Lock()\nother = threading.Lock()\n"

WORK = """\
from locks import lock


def first(job):
    lock.acquire()
    job()
    lock.release()


def second(job):
    lock.acquire()
    job()
    lock.release()
"""


def git(*words: str) -> str:
    """Run git in the current folder."""
    return subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two faults in its one commit, to which the process has changed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "locks.py").write_text(LOCKS)
    (tmp_path / "work.py").write_text(WORK)
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "one")
    return tmp_path


def touched(reference: str = "HEAD") -> list[str]:
    """The functions with findings that touch a change."""
    report = check(["."], Config())
    found = changes_since(reference, ".").touched_by(report.diagnostics, report.sources)
    return [each.function for each in found]


def test_nothing_changed(repository: Path) -> None:
    assert touched() == []


@pytest.mark.parametrize("part", ["lock.acquire()", "job()", "lock.release()"])
def test_any_step_counts(repository: Path, part: str) -> None:
    before, _, rest = WORK.partition("def second")
    changed = f"{before}def second{rest.replace(part, part + '  # changed')}"
    (repository / "work.py").write_text(changed)
    assert touched() == ["second"]
    git("commit", "-qam", "two")
    assert touched() == []
    assert touched("HEAD~1") == ["second"]


def test_the_construction_of_the_lock_counts(repository: Path) -> None:
    (repository / "locks.py").write_text(LOCKS.replace("lock = t", "lock  = t", 1))
    assert touched() == ["first", "second"]
    (repository / "locks.py").write_text(LOCKS.replace("other = t", "other  = t"))
    assert touched() == []


def test_files_that_git_does_not_know_are_new(repository: Path) -> None:
    (repository / "new.py").write_text(WORK.replace("first", "third"))
    assert touched() == ["third", "second"]
    (repository / ".gitignore").write_text("new.py\n")
    assert touched() == []


def test_lines_that_only_moved_do_not_count(repository: Path) -> None:
    (repository / "work.py").write_text("import os\n\n" + WORK)
    assert touched() == []
    git("mv", "work.py", "renamed work.py")
    git("commit", "-qam", "two")
    assert touched("HEAD~1") == []


def test_what_was_taken_out_counts_within_its_function(repository: Path) -> None:
    (repository / "work.py").write_text(WORK[: WORK.rindex("    lock.release()")])
    assert touched() == ["second"]


def test_content_that_looks_like_a_diff(repository: Path) -> None:
    (repository / "odd.txt").write_text("-- a/work.py\n++ b/work.py\n@@ -1 +5,3 @@\n")
    git("add", "-A")
    git("commit", "-qm", "two")
    assert touched("HEAD~1") == []
    (repository / "odd.txt").unlink()
    git("commit", "-qam", "three")
    assert touched("HEAD~1") == []


def test_odd_names(repository: Path) -> None:
    name = 'tab\tquote"é.py'
    (repository / name).write_text("x = 1\n" + WORK)
    git("add", "-A")
    git("commit", "-qm", "two")
    (repository / name).write_text("x = 1\n" + WORK.replace("job()\n", "job()  # \n", 1))
    assert touched() == ["first"]


def test_a_fork_is_compared_with_its_beginning(repository: Path) -> None:
    git("checkout", "-qb", "topic")
    (repository / "notes.txt").write_text("x")
    git("add", "-A")
    git("commit", "-qm", "topic")
    git("checkout", "-q", "main")
    (repository / "work.py").write_text(WORK.replace("job()\n", "job()  # main\n"))
    git("commit", "-qam", "main")
    git("checkout", "-q", "topic")
    assert touched("main") == []


@pytest.mark.parametrize("reference", ["nothing", "HEAD~9", "-x", "--all", ""])
def test_no_such_revision(repository: Path, reference: str) -> None:
    with pytest.raises(SettingsError, match=r"no such revision|not a git revision"):
        changes_since(reference, ".")


def test_settings_of_git_do_not_matter(repository: Path) -> None:
    git("config", "diff.noprefix", "true")
    git("config", "diff.mnemonicPrefix", "true")
    git("config", "color.ui", "always")
    git("config", "diff.external", "false")
    git("config", "diff.relative", "true")
    (repository / "work.py").write_text(WORK.replace("job()\n", "job()  # \n", 1))
    assert touched() == ["first"]


def test_outside_of_any_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(SettingsError, match="not a git repository"):
        changes_since("HEAD", str(tmp_path))


def test_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(SettingsError, match="git cannot be run"):
        changes_since("HEAD", ".")


def test_within_a_hook(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "sub").mkdir()
    (repository / "work.py").write_text(WORK.replace("job()\n", "job()  # \n", 1))
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    report = check(["."], Config())
    found = changes_since("HEAD", "sub").touched_by(report.diagnostics, report.sources)
    assert [each.function for each in found] == ["first"]
