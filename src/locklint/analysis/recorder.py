"""The recorder of the facts about one function: a walk over its solved lock states notes them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TypeAlias

from msgspec.structs import replace

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
    Used,
)
from locklint.analysis.function_context import FunctionContext, Observer
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
from locklint.analysis.lockset_names import canonical, canonical_lock, split
from locklint.analysis.lockset_notes import (
    event_of_call,
    event_of_exit,
    event_of_full_queue,
    run_by_call,
    run_by_enter,
    run_by_exit,
    run_by_spawn,
)
from locklint.analysis.lockset_release import as_others_left_it
from locklint.analysis.raising import Refusal, decided_by_arguments, refusals
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, ElementField, Root
from locklint.ir.acquire_call import waits_if
from locklint.ir.cfg import Function
from locklint.ir.event import ACCESSES, ALL_EVENTS, Access, Event, EventKind
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Await,
    Call,
    Constant,
    Enter,
    Notify,
    Operand,
    Operate,
    Read,
    Spawn,
    TryAcquire,
    Wait,
    Yield,
)
from locklint.ir.instruction import Exit as Leave
from locklint.ir.lock import LockRef
from locklint.ir.means import How, Means, OperateKind
from locklint.ir.operands import operand_paths
from locklint.models.changes import changes_container
from locklint.models.stdlib_asyncio import OF_ASYNCIO

_Locks: TypeAlias = "tuple[tuple[Held, ...], tuple[LockKey, ...], tuple[LockKey, ...]]"


_VIEWS = frozenset(f"builtins.dict.{name}" for name in ("items", "keys", "values"))

_PUTTING = (Access.BIND, Access.BIND_CONSTANT, Access.UPDATE, Access.CHANGE, Access.CLEAR)
"""Accesses to an element that put something new into its container."""


class Recorder(Observer):
    """Collects the facts of one function while its solved states are walked once more."""

    def __init__(self, function: Function, wanted: frozenset[EventKind] = ALL_EVENTS) -> None:
        """``wanted``: the kinds of events that are noted."""
        self.states = LockStates(function)
        owner = function.class_name
        self._class = None if owner is None else owner.rpartition(".")[2]
        self._wanted = wanted
        self.notes_accesses = not wanted.isdisjoint(ACCESSES)
        self._seen: set[tuple[object, ...]] = set()
        self._views: dict[AccessPath, AccessPath] = {}
        self._function = function

    @cached_property
    def _rebound(self) -> frozenset[str]:
        """The names of parameters that the function binds to something else."""
        return frozenset(
            each.target.root_name
            for block in self._function.blocks.values()
            for each in block.instructions
            if isinstance(each, Assign) and each.target.is_parameter
        )

    def _locks(self, disjunct: Disjunct) -> _Locks:
        """Return the locks that are held, those of callers that are released, and the free ones."""
        if not disjunct.holds:
            return (), (), ()
        return self._held(disjunct), self._released(disjunct), self._free(disjunct)

    def _held(self, disjunct: Disjunct) -> tuple[Held, ...]:
        found: list[Held] = []
        # A lock acquired by hand may be held only as something raised that hardly ever does.
        is_doubtful = disjunct.is_improbable
        for key in disjunct.order:
            hold = disjunct.hold(key)
            lock = self.states.locks.get(key)
            if hold.count > 0 and not hold.forgotten and hold.levels and lock is not None:
                since = min(hold.levels[0], default=None)
                if is_doubtful and since is not None and since.how.means is Means.METHOD:
                    continue
                found.append(Held(lock, key.mode, since))
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

    def acquires(
        self,
        key: LockKey,
        lock: LockRef,
        acquisition: Acquisition,
        disjunct: Disjunct,
        instruction: Acquire | TryAcquire | None,
    ) -> None:
        """Note an acquisition."""
        self.states.locks.setdefault(key, lock)
        event = Event(_kind(instruction), lock, key.mode)
        if isinstance(instruction, TryAcquire) and instruction.call and instruction.form:
            waiting = waits_if(instruction.call, instruction.form)
            if waiting and not any(each.parameter in self._rebound for each in waiting):
                event = replace(event, waits_if=waiting)
        before, locks = disjunct.hold(key), self._locks(disjunct)
        taken = Taken(event, acquisition.span, *locks, acquisition, before, instruction)
        self.states.events.append(taken)

    def releases(
        self, key: LockKey, lock: LockRef, span: Span, how: How, disjunct: Disjunct
    ) -> None:
        """Note a release."""
        self.states.locks.setdefault(key, lock)
        last = not disjunct.order or disjunct.order[-1] == key
        self.states.given.append(
            Given(span, how, key, lock, disjunct.hold(key), last, disjunct.exception)
        )
        self._wakes(lock, how.name, span, disjunct)

    def _wakes(self, lock: LockRef, method: str, span: Span, disjunct: Disjunct) -> None:
        """Note that tasks go on which wait for a lock of asyncio."""
        if lock.api.name.startswith(OF_ASYNCIO):
            self._happens(Event(EventKind.WAKE, lock, name=method), span, disjunct)

    def tries(self, tried: TriedByCallee) -> None:
        """Note a call that tries to acquire a lock."""
        old = self.states.tried.get(tried.call.span)
        if old is not None:
            certain, limited = tried.certain and old.certain, tried.limited and old.limited
            tried = replace(tried, certain=certain, limited=limited)
        self.states.tried[tried.call.span] = tried

    def hands_over(self, key: LockKey) -> None:
        """Note a lock that others may release."""
        self.states.handed_over |= {key}

    def varies(self, key: LockKey, lock: LockRef) -> None:
        """Note a lock that a callee may acquire or release, or neither."""
        self.states.locks.setdefault(key, lock)
        self.states.varied |= {lock.identity}

    def calls(self, context: FunctionContext, call: Call, disjunct: Disjunct) -> None:
        """Note a call, as an event or of functions of the program."""
        if self.notes_accesses and call.result is not None and call.external in _VIEWS:
            if call.callee is not None and call.callee.fields:
                self._views[call.result] = call.callee.parent()
        if self.notes_accesses and call.external is not None and changes_container(call.external):
            if call.callee is not None and call.callee.fields:
                container = call.callee.parent()
                how = Access.CLEAR if call.callee.name == "clear" else Access.CHANGE
                self._access(EventKind.WRITE, how, container, call.span, disjunct)
        for one in split([each.value for each in call.arguments], disjunct):
            self._happens(event_of_call(context, call, one), call.span, one)
            self._happens(event_of_full_queue(context, call, one), call.span, one)
            if call.targets or call.overrides or call.possible:
                self._runs(run_by_call(context, call, one), one)

    def enters(self, context: FunctionContext, enter: Enter, disjunct: Disjunct) -> None:
        """Note the beginning of a `with`."""
        self._runs(run_by_enter(context, enter, disjunct), disjunct)

    def leaves(self, context: FunctionContext, exit_: Leave, disjunct: Disjunct) -> None:
        """Note the end of a `with`."""
        self._happens(event_of_exit(context, exit_, disjunct), exit_.span, disjunct)
        self._runs(run_by_exit(exit_, disjunct), disjunct)

    def spawns(self, context: FunctionContext, spawn: Spawn, disjunct: Disjunct) -> None:
        """Note the start of a thread or task."""
        self._runs(run_by_spawn(context, spawn, disjunct), disjunct)

    def _runs(self, functions: Iterable[Called], disjunct: Disjunct) -> None:
        """Note the functions of the program that run in a state."""
        for one in functions:
            held, released, free = self._locks(disjunct)
            held = () if one.manner is Manner.CONCURRENT else held
            call, taken = one.call, tuple((h.key, h.since) for h in held)
            passed = (
                (one.receiver, one.arguments) if call is None else (call.callee, call.arguments)
            )
            what = (one.span, one.target, passed, one.closure, one.manner, one.implicit)
            seen = (*what, taken, released, free)
            if seen not in self._seen:
                self._seen.add(seen)
                calls = self.states.calls
                if one.manner is Manner.POSSIBLE:
                    calls = self.states.possible
                calls.append(replace(one, held=held, released=released, free=free))

    def awaits(self, context: FunctionContext, await_: Await, disjunct: Disjunct) -> None:
        """Note an `await` that may suspend by itself."""
        if EventKind.AWAIT in self._wanted and context.steps.suspends(await_):
            self._happens(Event(EventKind.AWAIT, name=await_.form.value), await_.span, disjunct)

    def uses(self, context: FunctionContext, use: Wait | Notify, disjunct: Disjunct) -> None:
        """Note a wait or a notification.

        A wait is an event, too: it holds all other locks when it re-acquires its own.
        """
        lock = canonical_lock(context, use.lock, disjunct)
        key = key_of(lock)
        held, released, free = self._locks(disjunct)
        held = tuple([one for one in held if one.key != key])
        before = FORGOTTEN if key.path.is_vague else disjunct.hold(key)
        before = as_others_left_it(context, use.span, key, lock, before) or before
        self.states.used.append(Used(use, key, lock, before, held, free, disjunct.exception))
        if not isinstance(use, Wait):
            self._wakes(lock, use.method, use.span, disjunct)
            return
        released = (*released, key)
        if held or not disjunct.hold(key).count:
            self._note(Occurrence(Event(EventKind.WAIT, lock), use.span, held, released, ()))
        if not use.timed:
            self._note(Occurrence(Event(EventKind.PARK, lock), use.span, held, released, ()))

    def yields(self, yield_: Yield, disjunct: Disjunct) -> None:
        """Note a yield."""
        self.states.yields.append(Exit(yield_.span, None, None, dict(disjunct.holds)))

    def accesses(self, access: Assign | Read | Operate, disjunct: Disjunct) -> None:
        """Note a read or a write of an attribute, and an import while a lock is held."""
        if isinstance(access, Operate) and access.kind is OperateKind.IMPORT and disjunct.order:
            event = Event(EventKind.IMPORT, name=access.what)
            self._happens(event, access.span, disjunct)
        if not self.notes_accesses:
            return
        span = access.span
        match access:
            case Read(path=path):
                self._access(EventKind.READ, Access.READ, path, span, disjunct)
            case Assign(target=target, value=value):
                self._access(EventKind.WRITE, _binding(target, value), target, span, disjunct)
            case Operate(kind=OperateKind.DELETE | OperateKind.DELETE_SLICE, operands=(path, *_)):
                self._access(EventKind.WRITE, Access.DELETE, path, span, disjunct)
            case Operate(kind=OperateKind.ITERATE, operands=(path,)):
                how = Access.ITERATE_VIEW if path in self._views else Access.ITERATE
                viewed = self._views.get(path, path)
                self._access(EventKind.READ, how, viewed, span, disjunct)

    def _access(
        self, kind: EventKind, how: Access, path: AccessPath, span: Span, disjunct: Disjunct
    ) -> None:
        """Note an access to an attribute of the method's own object, to a global, or an element."""
        if not disjunct.values and path.root is not Root.SELF and path.root is not Root.GLOBAL:
            return  # A variable of the function itself.
        path = _of_class(canonical(path, disjunct), self._class)
        data = _data_of(path)
        if data is None or any(hold.forgotten for hold in disjunct.holds.values()):
            return  # A lock of which nothing is known may be its guard.
        if data != path and how in _PUTTING:
            how = Access.PUT
        locks = self._locks(disjunct)
        seen = (span, how, data, tuple(each.key for each in locks[0]), *locks[1:])
        if seen not in self._seen:
            self._seen.add(seen)
            event = Event(kind, name=how.value, path=data)
            self.states.events.append(Occurrence(event, span, *locks))

    def _happens(self, event: Event | None, span: Span, disjunct: Disjunct) -> None:
        if event is not None and event.kind in self._wanted:
            self._note(Occurrence(event, span, *self._locks(disjunct)))

    def _note(self, one: Occurrence) -> None:
        if one.event.kind not in self._wanted:
            return
        held = tuple((each.key, each.since) for each in one.held)
        kind = one.event.kind
        task = one.event.path if kind is EventKind.GATHER else None  # One place waits for several.
        seen = (one.span, kind, one.event.name, task, held, one.released, one.free)
        if seen not in self._seen:
            self._seen.add(seen)
            self.states.events.append(one)

    def may_return(self) -> None:
        """Note that the function may return."""
        self.states.returns = True

    def may_raise(self, likely: Grade, for_literals: Grade | None = None) -> None:
        """Note how likely an exception that does not end the process leaves the function.

        ``for_literals`` is how likely that is if literals alone are passed, None for the same.
        """
        self.states.raises = max(self.states.raises, likely)
        decided = likely if for_literals is None else for_literals
        self.states.raises_for_literals = max(self.states.raises_for_literals, decided)

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
        elif exception.cause.span in self._decided_by_arguments:
            self.may_raise(exception.grade, Grade.NEVER)
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
    def _decided_by_arguments(self) -> frozenset[Span]:
        return decided_by_arguments(self.states.function)

    @cached_property
    def _refusals(self) -> dict[Span, Refusal]:
        return refusals(self.states.function)

    def returns(self, span: Span, value: Operand, disjunct: Disjunct) -> None:
        """Note a return."""
        improbable = disjunct.exception is not None
        self.states.exits.append(
            Exit(span, value, None, self._left(disjunct), improbable, disjunct.facts)
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


def _of_class(path: AccessPath, cls: str | None) -> AccessPath:
    """Return a path from a class, by its name or by `self.__class__`, as that of its own methods.

    ``cls`` is the name of the class whose method has the path.
    """
    if cls is None:
        return path
    if path.root is Root.GLOBAL and path.root_name == cls and path.fields:
        return AccessPath(cls, path.fields, Root.SELF)
    if path.root is Root.SELF and path.fields[:1] == ("__class__",) and path.fields[1:]:
        return AccessPath(cls, path.fields[1:], Root.SELF)
    return path


def _data_of(path: AccessPath) -> AccessPath | None:
    """Return the attribute or global that a path names, or of which it names an element.

    What it refers to otherwise is an object of its own.
    """
    match path.root, path.fields:
        case Root.SELF, (str() as name,) | (str() as name, ElementField()):
            return AccessPath(path.root_name, (name,), Root.SELF)
        case Root.GLOBAL, () | (ElementField(),):
            return AccessPath(path.root_name, (), Root.GLOBAL)
        case _:
            return None


def _binding(target: AccessPath, value: Operand) -> Access:
    if isinstance(value, Constant):
        return Access.BIND_CONSTANT
    return Access.UPDATE if target in operand_paths(value) else Access.BIND


def _kind(instruction: Acquire | TryAcquire | None) -> EventKind:
    match instruction:
        case None:
            return EventKind.GAIN
        case Acquire(gives_up=False):
            return EventKind.ACQUIRE
        case _:
            return EventKind.TRY
