"""The lock-order graph as one JSON object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from locklint import __version__
from locklint.reporting.places import absolute

if TYPE_CHECKING:
    from locklint.reporting.lock_graph import GraphEdge, GraphLock, GraphWitness, LockGraph, Place
    from locklint.reporting.options import RenderOptions


def render(graph: LockGraph, options: RenderOptions) -> str:
    """An object with ``version``, ``summary``, ``locks``, ``edges`` and ``cycles``, in ASCII.

    File names are absolute, rows and columns 1-based; rows of a notebook are those of the
    ``cell``, which is null for a plain file. Locks have no column.
    """
    document = {
        "version": __version__,
        "summary": _summary(graph),
        "locks": [_lock(each, graph, options) for each in graph.locks],
        "edges": [_edge(each, graph, options) for each in graph.edges],
        "cycles": [{"locks": list(cycle)} for cycle in graph.cycles],
    }
    return json.dumps(document, indent=2) + "\n"


def _summary(graph: LockGraph) -> dict[str, int]:
    counts = graph.statistics
    analysed = {}
    if counts is not None:
        analysed = {
            "files": counts.files,
            "files_mentioning_locks": counts.candidates,
            "functions": counts.functions,
            "functions_not_analysed": counts.incomplete,
            "locks": counts.locks,
        }
    return {**analysed, "lock_order_edges": len(graph.edges), "cycles": len(graph.cycles)}


def _lock(lock: GraphLock, graph: LockGraph, options: RenderOptions) -> dict[str, Any]:
    made = None
    if lock.made is not None:
        position = lock.made.position
        made = {
            "filename": absolute(lock.made.path, options),
            "cell": position.cell or None,
            "row": position.row,
        }
    return {
        "name": lock.name,
        "kind": lock.kind,
        "reentrant": lock.reentrant,
        "stands_for": lock.exactness,
        "made": made,
        "in_cycle": lock.name in graph.locks_in_cycles,
    }


def _edge(edge: GraphEdge, graph: LockGraph, options: RenderOptions) -> dict[str, Any]:
    return {
        "source": edge.source,
        "target": edge.target,
        "waits": edge.waits,
        "cycles": list(graph.cycles_of_edges.get((edge.source, edge.target), ())),
        "witnesses": [_witness(each, options) for each in edge.witnesses],
    }


def _witness(witness: GraphWitness, options: RenderOptions) -> dict[str, Any]:
    return {
        "function": witness.function,
        **_place(witness.place, options),
        "via": list(witness.via),
        "acquire": _place(witness.asked, options),
        "held": list(witness.held),
        "waits": witness.waits,
    }


def _place(place: Place, options: RenderOptions) -> dict[str, Any]:
    position = place.position
    return {
        "filename": absolute(place.path, options),
        "cell": position.cell or None,
        "location": {"row": position.row, "column": position.column},
    }
