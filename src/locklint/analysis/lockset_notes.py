"""Notes of what instructions run in one disjunct: the program's functions, and events.

They have the names of this function for what is passed, and nothing yet of the locks that are held.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from locklint.analysis.binding import Closure
from locklint.analysis.events import Called, Manner
from locklint.analysis.function_context import FunctionContext
from locklint.analysis.lockset import Disjunct
from locklint.analysis.lockset_managers import stack_of
from locklint.analysis.lockset_names import canonical, canonical_lock, known_arguments
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.event import Event, EventKind
from locklint.ir.instruction import Call, Enter, Exit, Manager, Spawn, has_timeout
from locklint.ir.lock import LockRef
from locklint.ir.means import BY_MANAGER, Use
from locklint.models.events import CallEvent, event_of, event_of_bounded, event_of_method

_OF_LOCKS = (EventKind.LISTEN, EventKind.SIGNAL, EventKind.SUSPEND, EventKind.WAKE)
_OF_OBJECTS = (
    EventKind.JOIN,
    EventKind.GATHER,
    EventKind.FORK,
    EventKind.CALLBACK,
    EventKind.RUN_LOOP,
)


def run_by_call(context: FunctionContext, call: Call, disjunct: Disjunct) -> Iterator[Called]:
    """Yield the functions that a call may run."""
    if not call.targets and not call.overrides and not call.possible:
        return
    bare = replace(_as_passed(context, call, disjunct), receiver=_known(call.receiver, disjunct))
    closure = _closure(context, disjunct)
    for target in (*call.targets, *call.overrides):
        yield Called(
            call.span,
            target,
            Manner.DIRECT if target in call.targets else Manner.OVERRIDE,
            call=bare,
            certain=call.certain,
            implicit=call.implicit,
            receiver_classes=call.receiver_classes,
            closure=closure,
        )
    for target in call.possible:
        yield Called(call.span, target, Manner.POSSIBLE, call=bare, closure=closure)


def run_by_enter(context: FunctionContext, enter: Enter, disjunct: Disjunct) -> Iterator[Called]:
    """Yield what the beginning of a `with` runs: a generator, up to its yield, or a method."""
    manager = enter.manager
    if manager is None:
        return
    if manager.generator is None or manager.call is None:
        yield from _run_method(manager, manager.enter, enter.span, disjunct)
        return
    yield Called(
        enter.span,
        manager.generator,
        call=_as_passed(context, manager.call, disjunct),
        certain=manager.certain,
        implicit=BY_MANAGER,
    )


def run_by_exit(exit_: Exit, disjunct: Disjunct) -> Iterator[Called]:
    """Yield the method that the end of a `with` runs."""
    if exit_.manager is not None and stack_of(exit_) is None:
        yield from _run_method(exit_.manager, exit_.manager.exit, exit_.span, disjunct)


def _run_method(
    manager: Manager, key: str | None, span: Span, disjunct: Disjunct
) -> Iterator[Called]:
    if key is not None and manager.receiver is not None:
        yield Called(
            span,
            key,
            receiver=canonical(manager.receiver, disjunct),
            certain=manager.certain,
            implicit=BY_MANAGER,
            receiver_classes=manager.receiver_classes,
        )


def run_by_spawn(context: FunctionContext, spawn: Spawn, disjunct: Disjunct) -> Iterator[Called]:
    """Yield the functions that a new thread or task runs."""
    if spawn.is_process:
        return
    for target in spawn.targets:
        yield Called(
            spawn.span,
            target,
            Manner.CONCURRENT,
            receiver=_known(spawn.receiver, disjunct),
            arguments=known_arguments(context, spawn.arguments, disjunct),
        )


def _as_passed(context: FunctionContext, call: Call, disjunct: Disjunct) -> Call:
    callee, arguments = call.callee, known_arguments(context, call.arguments, disjunct)
    return replace(call, callee=_known(callee, disjunct), arguments=arguments)


def _known(path: AccessPath | None, disjunct: Disjunct) -> AccessPath | None:
    return None if path is None else canonical(path, disjunct)


def _closure(context: FunctionContext, disjunct: Disjunct) -> Closure:
    """Return the values of the variables that a function inside this one may name.

    It is called here, or passed to what is called.
    """
    if not disjunct.values or not context.names_inner:
        return ()
    return tuple(
        sorted(
            (variable.root_name, value)
            for variable, value in disjunct.values.items()
            if variable.is_variable
            and variable.root in (Root.LOCAL, Root.PARAMETER)
            and isinstance(value, AccessPath)
        )
    )


def event_of_call(context: FunctionContext, call: Call, disjunct: Disjunct) -> Event | None:
    """Return what a call is as an event. Return None if it is none."""
    if call.kept_in is not None and call.external is None:
        # Calls of those functions that are known to be kept there are followed.
        is_plain = call.use is Use.DISCARDED and not call.targets
        kind = EventKind.CALLBACK if is_plain else EventKind.ANSWER
        return Event(kind, name=str(call.callee), path=call.kept_in)
    if call.observed_in is not None:
        return Event(EventKind.OBSERVER, name=str(call.callee), path=call.observed_in)
    if call.is_hook and call.use is Use.DISCARDED:
        return Event(EventKind.HOOK, name=str(call.callee), path=call.callee)
    if call.blocks:
        timed = has_timeout(call.arguments, None)
        return None if timed else Event(EventKind.BLOCK, name=call.blocks)
    called = _known_event(call)
    if called is None or call.limited:
        return None
    needs = called.needed(call.arguments)
    if needs is None or needs in disjunct.values or not _waits_by_default(context, needs):
        if called.ends_soon(call.arguments):
            return None
        needs = None
    path = call.callee.parent() if call.callee is not None and call.callee.fields else None
    if called.kind is EventKind.RUN_LOOP:
        value = call.arguments[0].value if call.arguments else None
        path = value if isinstance(value, AccessPath) else None
    event = _event(context, called, path, call.lock, disjunct)
    if event is not None and call.kept_in is not None:
        return replace(event, path=call.kept_in)  # It is a future from a container.
    if event is None or not (call.awaited or needs):
        return event
    return replace(event, awaited=call.awaited, needs="" if needs is None else needs.root_name)


def event_of_full_queue(context: FunctionContext, call: Call, disjunct: Disjunct) -> Event | None:
    """Return what a call does to a queue that may be full, besides. Return None if nothing."""
    if call.external is None or call.lock is None or not call.lock.is_bounded:
        return None
    called = event_of_bounded(call.external)
    if called is None or called.ends_soon(call.arguments):
        return None
    return _event(context, called, None, call.lock, disjunct)


def _known_event(call: Call) -> CallEvent | None:
    """Return the event of a call by the name of what it calls, as far as that is known."""
    if call.external is not None:
        return event_of(call.external)
    is_unknown = call.callee is not None and call.callee.fields and not call.targets
    return event_of_method(call.callee.name) if call.callee and is_unknown else None


def _waits_by_default(context: FunctionContext, parameter: AccessPath) -> bool:
    """Return whether a parameter is true where a call passes nothing for it."""
    defaults = context.function.defaults
    return any(name == parameter.root_name and value.value is True for name, value in defaults)


def event_of_exit(context: FunctionContext, exit_: Exit, disjunct: Disjunct) -> Event | None:
    """Return what the end of a `with` is as an event. Return None if it is none."""
    manager = exit_.manager
    if manager is None or manager.external is None:
        return None
    called = event_of(f"{manager.external}.__exit__")
    path = exit_.context if isinstance(exit_.context, AccessPath) else None
    return None if called is None else _event(context, called, path, None, disjunct)


def _event(
    context: FunctionContext,
    called: CallEvent,
    path: AccessPath | None,
    lock: LockRef | None,
    disjunct: Disjunct,
) -> Event | None:
    if called.kind in _OF_LOCKS:
        if lock is None:
            return None
        return Event(called.kind, canonical_lock(context, lock, disjunct), name=called.name)
    if called.kind not in _OF_OBJECTS:
        path = None  # A log is one for all.
    # The variable of a thread, process, future or coroutine shows which one it is.
    return Event(called.kind, name=called.name, path=_known(path, disjunct))
