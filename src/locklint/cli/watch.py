"""``--watch``: run again each time that a file has changed."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from locklint.cli.interrupt import stop_if_interrupted
from locklint.cli.output import is_terminal, write_note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import NoReturn

    State = Mapping[str, tuple[int, int]]
    """The time of change and the size of each file."""

INTERVAL = 0.5
"""The seconds between two looks at the files."""

MOST_NAMES = 3
"""The largest number of changed files that are named."""


def watch(run: Callable[[], int], files: Callable[[], Iterable[str]]) -> NoReturn:
    """Run at once, and again when one of the files has changed, is new or was removed.

    ``files`` is called each time. Clear a terminal before each further run, and write which files
    changed, and when. Continue until an interrupt, and through the failures of all runs but the
    first: while settings are being edited, they can be invalid.
    """
    is_first = True
    seen: State = {}
    while True:
        now = _state(files())
        if not is_first:
            if is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb":
                click.clear()
            write_note(f"{time.strftime('%H:%M:%S')} {difference(seen, now)}\n")
        seen = now
        try:
            run()
        except click.ClickException as error:
            if is_first:
                raise
            error.show()
        is_first = False
        sys.stdout.flush()
        write_note("watching for changes; press Ctrl-C to stop")
        while _state(files()) == seen:
            time.sleep(INTERVAL)
            stop_if_interrupted()


def difference(before: State, after: State) -> str:
    """Return a phrase that names the files which differ between two states."""
    if not before or not after:
        return (
            "the settings have changed"  # As they cannot be read, it is not known what they name.
        )
    said = [
        f"{_shown(path)} {_verb(path in before, path in after)}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]
    if len(said) > MOST_NAMES:
        said[MOST_NAMES - 1 :] = [f"{len(said) - MOST_NAMES + 1} more files changed"]
    return ", ".join(said) or "a file changed"


def _verb(was_there: bool, is_there: bool) -> str:
    return "changed" if was_there and is_there else "added" if is_there else "removed"


def _shown(path: str) -> str:
    """Return a path as short as it can be: relative if it is below the working directory."""
    here = os.getcwd().rstrip(os.sep) + os.sep
    return path.removeprefix(here)


def _state(files: Iterable[str]) -> State:
    state: dict[str, tuple[int, int]] = {}
    for path in files:
        try:
            status = os.stat(path)
        except OSError:
            continue
        state[path] = (status.st_mtime_ns, status.st_size)
    return state
