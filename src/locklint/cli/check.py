"""``locklint check``: analyse paths and report what is found."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from locklint.cli.check_options import CheckCommand, check_options
from locklint.cli.exit_status import ExitStatus
from locklint.cli.interrupt import stop_if_interrupted
from locklint.cli.output import Failure, is_terminal, write_error, write_note, write_result
from locklint.cli.request import Request
from locklint.cli.show_settings import show_settings
from locklint.cli.triage import Triage, add_ignores

if TYPE_CHECKING:
    from locklint.cli.terminal_progress import TerminalProgress
    from locklint.core.config import Config
    from locklint.engine.report import Report
    from locklint.engine.settings import Settings


@click.command(cls=CheckCommand)
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@check_options
def check(paths: tuple[str, ...], nothing_named: bool = False, **flags: Any) -> int:
    """Analyse files and folders (by default the current one) and report what is found.

    Exits with 0 if nothing is found, with 1 if there are findings of severity warning or above,
    and with 2 if something is wrong with the command line, the settings or locklint itself.
    """
    return run(paths, nothing_named, **flags)


def run(paths: tuple[str, ...], nothing_named: bool, **flags: Any) -> int:
    """Do what the words of ``check`` ask for, and return the exit status.

    Without paths the current folder is meant, unless a list was given in which nothing is named.
    """
    if not paths and not nothing_named:
        paths = (os.curdir,)
    request = Request(paths=paths, **flags)
    settings = request.settings()
    if request.show_settings:
        return show_settings(request, settings)
    if request.show_files:
        return _show_files(request, settings)
    _reject_unwritable(request.output_file)
    triage = Triage(request, settings)
    report = _analyse(request, settings)
    stop_if_interrupted()
    judged = triage.judge(report)
    if request.add_ignore is not None:
        return add_ignores(judged.report, request.add_ignore)
    request.write(judged.report)
    return max(judged.status, _status(judged.report, settings.config, request.exit_zero))


def _analyse(request: Request, settings: Settings) -> Report:
    from locklint.engine import pipeline
    from locklint.engine.load_config import SettingsError

    progress = _progress(request)
    try:
        report = pipeline.check(
            request.paths, settings.config, progress=progress, settings=settings
        )
    except (pipeline.UsageError, SettingsError) as error:
        raise Failure(str(error)) from None
    finally:
        if progress is not None:
            progress.end()
    if not request.quiet:
        _tell(report, settings)
    for problem in report.errors:
        write_error(f"{problem.path}: internal error, a defect of locklint: {problem.message}")
        if request.verbose:
            write_note(problem.traceback)
    if request.verbose:
        for one in report.too_complex:
            place = f"{one.path}:{one.span.line}:{one.span.column}"
            write_note(f"{place}: `{one.function}` is too complex, nothing is concluded about it")
    return report


def _tell(report: Report, settings: Settings) -> None:
    """Say once what the user should know of settings and comments."""
    from locklint.engine.foreign_settings import keeps_foreign_codes

    for note in settings.notes:
        write_note(f"note: {note}")
    if report.noqa and not keeps_foreign_codes(os.path.realpath(settings.folder or os.curdir)):
        write_note(
            "note: a `noqa` comment names a rule of locklint's; ruff deletes such codes unless its"
            ' settings hold `lint.external = ["LCK"]`'
        )


def _progress(request: Request) -> TerminalProgress | None:
    if request.quiet or not is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
        return None
    from locklint.cli.terminal_progress import TerminalProgress

    return TerminalProgress()


def _show_files(request: Request, settings: Settings) -> int:
    from locklint.engine.discover import discover

    discovery = discover(request.paths, settings.config, settings.folder)
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
