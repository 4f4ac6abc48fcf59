"""``locklint debug``: print a stage of the analysis of one file."""

from __future__ import annotations

import os.path

import click

from locklint.cli.output import Failure, reason, write_result

STAGES = ("ir", "locks")


@click.command()
@click.argument("stage", type=click.Choice(STAGES))
@click.argument("file", type=click.Path())
@click.option("--function", metavar="NAME", help="Print this function only.")
def debug(stage: str, file: str, function: str | None) -> None:
    """Print what the analysis makes of FILE: its control flow (ir), or what is held (locks)."""
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
