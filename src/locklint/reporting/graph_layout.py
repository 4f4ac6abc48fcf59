"""The layout of a drawn lock-order graph: locks in columns, in the order of acquiring."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from locklint.dataflow.components import components
from locklint.reporting.style import cells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locklint.reporting.lock_graph import LockGraph

NODE_HEIGHT = 40
_CHARACTER = 8
_PADDING = 24
_BETWEEN_COLUMNS = 110
_BETWEEN_ROWS = 34
_MARGIN = 46


@dataclass(frozen=True)
class Box:
    """The place of a lock: its column, and its left upper corner and width in pixels."""

    column: int
    x: int
    y: int
    width: int


@dataclass(frozen=True)
class Layout:
    """All boxes by the names of locks, and the size of the drawing in pixels."""

    boxes: Mapping[str, Box]
    width: int
    height: int


def layout(graph: LockGraph) -> Layout:
    """Put each lock to the right of all that are held when it is acquired.

    Locks that lead to each other are in adjacent columns, in the order of their names.
    """
    columns = _columns(graph)
    members: dict[int, list[str]] = defaultdict(list)
    for name, column in columns.items():
        members[column].append(name)
    rows: dict[str, int] = {}
    before: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        before[edge.target].append(edge.source)
    labels = {lock.name: lock.label for lock in graph.locks}
    boxes: dict[str, Box] = {}
    x = _MARGIN
    for column in sorted(members):
        # Near to what leads there, so that few edges cross.
        ordered = sorted(members[column], key=lambda name: (_middle(before[name], rows), name))
        width = max(cells(labels[name]) for name in ordered) * _CHARACTER + _PADDING
        for row, name in enumerate(ordered):
            rows[name] = row
            y = _MARGIN + row * (NODE_HEIGHT + _BETWEEN_ROWS)
            boxes[name] = Box(column, x, y, width)
        x += width + _BETWEEN_COLUMNS
    deepest = max((box.y for box in boxes.values()), default=0)
    return Layout(boxes, x - _BETWEEN_COLUMNS + _MARGIN, deepest + NODE_HEIGHT + _MARGIN)


def _columns(graph: LockGraph) -> dict[str, int]:
    after: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        after[edge.source].append(edge.target)
    names = [lock.name for lock in graph.locks]
    groups = list(components(names, lambda name: after.get(name, ())))
    group_of = {name: index for index, group in enumerate(groups) for name in group}
    first = [0] * len(groups)
    # A lock that leads elsewhere comes later in the list than its target.
    for index in reversed(range(len(groups))):
        following = first[index] + len(groups[index])
        for name in groups[index]:
            for other in after.get(name, ()):
                target = group_of[other]
                if target != index:
                    first[target] = max(first[target], following)
    return {
        name: first[index] + offset
        for index, group in enumerate(groups)
        for offset, name in enumerate(sorted(group))
    }


def _middle(names: list[str], rows: dict[str, int]) -> float:
    known = [rows[name] for name in names if name in rows]
    return sum(known) / len(known) if known else 0.0
