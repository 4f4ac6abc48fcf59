"""Renders what a run found, as text for people and as data for programs.

A reporter is a pure function from results and options to text: it reads no file and no environment,
and its output is the same for the same input. Reporters are imported when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results

FORMATS = ("full", "concise", "json")


def render(output_format: str, results: Results, options: RenderOptions) -> str:
    """Render results in one of `FORMATS`; a text that is not empty ends in a line end.

    Raises ValueError for any other format.
    """
    if output_format == "json":
        from locklint.reporting import json_format

        return json_format.render(results, options)
    if output_format not in FORMATS:
        raise ValueError(f"{output_format!r} is not an output format")
    if options.statistics:
        from locklint.reporting import statistics

        return statistics.render(results, options)
    if output_format == "concise":
        from locklint.reporting import concise

        return concise.render(results, options)
    from locklint.reporting import text

    return text.render(results, options)
