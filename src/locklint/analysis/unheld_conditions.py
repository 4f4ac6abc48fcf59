"""Waits and notifications where the lock of the condition is certainly not held.

A function that only notifies is assumed to be called with the lock held, unless all functions that
acquire the lock are known, release it themselves, and never lead to this one while they hold it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

import msgspec

from locklint.analysis.acquisitions import fates
from locklint.analysis.call_graph import CallGraph
from locklint.analysis.contracts import says_caller_holds
from locklint.analysis.events import Held, LockStates, Used
from locklint.analysis.expected import is_expected
from locklint.analysis.hold import Grade, LockKey, Why
from locklint.analysis.mentions import Mention, mentions
from locklint.analysis.released_elsewhere import ReleasedElsewhere
from locklint.analysis.unheld import EXPECTED
from locklint.analysis.written import without_comments
from locklint.core.diagnostic import Confidence
from locklint.core.source import SourceFile, Span
from locklint.ir.access_path import Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import Acquire, Call, Enter
from locklint.ir.lock import ENTERING, Exactness, LockRef, Owner
from locklint.models.table import LIBRARIES
from locklint.models.words import WORDS

_HARMLESS = frozenset(
    "abstractmethod classmethod final override overload property setter staticmethod".split()
)

_MAKERS = "|".join(
    sorted(
        name
        for library in LIBRARIES
        for kind in library.kinds
        if kind.underlying is not None
        for name in {each.rpartition(".")[2] for each in kind.constructors}
    )
)


class UnheldUse(msgspec.Struct, frozen=True):
    """A wait or notification; ``instead`` is another lock that its function holds there.

    ``before`` is where the lock was released, or could not be acquired, in the same function.
    """

    states: LockStates
    used: Used
    before: Span | None
    instead: Held | None

    @property
    def is_certain(self) -> bool:
        """Return whether the call is wrong, whatever a predicate says and other tasks do."""
        return self.used.instruction.method != "wait_for" and not self.depends_on_tasks

    @property
    def depends_on_tasks(self) -> bool:
        """Return whether the call raises only if no other task holds the lock."""
        kind = self.used.lock.kind
        return kind.is_async and kind.owner is Owner.ANYONE

    @property
    def is_by_with(self) -> bool:
        """Return whether the lock was released at the end of a `with`."""
        return any(
            isinstance(each, Acquire) and each.enter is not None and each.span == self.before
            for block in self.states.function.blocks.values()
            for each in block.instructions
        )


def unheld_uses(
    every: Collection[LockStates],
    graph: CallGraph,
    elsewhere: ReleasedElsewhere,
    sources: Mapping[str, SourceFile],
    unseen_callers: frozenset[str],
    called_with_lock: frozenset[str],
) -> Iterator[UnheldUse]:
    """Yield one for each place; ``every`` are the states of all functions, in order.

    ``unseen_callers`` are the functions that code may call which was not lowered. Such code holds
    no lock, and nothing that holds one leads to it. ``called_with_lock``: see `Program`.
    """
    callers = _Callers(every, graph, elsewhere, sources, unseen_callers, called_with_lock)
    for states in every:
        if not states.complete or not states.used:
            continue
        by_place: dict[tuple[Span, LockKey], list[Used]] = defaultdict(list)
        for used in states.used:
            by_place[used.span, used.key].append(used)
        for (span, _), uses in sorted(by_place.items(), key=lambda item: item[0][0]):
            bad = [used for used in uses if _is_unheld(states, used)]
            if not bad or is_expected(states.function, span, {*EXPECTED, "Exception"}):
                continue
            proven = [used for used in bad if _is_proof(used)]
            if not proven:
                if len(bad) < len(uses):
                    continue  # A test that callers know of decides whether it is acquired here.
                if callers.may_hold(states, bad[0]):
                    continue
            used = (proven or bad)[0]
            instead = next((one for one in reversed(used.held) if _may_stand_in(one, used)), None)
            if instead is not None and not _is_known_over(used.lock):
                continue
            yield UnheldUse(states, used, used.before.where, instead)


def _is_unheld(states: LockStates, used: Used) -> bool:
    """Return whether the function itself does not hold the lock of a condition there."""
    before, lock = used.before, used.lock
    if before.forgotten or before.handed_over or before.count != 0:
        return False
    if lock.confidence <= Confidence.LOW or lock.identity in states.shared.acquired:
        return False
    if used.exception is not None and used.exception.grade < Grade.POSSIBLE:
        return False
    return before.why is not Why.OF_OTHERS


def _is_proof(used: Used) -> bool:
    """Return whether no caller can hold the lock.

    The function has shown that it is free, or has made it.
    """
    lock = used.lock
    if not _is_known_over(lock):
        return False
    if lock.exactness is Exactness.FRESH and lock.path.root in (Root.LOCAL, Root.TEMP):
        return True
    return used.before.is_free and not lock.kind.reentrant


def _is_known_over(lock: LockRef) -> bool:
    """Return whether it is known which lock a condition is over.

    One that is known by an annotation alone may be over any lock that is held.
    """
    return lock.confidence >= Confidence.HIGH


def _may_stand_in(held: Held, used: Used) -> bool:
    """Return whether the author may have mistaken a lock for that of the condition."""
    lock = held.lock
    return lock.kind.is_async is used.lock.kind.is_async and held.since is not None


class _Callers:
    """The locks that callers may hold, near and far."""

    def __init__(
        self,
        every: Collection[LockStates],
        graph: CallGraph,
        elsewhere: ReleasedElsewhere,
        sources: Mapping[str, SourceFile],
        unseen_callers: frozenset[str],
        called_with_lock: frozenset[str],
    ) -> None:
        self._unseen_callers = unseen_callers
        self._called_with_lock = called_with_lock
        self._graph = graph
        self._elsewhere = elsewhere
        self._sources = sources
        self._incomplete = {one.function.path for one in every if not one.complete}
        self._takers: dict[str, list[LockStates]] = defaultdict(list)
        self._acquires: set[tuple[str, int]] = set()
        for states in every:
            for identity in {taken.lock.identity for taken in states.taken}:
                self._takers[identity].append(states)
            for taken in states.taken:
                self._acquires.add((states.function.path, taken.span.line))

    def may_hold(self, states: LockStates, used: Used) -> bool:
        """Return whether some caller of a function may hold a lock that it does not acquire."""
        function, lock = states.function, used.lock
        if _is_wrapped(function) or _enters_unknown(function):
            return True
        if self._is_a_threads(function) and lock.kind.owner is Owner.THREAD:
            return self._elsewhere.is_passed_on(lock) or self._is_tested(function, lock)
        if not _is_own(used) or says_caller_holds(function, self._sources):
            return True
        if function.name in ENTERING or function.is_generator:
            return True
        if self._elsewhere.is_passed_on(lock) or self._is_tested(function, lock):
            return True
        takers = self._takers.get(lock.identity, [])
        if not all(_releases_itself(each, lock.identity) for each in takers):
            return True
        reached = self._ancestors(function.key)
        if not reached.isdisjoint(self._called_with_lock):
            return True
        if len(reached) == 1 and not self._begins(function):
            return True  # Nothing that is known calls it.
        for key in sorted(reached):
            for edge in self._graph.callers.get(key, ()):
                if edge.held and not _is_known_over(lock):
                    return True
                if any(held.lock.identity == lock.identity for held in edge.held):
                    return True
        functions = [self._graph.function(key) for key in sorted(reached)]
        if any(map(_is_wrapped, functions)):
            return True
        if lock.kind.owner is Owner.ANYONE and not reached.isdisjoint(self._graph.spawns):
            return True  # The thread or task that starts one may hold the lock for it.
        names = {each.name for each in functions}
        started = {each.name for each in functions if each.key in self._graph.spawns}
        if any(self._may_run(each.function, names, names - started) for each in takers):
            return True
        return not self._is_only_used(lock)

    def _is_a_threads(self, function: Function) -> bool:
        """Return whether a function only runs in threads of its own, which begin without locks."""
        key = function.key
        if key not in self._graph.spawns or function.is_generator:
            return False
        return key not in self._unseen_callers and not self._graph.callers.get(key)

    def _ancestors(self, key: str) -> set[str]:
        """Return a function and all that lead to it by calls."""
        seen = {key}
        work = [key]
        while work:
            for edge in self._graph.callers.get(work.pop(), ()):
                if edge.caller not in seen:
                    seen.add(edge.caller)
                    work.append(edge.caller)
        return seen

    def _begins(self, function: Function) -> bool:
        """Return whether a function that nothing calls may be called by other code."""
        if function.key in self._graph.spawns or function.key in self._unseen_callers:
            return True
        return not function.name.startswith("_") and not function.is_anonymous

    @staticmethod
    def _is_tested(function: Function, lock: LockRef) -> bool:
        return any(
            use.lock is not None and use.lock.identity == lock.identity for use in function.api_uses
        )

    def _may_run(self, taker: Function, names: Collection[str], passed: Collection[str]) -> bool:
        """Return whether unknown code that a function runs may be one of some functions.

        Those of the names ``passed`` may be called by other names, too, if they are ever passed.
        """
        calls = False
        for block in taker.blocks.values():
            for each in block.instructions:
                if isinstance(each, Call) and each.external is None and each.lock is None:
                    calls = True
                    if not each.targets and each.callee is not None and each.callee.name in names:
                        return True
        return calls and any(self._is_value(name) for name in passed)

    def _is_value(self, name: str) -> bool:
        """Return whether some code passes on a function of that name, and does not call it."""
        pattern = re.compile(rf"(?<!def )(?<!\w){re.escape(name)}\b(?!\s*\()")
        return any(
            name in source.text and pattern.search(without_comments(source.text)) is not None
            for source in self._sources.values()
        )

    def _is_only_used(self, lock: LockRef) -> bool:
        """Return whether all files only make and use what has the lock's name."""
        name = lock.identity.rpartition(".")[2]
        over = re.compile(rf"\b({_MAKERS})\([\w\s.=]*\b{re.escape(name)}\s*\)")
        for path, source in self._sources.items():
            if name in source.text:
                text = over.sub("made()", source.text)
                if path in self._incomplete or not all(
                    self._is_known(path, each, source) for each in mentions(name, text)
                ):
                    return False
        return True

    def _is_known(self, path: str, mention: Mention, source: SourceFile) -> bool:
        """Return whether the use of a lock at a mention is known: an acquire is that of a lock."""
        line = source.line(mention.line) if mention.is_entered else ""
        enters = line.lstrip().startswith(("with", "async with"))
        if enters or mention.member in WORDS.acquiring:
            return (path, mention.line) in self._acquires
        return bool(mention.member) or mention.is_bound or mention.is_entered


def _is_wrapped(function: Function) -> bool:
    """Return whether a decorator may acquire a lock around a function."""
    return any(each.path is None or each.path.name not in _HARMLESS for each in function.decorators)


def _enters_unknown(function: Function) -> bool:
    """Return whether a function enters a context manager that may acquire any lock."""
    return any(
        isinstance(each, Enter) and each.manager is None
        for block in function.blocks.values()
        for each in block.instructions
    )


def _is_own(used: Used) -> bool:
    """Return whether there is one lock, or one for the object whose method uses it.

    A condition over a lock that has no other name here may be over one that callers know.
    """
    lock, path = used.lock, used.lock.path
    if lock.confidence < Confidence.HIGH:
        return False
    if lock.view_kind is not None and path == used.instruction.call.written_receiver:
        return False
    if lock.exactness is Exactness.ONE:
        return True
    of_self = path.root is Root.SELF and len(path.fields) == 1
    return lock.exactness is Exactness.PER_INSTANCE and of_self


def _releases_itself(states: LockStates, identity: str) -> bool:
    """Return whether a function releases on each path what it acquires."""
    keys = {taken.key for taken in states.taken if taken.lock.identity == identity}
    if any(taken.before.forgotten for taken in states.taken if taken.lock.identity == identity):
        return False
    if any(key in each.holds and each.holds[key].count for key in keys for each in states.yields):
        return False  # Unknown code may run at the yield.
    return all(
        fate.releases and not fate.outlives_function and not fate.kept
        for fate in fates(states)
        if fate.lock.identity == identity
    )
