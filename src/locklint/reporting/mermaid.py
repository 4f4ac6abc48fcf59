"""The lock-order graph for Mermaid, which GitHub and GitLab draw in Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locklint.reporting.lock_graph import about
from locklint.reporting.printable import printable

if TYPE_CHECKING:
    from locklint.reporting.lock_graph import GraphEdge, GraphLock, LockGraph
    from locklint.reporting.options import RenderOptions

_RED = "#c62828"

# Quotation marks and `#` are Mermaid's own; the others mean something in HTML or Markdown, as which
# labels are read. An underscore between letters is none of Markdown's.
_SPECIAL = re.compile(r"""["#&<>;`*~\\]|_(?![A-Za-z0-9])""")


def render(graph: LockGraph, options: RenderOptions) -> str:
    """A ``flowchart``: cycles are red, edges that do not wait are dotted."""
    names = {lock.name: f"n{number}" for number, lock in enumerate(graph.locks, start=1)}
    lines = ["flowchart LR"]
    lines += [f"    {names[lock.name]}[{_node(lock)}]" for lock in graph.locks]
    lines += [
        f"    {names[edge.source]} {'-->' if edge.waits else '-.->'}|{_edge(edge)}| "
        f"{names[edge.target]}"
        for edge in graph.edges
    ]
    marked = [names[lock.name] for lock in graph.locks if lock.name in graph.locks_in_cycles]
    if marked:
        links = [str(index) for index, edge in enumerate(graph.edges) if graph.is_in_cycle(edge)]
        lines += [
            f"    classDef cycle stroke:{_RED},stroke-width:3px",
            f"    class {','.join(marked)} cycle",
            f"    linkStyle {','.join(links)} stroke:{_RED},stroke-width:3px",
        ]
    return "\n".join(lines) + "\n"


def _node(lock: GraphLock) -> str:
    rows = [lock.name, about(lock)]
    if lock.made is not None:
        rows.append(lock.made.line)
    return label(rows)


def _edge(edge: GraphEdge) -> str:
    witness = edge.best
    return label([witness.place.line, witness.function, *(f"via {name}" for name in witness.via)])


def label(rows: list[str]) -> str:
    """Rows of text as a label in quotation marks."""
    return '"' + "<br/>".join(escaped(row) for row in rows) + '"'


def escaped(text: str) -> str:
    """The text with numbers for the characters that have a meaning in a label.

    Mermaid breaks the line at a backslash and an ``n`` even if they are written as numbers, so
    something invisible is put between them.
    """
    numbered = _SPECIAL.sub(lambda match: f"#{ord(match[0])};", printable(text, "utf-8"))
    return numbered.replace("#92;n", "#92;#8288;n")
