"""Locks for which a signal handler waits, and that the main thread may hold.

A handler waits for nothing else than other threads do if the main thread holds the lock only before
its registration, or never. So a finding rests on code that the main thread runs afterwards, or on a
second signal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import CriticalPair
from locklint.analysis.events import Manner
from locklint.analysis.interrupted import Interrupted, best, excludes, is_sure
from locklint.analysis.interruptions import Holder, Interruptions
from locklint.analysis.paths import tests_of_paths
from locklint.analysis.registered import Link, Registered, instructions
from locklint.analysis.sections import held_after
from locklint.analysis.thread_tests import ThreadTests
from locklint.core.source import Span
from locklint.dataflow.order import looping, predecessors
from locklint.ir.access_path import AccessPath, Root, parted_closure, parted_global
from locklint.ir.cfg import Function
from locklint.ir.context import Context
from locklint.ir.instruction import (
    AN_OBJECT,
    Acquire,
    Assign,
    Await,
    Call,
    CallArgument,
    Enter,
    Instruction,
    Spawn,
    TryAcquire,
    Wait,
    Yield,
)
from locklint.ir.lock import Exactness, LockRef
from locklint.ir.registration import Entry
from locklint.models.events import CHANGES_EVENT, TELLS_THREAD
from locklint.models.registrations import (
    BLOCKS_SIGNALS,
    IGNORING,
    OF_TIMERS,
    REGISTERS_HANDLER,
)


class _Wait(msgspec.Struct, frozen=True, eq=False):
    """A wait of a handler, what it tests before, the functions it runs, and its registration."""

    entry: Entry
    pair: CriticalPair
    lock: LockRef
    tested: Tested
    own: frozenset[str]
    registered: Registered


def locked_in_handlers(
    composition: Composition, graph: CallGraph, interruptions: Interruptions, tests: ThreadTests
) -> Iterator[Interrupted]:
    """Return the waits of signal handlers for locks that the main thread may hold."""

    def verdict(entry: Entry, pair: CriticalPair, lock: LockRef) -> Interrupted | None:
        if not _may_be_called_so(entry, pair, graph):
            return None
        wait = _Wait(
            entry,
            pair,
            lock,
            _tested((graph.function(link.function), link.span) for link in pair.chain()),
            interruptions.reached_from(entry.function),
            interruptions.registered(entry),
        )
        doubtful: Interrupted | None = None
        for holder in interruptions.holders(lock, entry):
            if tests.decide(holder.function.key, holder.span) or tests.guard(holder.function.key):
                continue  # It may be for all threads but the main one.
            found = _of_holder(wait, holder, graph, interruptions)
            if found is not None and not found.doubtful:
                return found
            doubtful = doubtful or found
        return doubtful

    return best(composition, interruptions, Context.SIGNAL, verdict)


def _of_holder(
    wait: _Wait, holder: Holder, graph: CallGraph, interruptions: Interruptions
) -> Interrupted | None:
    """Return the finding if a handler may interrupt a holder, and then waits, or None."""
    if holder.context is Context.THREAD or not excludes(holder, wait.pair):
        return None
    if _sets(wait.tested, holder.function, holder.span):
        return None  # So what the handler tests may say not to wait.
    found = Interrupted(wait.entry, wait.pair, wait.lock, holder, proven=False)
    is_own = holder.function.key in wait.own
    links = wait.registered.chain_to(holder.function.key, holder.span)
    if links is not None and not (
        wait.registered.is_shielded(links)
        or _tells(wait, links, graph, interruptions)
        or _are_two(wait, links, holder, graph)
    ):
        if (
            all(link.edge is None or link.edge.certain for link in links)
            and interruptions.is_of_main_program(links[0].function)
            and is_sure(wait.pair, wait.lock)
        ):
            return replace(found, proven=True)
        return replace(found, doubtful=is_own or _is_hardly_interrupted(holder))
    if holder.context is Context.SIGNAL or is_own:
        if _runs_once(wait, graph):
            return None
        # Callees of the handler may be called by other code, which is not interrupted.
        is_rare = holder.context is not Context.SIGNAL or wait.registered.signal in OF_TIMERS
        return replace(found, doubtful=is_rare or _is_hardly_interrupted(holder))
    is_known = links is not None or not wait.registered.is_open
    return None if is_known else replace(found, doubtful=True)


def _may_be_called_so(entry: Entry, pair: CriticalPair, graph: CallGraph) -> bool:
    """Return whether a handler waits for what the interpreter passes: a number and a frame."""
    registered = entry.registration
    if registered is None or not pair.requires:
        return True
    passed = (*registered.bound, CallArgument(AN_OBJECT), CallArgument(AN_OBJECT))
    binding = Binding.of_arguments(
        graph.function(entry.registrar), graph.function(entry.function), passed, registered.receiver
    )
    for each in pair.requires:
        value = binding.constant(each.parameter)
        if value is not None and (each.is_about_presence or value != AN_OBJECT):
            if each.contradicts(value):
                return False
    return True


class Tested(msgspec.Struct, frozen=True, eq=False):
    """The names of what is tested on each path to a wait, and of the objects that have it.

    ``outcomes`` are the tests of a name, by their texts, and how each has ended.
    """

    names: frozenset[str]
    holders: frozenset[str]
    outcomes: frozenset[tuple[str, str, bool]]

    def differs(self, other: Tested) -> bool:
        """Return whether two places are reached for different outcomes of tests of one name."""
        return any(
            one[0] == another[0] and one != another
            for one in self.outcomes
            for another in other.outcomes
        )


def _tested(chain: Iterable[tuple[Function, Span]]) -> Tested:
    """Return what the functions of a chain test, with the arguments of calls that are tested."""
    names: set[str] = set()
    holders: set[str] = set()
    outcomes: set[tuple[str, str, bool]] = set()
    for function, place in chain:
        for test, path in tests_of_paths(function, place):
            names.add(_name(path))
            outcomes.add((_name(path), str(test.condition), test.outcome))
            if path.fields:
                holders.add(_name(path.parent()))
            for each in instructions(function):
                if isinstance(each, Call) and each.result == path and path.is_variable:
                    names |= set(map(_name_of, each.arguments))
                    if each.written_receiver is not None:
                        names.add(_name(each.written_receiver))
    return Tested(
        frozenset(names - _NO_NAMES),
        frozenset(holders - _NO_NAMES),
        frozenset([each for each in outcomes if not each[0].startswith("%")]),
    )


_NO_NAMES = frozenset(("", "cls", "self"))


def _runs_once(wait: _Wait, graph: CallGraph) -> bool:
    """Return whether a handler keeps a second signal from waiting while it runs."""
    links = [Link(each.function, each.span, None) for each in wait.pair.chain()]
    functions = [(graph.function(each.function), each.span) for each in links]
    return wait.registered.is_shielded(links) or any(
        _ignores_signals(each) or _sets(wait.tested, each, place) for each, place in functions
    )


def _tells(wait: _Wait, links: Sequence[Link], graph: CallGraph, threads: Interruptions) -> bool:
    """Return whether code on the path to a holder may keep the handler from waiting.

    It sets what the handler tests, itself or by what it calls before, or it finds out in which
    thread it runs. What the handler runs itself is no such callee.
    """
    places = [(graph.function(link.function), link.span) for link in links]
    if wait.tested.differs(_tested(places[1:])):
        return True
    for link, (function, _) in zip(links, places, strict=True):
        for each in instructions(function):
            if link is links[0] and not wait.registered.comes_before(link.function, each.span):
                continue
            if _marks(each, wait.tested):
                return True
            if isinstance(each, Call) and each.external in TELLS_THREAD and each.span < link.span:
                return True
        for edge in graph.calls[link.function]:
            if edge.span < link.span and edge.manner is not Manner.CONCURRENT:
                for key in threads.reached_from(edge.callee) - wait.own:
                    callee = graph.function(key)
                    if any(_marks(each, wait.tested) for each in instructions(callee)):
                        return True
    return False


def _marks(instruction: Instruction, tested: Tested) -> bool:
    """Return whether an instruction sets what is tested, or an attribute of it.

    A context manager that has it is taken to do so.
    """
    match instruction:
        case Assign(target=target) if not target.is_element:
            parts = {field for field in target.fields if isinstance(field, str)}
            parts.add(_name(AccessPath(target.root_name, (), target.root)))
            return not parts.isdisjoint(tested.names)
        case Enter(context=AccessPath() as context):
            return _name(context) in tested.holders
        case Call(external=external) if external in CHANGES_EVENT:
            receiver = instruction.written_receiver
            return receiver is not None and _name(receiver) in tested.names
        case _:
            return False


def _are_two(wait: _Wait, links: Sequence[Link], holder: Holder, graph: CallGraph) -> bool:
    """Return whether a holder and a handler have the locks of two objects, by their names.

    Both are named as in the function in which the chain to the holder begins.
    """
    entry, lock = wait.entry, wait.lock
    if lock.exactness is not Exactness.PER_INSTANCE:
        return False
    first, handler = graph.function(links[0].function), graph.function(entry.function)
    held: AccessPath | None = holder.taken.lock.path
    for link in reversed(links):
        if link.edge is not None and held is not None:
            held = link.edge.binding.path(held)
    waited = _as_named_in(first, handler, entry, lock.path)
    if held is None or waited is None:
        return False
    return _origin(first, held) != _origin(first, waited)


def _as_named_in(
    function: Function, handler: Function, entry: Entry, path: AccessPath
) -> AccessPath | None:
    """Return a path of a handler by the name that it has for a function, or None."""
    registered = entry.registration
    if path.root is Root.SELF:
        if registered is not None and function.key == entry.registrar and registered.receiver:
            receiver = registered.receiver
            return AccessPath(receiver.root_name, receiver.fields + path.fields, receiver.root)
        return path if function.class_key == handler.class_key else None
    if path.root is Root.CLOSURE:
        own, name = parted_closure(path.root_name)
        is_around = own == function.key or (not own and handler.parent == function.qualname)
        return AccessPath(name, path.fields, Root.LOCAL) if is_around else None
    return path if path.root is Root.GLOBAL and function.module == handler.module else None


def _origin(function: Function, path: AccessPath) -> tuple[str, tuple[object, ...]]:
    """Return a path for comparisons: what a variable stands for, if a function binds it once."""
    name, fields = path.root_name, path.fields
    if path.root is Root.GLOBAL:
        return parted_global(name)[1], fields
    for _ in range(_MOST_NAMES):
        values = [
            each.value
            for each in instructions(function)
            if isinstance(each, Assign)
            and each.target.is_variable
            and each.target.root_name == name
        ]
        if len(values) != 1 or not isinstance(values[0], AccessPath):
            break
        name, fields = values[0].root_name, values[0].fields + fields
    return name, fields


_MOST_NAMES = 4
"""The largest number of variables for one object that are followed."""


def _is_hardly_interrupted(holder: Holder) -> bool:
    """Return whether a signal hardly interrupts a holder.

    A coroutine may run in the loop of another thread. And the interpreter looks for signals only at
    calls and at the end of a loop, so that a section without either is passed at once (CPython up
    to 3.13).
    """
    return holder.function.is_async or not _can_be_interrupted(holder)


def _can_be_interrupted(holder: Holder) -> bool:
    """Return whether something is called or repeated while a function holds a lock."""
    function = holder.function
    starts = [
        (block.id, index, each.lock)
        for block in function.blocks.values()
        for index, each in enumerate(block.instructions)
        if isinstance(each, Acquire | TryAcquire) and each.span == holder.span
    ]
    if not starts:
        return True  # A callee has acquired the lock.
    repeated = looping(predecessors(function))
    return any(
        isinstance(each, _RUNS_CODE) or here in repeated
        for block, index, lock in starts
        for each, here in held_after(function, block, index, lock)
    )


_RUNS_CODE = (Await, Call, Enter, Spawn, Wait, Yield)


def _sets(tested: Tested, function: Function, before: Span) -> bool:
    """Return whether a function sets something that is tested before a place."""
    return any(
        (each.span < before or (isinstance(each, Enter) and each.span == before))
        and _marks(each, tested)
        for each in instructions(function)
    )


def _name(path: AccessPath) -> str:
    """Return the name of an attribute or a variable, by which all functions know it, or nothing."""
    return path.name if path.fields else parted_closure(parted_global(path.root_name)[1])[1]


def _ignores_signals(function: Function) -> bool:
    """Return whether a handler exchanges or blocks handlers, so that it runs only once."""
    return any(
        isinstance(each, Call)
        and (
            each.external == BLOCKS_SIGNALS
            or (
                each.external == REGISTERS_HANDLER
                and any(_name_of(one) in IGNORING for one in each.arguments)
            )
        )
        for each in instructions(function)
    )


def _name_of(argument: CallArgument) -> str:
    return _name(argument.value) if isinstance(argument.value, AccessPath) else ""
