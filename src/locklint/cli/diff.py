"""``locklint diff``: what a change has introduced, fixed and left as it was."""

from __future__ import annotations

import click

from locklint.cli.exit_status import ExitStatus
from locklint.cli.output import Failure, write_result

FORMATS = ("text", "markdown", "json")
LEVELS = ("info", "warning", "error")


@click.command()
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path())
@click.option(
    "--output-format", type=click.Choice(FORMATS), default="text", help="How it is written."
)
@click.option("--output-file", "-o", type=click.Path(), metavar="FILE", help="Write to a file.")
@click.option(
    "--fail-level",
    type=click.Choice(LEVELS),
    default="warning",
    show_default=True,
    help="Exit with 1 for introduced findings of this severity or above.",
)
@click.option("--exit-zero", "-e", is_flag=True, help="Exit with 0 whatever was introduced.")
def diff(
    old: str,
    new: str,
    output_format: str,
    output_file: str | None,
    fail_level: str,
    exit_zero: bool,
) -> int:
    """Compare two results of `locklint --output-format json`, an OLD and a NEW one.

    markdown is meant for a comment on the change. Exits with 1 if findings were introduced.
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
