"""The lock-order graph as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.reporting.lock_graph import about, cycle_pairs, cycle_text, way
from locklint.reporting.printable import printable
from locklint.reporting.style import Line, paint
from locklint.reporting.summary import analysed_line

if TYPE_CHECKING:
    from locklint.reporting.lock_graph import GraphEdge, LockGraph
    from locklint.reporting.options import RenderOptions


def render(graph: LockGraph, options: RenderOptions) -> str:
    """Return the locks, each with those that are acquired while it is held, then the cycles."""
    lines: list[Line] = []
    edges = {(edge.source, edge.target): edge for edge in graph.edges}
    for lock in graph.locks:
        style = "error" if lock.name in graph.locks_in_cycles else "strong"
        made = f", made at {lock.made.line}" if lock.made is not None else ""
        lines.append([(lock.name, style), (f"  {about(lock)}", ""), (made, "faint")])
        for edge in graph.edges:
            if edge.source == lock.name:
                lines.extend(_edge(edge, graph))
    if not graph.locks:
        lines.append([("No lock is acquired while another one is held.", "")])
    for number, cycle in enumerate(graph.cycles, start=1):
        lines += [[], [(f"cycle {number}", "error"), (f": {cycle_text(cycle)}", "")]]
        for thread, pair in enumerate(cycle_pairs(cycle), start=1):
            text = f"  thread {thread} holds {pair[0]} and waits for {pair[1]}: "
            lines.append([(text, ""), (way(edges[pair].best), "faint")])
    if options.closing and graph.statistics is not None:
        lines += [[], [(analysed_line(graph.statistics), "")]]
    return paint([_safe(line, options.encoding) for line in lines], options.color)


def _edge(edge: GraphEdge, graph: LockGraph) -> list[Line]:
    numbers = graph.cycles_of_edges.get((edge.source, edge.target), ())
    head: Line = [("  -> ", "frame"), (edge.target, "error" if numbers else "")]
    if numbers:
        head.append((f"  [cycle {', '.join(map(str, numbers))}]", "error"))
    if not edge.waits:
        head.append(("  (does not wait)", "faint"))
    more = len(edge.witnesses) - 1
    rest = f" (and {more} more)" if more else ""
    return [head, [(f"       {way(edge.best)}{rest}", "faint")]]


def _safe(line: Line, encoding: str) -> Line:
    return [(printable(text, encoding), style) for text, style in line]
