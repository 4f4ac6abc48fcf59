"""Fixtures that several tests of the engine use."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from locklint.cli import main

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs the command line and gives its status and what it prints."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(words)
        seen = capsys.readouterr()
        return status, seen.out, seen.err

    return run
