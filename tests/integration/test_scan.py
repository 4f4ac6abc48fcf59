"""The command that scans: which words of its command line name something to scan."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

from locklint import __version__

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "names_input"),
    [
        ([], False),
        (["-q"], False),
        (["--baseline", "known.txt"], False),
        (["--baseline=known.txt", "--config", "locklint.toml"], False),
        (["-o", "known.txt", "--add-ignore"], False),
        (["known.txt"], True),
        (["--baseline", "known.txt", "known.txt"], True),
        (["--add-ignore", "known.txt"], True),
        (["no-such-folder"], True),
        (["-"], True),
        (["--report-only-for", "--"], True),
        (["--from-index", "known.txt"], True),
    ],
)
def test_only_paths_are_scanned_instead_of_the_examples(
    words: list[str], names_input: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("known.txt", "locklint.toml"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    scan = importlib.import_module("scan")
    examples = [] if names_input else [os.path.relpath(ROOT / "examples")]
    assert scan.with_input(words, Path(sys.executable)) == [*words, *examples]


def test_the_version_is_that_of_locklint(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    scan = importlib.import_module("scan")
    monkeypatch.setattr(scan, "prepare", lambda tools: Path(sys.executable).parent)
    for word in ("--version", "-V"):
        monkeypatch.setattr(sys, "argv", ["scan.py", word])
        assert scan.main() == 0
        assert capfd.readouterr().out == f"locklint {__version__}\n"
