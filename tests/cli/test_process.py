"""What can only be seen from outside of the process: imports, pipes, encodings, terminals."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from locklint.cli.terminal_progress import TerminalProgress

ROOT = Path(__file__).parents[2]

HEAVY = ("libcst", "astroid", "rich", "networkx")

IMPORTED = f"""
import sys
from locklint.cli import main
status = main(sys.argv[1:])
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print("heavy:", *heavy, file=sys.stderr)
sys.exit(status)
"""


def run(*words: str, code: str = IMPORTED, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | variables,
        check=False,
    )


@pytest.mark.parametrize(
    "words", [("--help",), ("check", "--help"), ("diff", "--help"), ("version",), ("-V",)]
)
def test_help_and_version_import_nothing_heavy(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.returncode == 0
    assert result.stderr == "heavy:\n"


@pytest.mark.parametrize(
    "words",
    [
        ("config",),
        ("config", "select"),
        ("check", "--show-settings", "src/locklint/core"),
        ("check", "--show-files", "src/locklint/core"),
    ],
)
def test_what_only_looks_at_settings_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.returncode == 0
    assert result.stderr == "heavy:\n"


def test_a_scan_without_locks_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("def add(a, b):\n    return a + b\n")
    (tmp_path / "notes.ipynb").write_text('{"cells": []}')
    (tmp_path / "locklint.toml").write_text('[per-file-ignores]\n"a/*" = ["LCK1"]\n')
    sarif = f"--output-format=sarif:{tmp_path / 'out.sarif'}"
    for words in ((), (sarif, "--output-format=github")):
        result = run("check", str(tmp_path), *words)
        assert result.returncode == 0
        assert "Analysed 2 files (0 mention locks)" in result.stdout
        assert result.stderr == "heavy:\n"


@pytest.mark.parametrize(
    ("words", "needless"),
    [
        (("--help",), ("msgspec", "locklint.engine")),
        (
            ("check", "--no-cache"),
            ("concurrent.futures", "difflib", "tempfile", "locklint.engine.baseline"),
        ),
    ],
)
def test_what_a_small_run_has_no_use_for_is_not_imported(
    tmp_path: Path, words: tuple[str, ...], needless: tuple[str, ...]
) -> None:
    # As fast as an editor or a hook wants it, which is a matter of imports alone.
    leak = tmp_path / "leak.py"
    leak.write_text("import threading\nlock = threading.Lock()\ndef f():\n    lock.acquire()\n")
    result = run(*words, str(leak), code=IMPORTED.replace(repr(HEAVY), repr(needless)))
    assert result.returncode == (1 if "check" in words else 0)
    assert result.stderr.endswith("heavy:\n")


CANNED = """
import sys
from locklint.reporting import render
from locklint.reporting.options import RenderOptions
from tests.reporting.canned import Canned, leak
options = RenderOptions(color=False)
findings = [leak()] if "leak" in sys.argv else []
sys.stdout.write(render(sys.argv[1], Canned().report(*findings), options))
heavy = [name for name in sys.modules if name.partition(".")[0] == "rich"]
print("heavy:", *heavy, file=sys.stderr)
"""


@pytest.mark.parametrize("words", [("full",), ("concise", "leak"), ("json", "leak")])
def test_plain_formats_and_clean_runs_do_not_import_rich(words: tuple[str, ...]) -> None:
    assert run(*words, code=CANNED).stderr == "heavy:\n"


def test_module_and_function_are_the_same_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "locklint", "version"], capture_output=True, text=True, check=True
    )
    assert result.stdout == run("version").stdout


LONG = """
import sys
from locklint.cli.output import write_result
write_result("line\\n" * 1_000_000)
sys.stderr.write("went on")
"""


def test_a_closed_pipe_is_quiet() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "line\n"
    process.stdout.close()
    assert process.stderr.read() == "went on"
    assert process.wait(timeout=60) == 0
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "locklint", "rule"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert result.returncode == 2
    assert result.stderr == "error: standard output: cannot be written: no space left on device\n"


def test_output_in_other_encodings_is_escaped_not_lost() -> None:
    code = "from locklint.cli.output import write_result; write_result('a\u00e9①\\n')"
    assert run(code=code, PYTHONIOENCODING="ascii").stdout == "a\\xe9\\u2460\n"


def test_progress_does_not_show_in_short_runs(capfd: pytest.CaptureFixture[str]) -> None:
    progress = TerminalProgress(patience=60)
    progress.begin("analysing", 3)
    progress.advance()
    progress.end()
    assert capfd.readouterr().err == ""


def test_progress_shows_in_long_runs(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    progress = TerminalProgress(patience=0)
    progress.begin("reading files", 1000)
    progress.advance(10)
    progress.begin("analysing functions")
    time.sleep(0.3)
    progress.advance(2000)
    progress.end()
    progress.end()
    progress.advance()
    written = capfd.readouterr().err
    assert "reading files" in written
    assert "0 of 1,000" in written
    assert "analysing functions" in written
    assert "2,000" in written


LIMITED = """
import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 40, resource.getrlimit(resource.RLIMIT_AS)[1]))
import locklint.cli
from locklint.__main__ import run
parent = os.getpid()
def main():
    assert os.getpid() != parent
    {what}
locklint.cli.main = main
run()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep the limit")
@pytest.mark.parametrize(
    ("what", "status", "message"),
    [
        ("os.kill(os.getpid(), signal.SIGABRT)", 2, "error: not enough memory\n"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", 2, "error: not enough memory\n"),
        ("raise MemoryError", 2, "error: not enough memory\n"),
        ("os.kill(os.getpid(), signal.SIGTERM)", -15, ""),
        ("os.kill(parent, signal.SIGTERM); signal.pause()", -15, ""),
        ("return 1", 1, ""),
        ("return 0", 0, ""),
        (
            "raise SystemError('error return without exception set')",
            2,
            "error: not enough memory\n",
        ),
        (
            "os.write(2, b'raw'); os.kill(os.getpid(), signal.SIGABRT)",
            2,
            "error: not enough memory\n",
        ),
        ("os.write(2, b'raw'); print('note', file=sys.stderr); return 1", 1, "note\nraw"),
    ],
)
def test_a_process_that_dies_where_memory_is_limited(what: str, status: int, message: str) -> None:
    result = run(code=LIMITED.format(what=what))
    assert (result.returncode, result.stderr) == (status, message)
