"""The recorder of the facts about one function: a walk over its solved lock states notes them."""

from __future__ import annotations

from functools import cached_property

import msgspec

from locklint.analysis.catching import is_left_over
from locklint.analysis.events import (
    Called,
    Exit,
    Given,
    Held,
    LockStates,
    Manner,
    Occurrence,
    Taken,
    TriedByCallee,
)
from locklint.analysis.hold import (
    FORGOTTEN,
    Acquisition,
    Cause,
    CauseKind,
    Flow,
    Grade,
    Hold,
    InFlight,
    LockKey,
    Why,
    key_of,
)
from locklint.analysis.lockset import Disjunct
from locklint.analysis.raising import Refusal, refusals
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.event import ALL_EVENTS, Event, EventKind
from locklint.ir.instruction import (
    Acquire,
    Call,
    CallArgument,
    Instruction,
    Operand,
)
from locklint.ir.lock import LockRef
from locklint.ir.means import How, Implicit


class Recorder:
    """Collects the facts of one function while its solved states are walked once more."""

    def __init__(self, function: Function, wanted: frozenset[EventKind] = ALL_EVENTS) -> None:
        """``wanted``: the kinds of events that are noted."""
        self.states = LockStates(function)
        self._wanted = wanted
        self._seen: set[tuple[object, ...]] = set()

    def wants(self, kind: EventKind) -> bool:
        """Return whether events of a kind are noted."""
        return kind in self._wanted

    def _held(self, disjunct: Disjunct) -> tuple[Held, ...]:
        found: list[Held] = []
        for key in disjunct.order:
            hold = disjunct.hold(key)
            lock = self.states.locks.get(key)
            if hold.count > 0 and not hold.forgotten and hold.levels and lock is not None:
                found.append(Held(lock, key.mode, min(hold.levels[0], default=None)))
        return tuple(found)

    @staticmethod
    def _released(disjunct: Disjunct) -> tuple[LockKey, ...]:
        return tuple(
            sorted(
                (key for key, hold in disjunct.holds.items() if hold.count < 0),
                key=str,
            )
        )

    @staticmethod
    def _free(disjunct: Disjunct) -> tuple[LockKey, ...]:
        return tuple(
            sorted(
                (
                    key
                    for key, hold in disjunct.holds.items()
                    if hold.count == 0 and hold.is_free and hold.why is Why.RELEASED
                ),
                key=str,
            )
        )

    def _left(self, disjunct: Disjunct) -> dict[LockKey, Hold]:
        """Return the facts about locks at an exit, without locks that iterations hand on."""
        forgotten = dict.fromkeys(self.states.handed_on, FORGOTTEN)
        return {**disjunct.holds, **forgotten}

    def varies(self, lock: LockRef) -> None:
        """Note a lock that a callee may acquire or release, or neither."""
        self.states.varied.add(lock.identity)

    def calls(
        self,
        span: Span,
        target: str,
        disjunct: Disjunct,
        manner: Manner,
        *,
        call: Call | None = None,
        receiver: AccessPath | None = None,
        arguments: tuple[CallArgument, ...] = (),
        certain: bool = True,
        implicit: Implicit | None = None,
        receiver_classes: tuple[str, ...] = (),
        closure: tuple[tuple[str, AccessPath], ...] = (),
    ) -> None:
        """Note the call of a function of the program."""
        held = () if manner is Manner.CONCURRENT else self._held(disjunct)
        released, free = self._released(disjunct), self._free(disjunct)
        passed = (call.callee, call.arguments) if call is not None else (receiver, arguments)
        taken = tuple((h.key, h.since) for h in held)
        seen = (span, target, passed, closure, manner, implicit, taken, released, free)
        if seen in self._seen:
            return
        self._seen.add(seen)
        self.states.calls.append(
            Called(
                span,
                target,
                call,
                receiver,
                arguments,
                held,
                released,
                manner,
                certain,
                implicit,
                free,
                receiver_classes,
                closure,
            )
        )

    def waits(self, lock: LockRef, span: Span, disjunct: Disjunct) -> None:
        """Note a wait on a condition: it holds all other locks when it re-acquires its own."""
        key = key_of(lock)
        held = tuple([one for one in self._held(disjunct) if one.key != key])
        if held or not disjunct.hold(key).count:
            released = (*self._released(disjunct), key)
            self._note(Occurrence(Event(EventKind.WAIT, lock), span, held, released))

    def happens(self, event: Event, span: Span, disjunct: Disjunct) -> None:
        """Note an event that is no acquisition."""
        held, released, free = self._held(disjunct), self._released(disjunct), self._free(disjunct)
        self._note(Occurrence(event, span, held, released, free))

    def _note(self, one: Occurrence) -> None:
        if one.event.kind not in self._wanted:
            return
        held = tuple((each.key, each.since) for each in one.held)
        seen = (one.span, one.event.name, held, one.released, one.free)
        if seen not in self._seen:
            self._seen.add(seen)
            self.states.events.append(one)

    def acquires(
        self,
        key: LockKey,
        lock: LockRef,
        acquisition: Acquisition,
        disjunct: Disjunct,
        instruction: Instruction | None,
    ) -> None:
        """Note an acquisition."""
        self.states.locks.setdefault(key, lock)
        self.states.taken.append(
            Taken(
                acquisition,
                key,
                lock,
                disjunct.hold(key),
                self._held(disjunct),
                instruction,
                self._released(disjunct),
                self._free(disjunct),
            )
        )

    def tries(self, tried: TriedByCallee) -> None:
        """Note a call that tries to acquire a lock."""
        old = self.states.tried.get(tried.call.span)
        if old is not None:
            certain, limited = tried.certain and old.certain, tried.limited and old.limited
            tried = msgspec.structs.replace(tried, certain=certain, limited=limited)
        self.states.tried[tried.call.span] = tried

    def releases(
        self, key: LockKey, lock: LockRef, span: Span, how: How, disjunct: Disjunct
    ) -> None:
        """Note a release."""
        self.states.locks.setdefault(key, lock)
        last = not disjunct.order or disjunct.order[-1] == key
        self.states.given.append(
            Given(span, how, key, lock, disjunct.hold(key), last, disjunct.exception)
        )

    def may_return(self) -> None:
        """Note that the function may return."""
        self.states.returns = True

    def may_raise(self, likely: Grade) -> None:
        """Note how likely an exception that does not end the process leaves the function."""
        self.states.raises = max(self.states.raises, likely)
        self.states.raises_for_literals = max(self.states.raises_for_literals, likely)

    def lets_out(self, exception: InFlight) -> None:
        """Note that an exception leaves the function, which may refuse an argument by it."""
        if exception.flow is Flow.EXIT:
            return
        refusal = self._refusals.get(exception.cause.span)
        if refusal is Refusal.OF_VALUE:
            self.states.raises = max(self.states.raises, min(exception.grade, Grade.POSSIBLE))
        elif refusal is not None:
            self.may_raise(Grade.UNLIKELY)
        elif is_left_over(exception):
            self.may_raise(Grade.ACQUIRE)  # The author has chosen what callers need not fear.
        elif exception.type == "NotImplementedError":
            self.may_raise(Grade.POSSIBLE)  # Its implementation is unknown.
        elif self._waits_for_lock(exception.cause):
            self.may_raise(Grade.POSSIBLE)  # Only if another task holds the lock meanwhile.
        else:
            self.may_raise(exception.grade)

    def _waits_for_lock(self, cause: Cause) -> bool:
        """Return whether an `await` or `async with` raises, and waits for no more than a lock."""
        span = cause.span
        return cause.kind in (CauseKind.AWAIT, CauseKind.ENTER) and any(
            span.contains(each)
            and (span.end_line, span.end_column) == (each.end_line, each.end_column)
            for each in self._acquires
        )

    @cached_property
    def _acquires(self) -> frozenset[Span]:
        return frozenset(
            each.span
            for block in self.states.function.blocks.values()
            for each in block.instructions
            if isinstance(each, Acquire)
        )

    @cached_property
    def _refusals(self) -> dict[Span, Refusal]:
        return refusals(self.states.function)

    def returns(self, span: Span, value: Operand, disjunct: Disjunct) -> None:
        """Note a return."""
        self.states.exits.append(
            Exit(span, value, None, self._left(disjunct), disjunct.exception is not None)
        )
        if disjunct.exception is None:
            self.may_return()

    def raises(self, disjunct: Disjunct) -> None:
        """Note that an exception leaves the function."""
        exception = disjunct.exception
        if exception is None:
            span = self.states.function.name_span
            exception = InFlight(Flow.ERROR, None, Grade.UNLIKELY, Cause(CauseKind.UNKNOWN, span))
        self.states.exits.append(Exit(exception.cause.span, None, exception, self._left(disjunct)))
        self.lets_out(exception)

    def yields(self, span: Span, disjunct: Disjunct) -> None:
        """Note a yield."""
        self.states.yields.append((span, dict(disjunct.holds)))
