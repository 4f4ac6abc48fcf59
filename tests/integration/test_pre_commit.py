"""The hooks of this checkout, installed by pre-commit and run by git on real commits.

Needs the package index, as installing the hooks does; it is the slowest test, half a minute.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SHARED = """\
import threading

lock = threading.Lock()
"""

LEAK = """\
from shared import lock


def send(port):
    lock.acquire()
    port.write()
    lock.release()
"""

SOUND = """\
from shared import lock


def send(port):
    with lock:
        port.write()
"""

_OF_TERMINALS = frozenset({"COLUMNS", "FORCE_COLOR", "NO_COLOR"})

CONFIG = """\
repos:
  - repo: {repo}
    rev: {rev}
    hooks:
      - id: {hook}
"""


class Repository:
    """A git repository in a folder of its own, which knows nothing of the user's settings."""

    def __init__(self, path: Path, home: Path) -> None:
        self.path = path
        path.mkdir()
        # Neither where git is at work around this test, nor how wide somebody's terminal is.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GIT_", "LOCKLINT_")) and name not in _OF_TERMINALS
        }
        self._environment = kept | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.org",
            "PRE_COMMIT_HOME": str(home),
            "PRE_COMMIT_COLOR": "never",
            "PIP_NO_COMPILE": "1",  # Most of what is installed is never imported here.
        }
        self.run("git", "init", "--quiet", "--initial-branch=main")

    def run(self, *command: str, status: int | None = 0) -> str:
        """What a command writes; a status other than the expected one is a failure."""
        result = subprocess.run(
            command,
            cwd=self.path,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert status is None or result.returncode == status, result.stdout
        return result.stdout

    def commit(self, files: dict[str, str], *options: str, status: int = 0) -> str:
        """Write files and commit them."""
        for name, text in files.items():
            (self.path / name).write_text(text)
        self.run("git", "add", "--", *files)
        return self.run("git", "commit", "--quiet", "-m", "change", *options, status=status)

    def use(self, hook: str, repo: Path, rev: str) -> None:
        """Have a hook run before commits."""
        config = CONFIG.format(repo=repo, rev=rev, hook=hook)
        self.commit({".pre-commit-config.yaml": config}, "--no-verify")
        self.run(sys.executable, "-m", "pre_commit", "install", "--overwrite")


def snapshot(target: Repository) -> str:
    """Commit this checkout as it is now to a repository; the name of the commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, copy = ROOT / name, target.path / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    target.run("git", "add", "--all")
    target.run("git", "commit", "--quiet", "-m", "this checkout")
    return target.run("git", "rev-parse", "HEAD").strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a checkout of git")
def test_the_hooks_refuse_a_commit_with_a_fault_and_let_one_without_pass(tmp_path: Path) -> None:
    home = tmp_path / "home"
    checkout = Repository(tmp_path / "checkout", home)
    rev = snapshot(checkout)

    user = Repository(tmp_path / "user", home)
    user.use("locklint", checkout.path, rev)
    user.commit({"shared.py": SHARED, "port.py": SOUND, "plain.py": "x = 1\n"})
    # What is committed is one file; that it is wrong can be told only if the other is known.
    refused = user.commit({"port.py": LEAK}, status=1)
    assert "error[LCK102] unreleased-on-exception: `lock` stays locked" in refused
    assert "Analysed 3 files (2 mention locks)" in refused
    user.commit({"port.py": LEAK}, "--no-verify")
    # The whole project is judged, whatever the commit changes.
    assert "LCK102" in user.commit({"plain.py": "x = 2\n"}, status=1)

    user.use("locklint-changed", checkout.path, rev)
    user.commit({"plain.py": "x = 3\n"})
    refused = user.commit({"port.py": LEAK.replace("write", "send")}, status=1)
    assert "`lock` stays locked if `port.send()` raises" in refused
    assert "Analysed 3 files (2 mention locks)" in refused
    # The place where the lock is made has to do with the fault too.
    assert "LCK102" in user.commit({"shared.py": SHARED + "\n\n"}, status=1)
    user.commit({"port.py": SOUND.replace("write", "send")})
