"""The options of ``locklint check``: their names, their help, and how their words are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from locklint.cli.completion import complete_formats, complete_rules
from locklint.cli.destinations import parse_formats
from locklint.cli.option_groups import GroupedCommand, OptionGroup, option
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


def _list_option(group: OptionGroup, name: str, metavar: str, text: str) -> Callable[[Any], Any]:
    return option(
        group,
        name,
        multiple=True,
        metavar=metavar,
        callback=_pieces,
        help=text,
        shell_complete=complete_rules if metavar == "RULES" else None,
    )


_RULES = (
    _list_option(
        OptionGroup.RULES,
        "--select",
        "RULES",
        "Run only these rules: codes, prefixes of codes, names or ALL.",
    ),
    _list_option(OptionGroup.RULES, "--ignore", "RULES", "Do not run these rules."),
    _list_option(
        OptionGroup.RULES,
        "--extend-select",
        "RULES",
        "Run these rules in addition to the selected ones.",
    ),
    _list_option(
        OptionGroup.RULES,
        "--extend-ignore",
        "RULES",
        "Do not run these rules, in addition to the ignored ones.",
    ),
    _list_option(
        OptionGroup.RULES,
        "--per-file-ignores",
        "PATTERN:RULE",
        "Do not run a rule on files that match a pattern.",
    ),
    option(
        OptionGroup.RULES,
        "--min-severity",
        type=click.Choice(SEVERITIES),
        help="Report only findings of this severity or above.",
    ),
    option(
        OptionGroup.RULES,
        "--min-confidence",
        type=click.Choice(CONFIDENCES),
        help="Report only findings of this confidence or above.",
    ),
    option(
        OptionGroup.RULES,
        "--profile",
        type=click.Choice(PROFILES),
        help="With strict, also run info rules, and treat test code like any other.",
    ),
    option(
        OptionGroup.RULES,
        "--preview/--no-preview",
        default=None,
        help="Run rules that are not stable yet.",
    ),
)

_FILES = (
    _list_option(
        OptionGroup.FILES,
        "--exclude",
        "PATTERNS",
        "Leave out these paths instead of the default ones.",
    ),
    _list_option(
        OptionGroup.FILES,
        "--extend-exclude",
        "PATTERNS",
        "Leave out these paths in addition to the excluded ones.",
    ),
    option(
        OptionGroup.FILES,
        "--force-exclude/--no-force-exclude",
        default=None,
        help="Leave out excluded paths even if PATHS name them.",
    ),
    option(
        OptionGroup.FILES,
        "--respect-gitignore/--no-respect-gitignore",
        default=None,
        help="Leave out files that git ignores (the default).",
    ),
    option(
        OptionGroup.FILES,
        "--report-only-for",
        is_flag=True,
        help="Analyse the whole project, but report only findings that involve PATHS: their own"
        " place, a step that leads to them, or where the lock is made.",
    ),
    option(
        OptionGroup.FILES,
        "--stdin-filename",
        type=click.Path(),
        metavar="FILE",
        help="Read standard input, and analyse it in place of FILE.",
    ),
    option(
        OptionGroup.FILES,
        "--from-index",
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        help="Analyse the contents of an index file instead of PATHS. May be repeated.",
    ),
    option(
        OptionGroup.FILES,
        "--show-files",
        is_flag=True,
        help="List the files that would be analysed and exit.",
    ),
)

_SETTINGS = (
    option(
        OptionGroup.SETTINGS,
        "--config",
        "config_words",
        multiple=True,
        metavar="FILE|KEY=VALUE",
        help="Use this settings file, or override one setting (as TOML). May be repeated.",
    ),
    option(OptionGroup.SETTINGS, "--isolated", is_flag=True, help="Ignore all settings files."),
    option(
        OptionGroup.SETTINGS,
        "--target-version",
        metavar="VERSION",
        help="Leave out branches for versions of Python older than this one, such as py311.",
    ),
    option(
        OptionGroup.SETTINGS,
        "--show-settings",
        is_flag=True,
        help="Print the effective settings and exit.",
    ),
)

_OUTPUT = (
    option(
        OptionGroup.OUTPUT,
        "--output-format",
        multiple=True,
        callback=parse_formats,
        shell_complete=complete_formats,
        metavar="FORMAT[:FILE]",
        envvar="LOCKLINT_OUTPUT_FORMAT",
        help=f"Choose the format: {', '.join(FORMATS)} (default: full). May be repeated, with a"
        " file for all but one.",
    ),
    option(
        OptionGroup.OUTPUT,
        "--output-file",
        "-o",
        type=click.Path(),
        metavar="FILE",
        help="Write findings to a file instead of standard output.",
    ),
    option(
        OptionGroup.OUTPUT,
        "--statistics",
        is_flag=True,
        help="Count findings per rule instead of showing them.",
    ),
    option(
        OptionGroup.OUTPUT,
        "--show-suppressed",
        is_flag=True,
        help="Include suppressed findings and those in the baseline in SARIF, marked as such.",
    ),
    option(
        OptionGroup.OUTPUT,
        "--color",
        type=click.Choice(COLORS),
        default="auto",
        help="Choose when to use colours.",
        show_default=True,
    ),
    option(
        OptionGroup.OUTPUT, "--quiet", "-q", is_flag=True, help="Print only results and problems."
    ),
    option(
        OptionGroup.OUTPUT,
        "--verbose",
        "-v",
        is_flag=True,
        help="Also print the settings and rules in effect, and each place that was not analysed.",
    ),
    option(
        OptionGroup.OUTPUT,
        "--watch",
        "-w",
        is_flag=True,
        help="Run again whenever a file or the settings change.",
    ),
)

_ADOPTION = (
    option(
        OptionGroup.ADOPTION,
        "--baseline",
        type=click.Path(),
        metavar="FILE",
        help="Do not report the findings in this baseline file.",
    ),
    option(
        OptionGroup.ADOPTION,
        "--update-baseline",
        is_flag=True,
        help="Write all findings to the baseline file.",
    ),
    option(
        OptionGroup.ADOPTION,
        "--error-stale-baseline",
        is_flag=True,
        help="Exit with 1 if the baseline holds findings that were fixed.",
    ),
    option(
        OptionGroup.ADOPTION,
        "--changed-since",
        metavar="REF",
        help="Report only findings that involve lines changed since this git revision.",
    ),
    option(
        OptionGroup.ADOPTION,
        "--add-ignore",
        metavar="[=REASON]",
        help="Suppress all findings with comments in the files. A reason needs the `=`.",
    ),
)

_STATUS = (
    option(
        OptionGroup.STATUS,
        "--exit-zero",
        "-e",
        is_flag=True,
        help="Exit with 0 even if there are findings.",
    ),
    option(
        OptionGroup.STATUS,
        "--fail-level",
        type=click.Choice(SEVERITIES),
        help="Exit with 1 for findings of this severity or above (default: warning).",
    ),
    option(
        OptionGroup.STATUS,
        "--error-incomplete",
        is_flag=True,
        help="Exit with 1 if anything was not analysed. This compiles every file, to find those"
        " that Python cannot use.",
    ),
)

_SPEED = (
    option(
        OptionGroup.SPEED,
        "--no-cache",
        "-n",
        is_flag=True,
        envvar="LOCKLINT_NO_CACHE",
        help="Neither read nor write the cache.",
    ),
    option(
        OptionGroup.SPEED,
        "--cache-dir",
        type=click.Path(),
        envvar="LOCKLINT_CACHE_DIR",
        metavar="FOLDER",
        help="Use this cache folder (default: .locklint_cache next to the settings file, or in the"
        " working directory without one).",
    ),
    option(
        OptionGroup.SPEED,
        "--jobs",
        "-j",
        type=click.IntRange(min=1),
        metavar="N",
        envvar="LOCKLINT_JOBS",
        help="Work on N files at a time (default: the number of CPUs).",
    ),
    option(
        OptionGroup.SPEED,
        "--executor",
        metavar="NAME",
        help="Work on files in processes (`process`, the default), with `dask`, or with the"
        " executor that `package.module:factory` makes.",
    ),
    option(
        OptionGroup.SPEED,
        "--scheduler",
        metavar="ADDRESS",
        help="Connect to this scheduler with --executor=dask (default: start one on this machine).",
    ),
)

CHECK_OPTIONS = (*_RULES, *_FILES, *_SETTINGS, *_OUTPUT, *_ADOPTION, *_STATUS, *_SPEED)


def check_options(command: Command) -> Command:
    """Give a command all of the options."""
    for add in reversed(CHECK_OPTIONS):
        command = add(command)
    return command


def named_option(name: str) -> click.Parameter | None:
    """Return the option with a name such as ``--jobs``; None if there is none."""
    return next((each for each in _parameters() if name in each.opts), None)


def _parameters() -> list[click.Parameter]:
    probe = click.Command("check")
    check_options(probe)
    return probe.params


def with_options_of_check(
    *names: str, short_help: str
) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function, with those options of ``check`` that have these names."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        known = {parameter.name: parameter for parameter in _parameters()}
        command = click.command(cls=GroupedCommand, short_help=short_help)(function)
        command.params.extend(known[name] for name in names)
        return command

    return decorate


class CheckCommand(GroupedCommand):
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
