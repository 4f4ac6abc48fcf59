"""`--watch`, as a process of its own."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from locklint.cli.watch import difference
from tests.cli.test_end_to_end import LEAK
from tests.cli.test_terminal import COMMAND, PLAIN, heed_interrupts

pty = pytest.importorskip("pty")

State = dict[str, tuple[int, int]]


def wait_for(result: Path, text: str, times: int) -> None:
    """Wait until a text stands in a file so many times."""
    end = time.monotonic() + 60
    while result.read_text().count(text) < times:
        assert time.monotonic() < end, result.read_text()
        time.sleep(0.05)


def test_a_change_is_followed_by_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "port.py").write_text(LEAK)
    result = tmp_path / "result"
    with result.open("w") as stream:
        process = subprocess.Popen(
            [*COMMAND, "--watch", "--output-format=concise"],
            cwd=folder,
            env=PLAIN,
            stdout=stream,
            stderr=stream,
            preexec_fn=heed_interrupts,
        )
        try:
            wait_for(result, "watching for changes", 1)
            assert "LCK102" in result.read_text()
            # Settings that are half written are told, and waited through.
            (folder / "locklint.toml").write_text("ignore = [")
            wait_for(result, "watching for changes", 2)
            assert "locklint.toml" in result.read_text()
            (folder / "locklint.toml").write_text('ignore = ["LCK102"]\n')
            wait_for(result, "watching for changes", 3)
            assert result.read_text().count("LCK102") == 1
            (folder / "locklint.toml").unlink()
            (folder / "starboard.py").write_text(LEAK)
            # A run may begin between the two changes.
            wait_for(result, "starboard.py:", 1)
        finally:
            process.send_signal(signal.SIGINT)
            status = process.wait(60)
    assert status == 130
    said = result.read_text()
    assert re.search(r"^\d\d:\d\d:\d\d the settings have changed$", said, re.MULTILINE)
    assert "\x1b" not in said


def shown_by(master: int, text: str, times: int, shown: bytes = b"") -> bytes:
    """Read a terminal until it has shown a text so many times."""
    end = time.monotonic() + 60
    while shown.count(text.encode()) < times:
        assert time.monotonic() < end, shown
        if select.select([master], [], [], 0.1)[0]:
            shown += os.read(master, 65536)
    return shown


@pytest.mark.parametrize(("term", "clears"), [("xterm", True), ("dumb", False)])
def test_a_terminal_is_cleared_and_told_what_changed(
    tmp_path: Path, term: str, clears: bool
) -> None:
    (tmp_path / "port.py").write_text(LEAK)
    (tmp_path / "other.py").write_text("x = 1\n")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "--watch", "--output-format=concise"],
        cwd=tmp_path,
        env=PLAIN | {"TERM": term, "LC_ALL": "C.UTF-8"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=heed_interrupts,
    )
    try:
        shown = shown_by(master, "watching for changes", 1)
        assert b"\x1b[2J" not in shown
        (tmp_path / "port.py").write_text(LEAK + "\n")
        (tmp_path / "other.py").unlink()
        shown = shown_by(master, "watching for changes", 2, shown)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        os.close(slave)
        os.close(master)
    _, cleared, second = shown.partition(b"\x1b[2J\x1b[1;1H")
    assert bool(cleared) == clears
    # Both changes are seen at once, or one after the other.
    assert re.search(rb"\d\d:\d\d:\d\d (other.py removed, )?port.py changed", second or shown)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"a.py": (1, 1)}, {"a.py": (2, 1)}, "a.py changed"),
        ({"a.py": (1, 1)}, {"a.py": (1, 1), "b.py": (1, 1)}, "b.py added"),
        ({"a.py": (1, 1), "b.py": (1, 1)}, {"b.py": (1, 2)}, "a.py removed, b.py changed"),
        (
            {"z": (1, 1)},
            {"z": (1, 1)} | dict.fromkeys("abcd", (1, 1)),
            "a added, b added, 2 more files changed",
        ),
        ({"a.py": (1, 1)}, {}, "the settings have changed"),
    ],
)
def test_what_changed_is_named(before: State, after: State, said: str) -> None:
    assert difference(before, after) == said


def test_files_below_the_working_directory_have_short_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path / "pyproject.toml")
    elsewhere = str(tmp_path) + "2/a.py"
    before = {here: (1, 1), elsewhere: (1, 1)}
    assert difference(before, {here: (2, 1), elsewhere: (1, 1)}) == "pyproject.toml changed"
    assert difference(before, {here: (1, 1), elsewhere: (2, 1)}) == f"{elsewhere} changed"


@pytest.mark.parametrize("words", [["-"], ["--add-ignore"], ["--update-baseline"]])
def test_what_cannot_be_watched_is_refused(tmp_path: Path, words: list[str]) -> None:
    result = subprocess.run(
        [*COMMAND, "check", "--watch", *words],
        cwd=tmp_path,
        env=PLAIN,
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "--watch cannot" in result.stderr
