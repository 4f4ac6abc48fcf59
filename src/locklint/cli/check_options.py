"""The options of ``locklint check``: their names, their help, and how their words are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from locklint.cli.destinations import complete_formats, parse_formats
from locklint.reporting import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any] | click.Command")

SEVERITIES = ("info", "warning", "error")
COLORS = ("auto", "always", "never")


def _pieces(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The items of an option that takes comma lists and may be repeated; None if not given."""
    if not values:
        return None
    return tuple(item.strip() for value in values for item in value.split(",") if item.strip())


def _list_option(name: str, metavar: str, text: str) -> Callable[[Command], Command]:
    return click.option(name, multiple=True, metavar=metavar, callback=_pieces, help=text)


CHECK_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    _list_option("--select", "RULES", "Run these rules only: codes, prefixes, names or ALL."),
    _list_option("--ignore", "RULES", "Leave these rules out."),
    _list_option("--extend-select", "RULES", "Run these rules as well."),
    _list_option("--extend-ignore", "RULES", "Leave these rules out as well."),
    _list_option("--exclude", "PATTERNS", "Leave out these paths instead of the built-in list."),
    _list_option("--extend-exclude", "PATTERNS", "Leave out these paths as well."),
    click.option(
        "--force-exclude/--no-force-exclude",
        default=None,
        help="Apply exclusions to paths given on the command line too.",
    ),
    click.option(
        "--respect-gitignore/--no-respect-gitignore",
        default=None,
        help="Leave out files that git ignores (the default).",
    ),
    click.option(
        "--min-severity", type=click.Choice(SEVERITIES), help="Leave out findings below this."
    ),
    click.option("--exit-zero", "-e", is_flag=True, help="Exit with 0 even if there are findings."),
    click.option("--isolated", is_flag=True, help="Read no configuration file."),
    click.option("--no-cache", "-n", is_flag=True, help="Accepted; there is no cache yet."),
    click.option(
        "--cache-dir",
        type=click.Path(),
        envvar="LOCKLINT_CACHE_DIR",
        help="Accepted; there is no cache yet.",
    ),
    click.option(
        "--jobs",
        "-j",
        type=click.IntRange(min=1),
        envvar="LOCKLINT_JOBS",
        help="Accepted; the analysis runs in one process yet.",
    ),
    click.option("--quiet", "-q", is_flag=True, help="Print findings and errors, nothing else."),
    click.option(
        "--verbose", "-v", is_flag=True, help="Name settings and rules in force, and skipped code."
    ),
    click.option(
        "--color",
        type=click.Choice(COLORS),
        default="auto",
        help="When to use colours.",
        show_default=True,
    ),
    click.option(
        "--output-format",
        multiple=True,
        callback=parse_formats,
        shell_complete=complete_formats,
        metavar="FORMAT[:FILE]",
        envvar="LOCKLINT_OUTPUT_FORMAT",
        help=f"How findings are written: {', '.join(FORMATS)}; full if not given. May be repeated, "
        "with a file for each but one.",
    ),
    click.option(
        "--output-file",
        "-o",
        type=click.Path(),
        metavar="FILE",
        help="Write findings to a file instead of standard output.",
    ),
    click.option(
        "--report-only-for",
        is_flag=True,
        help="Analyse the whole project, but report only what has to do with PATHS: by its own "
        "place, a step of its story, or where the lock is made.",
    ),
    click.option(
        "--stdin-filename",
        type=click.Path(),
        metavar="FILE",
        help="Analyse standard input, which is meant by `-` too, in the place of this file.",
    ),
    click.option(
        "--statistics", is_flag=True, help="Count findings by rule instead of showing them."
    ),
    click.option(
        "--show-files", is_flag=True, help="List the files that would be analysed, and stop."
    ),
)


def check_options(command: Command) -> Command:
    """Give a command all of the options, in the order in which ``--help`` lists them."""
    for option in reversed(CHECK_OPTIONS):
        command = option(command)
    return command
