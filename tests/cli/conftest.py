"""A command line whose analysis is made up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import locklint.engine
from locklint.cli import main
from locklint.core.config import Config
from locklint.engine.progress import Progress
from locklint.engine.report import Report
from locklint.engine.settings import Settings
from tests.cli.rules import RULES


class CommandLine:
    """Runs the command line in this process, and notes what it asks the analysis for."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.report = Report()
        self.error: BaseException | None = None
        self.paths: tuple[str, ...] = ()
        self.config = Config()

    def analyse(
        self,
        paths: Sequence[str],
        settings: Settings,
        cache: object,
        *,
        before: Callable[[], None] = lambda: None,
        progress: Progress | None = None,
        **_: Any,
    ) -> Report:
        """Stand in for the analysis."""
        before()
        self.paths, self.config = tuple(paths), settings.config
        if self.error is not None:
            raise self.error
        return self.report

    def __call__(self, *words: str) -> SimpleNamespace:
        """The exit status, standard output and standard error of one command."""
        status = main(words)
        captured = self._capture.readouterr()
        return SimpleNamespace(status=status, out=captured.out, err=captured.err)


@pytest.fixture
def locklint_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> CommandLine:
    """A command line in an empty folder, without the environment's wishes for colour."""
    for variable in (
        "NO_COLOR",
        "FORCE_COLOR",
        "COLUMNS",
        "LOCKLINT_OUTPUT_FORMAT",
        "LOCKLINT_CONFIG",
        "CI",
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    line = CommandLine(capsys)
    analysis = ModuleType("locklint.engine.cached_check")
    vars(analysis).update(cached_check=line.analyse)
    rules = ModuleType("locklint.rules")
    vars(rules).update(ALL_RULES=RULES)
    monkeypatch.setitem(sys.modules, "locklint.engine.cached_check", analysis)
    monkeypatch.setattr(locklint.engine, "cached_check", analysis, raising=False)
    monkeypatch.setitem(sys.modules, "locklint.rules", rules)
    monkeypatch.setattr(locklint, "rules", rules, raising=False)
    return line
