"""The same answer to the byte: for any number of processes, order, state of the cache, split."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from locklint.cli import main
from locklint.engine import workers
from locklint.engine.cache_folder import FOLDER

EXAMPLES = Path(__file__).parents[2] / "examples"

WRAPPER = """\
import threading

_lock = threading.Lock()


def enter():
    _lock.acquire()


def leave():
    _lock.release()
"""

USER = """\
import threading

from wrapper import enter, leave


def use(work):
    enter()
    work()
    leave()
"""

# A file that mentions no lock, through which one that is held leads back to itself.
BETWEEN = """\
import store


def refresh():
    store.reload()
"""

STORE = """\
import threading

import between

_guard = threading.Lock()


def update():
    with _guard:
        between.refresh()


def reload():
    with _guard:
        pass
"""

Say = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, which the process works in, with faults that span files; each file is a share."""
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLES, folder / "examples")
    shutil.copytree(EXAMPLES, folder / "scripts")  # The same module names a second time.
    texts = {"wrapper": WRAPPER, "user": USER, "between": BETWEEN, "store": STORE}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "scripts" / "locklint.toml").write_text('ignore = ["LCK104"]\n')
    (folder / "broken.py").write_text("import threading\nlock = threading.Lock(\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(workers, "SHARE_BYTES", 1)
    return folder


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs the command line and gives what it prints, with the closing lines."""

    def run(*words: str) -> str:
        capsys.readouterr()
        assert main(["check", "--output-format=full", "--select=ALL", *words]) == 1
        seen = capsys.readouterr()
        return seen.out + seen.err

    return run


_EXPECTED: dict[tuple[str, ...], str] = {}


def said_by_one_process(say: Say, *paths: str) -> str:
    """Return what one process says of the project without a cache, which is scanned once."""
    if paths not in _EXPECTED:
        _EXPECTED[paths] = say("--jobs=1", "--no-cache", *paths)
    return _EXPECTED[paths]


@pytest.fixture
def expected(project: Path, say: Say) -> str:
    """What one process says of the project without a cache."""
    text = said_by_one_process(say)
    for sign in ("LCK302", "user.py", "broken.py", "scripts/"):
        assert sign in text
    return text


@pytest.mark.parametrize("jobs", [2, 8])
def test_any_number_of_jobs(project: Path, expected: str, say: Say, jobs: int) -> None:
    assert say(f"--jobs={jobs}", "--no-cache") == expected


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order_of_the_paths(project: Path, say: Say, seed: int) -> None:
    paths = sorted(str(each.relative_to(project)) for each in project.rglob("*.py"))
    expected = said_by_one_process(say, *paths)
    random.Random(seed).shuffle(paths)
    assert say("--jobs=2", "--no-cache", *paths) == expected


@pytest.mark.parametrize("jobs", [1, 2])
def test_any_state_of_the_cache(
    project: Path, expected: str, say: Say, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.delenv("LOCKLINT_NO_CACHE")
    cold = say(f"--jobs={jobs}")
    warm = say(f"--jobs={jobs}")
    with sqlite3.connect(project / FOLDER / "store.sqlite") as store:
        store.execute("delete from reports")
    store.close()
    facts = say(f"--jobs={jobs}")
    # Half of the files are known, and so are their facts.
    (project / FOLDER / "store.sqlite").unlink()
    say(f"--jobs={jobs}", "examples", "user.py")
    half = say(f"--jobs={jobs}")
    assert [cold, warm, facts, half] == [expected] * 4


@pytest.mark.parametrize("seed", range(3))
def test_any_split_into_indexes(
    project: Path, expected: str, say: Say, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    choose = random.Random(seed)
    files = sorted(str(each.relative_to(project)) for each in project.rglob("*.py"))
    count = choose.randint(2, 5)
    parts: list[list[str]] = [[] for _ in range(count)]
    for file in files:
        choose.choice(parts).append(file)
    names: list[str] = []
    for number, part in enumerate(part for part in parts if part):
        names.append(f"part{number}.lki")
        assert main(["index", *part, "-o", names[-1], f"--jobs={1 + number % 2}"]) == 0
    choose.shuffle(names)
    together = said_by_one_process(say, *files)
    assert say("--jobs=2", *(f"--from-index={name}" for name in names)) == together
    assert main(["index", ".", "-o", "whole.lki"]) == 0
    assert say("--from-index=whole.lki") == expected


def test_an_index_is_the_same_on_every_run(project: Path) -> None:
    made: set[bytes] = set()
    for seed in ("1", "2", "77"):
        command = [sys.executable, "-P", "-m", "locklint", "index", "-q", "-o", "x.lki"]
        subprocess.run(command, check=True, env={"PYTHONHASHSEED": seed, "PATH": ""})
        made.add((project / "x.lki").read_bytes())
    assert len(made) == 1


@pytest.mark.parametrize("seed", ["1", "2"])
def test_any_order_of_sets(project: Path, seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "--select=ALL", "--no-cache", "--jobs=2", "--output-format=json"]
    main(words)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "locklint", *words],
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": seed, "PATH": ""},
        check=False,
    )
    assert done.stdout == capsys.readouterr().out
