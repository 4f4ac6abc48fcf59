"""Locks for which a signal handler or a finalizer waits, and that what it interrupts may hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.critical_pair import FEW_CALLS, CriticalPair, is_vague
from locklint.analysis.events import Manner
from locklint.analysis.interruptions import Holder, Interruptions
from locklint.analysis.registered import instructions
from locklint.analysis.self_deadlock import held_again, waits_for_itself
from locklint.core.diagnostic import Confidence, Severity
from locklint.core.source import Span
from locklint.dataflow.order import (
    all_successors,
    instructions_after,
)
from locklint.ir.access_path import AccessPath, Root, parted_closure
from locklint.ir.cfg import BasicBlock, Function, split_key
from locklint.ir.context import Context
from locklint.ir.event import EventKind
from locklint.ir.hierarchy import Field
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    Constant,
    Instruction,
    Operate,
    Read,
    Release,
    TryAcquire,
    Unknown,
)
from locklint.ir.lock import Exactness, LockRef, LockRole, Mode
from locklint.ir.means import OperateKind
from locklint.ir.registration import Entry
from locklint.ir.terminator import Branch, IsNone, Terminator, Truth
from locklint.models.registrations import STOPS_CALLBACKS
from locklint.models.spawns import is_of_tests


class Interrupted(msgspec.Struct, frozen=True, eq=False):
    """A wait for a lock, in code that ``entry`` lets run while ``holder`` holds the lock.

    ``proven``: it is one object, the wait is certain, and so is the thread of the holder.
    ``doubtful``: hardly anything is known about whether the holder can be interrupted there.
    """

    entry: Entry
    pair: CriticalPair
    lock: LockRef
    holder: Holder
    proven: bool
    doubtful: bool = False

    @property
    def severity(self) -> Severity:
        """Return the severity of a finding; each call that leads to it adds a doubt (ADR 103)."""
        if self.proven:
            return Severity.ERROR
        is_info = self.doubtful or self.pair.depth > FEW_CALLS
        return Severity.INFO if is_info else Severity.WARNING


Verdict: TypeAlias = Callable[[Entry, CriticalPair, LockRef], "Interrupted | None"]


def locked_in_finalizers(
    composition: Composition,
    graph: CallGraph,
    interruptions: Interruptions,
    shared: frozenset[Field],
) -> Iterator[Interrupted]:
    """Return the waits of finalizers for locks that other code holds where objects are freed."""

    def verdict(entry: Entry, pair: CriticalPair, lock: LockRef) -> Interrupted | None:
        if not _outlives(lock, entry, graph.function(entry.function), shared):
            return None
        doubtful: Interrupted | None = None
        for holder in interruptions.holders(lock, entry):
            if holder.context is Context.SIGNAL or not excludes(holder, pair):
                continue
            section = _section(holder.function, holder.span, lock)
            if section is not None and all(map(_only_counts, section)):
                continue  # No object is freed there.
            if entry.registration is not None and entry.registration.of is None:
                if not _is_collected(holder, graph, interruptions):
                    continue
                found = Interrupted(entry, pair, lock, holder, is_sure(pair, lock))
                if not interruptions.removes_callbacks(entry.path):
                    return found
                doubtful = doubtful or replace(found, proven=False, doubtful=True)
                continue
            replaces = any(_makes_one(each, _classes(entry, graph)) for each in section or ())
            found = Interrupted(entry, pair, lock, holder, proven=False, doubtful=not replaces)
            if replaces:
                return found
            doubtful = doubtful or found
        return doubtful

    return best(composition, interruptions, Context.FINALIZER, verdict)


def best(
    composition: Composition, interruptions: Interruptions, context: Context, verdict: Verdict
) -> Iterator[Interrupted]:
    """Return the best of each entry and place.

    What an entry reaches through another one is reported there.
    """
    entries = {each.function for each in interruptions.entries if each.context is context}
    found: dict[tuple[str, Span], Interrupted] = {}
    for entry in interruptions.entries:
        if entry.context is not context:
            continue
        pairs = composition.pairs.get(entry.function, ())
        for pair in sorted(pairs, key=lambda each: (each.depth, each.rank())):
            place = (entry.function, pair.span)
            inner = [link.function for link in pair.chain()][1:]
            if place in found or not entries.isdisjoint(inner) or _leaves_program(entry, inner):
                continue
            lock = _awaited(pair)
            one = None if lock is None else verdict(entry, pair, lock)
            if one is not None:
                found[place] = one
    yield from found.values()


def _leaves_program(entry: Entry, functions: Sequence[str]) -> bool:
    """Return whether code that is no test runs a method of a test, as that overrides another."""
    modules = [split_key(key)[0] for key in (entry.function, *functions)]
    return not is_of_tests(modules[0]) and any(map(is_of_tests, modules))


def _awaited(pair: CriticalPair) -> LockRef | None:
    """Return the lock for which the thread waits, if it would wait for itself."""
    lock = pair.event.lock
    if lock is None or pair.event.kind is not EventKind.ACQUIRE or pair.is_concurrent:
        return None
    if not _blocks(lock) or pair.released or held_again(pair) is not None:
        return None
    return lock


def _blocks(lock: LockRef) -> bool:
    """Return whether a thread that holds the lock, a known one, would wait for itself.

    An object that is found, or made, only while the interruption runs may be a new one. If a null
    context may replace the lock, the code with the handler is assumed to have that.
    """
    if lock.may_be_stand_in:
        return False
    if lock.exactness is not Exactness.ONE:
        is_older = lock.path.root in _OLDER_ROOTS and not is_vague(lock)
        if lock.exactness is not Exactness.PER_INSTANCE or not is_older:
            return False
    if lock.kind.is_async or lock.kind.role is LockRole.SEMAPHORE:
        return False
    return waits_for_itself(lock)


_OLDER_ROOTS = (Root.SELF, Root.GLOBAL, Root.CLOSURE, Root.PARAMETER)


def excludes(holder: Holder, pair: CriticalPair) -> bool:
    """Return whether the wait does not end while the lock is held: not both only read."""
    return not holder.taken.key.mode is pair.event.mode is Mode.SHARED


def is_sure(pair: CriticalPair, lock: LockRef) -> bool:
    """Return whether a wait is certain, and for one lock."""
    return (
        pair.certain
        and pair.manner is Manner.DIRECT
        and not pair.conditions
        and not pair.requires
        and lock.exactness is Exactness.ONE
        and lock.confidence is Confidence.HIGH
    )


# -- finalizers -----------------------------------------------------------------------------


def _is_collected(holder: Holder, graph: CallGraph, interruptions: Interruptions) -> bool:
    """Return whether the collector may run a callback where a lock is held.

    It does not if the holder, or what that calls before, turns the collector off or removes it.
    """
    before = [each for each in instructions(holder.function) if each.span < holder.span]
    if any(isinstance(each, Call) and each.external in STOPS_CALLBACKS for each in before):
        return False
    return not any(
        edge.span < holder.span and interruptions.stops_collector(edge.callee)
        for edge in graph.calls[holder.function.key]
    )


def _outlives(lock: LockRef, entry: Entry, function: Function, shared: frozenset[Field]) -> bool:
    """Return whether a lock may be held by code that does not keep the freed object alive.

    The lock of the freed object itself, or of one that it has made, is held only by methods that
    run on the object, or that other code has a reference for. Attributes in ``shared`` lead to
    other objects.
    """
    if lock.exactness is Exactness.ONE:
        return True
    path, registered = lock.path, entry.registration
    if registered is None:
        is_shared = (function.class_key, next(iter(path.fields[:-1]), "")) in shared
        return path.root is Root.SELF and is_shared
    freed, receiver = registered.of, registered.receiver
    if freed is None:
        return True
    if path.root is Root.CLOSURE:
        return parted_closure(path.root_name)[1] != freed.root_name  # Else it keeps that alive.
    return path.root is Root.SELF and receiver is not None and not receiver.starts_with(freed)


def _classes(entry: Entry, graph: CallGraph) -> set[str]:
    """Return the classes, by their keys, of the objects with a finalizer."""
    functions = [entry.function, entry.registrar]
    keys = {graph.function(each).class_key for each in functions if each in graph.states}
    return {key for key in keys if key}


def _makes_one(instruction: Instruction, classes: set[str]) -> bool:
    """Return whether an object of some classes is made: it may take the place of an older one."""
    return isinstance(instruction, Call) and (
        instruction.constructs in classes
        or any(f"{cls}.__init__" in instruction.targets for cls in classes)
    )


def _section(function: Function, acquire: Span, lock: LockRef) -> list[Instruction] | None:
    """Return what a function does while it holds a lock; None if a callee has acquired it.

    What it makes only the first time is left out: there is hardly an object to free by then.
    """

    def is_start(each: Instruction) -> bool:
        return each.span == acquire and isinstance(each, Acquire | TryAcquire)

    def is_end(each: Instruction) -> bool:
        return isinstance(each, Release) and each.lock.identity == lock.identity

    def successors(block: BasicBlock) -> list[BlockId]:
        once = _first_time(block.terminator, bound)
        return [each for each in all_successors(block) if each != once]

    if not any(map(is_start, instructions(function))):
        return None
    bound = {each.target for each in instructions(function) if isinstance(each, Assign)}
    return list(instructions_after(function, is_start, is_end, successors))


def _first_time(terminator: Terminator, bound: set[AccessPath]) -> BlockId | None:
    """Return the block that is for the case that something is not made yet, and makes it."""
    match terminator:
        case Branch(condition=IsNone(value=AccessPath() as path), then=then) if path in bound:
            return then
        case Branch(condition=Truth(value=AccessPath() as path), otherwise=no) if path in bound:
            return no
        case _:
            return None


def _only_counts(instruction: Instruction) -> bool:
    """Return whether an instruction makes no object that is tracked, and drops none."""
    match instruction:
        case Read() | Acquire() | TryAcquire() | Release():
            return True
        case Operate(kind=OperateKind.OPERATOR):
            return True
        case Assign(target=target, value=value):
            if target.is_variable and target.root is Root.LOCAL:
                return True
            if isinstance(value, Unknown):
                return value.is_number
            return isinstance(value, Constant) and isinstance(value.value, int | float)
        case _:
            return False
