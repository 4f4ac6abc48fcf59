"""Completions that a shell offers, in addition to those of click."""

from __future__ import annotations

import click


def complete_formats(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the output formats with the typed prefix."""
    from locklint.reporting import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


def complete_rules(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the codes and names of rules with the prefix that ends a comma list."""
    from locklint.rules import ALL_RULES

    before, comma, typed = incomplete.rpartition(",")
    names = [word for rule in ALL_RULES for word in (rule.code, rule.name)]
    return [f"{before}{comma}{name}" for name in names if name.startswith((typed, typed.upper()))]


def complete_settings(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the keys of settings with the typed prefix."""
    from locklint.engine.settings_table import settings_table

    return [row.key for row in settings_table() if row.key.startswith(incomplete)]
