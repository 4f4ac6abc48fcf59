"""``locklint rule``: print the pages of rules."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from locklint.cli.completion import complete_rules
from locklint.cli.option_groups import GroupedCommand
from locklint.cli.output import Failure, is_terminal, wants_color, width_of, write_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locklint.rule import Rule

FORMATS = ("text", "json", "markdown")

# Prose is hard to read on lines that are longer.
WIDEST_PAGE = 100


@click.command(cls=GroupedCommand, short_help="Print the page of a rule, or list the rules.")
@click.argument("rule", required=False, metavar="[CODE|NAME]", shell_complete=complete_rules)
@click.option("--all", "every", is_flag=True, help="Print the pages of all rules.")
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Choose the format.",
)
def rule(rule: str | None, every: bool, output_format: str) -> None:
    """Print the page of a rule, or list all rules."""
    from locklint.engine.selection import find_rules, unknown_rule
    from locklint.rules import ALL_RULES

    if rule is not None and every:
        raise click.UsageError("name a rule or give --all, not both")
    selected: Sequence[Rule] = ALL_RULES
    if rule is not None:
        exact = [each for each in ALL_RULES if rule.casefold() in (each.code.casefold(), each.name)]
        selected = exact or find_rules(rule, ALL_RULES)
        if not selected:
            raise Failure(unknown_rule(rule, ALL_RULES))
    if output_format == "json":
        records = [_record(each) for each in selected]
        single = rule is not None and len(records) == 1
        write_result(json.dumps(records[0] if single else records, indent=2) + "\n")
    elif rule is None and not every:
        write_result(_list(selected, output_format))
    else:
        pages = "\n\n".join(page(each).strip() for each in selected) + "\n"
        write_result(_shown(pages) if output_format == "text" else pages)


def page(rule: Rule) -> str:
    """A rule's page in Markdown, under a heading with its name, and what it is set to."""
    facts = [
        f"Severity: **{rule.severity.label}**",
        "on by default" if rule.default else "off by default",
    ]
    if rule.fixable:
        facts.append(f"{rule.fixable} fix")
    return f"# {rule.name} ({rule.code})\n\n{' · '.join(facts)}\n\n{rule.page.strip()}\n"


def _shown(pages: str) -> str:
    """Pages laid out for a terminal; as they are for anything else."""
    color = wants_color("auto", sys.stdout, os.environ)
    if not color and not is_terminal(sys.stdout):
        return pages
    from io import StringIO

    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    console = Console(
        file=StringIO(),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        theme=Theme({"markdown.code": "bold cyan"}),  # On any background.
        width=min(width_of(sys.stdout) or WIDEST_PAGE, WIDEST_PAGE),
    )
    with console.capture() as capture:
        console.print(Markdown(pages, code_theme="ansi_dark", hyperlinks=False))
    return capture.get()


def _list(rules: Sequence[Rule], output_format: str) -> str:
    if output_format == "markdown":
        head = ["| code | name | severity | what it finds |", "|---|---|---|---|"]
        rows = [
            f"| {each.code} | {each.name} | {each.severity.label} | {each.summary} |"
            for each in rules
        ]
        return "\n".join([*head, *rows]) + "\n"
    width = max((len(each.name) for each in rules), default=0)
    return "".join(
        f"{each.code}  {each.name:<{width}}  {each.severity.label:<7}  {each.summary}\n"
        for each in rules
    )


def _record(rule: Rule) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.label,
        "default": rule.default,
        "fix": rule.fixable or None,
        "summary": rule.summary,
        "explanation": rule.page,
    }
