"""``locklint check``: analyse paths and report findings."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from locklint.cli.check_options import CheckCommand, check_options
from locklint.cli.exit_status import ExitStatus
from locklint.cli.interrupt import stop_if_interrupted, was_interrupted
from locklint.cli.output import Failure, is_terminal, write_error, write_note, write_result
from locklint.cli.scope import Scope, scope, tell_passed_over
from locklint.cli.settings_problems import misnamed_settings, tell_notes
from locklint.cli.show_settings import show_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locklint.cli.request import Request
    from locklint.cli.terminal_progress import TerminalProgress
    from locklint.core.config import Config
    from locklint.core.not_analysed import NotAnalysed
    from locklint.engine.index_file import IndexedProgram
    from locklint.engine.memory import Memory
    from locklint.engine.report import InternalError, Report
    from locklint.engine.settings import Settings


@click.command(cls=CheckCommand, short_help="Analyse files and folders (the default command).")
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path())
@check_options
def check(paths: tuple[str, ...], nothing_named: bool = False, **flags: Any) -> int:
    """Analyse files and folders (default: the current folder) and report findings.

    The path `-` stands for standard input.

    Exit status: 0 for no findings, 1 for findings of severity warning (see --fail-level) or above,
    2 for an error in the command line, the settings or locklint itself.
    """
    return run(paths, nothing_named, **flags)


def run(paths: tuple[str, ...], nothing_named: bool, **flags: Any) -> int:
    """Run ``check`` with these options, and return the exit status.

    Without paths it analyses the current folder, unless it was given an empty list.
    """
    from locklint.cli.request import Request

    request = Request(paths, **flags)
    if request.from_index:
        return _run_indexed(request)
    where = scope(request, nothing_named=nothing_named)
    request = request.with_paths(where.paths)
    if request.watch:
        return _watch(request, where)
    return _run_once(request, where)


def _run_indexed(request: Request) -> int:
    from locklint.engine.find_files import UsageError
    from locklint.engine.index_file import IndexedProgram, read_index

    if request.paths or request.stdin_filename is not None or request.report_only_for:
        raise click.UsageError("--from-index takes the place of PATHS: give one or the other")
    if request.watch:
        raise click.UsageError("--watch cannot be combined with --from-index")
    try:
        program = IndexedProgram({name: read_index(name) for name in request.from_index})
    except UsageError as error:
        raise Failure(str(error)) from None
    request = request.with_paths(program.paths)
    return _run_once(request, Scope(request.paths), program)


def _watch(request: Request, where: Scope) -> int:
    from locklint.cli.watch import watch
    from locklint.engine.discover import discover

    if where.stdin is not None:
        raise click.UsageError("--watch cannot be combined with standard input")
    if request.add_ignore is not None or request.update_baseline:
        raise click.UsageError("--watch cannot be combined with an option that writes files")

    def files() -> list[str]:
        try:
            settings = request.settings_unchecked(quiet=True)
        except Failure:
            return []  # A state that differs from each in which they can be read.
        found = discover(request.paths, settings.config, settings.folder).files
        return [*(each.path for each in found), *([str(settings.path)] if settings.path else [])]

    from locklint.engine.memory import Memory

    memory = Memory()
    watch(lambda: _run_once(request, where, memory=memory), files)


def _run_once(
    request: Request,
    where: Scope,
    indexed: IndexedProgram | None = None,
    memory: Memory | None = None,
) -> int:
    from locklint.cli.triage import Triage, add_ignores

    settings = request.settings_unchecked(read=indexed.read_settings if indexed else None)
    if request.verbose or request.show_settings or request.show_files:
        request.check_rules(settings)
    if request.show_settings:
        return show_settings(request, settings)
    if request.show_files:
        return _show_files(request, settings, indexed)
    request.destinations()  # Refuses at once, not after a long run, what cannot be written.
    triage = Triage(request, settings)
    found = _analyse(request, settings, where, indexed, memory)
    stop_if_interrupted()
    misnamed = misnamed_settings(request, settings, found.unknown_names)
    if misnamed and request.writes_findings:
        write_note("note: nothing was written")
        return ExitStatus.TROUBLE
    judged = triage.judge(found)
    # Only now, because the baseline is compared with all findings.
    report = judged.report.only(where.of)
    if request.add_ignore is not None:
        report = add_ignores(report, request.add_ignore)
    else:
        request.write(report, settings.config)
    status = _status(report, settings.config, request)
    return ExitStatus.TROUBLE if misnamed else max(judged.status, status)


def _analyse(
    request: Request,
    settings: Settings,
    where: Scope,
    indexed: IndexedProgram | None,
    memory: Memory | None,
) -> Report:
    from locklint.engine.cached_check import cached_check

    progress = progress_for(quiet=request.quiet)
    cache = request.cache(settings)
    try:
        if indexed is not None:
            report = _check_indexed(request, settings, indexed, progress)
        else:
            report = cached_check(
                request.paths,
                settings,
                cache,
                progress=progress,
                stdin=where.stdin,
                before=lambda: None if request.verbose else request.check_rules(settings),
                is_whole=lambda: not was_interrupted(),
                workers=request.workers,
                compiles=request.error_incomplete,
                memory=memory,
            )
    except _usage_errors() as error:
        raise Failure(str(error)) from None
    finally:
        if progress is not None:
            progress.end()
    tell_notes(settings)
    if not request.quiet:
        tell_passed_over(report.passed_over)
        _tell_of_noqa(report, settings)
        if indexed is None and _may_lack_files(request.paths, report):
            write_note(
                "note: the named files create no lock; to include the locks of the whole project,"
                " name folders or add --report-only-for"
            )
    if cache is not None and cache.trouble:
        if cache.is_refused and not request.quiet:
            write_note(f"warning: the cache is not used: {cache.trouble}")
        elif request.verbose:
            write_note(f"note: the cache is not used: {cache.trouble}")
    tell_errors(report.errors, verbose=request.verbose)
    if request.verbose:
        name_not_analysed(report.not_analysed)
    return report


def tell_errors(errors: Sequence[InternalError], *, verbose: bool) -> None:
    """Write the internal errors of a run, with tracebacks if the output is verbose."""
    if not errors:
        return
    from locklint.engine.report import lines_of_errors

    for line in lines_of_errors(errors):
        write_error(line)
    if verbose:
        for error in errors:
            write_note(error.traceback)


def name_not_analysed(places: Sequence[NotAnalysed]) -> None:
    """Write a line for each file and function that was not analysed, and why."""
    if not places:
        return
    from locklint.reporting.summary import words_of

    for each in places:
        place = f"{each.path}:{each.span.line}:{each.span.column}"
        what = f"`{each.function}` " if each.function else ""
        extent = "in part" if each.reason.is_partial else ""
        why = each.message or words_of(each.reason)
        write_note(f"{place}: {what}not analysed{extent and ' ' + extent}: {why}")


def _usage_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that mean that a run cannot be done as requested.

    Only a run that failed needs them, so that others need not import the workers.
    """
    from locklint.engine.executors import ExecutorProblem
    from locklint.engine.find_files import UsageError
    from locklint.engine.load_config import SettingsError

    return UsageError, SettingsError, ExecutorProblem


def _check_indexed(
    request: Request,
    settings: Settings,
    indexed: IndexedProgram,
    progress: TerminalProgress | None,
) -> Report:
    from locklint.engine.index_file import indexed_facts
    from locklint.engine.pipeline import Means, check

    request.check_rules(settings)
    size = sum(found.size for found in indexed.discovery.files)
    return check(
        request.paths,
        settings.config,
        progress=progress,
        settings=settings,
        discovery=indexed.discovery,
        means=Means(
            indexed,
            request.workers(size),
            indexed_facts(indexed.indexes.values()),
            compiles=request.error_incomplete,
        ),
    )


def _may_lack_files(paths: Sequence[str], report: Report) -> bool:
    """Return whether the named files mention locks but create none: most checks see nothing."""
    seen = report.statistics
    return bool(paths and seen.candidates and not seen.locks) and all(map(os.path.isfile, paths))


def _tell_of_noqa(report: Report, settings: Settings) -> None:
    """Print a note if comments may be lost."""
    from locklint.engine.foreign_settings import keeps_foreign_codes

    if report.noqa and not keeps_foreign_codes(os.path.realpath(settings.folder or os.curdir)):
        write_note(
            "note: a `noqa` comment names a rule of locklint; ruff deletes such codes unless its"
            ' settings contain `lint.external = ["LCK"]`'
        )


def progress_for(*, quiet: bool) -> TerminalProgress | None:
    """Return what shows progress on the terminal. Return None if it should not be shown."""
    if quiet or not is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
        return None
    from locklint.cli.terminal_progress import TerminalProgress

    return TerminalProgress()


def _show_files(request: Request, settings: Settings, indexed: IndexedProgram | None) -> int:
    from locklint.engine.discover import discover

    if indexed is not None:
        discovery = indexed.discovery
    else:
        discovery = discover(request.paths, settings.config, settings.folder)
    write_result("".join(f"{found.shown}\n" for found in discovery.files), request.output_file)
    for problem in discovery.problems:
        write_error(f"{problem.path}: {problem.message}")
    if not request.quiet:
        tell_passed_over(discovery.passed_over)
    fatal = any(problem.fatal for problem in discovery.problems)
    return ExitStatus.TROUBLE if fatal else ExitStatus.CLEAN


def _status(report: Report, config: Config, request: Request) -> int:
    if report.errors:
        return ExitStatus.TROUBLE
    failing = any(each.severity >= config.fail_level for each in report.diagnostics)
    if request.error_incomplete and report.not_analysed:
        write_error("the analysis is not complete (--error-incomplete)")
        failing = True
    return ExitStatus.FINDINGS if failing and not request.exit_zero else ExitStatus.CLEAN
