"""The lock-order graph as one page that needs nothing else: a drawing, and tables below it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from locklint.reporting.graph_layout import NODE_HEIGHT, layout
from locklint.reporting.lock_graph import about, ring_text, way
from locklint.reporting.printable import printable
from locklint.reporting.summary import analysed_line

if TYPE_CHECKING:
    from locklint.reporting.graph_layout import Box
    from locklint.reporting.lock_graph import GraphEdge, GraphLock, GraphWitness, LockGraph
    from locklint.reporting.options import RenderOptions

_STYLE = """\
:root { color-scheme: light dark; --line: #78909c; --red: #c62828; --paper: #fff; --ink: #212121; }
@media (prefers-color-scheme: dark) {
  :root { --line: #90a4ae; --red: #ef5350; --paper: #1e1e1e; --ink: #e0e0e0; }
}
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em; background: var(--paper);
  color: var(--ink); }
.drawing { overflow: auto; border: 1px solid var(--line); }
svg { display: block; font: 13px ui-monospace, monospace; }
svg rect { fill: var(--paper); stroke: var(--line); rx: 6; }
svg text { fill: var(--ink); text-anchor: middle; }
svg path { fill: none; stroke: var(--line); stroke-width: 1.5; }
svg marker path { fill: var(--line); stroke: none; }
svg marker.red path { fill: var(--red); }
svg .tries path { stroke-dasharray: 5 4; }
svg .cycle rect, svg .cycle path { stroke: var(--red); stroke-width: 2.5; }
svg .cycle text, .cycle > td:first-child, .cycles li { fill: var(--red); color: var(--red); }
svg a:hover path, svg a:focus path { stroke-width: 4; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .3em .8em; }
tr + tr { border-top: 1px solid var(--line); }
tr:target { outline: 2px solid var(--line); }
code { font: 13px ui-monospace, monospace; }
ul { margin: 0; padding-left: 1.2em; }
"""


def render(graph: LockGraph, options: RenderOptions) -> str:
    """A page in ASCII without scripts, whose policy forbids to load anything."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width">',
        "<title>Lock order</title>",
        f"<style>\n{_STYLE}</style>",
        "<h1>Lock order</h1>",
    ]
    if graph.locks:
        parts += [
            "<p>An edge leads from a lock that is held to one that is asked for then. Dashed edges"
            " do not wait; in red cycles threads can wait for each other for ever.</p>",
            *_drawing(graph),
            *_cycles(graph),
            *_edges(graph),
            *_locks(graph),
        ]
    else:
        parts.append("<p>No lock is asked for while another one is held.</p>")
    if graph.statistics is not None:
        parts.append(f"<p>{_text(analysed_line(graph.statistics))}</p>")
    parts.append("</html>")
    return ("\n".join(parts) + "\n").encode("ascii", "xmlcharrefreplace").decode("ascii")


def _drawing(graph: LockGraph) -> list[str]:
    placed = layout(graph)
    lines = [
        '<div class="drawing">',
        f'<svg width="{placed.width}" height="{placed.height}" role="img"'
        ' aria-label="The lock-order graph">',
        f"<defs>{_tip('tip', '')}{_tip('redtip', 'red')}</defs>",
    ]
    for number, edge in enumerate(graph.edges, start=1):
        path = _path(placed.boxes[edge.source], placed.boxes[edge.target])
        name = "cycle" if graph.is_in_cycle(edge) else "" if edge.waits else "tries"
        tip = "redtip" if name == "cycle" else "tip"
        title = f"{edge.source} -> {edge.target}: {way(edge.best)}"
        lines.append(
            f'<a href="#edge{number}" class="{name}"><title>{_text(title)}</title>'
            f'<path d="{path}" marker-end="url(#{tip})"/></a>'
        )
    for lock in graph.locks:
        box = placed.boxes[lock.name]
        name = "cycle" if lock.name in graph.locks_in_cycles else ""
        lines.append(
            f'<g class="{name}"><title>{_text(_lock_title(lock))}</title>'
            f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{NODE_HEIGHT}"/>'
            f'<text x="{box.x + box.width // 2}" y="{box.y + NODE_HEIGHT // 2 + 5}">'
            f"{_text(lock.name)}</text></g>"
        )
    return [*lines, "</svg>", "</div>"]


def _tip(name: str, style: str) -> str:
    return (
        f'<marker id="{name}" class="{style}" viewBox="0 0 10 10" refX="9" refY="5"'
        ' markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
        '<path d="M0 0L10 5L0 10z"/></marker>'
    )


def _path(source: Box, target: Box) -> str:
    """A curve: into the next column from side to side, further on above, back below."""
    middle = NODE_HEIGHT // 2
    if source == target:
        x, y = source.x + source.width // 2, source.y
        return f"M{x - 16} {y}C{x - 30} {y - 40} {x + 30} {y - 40} {x + 16} {y}"
    if source.column + 1 < target.column:
        x1, x2 = source.x + source.width // 2, target.x + target.width // 2
        high = min(source.y, target.y) - 34
        return f"M{x1} {source.y}C{x1} {high} {x2} {high} {x2} {target.y}"
    if source.column < target.column:
        x1, y1 = source.x + source.width, source.y + middle
        x2, y2 = target.x, target.y + middle
        bend = max(40, (x2 - x1) // 2)
        return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    x1, y1 = source.x + source.width // 2, source.y + NODE_HEIGHT
    x2, y2 = target.x + target.width // 2, target.y + NODE_HEIGHT
    low = max(y1, y2) + 34
    return f"M{x1} {y1}C{x1} {low} {x2} {low} {x2} {y2}"


def _cycles(graph: LockGraph) -> list[str]:
    if not graph.cycles:
        return []
    items = [f"<li><code>{_text(ring_text(cycle))}</code></li>" for cycle in graph.cycles]
    return ["<h2>Cycles</h2>", '<ol class="cycles">', *items, "</ol>"]


def _edges(graph: LockGraph) -> list[str]:
    rows = [_edge(number, edge, graph) for number, edge in enumerate(graph.edges, start=1)]
    return [
        "<h2>Edges</h2>",
        "<table>",
        "<tr><th>held, then asked for<th>cycles<th>who does it</tr>",
        *rows,
        "</table>",
    ]


def _edge(number: int, edge: GraphEdge, graph: LockGraph) -> str:
    cycles = graph.cycles_of_edges.get((edge.source, edge.target), ())
    witnesses = "".join(f"<li>{_witness(each)}</li>" for each in edge.witnesses)
    return (
        f'<tr id="edge{number}" class="{"cycle" if cycles else ""}">'
        f"<td><code>{_text(edge.source)}<br>-&gt; {_text(edge.target)}</code></td>"
        f"<td>{', '.join(map(str, cycles))}</td><td><ul>{witnesses}</ul></td></tr>"
    )


def _witness(witness: GraphWitness) -> str:
    rest = "" if witness.waits else " (does not wait)"
    return f"<code>{_text(way(witness))}</code>{rest}"


def _locks(graph: LockGraph) -> list[str]:
    rows = [
        f"<tr><td><code>{_text(lock.name)}</code></td><td>{_text(about(lock))}</td>"
        f"<td><code>{_text(lock.made.line if lock.made is not None else '')}</code></td></tr>"
        for lock in graph.locks
    ]
    return [
        "<h2>Locks</h2>",
        "<table>",
        "<tr><th>lock<th>kind<th>made at</tr>",
        *rows,
        "</table>",
    ]


def _lock_title(lock: GraphLock) -> str:
    made = f", made at {lock.made.line}" if lock.made is not None else ""
    return f"{lock.name}: {about(lock)}{made}"


def _text(text: str) -> str:
    return html.escape(printable(text, "utf-8"))
