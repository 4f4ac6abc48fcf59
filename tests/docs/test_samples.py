"""What the documentation shows is what is printed, and its recipes do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.samples import PAGES, ROOT, examples_page, has_samples, renewed, without_output
from tests.docs.test_site import compare

SAMPLED = [path for path in PAGES if has_samples(path)]


def test_the_tutorial_shows_what_it_explains() -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    outputs = [part.partition("```")[0] for part in text.split("```console\n")[1:]]
    codes = [re.findall(r"LCK\d+", output) for output in outputs]
    assert codes == [["LCK102"], [], ["LCK301"], []]


def test_the_readme_has_a_sample() -> None:
    assert ROOT / "README.md" in SAMPLED


def test_the_generated_page_of_examples_has_them_all() -> None:
    page = ROOT / "docs" / "examples.md"
    if without_output(page.read_text(encoding="utf-8")) != without_output(examples_page()):
        compare(page, examples_page())


@pytest.mark.parametrize("page", SAMPLED, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_generated_samples_are_what_is_printed(page: Path, tmp_path: Path) -> None:
    compare(page, renewed(page, tmp_path))


LEAK = """\
import threading

lock = threading.Lock()


def send(port):
    lock.acquire()
    port.write()
    lock.release()
"""


def test_the_recipe_for_changed_files_keeps_the_exit_status(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("```bash\nmapfile ")
    recipe = "mapfile " + rest.partition("\n```")[0]
    assert "--report-only-for" in recipe
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT")}
    environment["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), environment["PATH"]])

    def run(*words: str) -> int:
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True).returncode

    git = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org")
    (tmp_path / "old.py").write_text(LEAK)
    assert run("git", "init", "--quiet", "--initial-branch=main") == 0
    assert run("git", "add", ".") == 0
    assert run(*git, "commit", "--quiet", "-m", "first") == 0
    assert run("git", "checkout", "--quiet", "-b", "topic") == 0
    assert run("bash", "-c", recipe) == 0  # Nothing has changed.
    (tmp_path / "new file.py").write_text("x = 1\n")
    assert run("git", "add", ".") == 0
    assert run("bash", "-c", recipe) == 0
    (tmp_path / "-new file.py").write_text(LEAK)
    assert run("git", "add", ".") == 0
    assert run("bash", "-c", recipe) == 1
