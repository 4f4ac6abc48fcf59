"""``locklint baseline``: write down what is known."""

from __future__ import annotations

from typing import Any

import click

from locklint.cli.check import run
from locklint.cli.check_options import CheckCommand, check_options


@click.command(cls=CheckCommand)
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path())
@check_options
def baseline(paths: tuple[str, ...], nothing_named: bool = False, **flags: Any) -> int:
    """Write the findings in PATHS to the baseline, so that `check --baseline` reports others only.

    The file is that of --baseline, that of the settings, or locklint-baseline.txt in the project's
    root. What it knows of files outside of PATHS stays. Short for `check --update-baseline`.
    """
    return run(paths, nothing_named, **{**flags, "update_baseline": True})
