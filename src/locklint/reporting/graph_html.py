"""The lock-order graph as one page that needs nothing else: a picture, and tables beside it."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from locklint.reporting.graph_layout import NODE_HEIGHT, layout
from locklint.reporting.graph_network import edge_title, filters, lock_title, resource, scripts
from locklint.reporting.lock_graph import about, way
from locklint.reporting.places import page_link
from locklint.reporting.printable import printable
from locklint.reporting.summary import analysed_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locklint.reporting.graph_layout import Box
    from locklint.reporting.lock_graph import GraphEdge, GraphLock, GraphWitness, LockGraph, Place
    from locklint.reporting.options import RenderOptions

# In larger graphs edges would cover each other, so the plain drawing shows only the cycles.
_MOST_DRAWN = 60

# Match the characters after which names, and places, may be broken into lines.
_IN_NAMES = re.compile(r"(?<=\.)(?=\w)|(?<=[a-z0-9])(?=_)")
_IN_PLACES = re.compile(r"(?<=/)(?=\w)")


def render(graph: LockGraph, options: RenderOptions) -> str:
    """Return a page in ASCII whose policy forbids to load anything.

    With a script that draws, the picture is interactive; without one it is a drawing, and the page
    runs nothing.
    """
    interactive = bool(options.graph_script and graph.locks)
    picture = _interactive() if interactive else _plain(graph)
    ends, allowed = scripts(graph, options.graph_script) if interactive else ([], [])
    policy = ["default-src 'none'", "style-src 'unsafe-inline'", "base-uri 'none'"]
    policy += ["form-action 'none'", *([f"script-src {' '.join(allowed)}"] if allowed else [])]
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<title>Lock order</title>",
        f"<style>\n{resource('graph_page.css')}</style>",
        *_header(graph),
        *(filters(graph) if interactive else []),
        "<main>",
        *picture,
        *(_tables(graph, options) if graph.locks else []),
        "</main>",
        *ends,
        "</html>",
    ]
    return ("\n".join(parts) + "\n").encode("ascii", "xmlcharrefreplace").decode("ascii")


def _header(graph: LockGraph) -> list[str]:
    lines = ["<header>", "<h1>Lock order</h1>"]
    if graph.locks:
        lines.append(
            "<p>An edge leads from a lock that is held to a lock that is acquired then. Edges of"
            ' cycles, in which threads can deadlock, are <span class="red">red</span>; edges that'
            " do not wait are dashed.</p>"
        )
    else:
        lines.append("<p>No lock is acquired while another one is held.</p>")
    if graph.statistics is not None:
        lines.append(f'<p class="quiet">{_text(analysed_line(graph.statistics))}</p>')
    return [*lines, "</header>"]


def _interactive() -> list[str]:
    return [
        '<div id="picture" role="img" aria-label="The lock-order graph; the tables say the same">'
        "</div>",
        "<noscript><p>This page draws with a script, which is switched off.</p></noscript>",
    ]


def _plain(graph: LockGraph) -> list[str]:
    """Return a drawing of all locks, or of the cycles alone if the rest would hide them."""
    if len(graph.locks) <= _MOST_DRAWN:
        return _drawing(graph, graph) if graph.locks else []
    rest = "the picture shows the cycles alone" if graph.cycles else "no picture is drawn"
    note = f"<p>Of {len(graph.locks)} locks {rest}. The tables hold all.</p>"
    return [note, *(_drawing(graph.only_cycles, graph) if graph.cycles else [])]


def _drawing(drawn: LockGraph, graph: LockGraph) -> list[str]:
    placed = layout(drawn)
    rows = {(edge.source, edge.target): row for row, edge in enumerate(graph.edges, start=1)}
    lines = [
        '<div class="drawing">',
        f'<svg width="{placed.width}" height="{placed.height}" role="img"'
        ' aria-label="The lock-order graph">',
        f"<defs>{_tip('tip', '')}{_tip('redtip', 'red')}</defs>",
    ]
    for edge in drawn.edges:
        path = _path(placed.boxes[edge.source], placed.boxes[edge.target])
        name = "cycle" if graph.is_in_cycle(edge) else "" if edge.waits else "tries"
        tip = "redtip" if name == "cycle" else "tip"
        row = rows[edge.source, edge.target]
        lines.append(
            f'<a href="#edge{row}" class="{name}"><title>{_text(edge_title(edge))}</title>'
            f'<path d="{path}" marker-end="url(#{tip})"/></a>'
        )
    for lock in drawn.locks:
        box = placed.boxes[lock.name]
        name = "cycle" if lock.name in graph.locks_in_cycles else ""
        lines.append(
            f'<g class="{name}"><title>{_text(lock_title(lock))}</title>'
            f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{NODE_HEIGHT}"/>'
            f'<text x="{box.x + box.width // 2}" y="{box.y + NODE_HEIGHT // 2 + 5}">'
            f"{_text(lock.label)}</text></g>"
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


def _tables(graph: LockGraph, options: RenderOptions) -> list[str]:
    tables = {
        "cycles": ("Cycles", len(graph.cycles), _cycles(graph)),
        "edges": ("Edges", len(graph.edges), _edges(graph, options)),
        "locks": ("Locks", len(graph.locks), _locks(graph, options)),
    }
    filled = {name: table for name, table in tables.items() if table[1]}
    buttons = [
        f'<button type="button" value="{name}">{title} ({number})</button>'
        for name, (title, number, _) in filled.items()
    ]
    lines = ['<div id="tables">', f'<nav id="tabs">{"".join(buttons)}</nav>']
    for name, (title, _, rows) in filled.items():
        head = f'<section id="{name}" class="{name}"><h2>{title}</h2>'
        lines += [head, "<table>", *rows, "</table>", "</section>"]
    return [*lines, "</div>"]


def _cycles(graph: LockGraph) -> list[str]:
    return [
        f'<tr id="cycle{number}" data-cycle="{number - 1}"><td>{number}</td>'
        f'<td><a class="pick" href="#cycle{number}">{_ring(cycle)}</a></td></tr>'
        for number, cycle in enumerate(graph.cycles, start=1)
    ]


def _ring(cycle: Sequence[str]) -> str:
    return "<br><code>-&gt; </code>".join(map(_name, (*cycle, cycle[0])))


def _edges(graph: LockGraph, options: RenderOptions) -> list[str]:
    return [_edge(number, edge, graph, options) for number, edge in enumerate(graph.edges, start=1)]


def _edge(number: int, edge: GraphEdge, graph: LockGraph, options: RenderOptions) -> str:
    cycles = graph.cycles_of_edges.get((edge.source, edge.target), ())
    listed = ""
    if cycles:
        word = "cycle" if len(cycles) == 1 else "cycles"
        listed = f' <span class="red">[{word} {", ".join(map(str, cycles))}]</span>'
    first, *others = (f"<li>{_witness(each, options)}</li>" for each in edge.witnesses)
    more = ""
    if others:
        more = f"<details><summary>{len(others)} more</summary><ul>{''.join(others)}</ul></details>"
    return (
        f'<tr id="edge{number}" data-edge="{number - 1}" class="{"cycle" if cycles else ""}">'
        f'<td><a class="pick" href="#edge{number}">{_name(edge.source)}<br>'
        f"<code>-&gt; </code>{_name(edge.target)}</a>{listed}<ul>{first}</ul>{more}</td></tr>"
    )


def _witness(witness: GraphWitness, options: RenderOptions) -> str:
    rest = "" if witness.waits else " (does not wait)"
    said = way(witness).removeprefix(str(witness.place))
    return f"{_link(witness.place, str(witness.place), options)}{_name(said)}{rest}"


def _locks(graph: LockGraph, options: RenderOptions) -> list[str]:
    return [_lock(number, lock, graph, options) for number, lock in enumerate(graph.locks, start=1)]


def _lock(number: int, lock: GraphLock, graph: LockGraph, options: RenderOptions) -> str:
    name = "cycle" if lock.name in graph.locks_in_cycles else ""
    made = ""
    if lock.made is not None:
        made = f", made at {_link(lock.made, lock.made.line, options)}"
    return (
        f'<tr id="lock{number}" data-lock="{number - 1}" class="{name}">'
        f'<td><a class="pick" href="#lock{number}">{_name(lock.name)}</a><br>'
        f"{_text(about(lock))}{made}</td></tr>"
    )


def _link(place: Place, shown: str, options: RenderOptions) -> str:
    href = page_link(place.path, options)
    row = "" if place.position.cell else f"#L{place.position.row}"
    return f'<a href="{_text(href + row)}">{_name(shown, _IN_PLACES)}</a>'


def _name(text: str, breaks: re.Pattern[str] = _IN_NAMES) -> str:
    return f"<code>{breaks.sub('<wbr>', _text(text))}</code>"


def _text(text: str) -> str:
    return html.escape(printable(text, "utf-8"))
