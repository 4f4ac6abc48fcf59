"""``locklint config``: list and explain the settings."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from locklint.cli.completion import complete_settings
from locklint.cli.option_groups import GroupedCommand
from locklint.cli.output import Failure, width_of, write_result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locklint.engine.settings_table import Setting

FORMATS = ("text", "json", "markdown", "json-schema")

# Prose is hard to read on lines that are longer.
WIDEST_PAGE = 100


@click.command(cls=GroupedCommand, short_help="List the settings, or explain one.")
@click.argument("key", required=False, shell_complete=complete_settings)
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Choose the format.",
)
@click.option("--output-file", "-o", type=click.Path(), metavar="FILE", help="Write to a file.")
def config(key: str | None, output_format: str, output_file: str | None) -> None:
    """List the settings of [tool.locklint], or explain one KEY.

    The format json-schema is for editors: it describes a locklint.toml, and the table in a
    pyproject.toml.
    """
    from locklint.engine.did_you_mean import did_you_mean
    from locklint.engine.settings_table import json_schema, settings_table

    rows = settings_table()
    if key is not None:
        known = [row.key for row in rows]
        if key not in known:
            raise Failure(f"unknown setting `{key}`{did_you_mean(key, known)}")
        rows = tuple(row for row in rows if row.key == key)
    if output_format == "json-schema":
        schema = json_schema()
        text = _json(schema["properties"][key] if key else schema)
    elif output_format == "json":
        records = [_record(row) for row in rows]
        text = _json(records[0] if key else records)
    elif output_format == "markdown":
        text = markdown(rows)
    elif key is None:
        width = max(len(row.key) for row in rows)
        text = "".join(f"{row.key:<{width}}  {row.type}\n" for row in rows)
    else:
        text = _page(rows[0])
    write_result(text, output_file)


def markdown(rows: Iterable[Setting]) -> str:
    """Return the table of settings for the documentation."""
    parts = []
    for row in rows:
        example = f"\n```toml\n{row.example}\n```\n" if row.example else ""
        keys = "".join(
            f"| `{each.key}` | {each.description} | `{_default(each)}` |\n" for each in row.inner
        )
        inner = (
            f"\n| key of each table | meaning | default |\n|---|---|---|\n{keys}" if keys else ""
        )
        parts.append(
            f"## {row.key}\n\n{row.description}\n\n- Type: `{row.type}`\n"
            f"- Default: {f'`{_default(row)}`' if row.default is not None else 'not set'}\n"
            f"- Read from: {row.place}\n{example}{inner}"
        )
    return "\n".join(parts)


def _page(row: Setting) -> str:
    import textwrap

    width = min(width_of(sys.stdout) or WIDEST_PAGE, WIDEST_PAGE)
    lines = [
        row.key,
        "",
        *textwrap.wrap(row.description, width, break_long_words=False, break_on_hyphens=False),
        "",
        f"type:      {row.type}",
        f"default:   {_default(row)}",
        f"read from: {row.place}",
    ]
    if row.example:
        lines.append(f"example:   {row.example}")
    if row.inner:
        widest = max(len(each.key) for each in row.inner)
        lines += ["", "keys of each table (default):"]
        lines += [
            f"  {each.key:<{widest}}  {each.description} ({_default(each)})" for each in row.inner
        ]
    return "\n".join(lines) + "\n"


def _default(row: Setting) -> str:
    from locklint.engine.settings_table import toml_value

    return "not set" if row.default is None else toml_value(row.default)


def _record(row: Setting) -> dict[str, object]:
    return {
        "key": row.key,
        "type": row.type,
        "default": row.default,
        "scope": row.scope,
        "description": row.description,
        "example": row.example or None,
        "keys": [_record(each) for each in row.inner],
    }


def _json(document: object) -> str:
    import json

    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
