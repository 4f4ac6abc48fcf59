"""``locklint check``: analyse paths and report what is found."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from locklint.cli.check_options import check_options
from locklint.cli.exit_status import ExitStatus
from locklint.cli.output import Failure, is_terminal, write_error, write_note, write_result
from locklint.cli.request import Request

if TYPE_CHECKING:
    from locklint.cli.scope import Scope
    from locklint.cli.terminal_progress import TerminalProgress
    from locklint.core.config import Config
    from locklint.engine.report import Report


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@check_options
def check(paths: tuple[str, ...], **flags: Any) -> int:
    """Analyse files and folders (by default the current one) and report what is found.

    A path of `-` is standard input.

    Exits with 0 if nothing is found, with 1 if there are findings of severity warning or above,
    and with 2 if something is wrong with the command line, the settings or locklint itself.
    """
    request = Request(paths=paths, **flags)
    config = request.config()
    if request.show_files:
        return _show_files(request, config)
    request.destinations()  # Refuses at once, not after a long run, what cannot be written.
    report = _analyse(request, config, request.scope())
    request.write(report)
    return _status(report, config, request.exit_zero)


def _analyse(request: Request, config: Config, scope: Scope) -> Report:
    from locklint.engine import pipeline
    from locklint.engine.load_config import SettingsError
    from locklint.engine.report import Report

    if scope.is_empty:
        return Report()
    progress = _progress(request)
    try:
        report = pipeline.check(scope.paths, config, progress=progress, stdin=scope.stdin)
        report = replace(report, diagnostics=scope.of(report.diagnostics))
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

    discovery = discover(request.paths or (os.curdir,), config)
    write_result("".join(f"{found.shown}\n" for found in discovery.files), request.output_file)
    for problem in discovery.problems:
        write_error(f"{problem.path}: {problem.message}")
    fatal = any(problem.fatal for problem in discovery.problems)
    return ExitStatus.TROUBLE if fatal else ExitStatus.CLEAN


def _status(report: Report, config: Config, exit_zero: bool) -> int:
    if report.errors:
        return ExitStatus.TROUBLE
    failing = any(each.severity >= config.fail_level for each in report.diagnostics)
    return ExitStatus.FINDINGS if failing and not exit_zero else ExitStatus.CLEAN
