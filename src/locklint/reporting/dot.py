"""The lock-order graph for Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.reporting.lock_graph import about
from locklint.reporting.printable import printable

if TYPE_CHECKING:
    from locklint.reporting.lock_graph import GraphEdge, GraphLock, LockGraph
    from locklint.reporting.options import RenderOptions

_RED = "#c62828"


def render(graph: LockGraph, options: RenderOptions) -> str:
    """A ``digraph``: cycles are red, edges that do not wait are dashed."""
    lines = [
        'digraph "lock order" {',
        "    rankdir=LR;",
        '    node [shape=box, style=rounded, fontname="Helvetica"];',
        '    edge [fontname="Helvetica", fontsize=10];',
    ]
    lines += [f"    {_node(lock, graph)};" for lock in graph.locks]
    lines += [f"    {_edge(edge, graph)};" for edge in graph.edges]
    return "\n".join((*lines, "}")) + "\n"


def _node(lock: GraphLock, graph: LockGraph) -> str:
    rows = [lock.name, about(lock)]
    if lock.made is not None:
        rows.append(lock.made.line)
    attributes = [f"label={label(rows)}"]
    if lock.name in graph.locks_in_cycles:
        attributes += [f'color="{_RED}"', f'fontcolor="{_RED}"', "penwidth=2"]
    return f"{quoted(lock.name)} [{', '.join(attributes)}]"


def _edge(edge: GraphEdge, graph: LockGraph) -> str:
    witness = edge.best
    rows = [witness.place.line, witness.function, *(f"via {name}" for name in witness.via)]
    attributes = [f"label={label(rows)}"]
    if graph.is_in_cycle(edge):
        attributes += [f'color="{_RED}"', f'fontcolor="{_RED}"', "penwidth=2"]
    if not edge.waits:
        attributes.append("style=dashed")
    return f"{quoted(edge.source)} -> {quoted(edge.target)} [{', '.join(attributes)}]"


def quoted(name: str) -> str:
    """Return a name as an identifier.

    In quotation marks only these need an escape, but a backslash before the last one would escape
    it, so each backslash is doubled. Both are done in all places, so different names stay
    different.
    """
    return '"' + _plain(name).replace("\\", "\\\\").replace('"', '\\"') + '"'


def label(rows: list[str]) -> str:
    """Rows of text as a label, where backslashes and ``&`` have a meaning of their own."""
    escaped = [
        _plain(row).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for row in rows
    ]
    return '"' + "\\n".join(escaped) + '"'


def _plain(text: str) -> str:
    return printable(text, "utf-8")
