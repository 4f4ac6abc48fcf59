"""The declared order of locks, and violations of it."""

from __future__ import annotations

import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from locklint.analysis.lock_order import LockOrderGraph, Witness
from locklint.core.config import order_pairs
from locklint.core.source import SourceFile, Span

_ORDER = re.compile(r"#\s*locklint\s*:\s*order\b(?P<order>[^#]*)")


class DeclaredOrder(msgspec.Struct, frozen=True):
    """``first`` has to be acquired before ``second``.

    ``path`` and ``span`` say where that is written, if it is in code; names are then those of the
    file's module.
    """

    first: str
    second: str
    path: str = ""
    span: Span | None = None
    module: str = ""

    @property
    def both(self) -> tuple[str, str]:
        """Both names."""
        return self.first, self.second

    def names(self, name: str, identity: str) -> bool:
        """Return whether a declared name means the lock of an identity."""
        if identity == name or (self.module and identity == f"{self.module}.{name}"):
            return True
        inside = not self.module or identity.startswith(f"{self.module}.")
        return inside and identity.endswith(f".{name}")


class OddOrder(msgspec.Struct, frozen=True):
    """A comment that is meant to declare an order and does not: its place, and the reason."""

    path: str
    span: Span
    message: str


class Violation(msgspec.Struct, frozen=True, eq=False):
    """A place that holds ``second`` of a declared order and acquires ``first``."""

    orders: tuple[DeclaredOrder, ...]
    witness: Witness
    source: str
    target: str


def orders_in(sources: Mapping[str, SourceFile]) -> Iterator[DeclaredOrder | OddOrder]:
    """The orders that comments ``# locklint: order a < b`` declare, and comments that fail to."""
    for path in sorted(sources):
        source = sources[path]
        if "locklint" not in source.text or not _ORDER.search(source.text):
            continue
        try:
            tokens = list(tokenize.generate_tokens(io.StringIO(source.text).readline))
        except (tokenize.TokenError, SyntaxError, ValueError):
            continue
        for token in tokens:
            found = _ORDER.match(token.string) if token.type == tokenize.COMMENT else None
            if found is None:
                continue
            line, column = token.start
            span = Span(line, column + 1, line, column + 1 + len(token.string.rstrip()))
            try:
                pairs = order_pairs(found["order"].strip())
            except ValueError as error:
                yield OddOrder(path, span, f"`{token.string.rstrip()}` declares no order: {error}")
                continue
            for first, second in pairs:
                yield DeclaredOrder(first, second, path, span, source.module)


def violations(orders: Iterable[DeclaredOrder], graph: LockOrderGraph) -> Iterator[Violation]:
    """The edges that lead against a declared order, or against several of them together."""
    declared = list(orders)
    after: dict[tuple[str, str], list[DeclaredOrder]] = defaultdict(list)
    for order in declared:
        after[order.module, order.first].append(order)
    for (source, target), edge in sorted(graph.edges.items()):
        if not edge.waits or source == target:
            continue
        starts = [order for order in declared if order.names(order.first, target)]
        chain = _chain(starts, source, after)
        if chain is not None:
            yield Violation(chain, edge.witnesses[0], source, target)


def _chain(
    starts: Iterable[DeclaredOrder],
    goal: str,
    after: Mapping[tuple[str, str], list[DeclaredOrder]],
) -> tuple[DeclaredOrder, ...] | None:
    """The declarations by which some lock comes before another; the shortest chain of them."""
    work: list[tuple[DeclaredOrder, ...]] = [(order,) for order in starts]
    seen = {chain[0] for chain in work}
    for chain in work:
        last = chain[-1]
        if last.names(last.second, goal):
            return chain
        for order in after.get((last.module, last.second), ()):
            if order not in seen:
                seen.add(order)
                work.append((*chain, order))
    return None
