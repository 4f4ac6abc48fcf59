"""What a shell offers to complete, beside what click knows by itself."""

from __future__ import annotations

import click


def complete_formats(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """The output formats that begin as typed."""
    from locklint.reporting import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


def complete_rules(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """The codes and names of rules that begin as the last item of a comma list."""
    from locklint.rules import ALL_RULES

    before, comma, typed = incomplete.rpartition(",")
    names = [word for rule in ALL_RULES for word in (rule.code, rule.name)]
    return [f"{before}{comma}{name}" for name in names if name.startswith((typed, typed.upper()))]
