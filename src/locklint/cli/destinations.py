"""Output formats of a run, and their destinations: ``--output-format FORMAT[:PATH]``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from locklint.cli.output import (
    Failure,
    encoding_of,
    wants_color,
    width_of,
    write_note,
    write_result,
)

if TYPE_CHECKING:
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results
    from locklint.rule import Rule

DEFAULT_FORMAT = "full"

# Folders of a whole checkout, as services that run jobs name them; the file names in what other
# programs read are relative to it, wherever in the checkout the job runs.
_CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY")


class Destination(NamedTuple):
    """A format, and the file that it is written to, None for standard output."""

    output_format: str
    path: str | None = None


def parse_formats(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> tuple[Destination, ...]:
    """Parse each ``FORMAT`` or ``FORMAT:FILE``; suggest a name for a mistyped format."""
    from locklint.engine.did_you_mean import did_you_mean
    from locklint.reporting import FORMATS

    found: list[Destination] = []
    for value in values:
        name, colon, path = value.partition(":")
        if name not in FORMATS:
            hint = did_you_mean(name, FORMATS)
            raise click.BadParameter(
                f"unknown format `{name}`{hint}; the formats are {', '.join(FORMATS)}",
                context,
                parameter,
            )
        if colon and not path:
            raise click.BadParameter(
                f"the file after the colon is missing in `{value}`", context, parameter
            )
        found.append(Destination(name, path or None))
    return tuple(found)


def destinations(given: Sequence[Destination], output_file: str | None) -> list[Destination]:
    """Return all destinations; ``output_file`` replaces standard output.

    Raise `Failure` if two have the same place or a file cannot be written; this is said before a
    long run, not after it.
    """
    found = [
        Destination(each.output_format, each.path or output_file)
        for each in given or (Destination(DEFAULT_FORMAT),)
    ]
    if output_file is not None and all(each.path for each in given) and given:
        raise Failure(f"{output_file}: nothing to write: each format already has its own file")
    taken: dict[str | None, str] = {}
    for each in found:
        place = None if each.path is None else os.path.realpath(each.path)
        if place in taken:
            where = each.path or "standard output"
            raise Failure(
                f"{taken[place]} and {each.output_format} would both be written to {where}: "
                f"name a file for one of them, such as `--output-format {each.output_format}:FILE`"
            )
        taken[place] = each.output_format
        reject_unwritable(each.path)
    return found


def write_all(
    results: Results,
    where: Sequence[Destination],
    *,
    rules: Callable[[], Sequence[Rule]],
    color: str,
    statistics: bool,
    hidden: bool,
    quiet: bool,
    verbose: bool = False,
    docs_url: str = "",
) -> None:
    """Write results to every destination, and say on standard error what no text on output says.

    ``rules`` gives all that could have been applied, and is called only if they are written.
    """
    from locklint.reporting import WITH_CLOSING_LINES, WITH_COMMANDS, render
    from locklint.reporting.summary import closing_lines, not_analysed_line

    # Files first: the reader of standard output may stop reading.
    for each in sorted(where, key=lambda each: each.path is None):
        options = _options(
            each,
            rules,
            color=color,
            statistics=statistics,
            closing=not quiet,
            hidden=hidden,
            verbose=verbose,
            docs_url=docs_url,
        )
        text = render(each.output_format, results, options)
        write_result(text, each.path, has_commands=each.output_format in WITH_COMMANDS)
        if each.output_format == "github" and each.path is None:
            _write_step_summary(results, options, os.environ)
    said = any(each.path is None and each.output_format in WITH_CLOSING_LINES for each in where)
    if quiet:
        missing = not_analysed_line(results.not_analysed, verbose=verbose)
        if missing:
            write_note(missing)
    elif not said:
        for line in closing_lines(results, verbose=verbose):
            write_note(line)


def reject_unwritable(path: str | None) -> None:
    """Say at once, not after a long run, that the result will have nowhere to go."""
    if path is None:
        return
    folder = os.path.dirname(path) or os.curdir
    if not os.path.isdir(folder):
        raise Failure(f"{path}: cannot be written: the folder {folder} does not exist")
    if os.path.isdir(path):
        raise Failure(f"{path}: cannot be written: it is a folder")
    from locklint.engine.write_file import is_stream, misplaced

    problem = "" if is_stream(path) else misplaced(path)
    if problem:
        raise Failure(f"{path}: cannot be written: {problem}")


def checkout_folder(folder: str, environment: Mapping[str, str]) -> str:
    """The folder of the checkout that holds a folder, as the job's service says; else itself."""
    real = os.path.realpath(folder)
    for variable in _CHECKOUTS:
        checkout = environment.get(variable, "")
        if os.path.isabs(checkout):
            above = os.path.realpath(checkout)
            if real == above or real.startswith(above.rstrip(os.sep) + os.sep):
                # Spelt as the folder itself is, for this is what file names are compared with.
                steps = os.path.relpath(real, above).split(os.sep) if real != above else []
                return os.path.normpath(os.path.join(folder, *[os.pardir] * len(steps)))
    return folder


def _options(
    destination: Destination,
    rules: Callable[[], Sequence[Rule]],
    *,
    color: str,
    statistics: bool,
    closing: bool,
    hidden: bool,
    verbose: bool,
    docs_url: str,
) -> RenderOptions:
    from locklint.reporting.options import RenderOptions

    stream = sys.stdout if destination.path is None else None
    return RenderOptions(
        width=width_of(stream),
        color=wants_color(color, stream, os.environ),
        encoding=encoding_of(stream),
        root=os.getcwd(),
        statistics=statistics,
        closing=closing,
        base=checkout_folder(os.getcwd(), os.environ),
        # Many modules, for the one format that describes them.
        rules=tuple(rules()) if destination.output_format == "sarif" else (),
        hidden=hidden,
        docs_url=docs_url,
        verbose=verbose,
    )


def _write_step_summary(
    results: Results, options: RenderOptions, environment: Mapping[str, str]
) -> None:
    """Append a table to the summary of a step of GitHub Actions, if it has one."""
    path = environment.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    from locklint.reporting.markdown import summary

    try:
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(summary(results, options))
    except OSError as error:
        write_note(f"warning: {path}: cannot write the summary: {error.strerror or error}")
