"""The bytes of files: read once a run, from one state of the file, with a bound on memory."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from locklint.engine import add_ignore, file_bytes
from locklint.engine.file_bytes import FileBytes
from locklint.engine.read import ReadProblem, read_bytes
from tests.engine.conftest import Say

BOX = """\
import threading


class Box:
    def __init__(self):
        self.lock = threading.Lock()

    def use(self):
        self.lock.acquire()
        print(open("x").read())
        self.lock.release()
"""

FILES = {
    "box.py": BOX,
    "user.py": "from box import Box\n\nBox().use()\n",
    "between.py": "from box import Box as Chest\n",
    "reached.py": "import threading\nfrom between import Chest\n\nwith Chest().lock:\n    pass\n",
    "plain.py": "x = 1\n",
    "broken.py": "x = (\n",
    "text.py": "x = '\udce9'\n",
    "notes.ipynb": '{"cells": []}',
}
ALL = dict.fromkeys(FILES, 1)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the process works in, with files of all kinds and the cache switched on."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, errors="surrogateescape")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOCKLINT_NO_CACHE")
    return tmp_path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The number of times that each file was read."""
    found: Counter[str] = Counter()

    def counting(path: str) -> bytes:
        found[path] += 1
        return read_bytes(path)

    for module in (file_bytes, add_ignore):
        monkeypatch.setattr(module, "read_bytes", counting)
    return found


def test_a_run_reads_each_file_once(project: Path, say: Say, reads: Counter[str]) -> None:
    def counted(*words: str) -> Counter[str]:
        reads.clear()
        say("check", "--jobs=1", *words)
        return Counter(reads)

    assert counted("--no-cache") == ALL
    assert counted() == ALL  # Nothing is known.
    assert counted() == ALL  # Nothing has changed.
    (project / "plain.py").write_text("y = 1\n")
    assert counted() == ALL
    (project / "box.py").write_text(BOX + "\n")
    assert counted() == ALL
    assert counted("--error-incomplete") == ALL
    reads.clear()
    assert say("index", ".", "-o", "all.lki")[0] == 0
    assert reads == ALL
    assert counted("--from-index=all.lki") == {}


def test_without_room_a_file_is_read_again_if_it_is_needed_again(
    project: Path, say: Say, reads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = say("check", "--no-cache")
    monkeypatch.setattr(file_bytes, "MOST_KEPT_BYTES", 0)

    def counted() -> Counter[str]:
        reads.clear()
        assert say("check", "--jobs=1") == expected
        return Counter(reads)

    # Files that mention no lock and use one: to see whether they do, and to index them. What they
    # import: also to see whether it has a part in searches.
    again = Counter({**ALL, "user.py": 3, "between.py": 4})
    assert counted() == again
    assert counted() == ALL
    (project / "box.py").write_text(BOX + "\n")
    # Files that are not known to mention no lock are searched before the analysis.
    mentions = dict.fromkeys(("box.py", "reached.py", "broken.py", "text.py"), 1)
    assert counted() == again + Counter(ALL) + Counter(mentions)
    reads.clear()
    assert say("index", ".", "-o", "all.lki")[0] == 0
    assert reads == ALL


def test_comments_go_into_the_file_as_it_is_by_then(
    project: Path, say: Say, reads: Counter[str]
) -> None:
    assert say("check", "--add-ignore")[0] == 1
    assert reads == {**ALL, "box.py": 2}


def test_a_file_that_changes_between_two_reads(
    project: Path, say: Say, reads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say("check")
    expected = say("check", "--no-cache")

    def changing(path: str) -> bytes:
        reads[path] += 1
        data = read_bytes(path)
        return data.replace(b"acquire", b"locked ") if reads[path] > 1 else data

    with monkeypatch.context() as patch:
        patch.setattr(file_bytes, "MOST_KEPT_BYTES", 0)
        patch.setattr(file_bytes, "read_bytes", changing)
        (project / "box.py").write_text(BOX + "\n")
        reads.clear()
        assert say("check") != expected
        assert reads["box.py"] > 1
    # Neither the report nor the facts are believed to be those of the first state.
    assert say("check") == expected


def test_what_is_forgotten_makes_room(
    project: Path, reads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_bytes, "MOST_KEPT_BYTES", len(BOX))
    files = FileBytes()
    assert files.read("box.py") == files.read("box.py")
    files.read("plain.py")
    files.read("plain.py")
    assert reads == {"box.py": 1, "plain.py": 2}
    files.forget("box.py")
    files.forget("box.py")
    files.read("plain.py")
    files.read("plain.py")
    assert reads["plain.py"] == 3
    assert not files.has_changed


def test_a_file_that_cannot_be_read_is_not_tried_again(project: Path) -> None:
    files = FileBytes()
    for _ in range(2):
        with pytest.raises(ReadProblem, match="cannot be read"):
            files.read("missing.py")
        assert b"cannot be read" in files.digest("missing.py")
    (project / "missing.py").write_text("")
    with pytest.raises(ReadProblem):
        files.read("missing.py")
    assert not files.has_changed
