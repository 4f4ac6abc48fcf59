"""Real terminals, pipes, signals and devices."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_end_to_end import LEAK

pty = pytest.importorskip("pty")

PLAIN = {
    name: value
    for name, value in os.environ.items()
    if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "CI", "LC_ALL", "LANG")
    and not name.startswith(("LOCKLINT_", "PYTHON"))
}
COMMAND = [sys.executable, "-m", "locklint"]
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def heed_interrupts() -> None:
    """Let a process stop at an interrupt, even where the tests run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one fault."""
    (tmp_path / "port.py").write_text(LEAK)
    return tmp_path


def on_terminal(folder: Path, columns: int, *words: str, **variables: str) -> str:
    """What a terminal of a width shows; the status has to be that of findings."""
    shown = shown_on_terminal(folder, columns, [*COMMAND, *words], "stdout", variables)
    return shown.replace("\r\n", "\n")


def shown_on_terminal(
    folder: Path, columns: int, command: list[str], stream: str, variables: dict[str, str]
) -> str:
    """Return the output of a command on a stream that is a terminal, while the other is none."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = PLAIN | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | variables
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=slave,
        stdout=slave if stream == "stdout" else subprocess.DEVNULL,
        stderr=slave if stream == "stderr" else subprocess.DEVNULL,
    ) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # How a terminal says that nobody is left.
                break
            if not part:
                break
            shown += part
        os.close(master)
        assert process.wait(timeout=60) == 1
    return shown.decode("utf-8")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_findings_keep_within_the_terminal(folder: Path, columns: int) -> None:
    shown = on_terminal(folder, columns)
    assert ESCAPE.search(shown)
    finding = ESCAPE.sub("", shown).partition("\nFound")[0]
    assert max(map(len, finding.splitlines())) <= columns
    assert "①" in finding


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_terminals_without_colours(folder: Path, variables: dict[str, str]) -> None:
    assert "\x1b" not in on_terminal(folder, 80, **variables)
    assert "\x1b" in on_terminal(folder, 80, "--color", "always", **variables)


AT_ONCE = """
import sys
from locklint.cli import main, terminal_progress
terminal_progress.PATIENCE = terminal_progress.INTERVAL = 0
sys.exit(main(sys.argv[1:]))
"""


def test_progress_on_standard_error(folder: Path) -> None:
    for number in range(3):
        (folder / f"plain{number}.py").write_text("x = 1\n")
    command = [sys.executable, "-c", AT_ONCE]
    # Files are compared with those of a former run.
    assert "comparing" not in shown_on_terminal(folder, 70, command, "stderr", {})
    (folder / "port.py").write_text(LEAK + "\n")
    shown = shown_on_terminal(folder, 70, command, "stderr", {})
    *drawn, last = ESCAPE.sub("", shown).split("\r")
    phases = ["finding files", "comparing files", "reading files", "resolving names"]
    phases += ["analysing functions", "checking rules"]
    places = [next(at for at, row in enumerate(drawn) if phase in row) for phase in phases]
    assert places == sorted(places)
    assert re.search(r"reading files .* 4 of 4 0:0\d", ESCAPE.sub("", shown))
    assert re.search(r"analysing functions .* [1-9]\d* 0:0\d", ESCAPE.sub("", shown))
    # Nothing is left of it.
    assert shown.rstrip().endswith("\x1b[2K") or last.strip() == ""
    assert shown_on_terminal(folder, 70, [*command, "--quiet"], "stderr", {}) == ""
    assert shown_on_terminal(folder, 70, command, "stderr", {"TERM": "dumb"}) == ""
    assert "reading" not in shown_on_terminal(folder, 70, command, "stdout", {})


def test_a_short_run_shows_no_progress(folder: Path) -> None:
    code = AT_ONCE.replace("PATIENCE = terminal_progress.INTERVAL = 0", "PATIENCE = 60")
    assert shown_on_terminal(folder, 70, [sys.executable, "-c", code], "stderr", {}) == ""


def test_a_terminal_that_is_not_utf_8(folder: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    shown = on_terminal(folder, 80, PYTHONIOENCODING="latin-1", **plain)
    assert ESCAPE.sub("", shown).isascii()
    assert "1: `self._lock` is acquired" in ESCAPE.sub("", shown)
    (folder / "port.py").write_text(LEAK.replace("Port", "Pört"), encoding="utf-8")
    assert on_terminal(folder, 80, PYTHONIOENCODING="ascii", **plain).isascii()


def test_colours_in_a_pipe_on_request(folder: Path) -> None:
    def piped(**variables: str) -> bytes:
        return subprocess.run(
            COMMAND, cwd=folder, env=PLAIN | variables, capture_output=True, check=False
        ).stdout

    assert b"\x1b" not in piped()
    assert b"\x1b" in piped(FORCE_COLOR="1")
    assert b"\x1b" not in piped(FORCE_COLOR="1", NO_COLOR="1")


def test_a_reader_that_has_read_enough(folder: Path) -> None:
    for number in range(40):
        (folder / f"m{number}.py").write_text(LEAK * 20)
    with subprocess.Popen(
        COMMAND, cwd=folder, env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"error[LCK102]")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1


@pytest.mark.parametrize("delay", [0.02, 0.1, 0.2, 0.6])
def test_an_interrupt_gives_no_results(folder: Path, delay: float) -> None:
    for number in range(1000):
        (folder / f"m{number}.py").write_text(LEAK)
    (folder / "out.json").write_text("old")
    words = ["--output-format", "json", "-o", "out.json", "-v"]
    with subprocess.Popen(
        [*COMMAND, *words],
        cwd=folder,
        env=PLAIN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_interrupts,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"settings: ")
        assert process.stderr.readline().startswith(b"rules: ")
        time.sleep(delay)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err.strip()) == (b"", b"interrupted")
    assert (folder / "out.json").read_text() == "old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("words", [["-o", "/dev/full"], ["-o", "/dev/full", "--exit-zero"]])
def test_a_full_device_is_an_error(folder: Path, words: list[str]) -> None:
    result = subprocess.run(
        [*COMMAND, *words], cwd=folder, env=PLAIN, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == "error: /dev/full: cannot be written: no space left on device\n"


def test_a_result_may_go_to_a_stream_by_its_name(folder: Path) -> None:
    if not Path("/dev/stdout").exists():
        pytest.skip("there is no such name here")
    with (folder / "result").open("w+") as stream:
        subprocess.run(
            [*COMMAND, "-q", "-o", "/dev/stdout"], cwd=folder, env=PLAIN, stdout=stream, check=False
        )
        stream.seek(0)
        assert stream.read().startswith("error[LCK102]")


@pytest.mark.parametrize("name", ["libcst", "typing", "tomllib", "msgspec", "click", "rich"])
def test_modules_of_the_analysed_folder_are_never_run(folder: Path, name: str) -> None:
    (folder / f"{name}.py").write_text("open('it_ran', 'w')\nraise SystemExit(7)\n")
    (folder / "pyproject.toml").write_text("[tool.locklint]\n")
    result = subprocess.run(
        [*COMMAND, "."], cwd=folder, env=PLAIN, capture_output=True, check=False
    )
    assert result.returncode == 1
    assert result.stdout.startswith(b"error[LCK102]")
    assert not (folder / "it_ran").exists()
