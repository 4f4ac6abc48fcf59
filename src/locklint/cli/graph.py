"""``locklint graph``: show the order in which locks are acquired."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from locklint.cli.check import name_not_analysed, progress_for, tell_errors
from locklint.cli.check_options import PROGRAM_OPTIONS, with_options_of_check
from locklint.cli.destinations import reject_unwritable
from locklint.cli.exit_status import ExitStatus
from locklint.cli.interrupt import stop_if_interrupted
from locklint.cli.option_groups import OptionGroup, option
from locklint.cli.output import (
    Failure,
    encoding_of,
    wants_color,
    width_of,
    write_note,
    write_result,
)
from locklint.cli.scope import tell_passed_over
from locklint.cli.settings_problems import misnamed_settings, tell_notes
from locklint.reporting import GRAPH_FORMATS

if TYPE_CHECKING:
    from locklint.cli.request import Request
    from locklint.engine.lock_graph import GraphReport
    from locklint.engine.settings import Settings

# The options of `check` that choose files and settings.
_SHARED = ("no_cache", "cache_dir", *PROGRAM_OPTIONS, "color")


class GraphFormat(click.Choice[str]):
    """A format; the error for ``FORMAT:FILE``, as `check` takes it, names the option for files."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the format."""
        name, colon, path = str(value).partition(":")
        if colon and name in self.choices:
            self.fail(
                f"for a file, write `--output-format {name} --output-file {path}`", param, ctx
            )
        return super().convert(value, param, ctx)


@with_options_of_check(*_SHARED, short_help="Show the order in which locks are acquired.")
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path())
@option(
    OptionGroup.OUTPUT,
    "--output-format",
    type=GraphFormat(GRAPH_FORMATS),
    default="text",
    show_default=True,
    help="Choose the format.",
)
@option(
    OptionGroup.OUTPUT,
    "--output-file",
    "-o",
    type=click.Path(),
    metavar="FILE",
    help="Write the graph to a file instead of standard output.",
)
def graph(paths: tuple[str, ...], output_format: str, output_file: str | None, **flags: Any) -> int:
    """Show the order in which files and folders (default: the current folder) acquire locks.

    An edge leads from a lock that is held to a lock that is acquired then, with the place where
    that happens. Cycles in which threads can deadlock are marked.

    Exit status: 0, with or without cycles; 2 for an error in the command line, the settings or
    locklint itself.
    """
    from locklint.cli.request import Request

    request = Request(paths=paths or (os.curdir,), **flags)
    settings = request.settings()
    reject_unwritable(output_file)
    report = _analyse(request, settings)
    stop_if_interrupted()
    tell_notes(settings)
    misnamed = misnamed_settings(request, settings, report.unknown_names)
    _write(report, output_format, output_file, request)
    name_not_analysed(report.not_analysed if request.verbose else report.problems)
    if report.not_analysed:
        from locklint.reporting.summary import not_analysed_line

        write_note(not_analysed_line(report.not_analysed))
    tell_errors(report.errors, verbose=request.verbose)
    return ExitStatus.TROUBLE if report.errors or misnamed else ExitStatus.CLEAN


def _analyse(request: Request, settings: Settings) -> GraphReport:
    from locklint.engine.executors import ExecutorProblem
    from locklint.engine.find_files import find_files
    from locklint.engine.lock_graph import lock_graph
    from locklint.engine.pipeline import Means, UsageError

    progress = progress_for(quiet=request.quiet)
    try:
        discovery = find_files(request.paths, settings.config, settings.folder, progress=progress)
        size = sum(found.size for found in discovery.files)
        means = Means(workers=request.workers(size), store=request.facts(settings))
        report = lock_graph(
            request.paths,
            settings.config,
            progress=progress,
            folder=settings.folder,
            discovery=discovery,
            means=means,
        )
    except (UsageError, ExecutorProblem) as error:
        raise Failure(str(error)) from None
    finally:
        if progress is not None:
            progress.end()
    if not request.quiet:
        tell_passed_over(discovery.passed_over)
    return report


def _write(
    report: GraphReport, output_format: str, output_file: str | None, request: Request
) -> None:
    from locklint.reporting import render_graph
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.summary import analysed_line

    stream = sys.stdout if output_file is None else None
    options = RenderOptions(
        width=width_of(stream),
        color=wants_color(request.color, stream, os.environ),
        encoding=encoding_of(stream),
        root=os.getcwd(),
        closing=not request.quiet,
        graph_script=_graph_script(request) if output_format == "html" else "",
        page_folder=os.path.dirname(os.path.abspath(output_file)) if output_file else "",
    )
    write_result(render_graph(output_format, report.graph, options), output_file)
    said = output_format == "text" and output_file is None
    if not said and not request.quiet and report.graph.statistics is not None:
        write_note(analysed_line(report.graph.statistics))


def _graph_script(request: Request) -> str:
    """Return the script of the interactive page, or say how to get it."""
    from locklint.cli.graph_script import graph_script

    script = graph_script()
    if not script and not request.quiet:
        write_note(
            "The page has a plain picture. For one to zoom, filter and group:"
            " pip install 'locklint[report]'"
        )
    return script
