"""``locklint debug``: print a stage of the analysis."""

from __future__ import annotations

import os.path
from typing import Any

import click

from locklint.cli.check_options import with_options_of_check
from locklint.cli.exit_status import ExitStatus
from locklint.cli.output import Failure, reason, write_error, write_result

FILE_STAGES = ("ir", "locks")
"""What is known of one file by itself."""

PROGRAM_STAGES = ("summary", "calls", "graph")
"""What is known of all files together."""

FACTS = "facts"
"""All of that as data."""


# Those options of `check` that say which files are analysed and by which settings; the stages for
# people show what is known without any.
_SHARED = ("extend_exclude", "isolated", "config_words", "no_cache", "cache_dir")


@with_options_of_check(*_SHARED)
@click.argument("stage", type=click.Choice((*FILE_STAGES, *PROGRAM_STAGES, FACTS)))
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--function", metavar="NAME", help="Print this function only.")
@click.option(
    "--output-format",
    type=click.Choice(("text", "json")),
    help="How the stage is written: facts as json, all others as text.",
)
def debug(
    stage: str,
    files: tuple[str, ...],
    function: str | None,
    output_format: str | None,
    **flags: Any,
) -> int:
    """Print what the analysis makes of FILE.

    Of one file: its control flow (ir), or what is held where (locks). Of one or more files and
    folders together: what each function does that may wait and what is held then (summary), who
    calls whom and where threads begin (calls), or which locks are asked for while others are held,
    the cycles among them, and why other rings are none (graph). For other programs: locks,
    acquires, calls and edges of the lock-order graph with their places (facts), by the settings of
    `check`.
    """
    if output_format not in (None, "json" if stage == FACTS else "text"):
        raise Failure(f"the stage {stage} is not written as {output_format}")
    if stage == FACTS:
        if function is not None:
            raise Failure("facts are those of the whole program: leave --function off")
        return _print_facts(files, flags)
    if stage in FILE_STAGES:
        if len(files) > 1:
            raise Failure(f"the stage {stage} is printed of one file, not of {len(files)}")
        return _print_file(stage, files[0], function)
    if stage == "graph" and function is not None:
        raise Failure("the lock-order graph is that of the whole program: leave --function off")
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
    from locklint.engine.debug import print_program_stage
    from locklint.engine.pipeline import UsageError

    try:
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
