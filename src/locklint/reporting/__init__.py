"""Renders what a run found, as text for people and as data for programs.

A reporter is a pure function from results and options to text: it reads no file and no environment,
and its output is the same for the same input. Reporters are imported when they are asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results

# The module of each format, and its function.
_RENDERERS = {
    "full": ("text", "render"),
    "concise": ("concise", "render"),
    "json": ("json_format", "render"),
    "json-lines": ("json_format", "render_lines"),
    "sarif": ("sarif", "render"),
    "github": ("github", "render"),
    "gitlab": ("gitlab", "render"),
    "junit": ("junit", "render"),
    "rdjson": ("rdjson", "render"),
    "azure": ("azure", "render"),
    "markdown": ("markdown", "render"),
}

FORMATS = tuple(_RENDERERS)

FOR_PEOPLE = frozenset({"full", "concise"})
"""The formats that `RenderOptions.statistics` turns into a table of counts."""

WITH_CLOSING_LINES = FOR_PEOPLE | {"github", "azure", "markdown"}
"""The formats that say themselves how much was found and analysed."""


def render(output_format: str, results: Results, options: RenderOptions) -> str:
    """Render results in one of `FORMATS`; a text that is not empty ends in a line end.

    Raises ValueError for any other format.
    """
    if output_format not in FORMATS:
        raise ValueError(f"{output_format!r} is not an output format")
    if options.statistics and output_format in FOR_PEOPLE:
        from locklint.reporting import statistics

        return statistics.render(results, options)
    module, function = _RENDERERS[output_format]
    renderer = getattr(import_module(f"locklint.reporting.{module}"), function)
    text: str = renderer(results, options)
    return text
