"""Composition of critical pairs, bottom up: the events of each function and its callees.

Functions are processed by strongly connected components of the call graph, callees first; within a
component until nothing new is found. Pairs are compared by their facts, and of those with the same
facts the best witness is kept, so the result depends on no order.

Events of a function are passed to its callers only if it is called with a lock held, or if it
acquires locks that only a caller can name. All others would be copied up to the program's entry for
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import msgspec
from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.bound_values import admits
from locklint.analysis.call_graph import CallGraph, Edge, doubtful_holds
from locklint.analysis.critical_pair import (
    MAX_PATH,
    CriticalPair,
    Requirement,
    RequirementKind,
    StateTest,
    TestKind,
    is_known,
    is_open,
    is_vague,
    nameless,
)
from locklint.analysis.ended import Ended
from locklint.analysis.events import Held, Manner, Occurrence
from locklint.analysis.hold import LockKey, key_of
from locklint.analysis.new_futures import adds_to_new
from locklint.analysis.objects import Objects
from locklint.analysis.pair_log import Calls, PairLog
from locklint.analysis.receivers import Kin, Receivers
from locklint.analysis.requirements import Requirements, Requires
from locklint.analysis.settled import Settled
from locklint.core.source import Span
from locklint.dataflow.components import components
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.event import NOT_FOR_CALLERS, Event, EventKind, Waiting
from locklint.ir.hierarchy import Fields, Hierarchy
from locklint.ir.lock import Exactness, LockRef
from locklint.ir.means import BY_LOG
from locklint.models.events import ADDS_CALLBACK

MAX_PAIRS = 100
"""The largest number of pairs of one function and one kind, those with the shortest chains first.

Kinds are counted apart: a rule that wants more of them must not displace the pairs of others.
"""

MAX_INSIDE = 4
"""With how many locks held by callees a pair is still followed."""

_MOST_STATE = 6
"""The largest number of tests of globals and attributes of a pair, outer functions first."""

_MAX_ROUNDS = 12


class Composition:
    """The critical pairs of all functions of a program.

    ``pairs`` gives those of each function: its own events, those of its calls while it holds
    something, and, where ``exports`` has it, everything that its callers need. ``cut`` are
    functions some of whose pairs are left out, because there are too many. ``asked`` are functions
    that code outside the program calls with a lock held, or that interrupt code that holds one.
    """

    def __init__(
        self,
        graph: CallGraph,
        asked: frozenset[str],
        hierarchy: Hierarchy,
        fields: Fields,
    ) -> None:
        self._graph = graph
        self.receivers = Receivers(graph, hierarchy, fields)
        self._asked = asked
        self._objects = Objects(graph, fields.new)
        self._requirements: dict[str, Requirements] = {}
        self._settled = Settled(graph)
        self._passed: dict[tuple[int, StateTest], tuple[StateTest | None, bool | None]] = {}
        self._tested_before: dict[int, tuple[StateTest, ...]] = {}
        self._at_calls: dict[int, tuple[Requires, tuple[StateTest, ...]]] = {}
        self._edges: dict[int, Edge] = {}
        self._ended = Ended(graph)
        self.exports = self._called_while_holding()
        self.pairs: dict[str, tuple[CriticalPair, ...]] = {}
        self.cut: set[str] = set()
        for members in components(graph.states, graph.callees):
            self._solve(members)
            self._drop_callers()

    def _drop_callers(self) -> None:
        """Drop what is known of functions as callers: those of a component are done with it."""
        self._requirements.clear()
        self._passed.clear()
        self._tested_before.clear()
        self._at_calls.clear()
        self._edges.clear()

    def _called_while_holding(self) -> frozenset[str]:
        """The functions that are reached by calls made with a lock held."""
        work = [edge.callee for edges in self._graph.calls.values() for edge in edges if edge.held]
        joins = [
            each.event
            for one in self._graph.states.values()
            for each in one.events
            if each.event.kind in (EventKind.JOIN, EventKind.GATHER)
        ]
        if joins:
            # A thread may wait, with a lock held, for these.
            work.extend(self._graph.spawns)
            work += [key for event in joins for key in event.awaited if key in self._graph.states]
        work += [key for key in self._asked if key in self._graph.states]
        work += [
            edge.callee
            for edges in self._graph.calls.values()
            for edge in edges
            if edge.implicit == BY_LOG
        ]
        return frozenset(self._graph.led_to(work))

    # -- one component ----------------------------------------------------------------------

    def _solve(self, members: tuple[str, ...]) -> None:
        found = {key: {pair.identity(): pair for pair in self._own(key)} for key in members}
        ring = len(members) > 1 or members[0] in set(self._graph.callees(members[0]))
        log = PairLog(lambda key: self.pairs.get(key, ()))
        calls = {key: Calls(self._graph, self._requirements_of) for key in members}
        for key in members:
            log.update(key, found[key].values())
        for _ in range(_MAX_ROUNDS if ring else 1):
            changed = False
            for key in members:
                known = found[key]
                for pair in self._through_calls(key, log, calls[key]):
                    identity = pair.identity()
                    old = known.get(identity)
                    if old is None or pair.rank() < old.rank():
                        known[identity] = pair
                if self._keep_short(known):
                    self.cut.add(key)
                changed = log.update(key, known.values()) or changed
            if not changed:
                break
        else:
            if ring:
                self.cut.update(members)
        for key in members:
            ordered = sorted(found[key].items(), key=lambda one: _Order(*one))
            self.pairs[key] = tuple([pair for _, pair in ordered])

    @staticmethod
    def _keep_short(known: dict[tuple[object, ...], CriticalPair]) -> bool:
        """Drop what is beyond the bound, the longest chains; return whether there was such."""
        if len(known) <= MAX_PAIRS:
            return False
        by_kind: dict[EventKind, list[tuple[object, ...]]] = {}
        for identity, pair in known.items():
            by_kind.setdefault(pair.event.kind, []).append(identity)
        is_cut = False
        for identities in by_kind.values():
            if len(identities) > MAX_PAIRS:
                is_cut = True
                ranked = sorted(identities, key=lambda name: (known[name].depth, str(name)))
                for identity in ranked[MAX_PAIRS:]:
                    del known[identity]
        return is_cut

    def _own(self, key: str) -> Iterator[CriticalPair]:
        states = self._graph.states[key]
        doubtful = doubtful_holds(states)
        found: dict[tuple[object, ...], CriticalPair] = {}
        nests = any(each.held for each in states.taken)
        first: frozenset[Span] = self._objects.first_acquires(key) if nests else frozenset()
        for one in states.events:
            if not self._matters(key, one):
                continue
            requirements = self._requirements_of(key)
            lock = one.event.lock
            requires = requirements.at(one.span, one.held, None if lock is None else lock.path)
            if one.event.needs:
                needed = Requirement(one.event.needs, RequirementKind.TRUTH, True)
                requires = tuple(dict.fromkeys((*requires, needed)))
            state = self._tested(key, one.span)
            if lock is None and state:
                # The end of a wait may depend on what has been bound meanwhile.
                still_true = requirements.tested_at(one.span)
                state = tuple([test for test in state if test in still_true])
            pair = CriticalPair(
                key,
                one.span,
                self._named(states.function, one, first),
                self._graph.held(states.function, one.held, doubtful),
                released=one.released,
                free=one.free,
                requires=requires,
                state=state,
            )
            old = found.get(pair.identity())
            if old is None or pair.rank() < old.rank():
                found[pair.identity()] = pair
        yield from found.values()

    def _named(self, function: Function, one: Occurrence, first: frozenset[Span]) -> Event:
        """Return an event with its lock by its name in the program.

        The acquires in ``first`` are of a new lock: none waits.
        """
        event = replace(one.event, needs="") if one.event.needs else one.event
        if event.lock is None:
            return event
        is_new = event.kind is EventKind.ACQUIRE and one.span in first
        kind = EventKind.TRY if is_new else event.kind
        return replace(event, kind=kind, lock=self._graph.named(function, event.lock))

    def _requirements_of(self, key: str) -> Requirements:
        known = self._requirements.get(key)
        if known is None:
            known = self._requirements[key] = Requirements(self._graph.function(key))
        return known

    def _matters(self, key: str, one: Occurrence) -> bool:
        """Return whether an event is of concern: an `await` is under a lock of threads only.

        That of a callee is found through its call. A wait for what has ended is no wait.
        """
        match one.event.kind:
            case EventKind.GAIN | EventKind.SIGNAL | EventKind.READ | EventKind.WRITE:
                return False
            case EventKind.JOIN | EventKind.LISTEN | EventKind.BLOCK:
                return not self._ended.is_over(key, one.span)
            case EventKind.CALLBACK if one.event.name == ADDS_CALLBACK:
                return not adds_to_new(self._graph.function(key), one.span)
            case EventKind.WAKE:
                return not self._graph.function(key).is_async
            case EventKind.AWAIT:
                under_lock = any(held.blocks_threads for held in one.held)
                if not under_lock and key not in self._awaited_under_lock:
                    return False
                return not self._ended.is_over(key, one.span)
            case _:
                return True

    @cached_property
    def _awaited_under_lock(self) -> frozenset[str]:
        """The functions that are reached by calls made with a lock of threads held."""
        work = [
            edge.callee
            for edges in self._graph.calls.values()
            for edge in edges
            if any(held.blocks_threads for held in edge.held)
        ]
        reached: set[str] = set()
        while work:
            key = work.pop()
            if key not in reached:
                reached.add(key)
                work.extend(edge.callee for edge in self._graph.calls[key])
        return frozenset(reached)

    def _through_calls(self, key: str, log: PairLog, calls: Calls) -> Iterator[CriticalPair]:
        asked = key in self.exports
        unread = log.unread(key, self._graph.callees(key))
        edges = self._graph.calls[key]
        found = [
            (edge, entry)
            for edge in edges
            for entry in unread[edge.callee]
            if entry.pair.event.kind not in NOT_FOR_CALLERS
        ]
        # The best come first, so that most of the others need not be looked at.
        for edge, entry in sorted(found, key=lambda each: each[1].sort_key):
            pair = entry.pair
            # With nothing held here the callee's pairs are complete, unless an outer caller needs
            # them, or they hold locks that only a caller can name.
            if asked or edge.held or edge.implicit == BY_LOG or _is_open(pair):
                kin = self.receivers.kin(edge, pair)
                if calls.is_better(edge, entry, kin):
                    continue
                composed = self._compose(edge, pair, kin)
                if composed is not None:
                    calls.note(edge, entry, kin)
                    yield composed

    def _compose(self, called: Edge, pair: CriticalPair, kin: Kin | None) -> CriticalPair | None:
        """Return the callee's pair as seen by the caller, or None if it cannot happen or matter.

        ``kin``: see `Receivers.kin`.
        """
        if kin is None:
            return None
        binding = called.binding
        asked = self._requires(called, pair)
        if asked is None:
            return None
        requires, is_clear = asked
        state = self._state(called, pair)
        if state is None:
            return None
        event = self._event(called, pair, kin)
        if event is None:
            return None
        inside: list[Held] = []
        for held in pair.all_held():
            lock = self.as_called(called, held.lock)
            lock = lock or msgspec.structs.replace(held.lock, path=nameless(held.lock))
            holder = self.receivers.told(kin, pair, held.lock, held.holder)
            inside.append(Held(lock, held.mode, holder=holder))
        if len(inside) > MAX_INSIDE:
            return None
        released = [key for old in pair.released if (key := _key(old, binding)) is not None]
        free = [key for old in pair.free if (key := _key(old, binding)) is not None]
        if any(one.key in free for one in called.held):
            return None  # The callee has acquired the lock before: it is another path through here.
        concurrent = called.manner is Manner.CONCURRENT or pair.is_concurrent
        own = () if concurrent else tuple([h for h in called.held if h.key not in released])
        manner = Manner.CONCURRENT if concurrent else Manner.DIRECT
        if not concurrent and Manner.OVERRIDE in (called.manner, pair.manner):
            manner = Manner.OVERRIDE
        return CriticalPair(
            called.caller,
            called.span,
            event,
            own,
            tuple(inside),
            tuple(dict.fromkeys((*released, *(() if concurrent else called.released)))),
            () if concurrent else tuple(dict.fromkeys((*free, *called.free))),
            requires,
            state,
            pair,
            called.implicit,
            manner,
            called.certain and pair.certain and is_clear,
            pair.depth + 1,
            kin.classes,
        )

    def _event(self, called: Edge, pair: CriticalPair, kin: Kin) -> Event | None:
        event = pair.event
        if event.kind is EventKind.GATHER:
            # The path belongs to the function that waits, and identifies one of its tasks.
            return None if called.limited else event
        if event.lock is not None:
            lock = self.as_called(called, event.lock)
            if lock is None:
                return None
            if lock.exactness is Exactness.PER_INSTANCE and self._objects.is_unshared(
                called.caller, lock.path, called.span
            ):
                return None  # No other thread knows the object, so nothing is waited for.
            holder = self.receivers.told(kin, pair, event.lock, event.holder)
            if event.waits_if:
                event = _decided(event, called.binding)
            if called.limited and event.kind is EventKind.ACQUIRE and lock.kind.is_async:
                event = replace(event, kind=EventKind.TRY)
            return replace(event, lock=lock, holder=holder)
        if event.path is not None:
            return replace(event, path=called.binding.path(event.path))
        return event

    def is_unshared(self, key: str, lock: LockRef, place: Span) -> bool:
        """Return whether a lock is that of an object which only a function knows at a place."""
        path = self._objects.made_by(key, lock.path)
        return path is not None and self._objects.is_unshared(key, path, place, unseen=True)

    def is_over(self, key: str, wait: Span) -> bool:
        """Return whether a wait of a function is reached only after what it waits for has ended."""
        return self._ended.is_over(key, wait)

    def through(self, called: Edge, pair: CriticalPair) -> CriticalPair | None:
        """Return a pair of a callee as its caller sees it. Return None if that rules it out."""
        return self._compose(called, pair, self.receivers.kin(called, pair))

    def as_called(self, called: Edge, lock: LockRef) -> LockRef | None:
        """Return a callee's lock as the caller names it, or None if it does not concern others."""
        if lock.exactness is Exactness.ONE:
            return lock
        here = called.binding.lock(lock)
        if here is None:
            return msgspec.structs.replace(lock, path=nameless(lock)) if is_known(lock) else None
        given = self._objects.given(called.caller, here)
        if given is not None:
            return given
        path = self._objects.resolve(called.caller, here.path)
        here = here if path == here.path else msgspec.structs.replace(here, path=path)
        here = self._graph.named(self._graph.function(called.caller), here)
        if len(here.path.fields) > MAX_PATH:
            return msgspec.structs.replace(here, path=nameless(here)) if is_known(here) else None
        return here

    def _required(self, called: Edge) -> tuple[Requires, tuple[StateTest, ...]]:
        """Return what parameters, and what globals and attributes must be for a call to run.

        Many pairs go through one call.
        """
        known = self._at_calls.get(id(called))
        if known is None:
            self._edges[id(called)] = called
            own = self._requirements_of(called.caller)
            known = (
                own.at(called.span, called.held),
                self._tested(called.caller, called.span),
            )
            self._at_calls[id(called)] = known
        return known

    def _tested(self, key: str, span: Span) -> tuple[StateTest, ...]:
        """Return what globals and attributes must be wherever an instruction runs."""
        own = self._requirements_of(key).state_at(span)
        return tuple(dict.fromkeys((*own, *self._settled.needed(key, span))))

    def _state(self, called: Edge, pair: CriticalPair) -> tuple[StateTest, ...] | None:
        """Return the tests of globals and attributes along the path, or None if they conflict."""
        requirements = self._requirements_of(called.caller)
        found = dict.fromkeys(self._required(called)[1])
        for test in pair.state:
            # Most pairs of a callee have the same few tests.
            asked = (id(called), test)
            if asked not in self._passed:
                self._passed[asked] = self._pass(called, test, requirements)
            here, settled = self._passed[asked]
            if settled is False:
                return None
            # Else, if it is settled, the caller has seen to it, however it was before.
            if here is not None and settled is None:
                found[here] = None
        return tuple(found)[:_MOST_STATE]

    def _pass(
        self, called: Edge, test: StateTest, own: Requirements
    ) -> tuple[StateTest | None, bool | None]:
        """Return a callee's test as its caller names it, and whether it may have this outcome.

        None: it may because it had it when the caller began.
        """
        self._edges[id(called)] = called  # It lives on, so that its id stays its own.
        if test.path.is_parameter and test.path.is_variable and not test.others:
            value = called.binding.constant(test.path.root_name)
            given = value or called.binding.value(test.path.root_name)
            if given is not None and not admits(given, test):
                return None, False
        here = test.named(called.binding.path)
        if here is None or any(len(path.fields) > MAX_PATH for path in here.paths):
            return None, None
        if called.manner is Manner.CONCURRENT:
            return here, None
        tested = self._tested_before.get(id(called))
        if tested is None:
            tested = own.tested_at(called.span)
            more = self._settled.behind_getters(tested, called.caller)
            tested = self._tested_before[id(called)] = tuple(dict.fromkeys((*tested, *more)))
        if any(map(here.excludes, tested)) or _finds_held(here, called):
            return here, False
        settled = self._settled.at(here, called)
        passed = self._settled.as_passed(here, called) if settled else None
        return (here, settled) if passed is None else (passed, None)

    def _requires(
        self, called: Edge, pair: CriticalPair
    ) -> tuple[tuple[Requirement, ...], bool] | None:
        """Return what the caller's parameters have to be. Return None if the call rules it out.

        The second value is true if the arguments are known to pass all their tests.
        """
        is_clear = True
        own = self._requirements_of(called.caller)
        found = dict.fromkeys(self._required(called)[0])
        if called.parameter:
            found[
                Requirement(called.parameter, RequirementKind.CALLS, True, other=called.callee)
            ] = None
        for requirement in pair.requires:
            if requirement.kind is RequirementKind.CALLS:
                functions = called.binding.functions.get(requirement.parameter)
                if functions is not None:
                    if requirement.other not in functions:
                        return None
                    continue
            constant = called.binding.constant(requirement.parameter)
            if constant is not None:
                if requirement.contradicts(constant):
                    return None
                is_clear = is_clear and requirement.is_plain
                continue
            items = called.binding.items(requirement.parameter)
            if items is not None and requirement.rules_out_items(items):
                return None
            if _is_left_out(requirement, called.binding):
                return None
            passed = own.as_passed(called.binding.value(requirement.parameter))
            test = None if passed is None else requirement.of_value(passed)
            if test is not None and (
                any(map(test.excludes, own.tested_at(called.span)))
                or self._settled.at(test, called) is False
            ):
                return None
            if passed is not None and _is_parameter(passed, self._graph.function(called.caller)):
                if not own.is_passed_on(passed, called.span):
                    is_clear = False
                    continue
                mine = replace(requirement, parameter=str(passed))
                if any(map(mine.excludes, found)):
                    return None
                found.setdefault(mine)
                continue
            met = None if passed is None else requirement.is_met_by(passed)
            if met is False:
                return None
            is_clear = is_clear and met is True
        return tuple(found), is_clear


class _Order:
    """The order of a function's pairs: by place and depth, and then by their identities."""

    def __init__(self, identity: tuple[object, ...], pair: CriticalPair) -> None:
        self._first = (pair.span, pair.depth)
        self._identity = identity

    def __lt__(self, other: _Order) -> bool:
        if self._first != other._first:
            return self._first < other._first
        return str(self._identity) < str(other._identity)


def _decided(event: Event, binding: Binding) -> Event:
    """Return a try after a call whose arguments may say that it waits."""
    open_: list[Waiting] = []
    for each in event.waits_if:
        constant = binding.constant(each.parameter)
        passed = binding.value(each.parameter)
        if constant is not None and each.allows(constant):
            continue
        if constant is not None or passed is None or not passed.is_parameter:
            return replace(event, waits_if=())
        open_.append(replace(each, parameter=passed.root_name))
    return replace(event, kind=event.kind if open_ else EventKind.ACQUIRE, waits_if=tuple(open_))


def _finds_held(test: StateTest, called: Edge) -> bool:
    """Return whether the caller holds a lock that a callee has found to be free."""
    return (
        test.kind is TestKind.HELD
        and not test.outcome
        and any(held.lock.path == test.path for held in called.held)
    )


def _is_parameter(path: AccessPath, caller: Function) -> bool:
    """Return whether a path is a parameter, or an argument by name that the caller collects."""
    return path.is_parameter or (len(path.fields) == 1 and caller.collects_by_name(path))


def _is_left_out(requirement: Requirement, binding: Binding) -> bool:
    """Return whether an argument that is passed would have to be missing.

    A caller that passes an optional argument is assumed to pass a real value.
    """
    wants_value = requirement.outcome is (requirement.kind is RequirementKind.TRUTH)
    if wants_value or not requirement.is_about_presence:
        return False
    return binding.is_passed(requirement.parameter) and binding.may_be_left_out(
        requirement.parameter
    )


def _key(key: LockKey, binding: Binding) -> LockKey | None:
    lock = binding.locks.get(key.path.root_name) if key.path.is_parameter else None
    if lock is not None and lock.exactness is Exactness.ONE:
        return key_of(lock, key.mode)
    path = binding.path(key.path)
    return None if path is None else LockKey(path, key.mode)


def _is_open(pair: CriticalPair) -> bool:
    """Return whether a caller knows more about the locks of a pair, of which one is held."""
    held = pair.all_held()
    if not held or pair.event.lock is None:
        return False
    return is_open(pair.event.lock) or any(is_open(one.lock) for one in held)


def same_lock(one: Held, other: Held) -> bool:
    """Return whether two locks of one function are certainly the same object, in the same mode.

    An attribute of one object has one identity: another one belongs to a class that the object is
    not of, so that the callee that names it so cannot be the one that runs.
    """
    if is_vague(one.lock) or is_vague(other.lock) or one.key != other.key:
        return False
    if one.lock.identity == other.lock.identity:
        return True
    name = one.lock.path.name if one.lock.path.fields else ""
    if name.startswith("__") and not name.endswith("__"):
        return False  # A private name is another attribute in each class.
    both = (one.lock.exactness, other.lock.exactness)
    return both != (Exactness.PER_INSTANCE, Exactness.PER_INSTANCE)


__all__ = ["Composition", "same_lock"]
