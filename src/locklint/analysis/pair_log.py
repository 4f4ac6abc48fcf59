"""Critical pairs of callees that a caller has yet to compose, and those that it may skip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.critical_pair import CriticalPair, RequirementKind, key_text
from locklint.analysis.events import Manner
from locklint.analysis.receivers import Kin
from locklint.analysis.requirements import Requirements
from locklint.ir.access_path import Root
from locklint.ir.lock import Exactness, LockRef

Pairs = Iterable[CriticalPair]


class Plain(NamedTuple):
    """A pair that reads alike in all callers: its event, and what its rank there depends on."""

    event: tuple[str, str]
    inside: int
    overrides: bool
    unsure: bool
    depth: int


class Entry(NamedTuple):
    """A pair, and what is plain about it, if it is."""

    pair: CriticalPair
    plain: Plain | None

    @property
    def sort_key(self) -> tuple[int, int]:
        """Less for what is likely to be a better witness."""
        return (len(self.pair.held) + len(self.pair.inside), self.pair.depth)


class PairLog:
    """The pairs of the functions of one component, in the order in which they were found.

    ``others`` gives those of functions outside the component, which stay as they are.
    """

    def __init__(self, others: Callable[[str], Pairs]) -> None:
        self._others = others
        self._log: dict[str, list[Entry]] = {}
        self._current: dict[str, frozenset[int]] = {}
        self._read: dict[tuple[str, str], int] = {}

    def update(self, key: str, pairs: Pairs) -> bool:
        """Note the pairs of a function of the component; return whether they have changed."""
        before = self._current.get(key)
        pairs = list(pairs)
        # The log keeps all pairs alive, so that their ids stay their own.
        now = frozenset(map(id, pairs))
        log = self._log.setdefault(key, [])
        log += [Entry(each, plain(each)) for each in pairs if not before or id(each) not in before]
        self._current[key] = now
        return now != before

    def unread(self, reader: str, keys: Iterable[str]) -> dict[str, list[Entry]]:
        """Return the pairs of some functions that a caller has not been given before."""
        found: dict[str, list[Entry]] = {}
        for key in keys:
            if key not in self._log:
                self.update(key, self._others(key))
            log, current = self._log[key], self._current[key]
            first = self._read.get((reader, key), 0)
            self._read[reader, key] = len(log)
            found[key] = [each for each in log[first:] if id(each.pair) in current]
        return found


class Calls:
    """The calls of one function, and the best pairs that equal calls have led to.

    Most of the pairs in a large component differ from a better one only in the path to the event.
    ``requirements`` gives those of a function: most functions have no pairs, and need none.
    """

    def __init__(self, graph: CallGraph, requirements: Callable[[str], Requirements]) -> None:
        self._graph = graph
        self._requirements = requirements
        self._best: dict[tuple[object, ...], tuple[object, ...]] = {}
        self._alike: dict[int, tuple[tuple[object, ...], int, int] | None] = {}

    def is_better(self, edge: Edge, entry: Entry, kin: Kin | None) -> bool:
        """Return whether the pair of a callee is sure to give no better pair than is known."""
        known = self._known(edge, entry.plain, kin)
        return known is not None and known[0] in self._best and self._best[known[0]] < known[1]

    def note(self, edge: Edge, entry: Entry, kin: Kin | None) -> None:
        """Note that the pair of a callee is composed."""
        known = self._known(edge, entry.plain, kin)
        if known is not None:
            self._best[known[0]] = min(known[1], self._best.get(known[0], known[1]))

    def _known(
        self, edge: Edge, pair: Plain | None, kin: Kin | None
    ) -> tuple[tuple[object, ...], tuple[object, ...]] | None:
        """Return what the composed pair would be known by, and the first part of its rank."""
        alike = self._alike_of(edge)
        if pair is None or kin is None or alike is None:
            return None
        same, required, tested = alike
        overrides = pair.overrides or edge.manner is Manner.OVERRIDE
        unsure = pair.unsure or not edge.certain
        rank = (required, tested, pair.inside, len(edge.free), overrides, unsure, pair.depth)
        return (same, pair.event, kin.classes, kin.others), (*rank, edge.span)

    def _alike_of(self, edge: Edge) -> tuple[tuple[object, ...], int, int] | None:
        if id(edge) not in self._alike:
            self._alike[id(edge)] = self._find_alike(edge)
        return self._alike[id(edge)]

    def _find_alike(self, edge: Edge) -> tuple[tuple[object, ...], int, int] | None:
        if edge.manner is Manner.CONCURRENT or edge.parameter:
            return None
        requirements = self._requirements(edge.caller)
        requires = requirements.at(edge.span, edge.held)
        own = self._graph.function(edge.callee).self_name
        same = (
            tuple([key_text(each.lock, each.mode) for each in edge.held]),
            edge.released,
            edge.limited,
            tuple([each for each in requires if each.kind is RequirementKind.CALLS]),
            own and edge.binding.roots.get(own),
        )
        return same, len(set(requires)), len(requirements.state_at(edge.span))


def plain(pair: CriticalPair) -> Plain | None:
    """Return what is plain about a pair. Return None if callers may read it differently."""
    event = pair.event
    if event.lock is None or pair.is_concurrent:
        return None
    if pair.released or pair.free or pair.requires or pair.state or pair.classes is not None:
        return None
    if not all(map(_is_plain, _locks(pair))):
        return None
    if event.holder is not None and event.holder.classes is not None:
        return None
    return Plain(
        (event.kind.value, key_text(event.lock, event.mode)),
        len(pair.all_held()),
        pair.manner is Manner.OVERRIDE,
        not pair.certain,
        pair.depth,
    )


def _locks(pair: CriticalPair) -> Iterator[LockRef]:
    if pair.event.lock is not None:
        yield pair.event.lock
    for held in pair.all_held():
        yield held.lock


def _is_plain(lock: LockRef) -> bool:
    if lock.exactness is Exactness.ONE:
        return lock.path.root is not Root.SELF
    path = lock.path
    is_attribute = path.is_own_attribute
    return is_attribute and lock.exactness is Exactness.PER_INSTANCE
