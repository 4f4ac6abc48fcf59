"""Strongly connected components, in an order that knows callees before callers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Node = TypeVar("Node", str, int)


def components(
    nodes: Iterable[Node], successors: Callable[[Node], Iterable[Node]]
) -> Iterator[tuple[Node, ...]]:
    """The components of a graph, each after those that it leads to; members sorted.

    Tarjan's algorithm (Depth-first search and linear graph algorithms, 1972), iterative, for chains
    of calls are longer than Python's stack. Where ``nodes`` and successors come in a fixed order,
    so do the components. Successors that are not among ``nodes`` are passed over.
    """
    known = list(nodes)
    inside = set(known)
    number: dict[Node, int] = {}
    low: dict[Node, int] = {}
    on_stack: set[Node] = set()
    stack: list[Node] = []
    for root in known:
        if root in number:
            continue
        work: list[tuple[Node, Iterator[Node]]] = [(root, iter(successors(root)))]
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for successor in rest:
                if successor not in inside:
                    continue
                if successor not in number:
                    number[successor] = low[successor] = len(number)
                    stack.append(successor)
                    on_stack.add(successor)
                    work.append((successor, iter(successors(successor))))
                    break
                if successor in on_stack:
                    low[node] = min(low[node], number[successor])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[node])
                if low[node] == number[node]:
                    members: list[Node] = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        members.append(member)
                        if member == node:
                            break
                    yield tuple(sorted(members))
