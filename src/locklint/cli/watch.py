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
    from collections.abc import Callable, Iterable
    from typing import NoReturn

INTERVAL = 0.5
"""The seconds between two looks at the files."""


def watch(run: Callable[[], int], files: Callable[[], Iterable[str]]) -> NoReturn:
    """Run at once, and again when one of the files has changed, is new or is gone.

    ``files`` is called each time. Go on until an interrupt, and through the failures of all runs
    but the first: while settings are being edited, they can be invalid.
    """
    is_first = True
    while True:
        seen = _state(files())
        if not is_first and is_terminal(sys.stdout):
            click.clear()
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


def _state(files: Iterable[str]) -> dict[str, tuple[int, int]]:
    state: dict[str, tuple[int, int]] = {}
    for path in files:
        try:
            status = os.stat(path)
        except OSError:
            continue
        state[path] = (status.st_mtime_ns, status.st_size)
    return state
