"""`--watch`, as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.test_end_to_end import LEAK
from tests.cli.test_terminal import COMMAND, PLAIN, heed_interrupts


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
            wait_for(result, "watching for changes", 4)
            assert "starboard.py" in result.read_text()
        finally:
            process.send_signal(signal.SIGINT)
            status = process.wait(60)
    assert status == 130


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
