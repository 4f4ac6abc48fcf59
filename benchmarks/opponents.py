"""What locklint's speed is measured against, and where those programs are installed.

Each program has a virtual environment of its own, with the versions that are written down here, in
a folder that git ignores. A program that is not installed is named in the table as missing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
INSTALLED = _HERE.parent / ".benchmarks"


@dataclass(frozen=True)
class Opponent:
    """A program that does something comparable.

    Attributes:
        name: What ``--against`` calls it.
        what: What of it is measured, for the table.
        requirements: What pip installs, with versions; empty for Python itself.
        arguments: What stands before the paths; ``{here}`` stands for the folder of benchmarks.
        slow: Whether a sample of a large corpus has to do, from which the rest is worked out.
        normal: The exit statuses of a run in which nothing went wrong, findings included.
    """

    name: str
    what: str
    requirements: tuple[str, ...]
    arguments: tuple[str, ...]
    slow: bool = False
    normal: frozenset[int] = frozenset({0})

    @property
    def version(self) -> str:
        """The version that is measured."""
        if not self.requirements:
            return sys.version.split()[0]
        return self.requirements[0].partition("==")[2]

    @property
    def folder(self) -> Path:
        """Where its environment is; another set of versions has another folder."""
        return INSTALLED / f"{self.name}-{self.version}"

    @property
    def program(self) -> Path:
        """The file to run."""
        if not self.requirements:
            return Path(sys.executable)
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / self.name

    def command(self, paths: Sequence[Path]) -> list[str]:
        """The command that checks these paths.

        Raises:
            FileNotFoundError: It is not installed.
        """
        # The stamp is written last, so that half an installation does not count as one.
        if self.requirements and not self._stamp.is_file():
            raise FileNotFoundError(f"{self.name} {self.version} is not installed; --setup does it")
        arguments = [argument.replace("{here}", str(_HERE)) for argument in self.arguments]
        return [str(self.program), *arguments, *map(str, paths)]

    def install(self) -> None:
        """Install it, unless it is there already.

        Raises:
            RuntimeError: The package index does not give it, or it cannot be built.
        """
        if not self.requirements or self._stamp.is_file():
            return
        venv.create(self.folder, with_pip=True, clear=True)
        python = self.program.with_name("python")
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*command, *self.requirements], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{self.name} cannot be installed: {done.stderr.strip()[-500:]}")
        self._stamp.touch()

    @property
    def _stamp(self) -> Path:
        return self.folder / ".complete"


OPPONENTS = (
    Opponent(
        name="ast",
        what="ast.parse of all files",
        requirements=(),
        arguments=("{here}/parse_all.py",),
    ),
    Opponent(
        name="ruff",
        what="ruff, ASYNC and PLW2101",
        requirements=("ruff==0.17.6",),
        arguments=(
            *("check", "--no-cache", "--select", "ASYNC,PLW2101", "--preview", "--isolated"),
            *("--exit-zero", "--quiet"),
        ),
    ),
    Opponent(
        name="pylint",
        what="pylint, R1732 and W2101",
        requirements=("pylint==4.1.4", "astroid==4.3.4"),
        arguments=(
            *("--rcfile", os.devnull, "--disable=all", "--enable=R1732,W2101", "--jobs=1"),
            *("--persistent=n", "--recursive=y", "--score=n", "--exit-zero"),
        ),
        slow=True,
    ),
    Opponent(
        name="thread-safety",
        what="thread-safety, its default rules",
        requirements=("thread-safety==0.4.0", "tree-sitter==0.26.1", "tree-sitter-python==0.25.0"),
        arguments=("analyze", "--language", "python"),
        normal=frozenset({0, 1}),
    ),
    Opponent(
        name="semgrep",
        what="semgrep, one lock rule",
        requirements=("semgrep==1.185.0",),
        arguments=(
            *("scan", "--config", "{here}/lock_rule.yml", "--metrics", "off", "--jobs", "1"),
            # What it leaves out by default are tests, vendored code and large files.
            *("--disable-version-check", "--no-git-ignore", "--x-ignore-semgrepignore-files"),
            *("--max-target-bytes", "0", "--include", "*.py", "--quiet"),
        ),
    ),
)


def environment(home: Path) -> dict[str, str]:
    """The variables for programs that are measured: these, with a home folder that is their own.

    Nobody's settings may change what is measured, and nothing may be written beside the suite.
    """
    left_out = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    own = {"HOME": home, "XDG_CACHE_HOME": home / "cache", "XDG_CONFIG_HOME": home / "config"}
    return {
        **kept,
        **{name: str(value) for name, value in own.items()},
        "PYLINTHOME": str(home / "pylint"),
        "SEMGREP_SEND_METRICS": "off",
        "SEMGREP_SETTINGS_FILE": str(home / "semgrep.yml"),
    }
