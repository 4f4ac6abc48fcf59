"""The options of ``locklint check``: their names, their help, and the types of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from locklint.cli.completion import complete_formats
from locklint.cli.destinations import Destination, parse_formats
from locklint.cli.option_groups import GroupedCommand, OptionGroup
from locklint.cli.typed_options import (
    Option,
    Options,
    choice,
    file,
    flag,
    listed,
    options_of,
    several,
    switch,
    text,
)
from locklint.reporting import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any] | click.Command")

SEVERITIES = ("info", "warning", "error")
CONFIDENCES = ("low", "medium", "high")
PROFILES = ("default", "strict")
COLORS = ("auto", "always", "never")

_RULES = OptionGroup.RULES
_FILES = OptionGroup.FILES
_SETTINGS = OptionGroup.SETTINGS
_OUTPUT = OptionGroup.OUTPUT
_ADOPTION = OptionGroup.ADOPTION
_STATUS = OptionGroup.STATUS
_SPEED = OptionGroup.SPEED


class CheckOptions(Options):
    """The options of one run. One that has the name of a setting replaces it."""

    select = listed(
        _RULES, "RULES", "Run only these rules: codes, prefixes of codes, names or ALL."
    )
    ignore = listed(_RULES, "RULES", "Do not run these rules.")
    extend_select = listed(_RULES, "RULES", "Run these rules in addition to the selected ones.")
    extend_ignore = listed(
        _RULES, "RULES", "Do not run these rules, in addition to the ignored ones."
    )
    per_file_ignores = listed(
        _RULES, "PATTERN:RULE", "Do not run a rule on files that match a pattern."
    )
    min_severity = choice(_RULES, SEVERITIES, "Report only findings of this severity or above.")
    min_confidence = choice(
        _RULES, CONFIDENCES, "Report only findings of this confidence or above."
    )
    profile = choice(
        _RULES,
        PROFILES,
        "With strict, also run info rules and those on request, and treat test code like any"
        " other.",
    )
    preview = switch(_RULES, "Run rules that are not stable yet.")

    exclude = listed(_FILES, "PATTERNS", "Leave out these paths instead of the default ones.")
    extend_exclude = listed(
        _FILES, "PATTERNS", "Leave out these paths in addition to the excluded ones."
    )
    force_exclude = switch(_FILES, "Leave out excluded paths even if PATHS name them.")
    respect_gitignore = switch(_FILES, "Leave out files that git ignores (the default).")
    report_only_for = flag(
        _FILES,
        help="Analyse the whole project, but report only findings that involve PATHS: their own"
        " place, a step that leads to them, or where the lock is made.",
    )
    stdin_filename = file(_FILES, help="Read standard input, and analyse it in place of FILE.")
    from_index = several(
        _FILES,
        type=click.Path(),
        metavar="FILE",
        help="Analyse the contents of an index file instead of PATHS. May be repeated.",
    )
    show_files = flag(_FILES, help="List the files that would be analysed and exit.")

    config_words = several(
        _SETTINGS,
        "--config",
        metavar="FILE|KEY=VALUE",
        help="Use this settings file, or override one setting (as TOML). May be repeated.",
    )
    isolated = flag(_SETTINGS, help="Ignore all settings files.")
    target_version = text(
        _SETTINGS,
        metavar="VERSION",
        help="Leave out branches for versions of Python older than this one, such as py311.",
    )
    show_settings = flag(_SETTINGS, help="Print the effective settings and exit.")

    output_format = Option[tuple[Destination, ...]](
        _OUTPUT,
        default=(),
        multiple=True,
        callback=parse_formats,
        shell_complete=complete_formats,
        metavar="FORMAT[:FILE]",
        envvar="LOCKLINT_OUTPUT_FORMAT",
        help=f"Choose the format: {', '.join(FORMATS)} (default: full). May be repeated, with a"
        " file for all but one.",
    )
    output_file = file(_OUTPUT, "-o", help="Write findings to a file instead of standard output.")
    statistics = flag(_OUTPUT, help="Count findings per rule instead of showing them.")
    show_suppressed = flag(
        _OUTPUT,
        help="Include suppressed findings and those in the baseline in SARIF, marked as such.",
    )
    color = Option[str](
        _OUTPUT,
        default=COLORS[0],
        type=click.Choice(COLORS),
        help="Choose when to use colours.",
        show_default=True,
    )
    quiet = flag(_OUTPUT, "-q", help="Print only results and problems.")
    verbose = flag(
        _OUTPUT,
        "-v",
        help="Also print the settings and rules in effect, and each place that was not analysed.",
    )
    watch = flag(_OUTPUT, "-w", help="Run again whenever a file or the settings change.")

    baseline = file(_ADOPTION, help="Do not report the findings in this baseline file.")
    update_baseline = flag(_ADOPTION, help="Write all findings to the baseline file.")
    error_stale_baseline = flag(
        _ADOPTION, help="Exit with 1 if the baseline holds findings that were fixed."
    )
    changed_since = text(
        _ADOPTION,
        metavar="REF",
        help="Report only findings that involve lines changed since this git revision.",
    )
    add_ignore = text(
        _ADOPTION,
        metavar="[=REASON]",
        help="Suppress all findings with comments in the files. A reason needs the `=`.",
    )

    exit_zero = flag(_STATUS, "-e", help="Exit with 0 even if there are findings.")
    fail_level = choice(
        _STATUS,
        SEVERITIES,
        "Exit with 1 for findings of this severity or above (default: warning).",
    )
    error_incomplete = flag(
        _STATUS,
        help="Exit with 1 if anything was not analysed. This compiles every file, to find those"
        " that Python cannot use.",
    )

    no_cache = flag(
        _SPEED, "-n", envvar="LOCKLINT_NO_CACHE", help="Neither read nor write the cache."
    )
    cache_dir = file(
        _SPEED,
        envvar="LOCKLINT_CACHE_DIR",
        metavar="FOLDER",
        help="Use this cache folder (default: .locklint_cache next to the settings file, or in the"
        " working directory without one).",
    )
    jobs = Option[int | None](
        _SPEED,
        "-j",
        default=None,
        type=click.IntRange(min=1),
        metavar="N",
        envvar="LOCKLINT_JOBS",
        help="Work on N files at a time (default: the number of CPUs).",
    )
    executor = text(
        _SPEED,
        metavar="NAME",
        help="Work on files in processes (`process`, the default), with `dask`, or with the"
        " executor that `package.module:factory` makes.",
    )
    scheduler = text(
        _SPEED,
        metavar="ADDRESS",
        help="Connect to this scheduler with --executor=dask (default: start one on this machine).",
    )


CHECK_OPTIONS = options_of(CheckOptions)

PROGRAM_OPTIONS = (
    "exclude",
    "extend_exclude",
    "force_exclude",
    "respect_gitignore",
    "target_version",
    "isolated",
    "config_words",
    "jobs",
    "executor",
    "scheduler",
    "quiet",
    "verbose",
)
"""The options that choose files, settings and processes, for other commands."""


def check_options(command: Command) -> Command:
    """Give a command all of the options."""
    for each in reversed(CHECK_OPTIONS):
        command = each.add_to(command)
    return command


def named_option(name: str) -> click.Parameter | None:
    """Return the option with a name such as ``--jobs``. Return None if there is none."""
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
        """Parse the words.

        ``--add-ignore`` takes a value only after ``=``: a word after it is a path. A ``--`` with
        nothing after it is the list of a hook that has found nothing.
        """
        end = args.index("--") if "--" in args else len(args)
        words = ["--add-ignore=" if word == "--add-ignore" else word for word in args[:end]]
        ends_empty = args[end:] == ["--"]
        rest = super().parse_args(ctx, [*words, *args[end:]])
        ctx.params["nothing_named"] = ends_empty and not ctx.params["paths"]
        return rest
