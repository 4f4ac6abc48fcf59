"""Ends of acquisitions: the places that release them, and the exit paths that keep them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from locklint.analysis.events import Exit, Given, LockStates, Taken
from locklint.analysis.hold import Acquisition, Cause, CauseKind, Flow, Grade, InFlight, LockKey
from locklint.analysis.layout import layout_of
from locklint.analysis.raising import is_context_manager
from locklint.core.diagnostic import Confidence, Severity
from locklint.core.source import Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import ANY_ELEMENT, Root
from locklint.ir.api_use import not_done
from locklint.ir.cfg import BasicBlock
from locklint.ir.instruction import Acquire, Assign, BlockId, Call, Constant, TryAcquire
from locklint.ir.lock import Exactness, LockRef, LockRole, Mode
from locklint.ir.means import Means
from locklint.ir.operands import condition_paths
from locklint.ir.terminator import Branch

_T = TypeVar("_T", bound=Hashable)


class Fate(msgspec.Struct):
    """The fate of one acquisition by hand: by a method, or by a call that returns holding.

    The lock may go by several names: in a loop over a linked structure, by another in each
    iteration.
    """

    states: LockStates
    acquisition: Acquisition
    taken: list[Taken]
    releases: list[Given] = msgspec.field(default_factory=list)
    kept: list[Exit] = msgspec.field(default_factory=list)
    kept_by_exception: list[Exit] = msgspec.field(default_factory=list)
    given_back: list[Exit] = msgspec.field(default_factory=list)

    @property
    def span(self) -> Span:
        """Return the place of the acquire."""
        return self.acquisition.span

    @property
    def key(self) -> LockKey:
        """Return what the lock was must-equal to when it was first acquired."""
        return self.taken[0].key

    @property
    def keys(self) -> frozenset[LockKey]:
        """Return all that the lock was must-equal to when it was acquired or released."""
        taken = frozenset(event.key for event in self.taken)
        return taken | {event.key for event in self.releases}

    @property
    def lock(self) -> LockRef:
        """The lock; as it is written, where the analysis has several names for it, or only part.

        A condition over a lock is called by its own name.
        """
        lock = self.taken[0].lock
        key = self.key
        if any(event.key != key for event in self.taken):
            return replace(lock, path=self.acquisition.written)
        call = self.instruction.call if self.instruction is not None else None
        if call is None or call.callee is None:
            return lock
        is_vague = lock.path.root is Root.TEMP or ANY_ELEMENT in lock.path.fields
        if is_vague or lock.view_kind is not None:
            written = call.callee.parent() if call.callee.fields else call.callee
            return lock if written.root is Root.TEMP else replace(lock, path=written)
        return lock

    @property
    def instruction(self) -> Acquire | TryAcquire | None:
        """Return the acquiring instruction. Return None if a call does it."""
        for taken in self.taken:
            if isinstance(taken.instruction, (Acquire, TryAcquire)):
                return taken.instruction
        return None

    @property
    def is_released_here(self) -> bool:
        """Return whether some normal path through the function releases the lock."""
        if not self.releases:
            return False
        if self.lock.kind.role is LockRole.SEMAPHORE and self.outlives_function:
            return False  # A slot of a semaphore: its user releases it.
        return not self.states.normal_exits or any(
            given.exception is None for given in self.releases
        )

    @property
    def outlives_function(self) -> bool:
        """Return whether a normal exit leaves the lock held, or with others that may release it."""
        holds = (exit_.holds.get(self.key) for exit_ in self.states.normal_exits)
        return any(hold is not None and (hold.forgotten or hold.count > 0) for hold in holds)

    @property
    def is_handed_on(self) -> bool:
        """Return whether one iteration of a loop acquires the lock for another one to release."""
        return not self.keys.isdisjoint(self.states.handed_on)

    @property
    def is_handed_over(self) -> bool:
        """Return whether other code may release the lock after one of the paths."""
        return not self.keys.isdisjoint(self.states.handed_over)

    @property
    def is_left_by_handlers(self) -> bool:
        """Return whether the function keeps the lock only where a handler ends it.

        All other paths release the lock, and go on: the exception skips the release.
        """
        return not self.given_back and not layout_of(self.states).returns_after(self.span)

    @property
    def release_spans(self) -> list[Span]:
        """Return the distinct places that release it, in source order."""
        return sorted({given.span for given in self.releases})

    @property
    def first_release(self) -> Span | None:
        """Return the first place after the acquisition that releases it, without an exception."""
        plain = sorted({given.span for given in self.releases if given.exception is None})
        return next((span for span in plain if span > self.span), plain[0] if plain else None)

    @property
    def leaving(self) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
        """Return the places where the function is left with it held, and those that release it."""
        return tuple(sorted({exit_.span for exit_ in self.kept})), tuple(self.release_spans)

    def leaks(self) -> list[Exit]:
        """Return the exceptional exit paths that keep it, most convincing first.

        A generator that is a context manager may be left by its yield; see
        `yields_unprotected`.
        """
        context = is_context_manager(self.states.function)
        found = [
            exit_
            for exit_ in self.kept_by_exception
            if exit_.exception is not None
            and not exit_.exception.is_improbable
            and not (context and exit_.exception.cause.kind is CauseKind.YIELD)
        ]
        return sorted(found, key=self._by_conviction)

    def _by_conviction(self, exit_: Exit) -> tuple[int, bool, bool, Cause]:
        assert exit_.exception is not None
        exception = exit_.exception
        is_late = self.is_in_clean_up(exception) or self.awaits_in_clean_up(exception)
        return (-exception.grade, is_late, exception.flow is Flow.CANCEL, exception.cause)

    def yields_unprotected(self) -> Span | None:
        """The yield of a context manager by which an exception leaves with the lock held."""
        if not is_context_manager(self.states.function):
            return None
        spans = [
            exit_.span
            for exit_ in self.kept_by_exception
            if exit_.exception is not None and exit_.exception.cause.kind is CauseKind.YIELD
        ]
        return min(spans, default=None)

    def is_gap(self) -> bool:
        """Return whether everything that leaks it is before a region that is protected."""
        leaks = self.leaks()
        protected = [
            given.exception.cause.span for given in self._covering() if given.exception is not None
        ]
        if not leaks or not protected:
            return False
        # The raising code may be part of what leaks it, as a call is of an `await`.
        last, first = max(exit_.span for exit_ in leaks), min(protected)
        if (last.end_line, last.end_column) > (first.line, first.column):
            return False
        return all(self._leads_to(exit_.span, protected) for exit_ in leaks)

    def _leads_to(self, place: Span, others: Collection[Span]) -> bool:
        """Return whether control goes on, without an exception, from a place to one of others."""
        layout = layout_of(self.states)
        start = [block.id for block in layout.at(place)]
        following = reached(self.states.function, start, successors=BasicBlock.successors)
        return not start or any(
            block.id in following for other in others for block in layout.at(other)
        )

    @property
    def covering_releases(self) -> list[Span]:
        """Return the places that release it after an exception, in source order."""
        return sorted({given.span for given in self._covering()})

    def _covering(self) -> list[Given]:
        return [each for each in self._after_exceptions() if each.how.means is not Means.STACK]

    def _after_exceptions(self) -> list[Given]:
        """The releases after something has raised."""
        return [
            given
            for given in self.releases
            if given.exception is not None and given.exception.cause.span != self.span
        ]

    def is_proven(self, exception: InFlight) -> bool:
        """Return whether an exception that leaks it happens in practice.

        Such exceptions come from code that fails in ordinary use, and from unknown calls, unless
        the author has handled exceptions, or the result of this call: then the call is assumed not
        to raise, or nothing but what its handler names.
        """
        if exception.grade is not Grade.UNKNOWN:
            return exception.grade >= Grade.LIKELY
        return not self._sees_to_exceptions and not self._tells_by_result(exception.cause.span)

    @property
    def _sees_to_exceptions(self) -> bool:
        """Return whether the function releases the lock after an exception, raised on or caught."""
        return bool(self._after_exceptions()) or self._runs_after_exception(self.release_spans)

    def is_in_clean_up(self, exception: InFlight) -> bool:
        """Return whether a call of which nothing is known raises where exceptions are seen to.

        In a `finally`, or a handler, its author expects that it does not.
        """
        is_unknown = exception.grade is Grade.UNKNOWN
        return is_unknown and self._runs_after_exception((exception.cause.span,))

    @property
    def is_after_exception(self) -> bool:
        """Return whether the acquire is in a `finally` or a handler."""
        return self._runs_after_exception((self.span,))

    def awaits_in_clean_up(self, exception: InFlight) -> bool:
        """Return whether an `await` in a `finally` or handler raises, before a release there."""
        is_await = exception.flow is Flow.CANCEL or exception.cause.kind is CauseKind.AWAIT
        return is_await and self.raises_in_clean_up(exception)

    def raises_in_clean_up(self, exception: InFlight) -> bool:
        """Return whether something in a `finally` or handler raises, before a release there."""
        return self._runs_after_exception((exception.cause.span,))

    def _runs_after_exception(self, places: Iterable[Span]) -> bool:
        """Return whether code at one of some places also runs after an exception."""
        layout, plain = layout_of(self.states), self._blocks_without_exception()
        return any(
            block.id not in plain for span in places for block, _ in layout.instructions(span)
        )

    def _blocks_without_exception(self) -> set[BlockId]:
        """Return the blocks that run where nothing fails.

        If a `raise` of the function leads to each release, its handlers are the usual path.
        """
        layout = layout_of(self.states)
        releasing = {block.id for span in self.release_spans for block in layout.at(span)}
        is_reached = not layout.without_exception.isdisjoint(releasing)
        return layout.without_exception if is_reached else layout.after_own_raises

    def _tells_by_result(self, span: Span) -> bool:
        """Return whether the function tests a call's result, and has several releases of the lock.

        What returns what went wrong does not raise it.
        """
        if len(self.release_spans) < 2:
            return False
        blocks = self.states.function.blocks.values()
        instructions = [each for block in blocks for each in block.instructions]
        results = {
            each.result
            for each in instructions
            if isinstance(each, Call) and each.span == span and each.result is not None
        }
        names = results | {
            each.target
            for each in instructions
            if isinstance(each, Assign) and each.value in results
        }
        return any(
            path.starts_with(name)
            for block in blocks
            if isinstance(block.terminator, Branch)
            for path in condition_paths(block.terminator.condition)
            for name in names
        )

    def severity(self, proven: bool) -> Severity:
        """Return error if the fault is proven and the lock is surely one, else warning.

        A lock that a callee acquires on another object may be that object's protocol, such as a
        transaction in two phases, and is no more than a warning.
        """
        sure = self.lock.confidence > Confidence.LOW
        path = self.lock.path
        of_another = path.root in (Root.PARAMETER, Root.LOCAL) or len(path.fields) > 1
        if self.instruction is None and of_another:
            sure = sure and self.lock.confidence is Confidence.HIGH
        return Severity.ERROR if proven and sure else Severity.WARNING


_WITHOUT_HANDLERS = frozenset(
    {CauseKind.ITERATE, CauseKind.STORE, CauseKind.ATTRIBUTE, CauseKind.OPERATOR}
)
"""Causes that a handler around them was not written for."""


def severity_of(exception: InFlight, usual: Severity) -> Severity:
    """Return the severity of a leak by an exception: ``usual``, or info if nothing suggests it.

    Nothing suggests that attributes, subscripts, operators and keys fail, nor calls of the program
    in whose functions nothing likely was found, unless a handler catches a part of what they raise.
    A handler is not there for an iteration, an attribute or an operator.
    """
    is_handled = bool(exception.excluded) and exception.cause.kind not in _WITHOUT_HANDLERS
    in_doubt = exception.grade < Grade.UNKNOWN and not is_handled
    return Severity.INFO if in_doubt else usual


def fates(states: LockStates) -> list[Fate]:
    """The fates of all acquisitions by hand of a function, in source order."""
    if "fates" not in states.derived:
        states.derived["fates"] = _fates(states)
    found: list[Fate] = states.derived["fates"]
    return found


def _fates(states: LockStates) -> list[Fate]:
    taken: dict[tuple[Mode, Acquisition], list[Taken]] = defaultdict(list)
    untaken = not_done(states.function.api_uses)
    for event in states.taken:
        instruction = event.instruction
        if isinstance(instruction, Acquire) and instruction.enter is not None:
            continue
        if event.acquisition.how.means is Means.STACK:
            continue
        if event.lock.identity in untaken:
            continue
        taken[event.key.mode, event.acquisition].append(event)
    released = states.released()
    result = [
        Fate(states, acquisition, events, released.get(name, []))
        for name, events in taken.items()
        for acquisition in name[1:]
    ]
    normal_exits = states.normal_exits
    kept_by_exception = _kept(states.exceptional_exits)
    kept = _kept(normal_exits)
    for fate in result:
        name = (fate.key.mode, fate.acquisition)
        if _ends_with_object(states, fate.lock):
            continue
        fate.kept_by_exception += kept_by_exception.get(name, ())
        fate.kept += kept.get(name, ())
        keys = fate.keys
        for exit_ in normal_exits:
            if not any(exit_ is one for one in fate.kept) and not any(
                key in keys and hold.forgotten for key, hold in exit_.holds.items()
            ):
                fate.given_back.append(exit_)
    return sorted(result, key=lambda fate: (fate.span, str(fate.key)))


def _ends_with_object(states: LockStates, lock: LockRef) -> bool:
    """Return whether a lock ends with the function, so that none waits.

    It belongs to an object that its finalizer ends, or it is a semaphore that no other code has.
    """
    path = lock.path
    if lock.kind.role is LockRole.SEMAPHORE and lock.exactness is Exactness.FRESH:
        return path.root is Root.LOCAL and path.is_variable
    of_object = lock.exactness is Exactness.PER_INSTANCE and path.root is Root.SELF
    return states.function.name == "__del__" and of_object and len(path.fields) == 1


def _kept(exits: list[Exit]) -> dict[tuple[Mode, Acquisition], list[Exit]]:
    """Return the exits at which each acquisition is held, under any name."""
    found: dict[tuple[Mode, Acquisition], list[Exit]] = defaultdict(list)
    for exit_ in exits:
        for key, hold in exit_.holds.items():
            for acquisition in hold.acquisitions():
                found[key.mode, acquisition].append(exit_)
    return found


def by_cause(found: Iterable[tuple[Fate, _T]]) -> list[tuple[list[Fate], _T]]:
    """Acquisitions of one lock with the same fault, such as those in both arms of an ``if``."""
    groups: dict[tuple[LockKey, _T], list[Fate]] = defaultdict(list)
    for fate, cause in found:
        groups[fate.key, cause].append(fate)
    return [(alike, cause) for (_, cause), alike in groups.items()]


def result_tells(fate: Fate) -> bool:
    """Return whether the function's result shows its caller that the lock is still held."""
    kept = [exit_.value for exit_ in fate.kept]
    others = [exit_.value for exit_ in fate.given_back]
    if all(isinstance(v, Constant) and v.value is True for v in kept):
        return all(isinstance(v, Constant) and not v.value for v in others)
    if any(isinstance(v, Constant) for v in kept):
        return False
    return all(isinstance(v, Constant) and not v.value for v in others)
