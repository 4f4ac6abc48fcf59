"""A report on some files that comes from the analysis of the whole project.

A fault in the use of locks often shows only if other files are known: the one that makes the lock,
the one that calls with it held. So the names of changed files decide what is reported, never what
is analysed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from locklint.engine.discover import printable_path
from locklint.engine.ignore import repository_root
from locklint.engine.load_config import load_config

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic


def project_folder(start: str, *, isolated: bool = False) -> str:
    """The folder of the project that a folder belongs to, relative where it is above or the same.

    It is that of the nearest settings file, but no folder above the repository; without settings
    the repository; without either ``start`` itself. Raise `SettingsError` if they cannot be read.
    """
    here = os.path.realpath(start)
    repository = repository_root(here)
    loaded = None if isolated else load_config(Path(here)).path
    folder = str(loaded.parent.resolve()) if loaded else repository or here
    if repository is not None and _is_below(repository, folder):
        folder = repository
    return os.path.relpath(folder, here)


def touching(diagnostics: Iterable[Diagnostic], names: Sequence[str]) -> tuple[Diagnostic, ...]:
    """Return the findings that concern some of the named files or folders.

    A finding concerns a file by its own place, by any of its steps and by where its locks are made.
    """
    wanted = [printable_path(os.path.realpath(name)) for name in names]
    known: dict[str, bool] = {}

    def is_wanted(path: str) -> bool:
        if path not in known:
            real = os.path.realpath(path)
            known[path] = any(_is_below(real, each) for each in wanted)
        return known[path]

    return tuple(each for each in diagnostics if any(map(is_wanted, _paths(each))))


def _paths(diagnostic: Diagnostic) -> set[str]:
    return {
        diagnostic.path,
        *(step.path for step in diagnostic.steps),
        *(anchor.path for anchor in diagnostic.anchors),
    }


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
