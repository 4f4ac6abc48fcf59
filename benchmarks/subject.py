"""The locklint that is measured: which command it is, and which options it has already."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.corpora import Corpus
from benchmarks.costs import MeasurementError


class Locklint:
    """A locklint command. What ``check --help`` does not name is never passed to it."""

    def __init__(self, command: str = "", extra: str = "") -> None:
        """Ask it for its options.

        Args:
            command: How it is started, as in a shell; by default the program beside this Python.
            extra: Further arguments of ``check`` for the runs over a corpus, as in a shell.

        Raises:
            MeasurementError: There is no such program, or it has no ``check --help``.
        """
        beside = Path(sys.executable).with_name("locklint")
        self.command = shlex.split(command) or [str(beside)]
        self.extra = shlex.split(extra)
        self._help = self._output("check", "--help")
        self.version = self._output("--version").strip()

    def has(self, option: str) -> bool:
        """Whether ``check`` names this option among its own."""
        return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", self._help) is not None

    def check(
        self, paths: Sequence[Path], *, cache: Path | None = None, jobs: int | None = None
    ) -> list[str]:
        """The command that checks these paths.

        Args:
            paths: Files and folders.
            cache: The folder of its cache; without one no cache is used.
            jobs: How many processes; by default as many as it thinks right.
        """
        arguments = ["--isolated", "--exit-zero", "--quiet", "--output-format", "concise"]
        if cache is None:
            arguments += self._known("--no-cache")
        else:
            arguments += self._known("--cache-dir", str(cache))
        if jobs is not None:
            arguments += self._known("--jobs", str(jobs))
        return [*self.command, "check", *arguments, *self.extra, *map(str, paths)]

    def counted(self, corpus: Corpus) -> int:
        """How many files of a corpus it would look at."""
        paths = map(str, corpus.paths)
        return len(self._output("check", "--isolated", "--show-files", *paths).splitlines())

    def revision(self) -> str:
        """The commit of the checkout in which the program lies, and whether its files differ."""
        folder = Path(shutil.which(self.command[0]) or self.command[0]).absolute().parent
        if len(self.command) > 1:
            return "unknown"  # The first word is an interpreter, wherever that lies.

        def git(*arguments: str) -> str:
            command = ["git", "-C", str(folder), *arguments]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            return done.stdout.strip()

        root = git("rev-parse", "--show-toplevel")
        changed = git("status", "--porcelain", "--", f"{root}/src") if root else ""
        return (git("rev-parse", "--short=10", "HEAD") or "unknown") + (
            " with changes in src" if changed else ""
        )

    def _known(self, option: str, *values: str) -> list[str]:
        return [option, *values] if self.has(option) else []

    def _output(self, *arguments: str) -> str:
        command = [*self.command, *arguments]
        try:
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout
        except OSError as error:
            raise MeasurementError(f"`{' '.join(command)}` cannot be run: {error}") from error
        except subprocess.CalledProcessError as error:
            shown = f"`{' '.join(command)}` ended with status {error.returncode}"
            raise MeasurementError(f"{shown}: {error.stderr.strip()}") from error
