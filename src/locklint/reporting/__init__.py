"""Rendering of a run's results, as text for people and as data for programs.

A reporter is a pure function from results and options to text: it reads no file and no environment,
and its output is the same for the same input. Reporters are imported when they are needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from locklint.reporting.printable import AS_HTML, AS_JSON, AS_TEXT, AS_XML, without_commands

if TYPE_CHECKING:
    from locklint.reporting.lock_graph import LockGraph
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

# Formats that are commands to services themselves see to it that what they quote is none.
_SIGNS = {
    "full": AS_TEXT,
    "concise": AS_TEXT,
    "json": AS_JSON,
    "json-lines": AS_JSON,
    "sarif": AS_JSON,
    "gitlab": AS_JSON,
    "junit": AS_XML,
    "rdjson": AS_JSON,
    "markdown": AS_TEXT,
}
_GRAPH_SIGNS = {
    "text": AS_TEXT,
    "dot": AS_TEXT,
    "mermaid": AS_TEXT,
    "json": AS_JSON,
    "html": AS_HTML,
}

_GRAPH_RENDERERS = {
    "text": "graph_text",
    "dot": "dot",
    "mermaid": "mermaid",
    "json": "graph_json",
    "html": "graph_html",
}

FORMATS = tuple(_RENDERERS)

GRAPH_FORMATS = tuple(_GRAPH_RENDERERS)
"""The formats of the lock-order graph."""

FOR_PEOPLE = frozenset({"full", "concise"})
"""The formats that `RenderOptions.statistics` turns into a table of counts."""

WITH_COMMANDS = frozenset({"github", "azure"})
"""The formats that are commands to the service that runs the job."""

WITH_CLOSING_LINES = FOR_PEOPLE | {"github", "azure", "markdown"}
"""The formats that say themselves how much was found and analysed."""


def render(output_format: str, results: Results, options: RenderOptions) -> str:
    """Render results in one of `FORMATS`; a text that is not empty ends in a line end.

    Raise ValueError for any other format.
    """
    if output_format not in FORMATS:
        raise ValueError(f"{output_format!r} is not an output format")
    if options.statistics and output_format in FOR_PEOPLE:
        from locklint.reporting import statistics

        return statistics.render(results, options)
    module, function = _RENDERERS[output_format]
    renderer = getattr(import_module(f"locklint.reporting.{module}"), function)
    text: str = renderer(results, options)
    return without_commands(text, _SIGNS[output_format]) if output_format in _SIGNS else text


def render_graph(output_format: str, graph: LockGraph, options: RenderOptions) -> str:
    """Render the lock-order graph in one of `GRAPH_FORMATS`; the text ends in a line end.

    Raise ValueError for any other format.
    """
    if output_format not in GRAPH_FORMATS:
        raise ValueError(f"{output_format!r} is not a format of the lock-order graph")
    module = import_module(f"locklint.reporting.{_GRAPH_RENDERERS[output_format]}")
    text: str = module.render(graph, options)
    return without_commands(text, _GRAPH_SIGNS[output_format])
