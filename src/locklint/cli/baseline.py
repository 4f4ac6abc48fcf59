"""``locklint baseline``: write findings to the baseline."""

from __future__ import annotations

from typing import Any

import click

from locklint.cli.check import run
from locklint.cli.check_options import CheckCommand, check_options

# The options that its help lists; the others are those of `check`.
_LISTED = frozenset({"--baseline", "--select", "--ignore", "--exclude", "--config", "--help"})


class BaselineCommand(CheckCommand):
    """A command with the options of ``check`` whose help lists the most important ones only."""

    def lists(self, option: click.Option) -> bool:
        """Return whether the help lists an option."""
        return not _LISTED.isdisjoint(option.opts)


@click.command(cls=BaselineCommand, short_help="Write all findings to the baseline.")
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path())
@check_options
def baseline(paths: tuple[str, ...], nothing_named: bool = False, **flags: Any) -> int:
    """Write the findings in PATHS to the baseline, so that `check` reports only new ones.

    The file is the one of --baseline, else the one of the settings, else locklint-baseline.txt in
    the project's root. Entries about files outside PATHS stay.

    This is short for `locklint check --update-baseline` and takes the same options; see `locklint
    check --help`.
    """
    return run(paths, nothing_named, **{**flags, "update_baseline": True})
