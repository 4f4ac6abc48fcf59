"""Locks for which a function waits at the end of the interpreter, and that a daemon thread keeps.

The interpreter joins all other threads before it runs these functions. Daemon threads still run
then, and go on to hold what they hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import msgspec

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import FEW_CALLS, CriticalPair, is_known, is_vague
from locklint.analysis.events import LockStates, Taken
from locklint.analysis.interruptions import Interruptions
from locklint.analysis.signals import is_counted
from locklint.analysis.threads import ThreadRoot, Threads
from locklint.core.diagnostic import Severity
from locklint.core.source import Span
from locklint.dataflow.order import all_successors, instructions_after, loops
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function, split_key
from locklint.ir.context import Context
from locklint.ir.event import EventKind
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Call,
    Constant,
    Instruction,
    Release,
    Spawn,
    TryAcquire,
)
from locklint.ir.lock import Exactness, LockRef
from locklint.ir.registration import Entry
from locklint.models.events import ENDS_OF_WAITS
from locklint.models.processes import is_lock_of_threads
from locklint.models.spawns import DAEMON

_BLOCKING = (EventKind.BLOCK, EventKind.JOIN, EventKind.LISTEN, EventKind.PARK)
_TRUE = Constant(True)


class LockedAtExit(msgspec.Struct, frozen=True, eq=False):
    """A wait at the end for a lock that a daemon thread, made at ``root``, holds for long.

    ``kept`` is where it blocks with the lock held, or begins a loop without an end.
    """

    entry: Entry
    pair: CriticalPair
    lock: LockRef
    states: LockStates
    taken: Taken
    root: ThreadRoot
    kept: Span
    is_loop: bool
    severity: Severity


class _Section(msgspec.Struct, frozen=True, eq=False):
    """A section in which a daemon thread blocks: ``event`` is that, None for a loop."""

    taken: Taken
    kept: Span
    event: CriticalPair | None


class Exits:
    """Finds the faults of a program."""

    def __init__(
        self,
        composition: Composition,
        graph: CallGraph,
        threads: Threads,
        interruptions: Interruptions,
    ) -> None:
        self._composition = composition
        self._graph = graph
        self._threads = threads
        self._interruptions = interruptions

    def faults(self) -> Iterator[LockedAtExit]:
        """Yield them, one for each place and lock."""
        for entry in self._interruptions.entries:
            name = split_key(entry.function)[1].rpartition(".")[2]
            if entry.context is not Context.ATEXIT or name in self._unregistered:
                continue
            seen: set[Span] = set()
            pairs = self._composition.pairs.get(entry.function, ())
            for pair in sorted(pairs, key=lambda each: (each.depth, each.rank())):
                lock = pair.event.lock
                if lock is None or not _waits(pair) or pair.span in seen:
                    continue
                found = self._judged(entry, pair, lock)
                if found is not None:
                    seen.add(pair.span)
                    yield found

    def _judged(self, entry: Entry, pair: CriticalPair, lock: LockRef) -> LockedAtExit | None:
        if self._waits_before(pair):
            return None  # The thread may have ended by then.
        for states, taken in self._graph.takers.get(lock.identity, ()):
            root = self._daemon(states.function.key)
            if root is None:
                continue
            for section in self._sections(states, taken):
                if section.event is None or not self._is_ended(section.event, pair):
                    far = pair.depth > FEW_CALLS
                    return LockedAtExit(
                        entry,
                        pair,
                        lock,
                        states,
                        section.taken,
                        root,
                        section.kept,
                        section.event is None,
                        Severity.INFO if far else Severity.WARNING,
                    )
        return None

    @cached_property
    def _unregistered(self) -> frozenset[str]:
        """Return the names of functions that the program may not run at the end after all."""
        return frozenset(
            str(argument.value).rpartition(".")[2]
            for states in self._graph.states.values()
            for each in _instructions(states.function)
            if isinstance(each, Call) and each.external == "atexit.unregister"
            for argument in each.arguments
        )

    # -- the daemon thread ------------------------------------------------------------------

    def _daemon(self, key: str) -> ThreadRoot | None:
        """Return where a daemon thread is made that runs a function, or None."""
        for root in sorted(self._threads.roots(key), key=str):
            if root.context is Context.THREAD and root.span is not None:
                if root.spawner in self._graph.states and self._is_daemon(root, root.span):
                    return root
        return None

    def _is_daemon(self, root: ThreadRoot, span: Span) -> bool:
        maker = self._graph.function(root.spawner)
        calls = [each for each in _instructions(maker) if isinstance(each, Call)]
        made = [each for each in calls if each.span == span]
        if any(map(_makes_daemon, made)):
            return True
        names = {each.result for each in made if each.result is not None}
        if _sets_daemon(maker, names):
            return True
        # A class of threads may say so itself.
        if any(
            isinstance(each, Spawn) and each.span == span and each.is_daemon
            for each in _instructions(maker)
        ):
            return not any(
                isinstance(each, Assign) and each.target.fields and each.target.last == DAEMON
                for each in _instructions(maker)
            )
        owner = self._graph.function(root.function).class_key
        constructor = self._graph.states.get(f"{owner}.__init__")
        if constructor is None or not any(each.constructs == owner for each in made):
            return False
        own = constructor.function
        return _sets_daemon(own, {AccessPath(own.self_name or "")}) or any(
            isinstance(each, Call)
            and each.callee is not None
            and each.callee.name == "__init__"
            and _makes_daemon(each)
            for each in _instructions(own)
        )

    def _sections(self, states: LockStates, taken: Taken) -> Iterator[_Section]:
        """Yield where a function blocks, or loops without an end, after it has acquired a lock."""
        function = states.function
        for pair in self._composition.pairs.get(function.key, ()):
            if pair.event.kind in _BLOCKING and not pair.is_concurrent:
                if is_counted(self._graph, pair):
                    continue
                if any(held.since == taken.acquisition for held in pair.held):
                    yield _Section(taken, pair.span, pair)
        kept = _endless_loop(function, taken)
        if kept is not None:
            yield _Section(taken, kept, None)

    # -- what happens before at the end -----------------------------------------------------

    def _waits_before(self, pair: CriticalPair) -> bool:
        """Return whether the code at the end waits for a thread before it waits for the lock."""
        return any(
            each.event.kind is EventKind.JOIN and each.span < link.span
            for link in pair.chain()
            for each in self._graph.states[link.function].events
        ) or any(
            isinstance(each, Call)
            and each.callee is not None
            and each.callee.name == "join"
            and each.span < link.span
            for link in pair.chain()
            for each in _instructions(self._graph.function(link.function))
        )

    def _is_ended(self, blocking: CriticalPair, pair: CriticalPair) -> bool:
        """Return whether the code at the end first ends what the thread waits for."""
        lock = blocking.event.lock
        if lock is None:
            return False
        ends = ENDS_OF_WAITS.get(blocking.event.name, ())
        for link in pair.chain():
            states = self._graph.states[link.function]
            for each in states.events:
                signalled = each.event.lock
                if each.event.kind is not EventKind.SIGNAL or each.event.name not in ends:
                    continue
                if signalled is not None and signalled.identity == lock.identity:
                    if each.span < link.span:
                        return True
            for used in states.used:
                if used.lock.identity == lock.identity and used.span < link.span:
                    return True
        return False


def _waits(pair: CriticalPair) -> bool:
    lock = pair.event.lock
    if lock is None or pair.event.kind is not EventKind.ACQUIRE or pair.is_concurrent:
        return False
    if not is_lock_of_threads(lock.kind) or not is_known(lock) or is_vague(lock):
        return False
    return lock.exactness is Exactness.ONE or lock.path.is_own_attribute


def _endless_loop(function: Function, taken: Taken) -> Span | None:
    """Return where a loop begins that a function does not leave before it releases a lock."""
    identity = taken.lock.identity

    def starts(each: Instruction) -> bool:
        return each.span == taken.acquisition.span and isinstance(each, Acquire | TryAcquire)

    def stops(each: Instruction) -> bool:
        return isinstance(each, Release) and each.lock.identity == identity

    inside = {id(each) for each in instructions_after(function, starts, stops)}
    for body in loops(function).values():
        each_in = [each for key in body for each in function.blocks[key].instructions]
        if not each_in or any(id(each) not in inside or stops(each) for each in each_in):
            continue
        ends = {
            successor
            for key in body
            for successor in all_successors(function.blocks[key])
            if successor != function.blocks[key].on_exception
        }
        if ends <= body:
            return min(each.span for each in each_in)
    return None


def _makes_daemon(call: Call) -> bool:
    return any(each.name == DAEMON and each.value == _TRUE for each in call.arguments)


def _sets_daemon(function: Function, made: set[AccessPath]) -> bool:
    """Return whether a function makes one of some threads a daemon before it starts."""
    names = set(made)
    for each in _instructions(function):
        if isinstance(each, Assign) and each.value in names:
            names.add(each.target)
    plain = {(path.root_name, path.fields) for path in names}
    for each in _instructions(function):
        match each:
            case Assign(target=target, value=value) if target.fields and value == _TRUE:
                owner = target.parent()
                if target.last == DAEMON and (owner.root_name, owner.fields) in plain:
                    return True
            case Call(callee=AccessPath() as callee, arguments=(first, *_)) if callee.fields:
                owner = callee.parent()
                if callee.last == "setDaemon" and first.value == _TRUE:
                    if (owner.root_name, owner.fields) in plain:
                        return True
            case _:
                pass
    return False


def _instructions(function: Function) -> Iterator[Instruction]:
    for block in function.blocks.values():
        yield from block.instructions
