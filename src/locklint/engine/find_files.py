"""The files of a run, from what the user named."""

from __future__ import annotations

import os
from collections.abc import Sequence

from msgspec.structs import replace

from locklint.core.config import Config
from locklint.engine.discover import Discovery, discover
from locklint.engine.progress import Progress
from locklint.engine.stdin import StdinText, with_stdin


class UsageError(Exception):
    """A request that cannot be met: a path that does not exist or contains no Python files."""


def find_files(
    paths: Sequence[str],
    config: Config,
    folder: str | None,
    stdin: StdinText | None = None,
    progress: Progress | None = None,
) -> Discovery:
    """The Python files under ``paths``, with the text of ``stdin`` among them.

    ``folder`` is that of the project's settings. Raise `UsageError` for a named path that does not
    exist or where nothing is to be analysed. Hooks and ``xargs`` name many files, some of them or
    all in other languages, which is no mistake. pre-commit may name a single one.
    """
    discovery = discover(paths, config, folder, progress)
    if stdin is not None:
        found = with_stdin(discovery.files, stdin, config, folder)
        discovery = replace(discovery, files=found)
    fatal = [problem for problem in discovery.problems if problem.fatal]
    if fatal:
        raise UsageError("\n".join(f"{problem.path}: {problem.message}" for problem in fatal))
    is_empty = not discovery.files and not discovery.problems
    if is_empty and paths and not config.force_exclude and len(discovery.passed_over) < 2:
        if discovery.passed_over and os.environ.get("PRE_COMMIT"):
            return discovery
        if discovery.passed_over:
            raise UsageError(
                f"{discovery.passed_over[0]}: is not a Python file"
                " (with --force-exclude, that is no error)"
            )
        raise UsageError(f"no Python files in {', '.join(paths) or 'the given paths'}")
    return discovery
