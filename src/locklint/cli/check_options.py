"""The options of ``locklint check``: their names, their help, and how their words are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from locklint.cli.completion import complete_formats, complete_rules
from locklint.cli.destinations import parse_formats
from locklint.reporting import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any] | click.Command")

SEVERITIES = ("info", "warning", "error")
CONFIDENCES = ("low", "medium", "high")
PROFILES = ("default", "strict")
COLORS = ("auto", "always", "never")


def _pieces(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The items of an option that takes comma lists and may be repeated; None if not given."""
    if not values:
        return None
    return tuple(item.strip() for value in values for item in value.split(",") if item.strip())


def _list_option(name: str, metavar: str, text: str) -> Callable[[Command], Command]:
    return click.option(
        name,
        multiple=True,
        metavar=metavar,
        callback=_pieces,
        help=text,
        shell_complete=complete_rules if metavar == "RULES" else None,
    )


CHECK_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    _list_option("--select", "RULES", "Run these rules only: codes, prefixes, names or ALL."),
    _list_option("--ignore", "RULES", "Leave these rules out."),
    _list_option("--extend-select", "RULES", "Run these rules as well."),
    _list_option("--extend-ignore", "RULES", "Leave these rules out as well."),
    _list_option(
        "--per-file-ignores", "PATTERN:RULE", "Leave out rules in files that match a pattern."
    ),
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
    click.option(
        "--min-confidence", type=click.Choice(CONFIDENCES), help="Leave out findings below this."
    ),
    click.option(
        "--profile",
        type=click.Choice(PROFILES),
        help="strict: run info rules too, and judge test code like any other.",
    ),
    click.option(
        "--preview/--no-preview", default=None, help="Run rules that are still being tried out."
    ),
    click.option(
        "--target-version",
        metavar="VERSION",
        help="Leave out branches for versions of Python older than this one, such as py311.",
    ),
    click.option(
        "--baseline",
        type=click.Path(),
        metavar="FILE",
        help="Leave out the findings that this file knows.",
    ),
    click.option(
        "--update-baseline", is_flag=True, help="Write all findings to the baseline file."
    ),
    click.option(
        "--error-stale-baseline",
        is_flag=True,
        help="Exit with 1 if the baseline names findings that are gone.",
    ),
    click.option(
        "--changed-since",
        metavar="REF",
        help="Show findings that touch lines changed since this git revision.",
    ),
    click.option(
        "--add-ignore",
        metavar="[REASON]",
        help="Write comments that silence all findings; =REASON goes with them.",
    ),
    click.option(
        "--error-incomplete",
        is_flag=True,
        help="Exit with 1 if anything was not analysed. Also compiles every file, to find those"
        " that Python cannot use.",
    ),
    click.option("--exit-zero", "-e", is_flag=True, help="Exit with 0 even if there are findings."),
    click.option("--isolated", is_flag=True, help="Read no configuration file."),
    click.option(
        "--config",
        "config_words",
        multiple=True,
        metavar="FILE|KEY=VALUE",
        help="A settings file instead of the nearest, or one setting in TOML.",
    ),
    click.option(
        "--no-cache",
        "-n",
        is_flag=True,
        envvar="LOCKLINT_NO_CACHE",
        help="Neither read nor write what is remembered of former runs.",
    ),
    click.option(
        "--cache-dir",
        type=click.Path(),
        envvar="LOCKLINT_CACHE_DIR",
        metavar="FOLDER",
        help="Where former runs are remembered: .locklint_cache beside the settings if not given.",
    ),
    click.option(
        "--jobs",
        "-j",
        type=click.IntRange(min=1),
        envvar="LOCKLINT_JOBS",
        help="How many files are worked on at a time: as many as there are CPUs if not given.",
    ),
    click.option(
        "--executor",
        metavar="NAME",
        help="Who works on files: `process` (if not given), `dask`, or `package.module:factory` for"
        " any other executor of Python's.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="The scheduler of --executor=dask; one on this machine is started if not given.",
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
        "--from-index",
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        help="Analyse what `locklint index` has written down instead of PATHS. May be repeated.",
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
        "--show-suppressed",
        is_flag=True,
        help="Hold in SARIF, marked so, what comments silence and what the baseline knows.",
    ),
    click.option(
        "--statistics", is_flag=True, help="Count findings by rule instead of showing them."
    ),
    click.option(
        "--show-files", is_flag=True, help="List the files that would be analysed, and stop."
    ),
    click.option(
        "--watch", "-w", is_flag=True, help="Run again whenever a file or the settings change."
    ),
    click.option("--show-settings", is_flag=True, help="Print the settings that count, and stop."),
)


def check_options(command: Command) -> Command:
    """Give a command all of the options, in the order in which ``--help`` lists them."""
    for option in reversed(CHECK_OPTIONS):
        command = option(command)
    return command


def with_options_of_check(
    *names: str,
) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function, with those options of ``check`` that have these names."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        probe = click.Command("check")
        check_options(probe)
        known = {parameter.name: parameter for parameter in probe.params}
        command = click.command()(function)
        command.params.extend(known[name] for name in names)
        return command

    return decorate


class CheckCommand(click.Command):
    """A command with an option whose value may be left out, and that knows an empty list."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words apart.

        ``--add-ignore`` takes a value only behind ``=``: a word after it is a path. A ``--`` with
        nothing behind it is the list of a hook that has found nothing.
        """
        end = args.index("--") if "--" in args else len(args)
        words = ["--add-ignore=" if word == "--add-ignore" else word for word in args[:end]]
        ends_empty = args[end:] == ["--"]
        rest = super().parse_args(ctx, [*words, *args[end:]])
        ctx.params["nothing_named"] = ends_empty and not ctx.params["paths"]
        return rest
