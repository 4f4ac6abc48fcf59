"""Generators that are suspended with a lock held: the lock stays held until they go on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

from locklint.analysis.call_graph import CallGraph, doubtful_holds
from locklint.analysis.consumers import Consumer, Consumers, Consuming, is_managed
from locklint.analysis.events import Held, LockStates, Manner, Taken
from locklint.analysis.hold import LockKey, is_exclusive
from locklint.analysis.mentions import passes_on
from locklint.core.source import SourceFile, Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.lock import Exactness, LockRef, LockRole


class Suspended(msgspec.Struct, frozen=True):
    """A lock that a generator holds at a yield, with certain consumers that do not run to its end.

    Without them, none is known. ``is_awaited``: it is the `__await__` of an object, so that a task
    is suspended.
    """

    function: str
    span: Span
    held: Held
    consumers: tuple[Consumer, ...]
    is_awaited: bool


def suspended(graph: CallGraph, sources: Mapping[str, SourceFile]) -> Iterator[Suspended]:
    """Yield the first yield under each lock in a generator that nothing is known to finish.

    A generator that is passed to a function, uncalled, is left out: that may make a context manager
    of it.
    """
    consumers = Consumers(graph, sources)
    for key, one in sorted(graph.states.items()):
        first: dict[LockKey, tuple[Span, Held]] = {}
        for span, held in sorted(held_at_yields(one), key=lambda each: each[0]):
            first.setdefault(held.key, (span, held))
        if not first:
            continue
        name, is_method = one.function.name, one.function.class_name is not None
        texts = [source.text for source in sources.values()]
        if any(passes_on(name, text, is_method=is_method) for text in texts):
            continue
        is_awaited = name == "__await__"
        every = () if is_awaited else consumers.of(key)
        for span, held in first.values():
            judged = [_with_acquires(graph, each, held, key) for each in every]
            open_ = tuple(each for each in judged if keeps_held(each, held))
            if open_ or (not every and name != "__call__"):  # Its object is what is passed on.
                certain = tuple(each for each in open_ if each.is_certain)
                yield Suspended(key, span, held, certain, is_awaited)


def _with_acquires(graph: CallGraph, consumer: Consumer, held: Held, generator: str) -> Consumer:
    """Return a consumer, with it noted if it waits between two items for the lock that is held.

    The call of the generator itself, by its key, is what gives the items.
    """
    states, lock, receiver = graph.states[consumer.function], held.lock, consumer.receiver
    if consumer.consuming is not Consuming.FINISHES or not is_exclusive(lock):
        return consumer
    own: AccessPath | None = None
    if lock.exactness is not Exactness.ONE:
        if receiver is None or lock.path.root is not Root.SELF:
            return consumer
        own = AccessPath(receiver.root_name, receiver.fields + lock.path.fields, receiver.root)
    for taken in states.taken:
        is_same = own is None or taken.lock.path == own
        if taken.span in consumer.between and _waits_for(taken, lock) and is_same:
            return _acquiring(consumer, taken.span)
    for edge in graph.calls[consumer.function]:
        if edge.span not in consumer.between or edge.manner is Manner.CONCURRENT:
            continue
        if edge.callee == generator:
            continue
        callee = graph.states[edge.callee]
        receiver_name = callee.function.self_name or ""
        is_same = own is None or edge.binding.roots.get(receiver_name) == receiver
        if is_same and any(_waits_for(taken, lock) for taken in callee.taken):
            return _acquiring(consumer, edge.span)
    return consumer


def _waits_for(taken: Taken, lock: LockRef) -> bool:
    return taken.waits and taken.lock.identity == lock.identity


def _acquiring(consumer: Consumer, span: Span) -> Consumer:
    return replace(consumer, consuming=Consuming.ACQUIRES, span=span)


def keeps_held(consumer: Consumer, held: Held) -> bool:
    """Return whether a consumer keeps a lock held for longer than its items need.

    A lock of tasks may be held while its task awaits.
    """
    match consumer.consuming:
        case Consuming.FINISHES:
            return False
        case Consuming.AWAITS:
            return held.blocks_threads
        case _:
            return True


def held_at_yields(states: LockStates) -> Iterator[tuple[Span, Held]]:
    """Yield each lock that a generator holds whenever it is at a yield.

    A decorator that is not known, such as that of a context manager, decides what follows.
    """
    function = states.function
    if not function.is_generator or function.is_anonymous or is_managed(function):
        return
    at: dict[Span, list[dict[LockKey, Held]]] = defaultdict(list)
    doubtful = doubtful_holds(states)
    for exit_ in states.yields:
        found: dict[LockKey, Held] = {}
        for key, hold in exit_.holds.items():
            lock = states.locks.get(key)
            if lock is None or hold.count <= 0 or hold.forgotten or hold.handed_over:
                continue
            since = min(hold.levels[0], default=None) if hold.levels else None
            if since is None or since in doubtful or since.failed:
                continue
            if key in states.handed_on or lock.exactness is Exactness.FRESH:
                continue
            if lock.kind.role is not LockRole.SEMAPHORE or lock.has_one_slot:
                found[key] = Held(lock, key.mode, since)
        at[exit_.span].append(found)
    for span, each in at.items():
        for key, held in each[0].items():
            if all(key in other for other in each):
                yield span, held
