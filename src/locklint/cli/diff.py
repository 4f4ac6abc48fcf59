"""``locklint diff``: compare the findings of two runs."""

from __future__ import annotations

import click

from locklint.cli.exit_status import ExitStatus
from locklint.cli.option_groups import GroupedCommand
from locklint.cli.output import Failure, write_result

FORMATS = ("text", "markdown", "json")
LEVELS = ("info", "warning", "error")


@click.command(cls=GroupedCommand, short_help="Compare the findings of two runs.")
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path())
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Choose the format.",
)
@click.option("--output-file", "-o", type=click.Path(), metavar="FILE", help="Write to a file.")
@click.option(
    "--fail-level",
    type=click.Choice(LEVELS),
    default="warning",
    show_default=True,
    help="Exit with 1 for introduced findings of this severity or above.",
)
@click.option(
    "--exit-zero", "-e", is_flag=True, help="Exit with 0 even if findings were introduced."
)
def diff(
    old: str,
    new: str,
    output_format: str,
    output_file: str | None,
    fail_level: str,
    exit_zero: bool,
) -> int:
    """Compare an OLD and a NEW result of `locklint check --output-format json`.

    The format markdown suits a comment on a change. The exit status is 1 if the new result has
    findings of the severity of --fail-level or above that the old one does not have.
    """
    from locklint.core.diagnostic import Severity
    from locklint.engine.compare import as_json, as_markdown, as_text, compare, read_findings
    from locklint.engine.load_config import SettingsError

    try:
        comparison = compare(read_findings(old), read_findings(new))
    except SettingsError as error:
        raise Failure(str(error)) from None
    writers = {"text": as_text, "markdown": as_markdown, "json": as_json}
    write_result(writers[output_format](comparison), output_file)
    level = Severity[fail_level.upper()]
    failing = any(finding.level >= level for finding in comparison.introduced)
    return ExitStatus.FINDINGS if failing and not exit_zero else ExitStatus.CLEAN
