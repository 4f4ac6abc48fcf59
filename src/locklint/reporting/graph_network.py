"""The interactive picture of the lock-order graph: its filters, its data and its scripts.

The picture is drawn by vis-network. Its script is handed in, since locklint does not ship it.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING

from locklint.reporting.lock_graph import about, cycle_text, way
from locklint.reporting.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locklint.reporting.lock_graph import GraphEdge, GraphLock, LockGraph

_OTHER = re.compile(r"[^\x00-\x7f]")
_ENDS_SCRIPT = re.compile(r"<(?=/script|!--|script)", re.IGNORECASE)


def resource(name: str) -> str:
    """Return the text of a file that is beside this module."""
    return files("locklint.reporting").joinpath(name).read_text(encoding="utf-8")


def filters(graph: LockGraph) -> list[str]:
    """Return the form whose fields say what is drawn."""
    modules = [*_choices(graph.locks)]
    groups = [*_groups(graph.locks)]
    cycles = [
        (str(number), f"{number}: {cycle_text(cycle)}")
        for number, cycle in enumerate(graph.cycles, start=1)
    ]
    if cycles:
        cycles.insert(0, ("any", f"any of {len(cycles)}"))
    return [
        '<form id="filters">',
        '<label>Lock <input id="name" type="search" placeholder="part of its name"></label>',
        f"<label>Module {_select('module', [('', 'all'), *modules])}</label>",
        f"<label>Cycle {_select('cycle', [('', 'all edges'), *cycles])}</label>",
        f"<label>Group by {_select('group', groups)}</label>",
        '<button type="button" id="farther" title="Zoom out">&#8722;</button>',
        '<button type="button" id="closer" title="Zoom in">+</button>',
        '<button type="button" id="fit" title="Show the whole graph">Fit</button>',
        '<button type="reset" title="Remove all filters">Reset</button>',
        '<output id="count"></output>',
        "</form>",
    ]


def scripts(graph: LockGraph, library: str) -> tuple[list[str], list[str]]:
    """Return the scripts at the end of the page, and the sources that its policy has to allow.

    The policy names the scripts by their digests, so that no other one runs.
    """
    runs = [_ascii(library.replace("\r\n", "\n")), _ascii(resource("graph_page.js"))]
    lines = [f'<script type="application/json" id="graph">{_data(graph)}</script>']
    lines += [f"<script>{text}</script>" for text in runs]
    return lines, [f"'sha256-{_digest(text)}'" for text in runs]


def module(lock: GraphLock) -> str:
    """Return the module of a lock; of one without, what its name suggests."""
    return lock.module or lock.name.rpartition(".")[0] or lock.name


def _select(name: str, options: Sequence[tuple[str, str]]) -> str:
    lines = [f'<option value="{_text(value)}">{_text(shown)}</option>' for value, shown in options]
    return f'<select id="{name}">{"".join(lines)}</select>'


def _choices(locks: Sequence[GraphLock]) -> Iterator[tuple[str, str]]:
    """Yield the modules, and the packages of several, with how many locks each has."""
    modules = [module(lock).split(".") for lock in locks]
    found = sorted({tuple(parts[:n]) for parts in modules for n in range(1, len(parts) + 1)})
    for prefix in found:
        within = [tuple(parts) for parts in modules if tuple(parts[: len(prefix)]) == prefix]
        if prefix in within or len(set(within)) > 1:
            star = ".*" if len(set(within)) > 1 else ""
            yield ".".join(prefix), f"{'.'.join(prefix)}{star} ({len(within)})"


def _groups(locks: Sequence[GraphLock]) -> Iterator[tuple[str, str]]:
    """Yield how many parts of a module's name make a group, the finest groups first.

    The script chooses for ``auto``.
    """
    modules = [module(lock).split(".") for lock in locks]
    before = len(locks)
    yield "auto", "automatic"
    yield "0", f"none ({before} locks)"
    deepest = max(map(len, modules), default=0)
    for length in range(deepest, 0, -1):
        number = len({tuple(parts[:length]) for parts in modules})
        if length == deepest:
            yield str(length), f"module ({number})"
        elif number < before:
            yield str(length), f"package, {length} {'part' if length == 1 else 'parts'} ({number})"
        before = number


def _data(graph: LockGraph) -> str:
    numbers = {lock.name: number for number, lock in enumerate(graph.locks)}
    document = {
        "locks": [_lock(lock, graph) for lock in graph.locks],
        "edges": [_edge(edge, graph, numbers) for edge in graph.edges],
    }
    text = json.dumps(document, separators=(",", ":"))
    for sign in "<>&#":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _lock(lock: GraphLock, graph: LockGraph) -> dict[str, object]:
    return {
        "name": _shown(lock.name),
        "short": _shown(lock.label),
        "module": _shown(module(lock)),
        "cycle": lock.name in graph.locks_in_cycles,
        "about": _shown(lock_title(lock)),
    }


def _edge(edge: GraphEdge, graph: LockGraph, numbers: dict[str, int]) -> dict[str, object]:
    return {
        "source": numbers[edge.source],
        "target": numbers[edge.target],
        "waits": edge.waits,
        "cycles": list(graph.cycles_of_edges.get((edge.source, edge.target), ())),
        "about": _shown(edge_title(edge)),
    }


def lock_title(lock: GraphLock) -> str:
    """Return what is shown of a lock where the mouse rests."""
    made = f", made at {lock.made.line}" if lock.made is not None else ""
    return f"{lock.name}: {about(lock)}{made}"


def edge_title(edge: GraphEdge) -> str:
    """Return what is shown of an edge where the mouse rests."""
    return f"{edge.source} -> {edge.target}: {way(edge.best)}"


def _ascii(script: str) -> str:
    """Return the script with escapes for other characters, and nothing in it that would end it."""
    text = _OTHER.sub(lambda match: json.dumps(match[0])[1:-1], script)
    return _ENDS_SCRIPT.sub(r"\\x3c", text)


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("ascii")).digest()).decode("ascii")


def _shown(text: str) -> str:
    return printable(text, "utf-8")


def _text(text: str) -> str:
    return html.escape(_shown(text))
