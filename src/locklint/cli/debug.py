"""``locklint debug``: print a stage of the analysis."""

from __future__ import annotations

import os.path
from typing import Any

import click

from locklint.cli.check_options import with_options_of_check
from locklint.cli.exit_status import ExitStatus
from locklint.cli.option_groups import OptionGroup, option
from locklint.cli.output import Failure, reason, write_error, write_result

FILE_STAGES = ("ir", "locks")
"""The stages of a single file."""

PROGRAM_STAGES = ("summary", "calls", "graph", "accesses")
"""The stages of all files together."""

TRACES = "traces"
"""The stage that tells which facts about other files each function rests on."""

FACTS = "facts"
"""The stage for other programs: all facts as data."""

COVERAGE = "coverage"
"""The stage that tells what a scan is worth: places that look like an acquire."""


# The options of `check` that choose files and settings. They apply to facts and coverage only: the
# other stages show what is known without settings.
_SHARED = ("extend_exclude", "isolated", "config_words", "no_cache", "cache_dir")


@with_options_of_check(*_SHARED, short_help="Print a stage of the analysis.")
@click.argument(
    "stage", type=click.Choice((*FILE_STAGES, *PROGRAM_STAGES, TRACES, COVERAGE, FACTS))
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@option(OptionGroup.OUTPUT, "--function", metavar="NAME", help="Print only this function.")
@option(
    OptionGroup.OUTPUT,
    "--output-format",
    type=click.Choice(("text", "json")),
    help="The format: json for facts, text or json for coverage, text for all other stages.",
)
def debug(
    stage: str,
    files: tuple[str, ...],
    function: str | None,
    output_format: str | None,
    **flags: Any,
) -> int:
    """Print a stage of the analysis of FILE.

    For one file: its control flow (ir), or the locks held at each point (locks).

    For files and folders together: the waits of each function and the locks held there (summary),
    the calls and the starts of threads (calls), or the lock-order graph with its cycles, and why
    other loops in it are no deadlocks (graph), the accesses to attributes of classes with locks
    and the locks held there (accesses), or the facts about other files that the graph of
    each function rests on (traces).

    For files and folders, with the settings of `check`: each place that looks like an acquire,
    whether its lock is known, and if not, why (coverage).

    For other programs: locks, acquires, calls and lock-order edges with their places (facts), with
    the settings of `check`.
    """
    formats = {FACTS: ("json",), COVERAGE: ("text", "json")}.get(stage, ("text",))
    if output_format not in (None, *formats):
        raise Failure(f"the stage {stage} cannot be written as {output_format}")
    if stage in (FACTS, COVERAGE):
        if function is not None:
            raise Failure(f"the stage {stage} is about the whole program: leave out --function")
        if stage == COVERAGE:
            return _print_coverage(files, flags, output_format == "json")
        return _print_facts(files, flags)
    if stage in FILE_STAGES:
        if len(files) > 1:
            raise Failure(f"the stage {stage} takes one file, not {len(files)}")
        return _print_file(stage, files[0], function)
    if stage in ("graph", "accesses") and function is not None:
        raise Failure(f"the stage {stage} is about the whole program: leave out --function")
    return _print_program(stage, files, function)


def _print_file(stage: str, file: str, function: str | None) -> int:
    from locklint.engine.debug import print_stage

    if os.path.isdir(file):
        raise Failure(f"{file}: is a folder, not a file")
    try:
        text = print_stage(stage, file, function)
    except OSError as error:
        raise Failure(f"{file}: cannot be read: {reason(error)}") from None
    except (SyntaxError, LookupError, ValueError) as error:
        raise Failure(f"{file}: {error}") from None
    write_result(text if text.endswith("\n") or not text else f"{text}\n")
    return ExitStatus.CLEAN


def _print_program(stage: str, files: tuple[str, ...], function: str | None) -> int:
    from locklint.engine.debug import print_program_stage, print_traces
    from locklint.engine.pipeline import UsageError

    try:
        if stage == TRACES:
            found = print_traces(files, function)
        else:
            found = print_program_stage(stage, files, function)
    except (UsageError, LookupError) as error:
        raise Failure(str(error)) from None
    write_result(found.text)
    for problem in found.problems:
        write_error(problem)
    return ExitStatus.TROUBLE if found.problems else ExitStatus.CLEAN


def _print_facts(paths: tuple[str, ...], flags: dict[str, Any]) -> int:
    import json

    from locklint.cli.request import Request
    from locklint.engine.debug_facts import program_facts
    from locklint.engine.pipeline import UsageError

    settings = Request(paths=paths, **flags).settings()
    try:
        facts = program_facts(paths, settings.config, settings.folder)
    except UsageError as error:
        raise Failure(str(error)) from None
    write_result(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    for problem in facts["errors"]:
        write_error(problem)
    return ExitStatus.TROUBLE if facts["errors"] else ExitStatus.CLEAN


def _print_coverage(paths: tuple[str, ...], flags: dict[str, Any], as_json: bool) -> int:
    import json

    from locklint.cli.request import Request
    from locklint.engine.coverage import as_data, as_text, coverage
    from locklint.engine.pipeline import UsageError

    settings = Request(paths=paths, **flags).settings()
    try:
        sites = coverage(paths, settings.config, settings.folder)
    except UsageError as error:
        raise Failure(str(error)) from None
    if as_json:
        write_result(json.dumps(as_data(sites), indent=1, ensure_ascii=False) + "\n")
    else:
        write_result(as_text(sites))
    return ExitStatus.CLEAN
