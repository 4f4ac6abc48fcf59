"""``locklint check``: analyse paths and report what is found."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from locklint.cli.exit_status import ExitStatus
from locklint.cli.output import (
    Failure,
    encoding_of,
    is_terminal,
    wants_color,
    width_of,
    write_error,
    write_note,
    write_result,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from locklint.cli.terminal_progress import TerminalProgress
    from locklint.core.config import Config
    from locklint.engine.report import Report
    from locklint.reporting.options import RenderOptions

Command = TypeVar("Command", bound="Callable[..., Any] | click.Command")

SEVERITIES = ("info", "warning", "error")
FORMATS = ("full", "concise", "json")
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


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@_list_option("--select", "RULES", "Run these rules only: codes, prefixes, names or ALL.")
@_list_option("--ignore", "RULES", "Leave these rules out.")
@_list_option("--extend-select", "RULES", "Run these rules as well.")
@_list_option("--extend-ignore", "RULES", "Leave these rules out as well.")
@_list_option("--exclude", "PATTERNS", "Leave out these paths instead of the built-in list.")
@_list_option("--extend-exclude", "PATTERNS", "Leave out these paths as well.")
@click.option(
    "--force-exclude/--no-force-exclude",
    default=None,
    help="Apply exclusions to paths given on the command line too.",
)
@click.option(
    "--respect-gitignore/--no-respect-gitignore",
    default=None,
    help="Leave out files that git ignores (the default).",
)
@click.option(
    "--min-severity", type=click.Choice(SEVERITIES), help="Leave out findings below this."
)
@click.option("--exit-zero", "-e", is_flag=True, help="Exit with 0 even if there are findings.")
@click.option("--isolated", is_flag=True, help="Read no configuration file.")
@click.option("--no-cache", "-n", is_flag=True, help="Accepted; there is no cache yet.")
@click.option(
    "--cache-dir",
    type=click.Path(),
    envvar="LOCKLINT_CACHE_DIR",
    help="Accepted; there is no cache yet.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    envvar="LOCKLINT_JOBS",
    help="Accepted; the analysis runs in one process yet.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print findings and errors, nothing else.")
@click.option(
    "--verbose", "-v", is_flag=True, help="Name settings and rules in force, and skipped code."
)
@click.option(
    "--color",
    type=click.Choice(COLORS),
    default="auto",
    help="When to use colours.",
    show_default=True,
)
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    default="full",
    envvar="LOCKLINT_OUTPUT_FORMAT",
    help="How findings are written.",
    show_default=True,
)
@click.option(
    "--output-file", "-o", type=click.Path(), metavar="FILE", help="Write findings to a file."
)
@click.option("--statistics", is_flag=True, help="Count findings by rule instead of showing them.")
@click.option("--show-files", is_flag=True, help="List the files that would be analysed, and stop.")
def check(paths: tuple[str, ...], **flags: Any) -> int:
    """Analyse files and folders (by default the current one) and report what is found.

    Exits with 0 if nothing is found, with 1 if there are findings of severity warning or above,
    and with 2 if something is wrong with the command line, the settings or locklint itself.
    """
    request = Request(paths=paths or (os.curdir,), **flags)
    config = request.config()
    if request.show_files:
        return _show_files(request, config)
    _reject_unwritable(request.output_file)
    report = _analyse(request, config)
    request.write(report)
    return _status(report, config, request.exit_zero)


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; None where a flag was not given."""

    paths: tuple[str, ...]
    select: tuple[str, ...] | None
    ignore: tuple[str, ...] | None
    extend_select: tuple[str, ...] | None
    extend_ignore: tuple[str, ...] | None
    exclude: tuple[str, ...] | None
    extend_exclude: tuple[str, ...] | None
    force_exclude: bool | None
    respect_gitignore: bool | None
    min_severity: str | None
    exit_zero: bool
    isolated: bool
    no_cache: bool
    cache_dir: str | None
    jobs: int | None
    quiet: bool
    verbose: bool
    color: str
    output_format: str
    output_file: str | None
    statistics: bool
    show_files: bool

    def config(self) -> Config:
        """The settings in force: those of the nearest file, with the flags on top."""
        from pathlib import Path

        import msgspec

        from locklint.core.config import Config
        from locklint.core.diagnostic import Severity
        from locklint.engine.load_config import LoadedConfig, SettingsError, load_config
        from locklint.engine.selection import select_rules
        from locklint.rules import ALL_RULES

        try:
            loaded = LoadedConfig(Config()) if self.isolated else load_config(Path.cwd())
            base = loaded.config
            changes: dict[str, Any] = {
                "extend_select": (*base.extend_select, *(self.extend_select or ())),
                "extend_ignore": (*base.extend_ignore, *(self.extend_ignore or ())),
                "extend_exclude": (*base.extend_exclude, *(self.extend_exclude or ())),
            }
            if self.select is not None:
                # A selection on the command line says what runs; it is not added to the file's.
                changes["extend_select"] = self.extend_select or ()
            if self.min_severity is not None:
                changes["min_severity"] = Severity[self.min_severity.upper()]
            for key in ("select", "ignore", "exclude", "force_exclude", "respect_gitignore"):
                if getattr(self, key) is not None:
                    changes[key] = getattr(self, key)
            config = msgspec.structs.replace(base, **changes)
            selected = select_rules(config, ALL_RULES)
        except SettingsError as error:
            raise Failure(str(error)) from None
        if self.verbose:
            write_note(f"settings: {loaded.path or 'the defaults'}")
            write_note(f"rules: {', '.join(rule.code for rule in selected) or 'none'}")
        return config

    def write(self, report: Report) -> None:
        """Write a report where it was asked for."""
        from locklint.reporting import render
        from locklint.reporting.summary import closing_lines

        text = render(self.output_format, report, self._render_options())
        write_result(text, self.output_file)
        if self.output_file is not None and not self.quiet:
            for line in closing_lines(report):
                write_note(line)

    def _render_options(self) -> RenderOptions:
        from locklint.reporting.options import RenderOptions

        stream = sys.stdout if self.output_file is None else None
        return RenderOptions(
            width=width_of(stream),
            color=wants_color(self.color, stream, os.environ),
            encoding=encoding_of(stream),
            root=os.getcwd(),
            statistics=self.statistics,
            closing=not self.quiet,
        )


def _analyse(request: Request, config: Config) -> Report:
    from locklint.engine import pipeline
    from locklint.engine.load_config import SettingsError

    progress = _progress(request)
    try:
        report = pipeline.check(request.paths, config, progress=progress)
    except (pipeline.UsageError, SettingsError) as error:
        raise Failure(str(error)) from None
    finally:
        if progress is not None:
            progress.end()
    for problem in report.errors:
        write_error(f"{problem.path}: internal error, a defect of locklint: {problem.message}")
        if request.verbose:
            write_note(problem.traceback)
    if request.verbose:
        for one in report.too_complex:
            place = f"{one.path}:{one.span.line}:{one.span.column}"
            write_note(f"{place}: `{one.function}` is too complex, nothing is concluded about it")
    return report


def _progress(request: Request) -> TerminalProgress | None:
    if request.quiet or not is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
        return None
    from locklint.cli.terminal_progress import TerminalProgress

    return TerminalProgress()


def _show_files(request: Request, config: Config) -> int:
    from locklint.engine.discover import discover

    discovery = discover(request.paths, config)
    write_result("".join(f"{found.shown}\n" for found in discovery.files), request.output_file)
    for problem in discovery.problems:
        write_error(f"{problem.path}: {problem.message}")
    fatal = any(problem.fatal for problem in discovery.problems)
    return ExitStatus.TROUBLE if fatal else ExitStatus.CLEAN


def _reject_unwritable(path: str | None) -> None:
    """Say at once, not after a long run, that the result will have nowhere to go."""
    if path is None:
        return
    folder = os.path.dirname(path) or os.curdir
    if not os.path.isdir(folder):
        raise Failure(f"{path}: cannot be written: there is no folder {folder}")
    if os.path.isdir(path):
        raise Failure(f"{path}: cannot be written: it is a folder")


def _status(report: Report, config: Config, exit_zero: bool) -> int:
    if report.errors:
        return ExitStatus.TROUBLE
    failing = any(each.severity >= config.fail_level for each in report.diagnostics)
    return ExitStatus.FINDINGS if failing and not exit_zero else ExitStatus.CLEAN
