"""Notes of calls and context managers, for the analysis of the whole program."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import msgspec

from locklint.analysis.binding import Binding, Closure
from locklint.analysis.events import Manner, TriedByCallee
from locklint.analysis.lockset import Disjunct
from locklint.analysis.lockset_holds import Holds
from locklint.analysis.lockset_names import canonical, canonical_lock, known_arguments
from locklint.analysis.summary import Effect
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.event import Event, EventKind
from locklint.ir.instruction import (
    Assign,
    Await,
    Call,
    Exit,
    FunctionRef,
    Instruction,
    Manager,
    Operand,
    Spawn,
)
from locklint.ir.means import BY_MANAGER
from locklint.models.events import event_of

STACKS = ("contextlib.ExitStack", "contextlib.AsyncExitStack")


class Notes(Holds):
    """Reports of calls in one disjunct to the recorder, with arguments and held locks."""

    def _note_call(self, call: Call, disjunct: Disjunct) -> None:
        assert self._context.recorder is not None
        if call.external is not None:
            path = call.callee.parent() if call.callee and call.callee.fields else None
            self._note_event(call.external, call.span, path, disjunct, call)
        if not call.targets and not call.overrides:
            return
        bare = msgspec.structs.replace(
            call,
            callee=call.callee and canonical(call.callee, disjunct),
            arguments=known_arguments(self._context, call.arguments, disjunct),
            receiver=call.receiver and canonical(call.receiver, disjunct),
        )
        for target in (*call.targets, *call.overrides):
            manner = Manner.DIRECT if target in call.targets else Manner.OVERRIDE
            self._context.recorder.calls(
                call.span,
                target,
                disjunct,
                manner,
                call=bare,
                certain=call.certain,
                implicit=call.implicit,
                receiver_classes=call.receiver_classes,
                closure=self._closure_of(disjunct),
            )

    def _note_event(
        self,
        external: str,
        span: Span,
        path: AccessPath | None,
        disjunct: Disjunct,
        call: Call | None = None,
    ) -> None:
        assert self._context.recorder is not None
        called = event_of(external)
        if called is not None and not called.ends_soon(call.arguments if call else ()):
            # The variable of a thread or future shows which one it is; a log is one for all.
            if path is not None and called.kind is EventKind.JOIN:
                path = canonical(path, disjunct)
            else:
                path = None
            lock = None
            if called.kind in (EventKind.LISTEN, EventKind.SIGNAL):
                if call is None or call.lock is None:
                    return
                lock = canonical_lock(self._context, call.lock, disjunct)
            awaited = call.awaited if call is not None else ()
            event = Event(called.kind, lock, name=called.name, path=path, awaited=awaited)
            self._context.recorder.happens(event, span, disjunct)

    def _note_await(self, await_: Await, disjunct: Disjunct) -> None:
        if self._context.recorder is not None:
            event = Event(EventKind.AWAIT, name=await_.form.value)
            self._context.recorder.happens(event, await_.span, disjunct)

    def _closure_of(self, disjunct: Disjunct) -> Closure:
        """Return the values of the variables that a function inside this one may name.

        It is called here, or passed to what is called.
        """
        if not disjunct.values or not self._has_inner:
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

    @cached_property
    def _has_inner(self) -> bool:
        return any(
            isinstance(value, FunctionRef)
            for block in self._context.function.blocks.values()
            for each in block.instructions
            for value in _values(each)
        )

    def _note_managed(
        self, manager: Manager, span: Span, is_enter: bool, disjunct: Disjunct
    ) -> None:
        """A context manager: its generator runs on entering, up to the yield; so do methods."""
        assert self._context.recorder is not None
        if is_enter and manager.generator is not None and manager.call is not None:
            call = msgspec.structs.replace(
                manager.call,
                callee=manager.call.callee and canonical(manager.call.callee, disjunct),
                arguments=known_arguments(self._context, manager.call.arguments, disjunct),
            )
            self._context.recorder.calls(
                span,
                manager.generator,
                disjunct,
                Manner.DIRECT,
                call=call,
                certain=manager.certain,
                implicit=BY_MANAGER,
            )
            return
        key = manager.enter if is_enter else manager.exit
        if key is not None and manager.receiver is not None:
            receiver = canonical(manager.receiver, disjunct)
            self._context.recorder.calls(
                span,
                key,
                disjunct,
                Manner.DIRECT,
                receiver=receiver,
                certain=manager.certain,
                implicit=BY_MANAGER,
                receiver_classes=manager.receiver_classes,
            )

    def _note_exit(self, exit_: Exit, disjunct: Disjunct) -> None:
        assert self._context.recorder is not None
        manager = exit_.manager
        if manager is None:
            return
        if manager.external is not None:
            path = exit_.context if isinstance(exit_.context, AccessPath) else None
            self._note_event(f"{manager.external}.__exit__", exit_.span, path, disjunct)
        if not self._closes_stack(exit_):
            self._note_managed(manager, exit_.span, False, disjunct)

    def _spawn(self, spawn: Spawn, disjunct: Disjunct) -> None:
        if self._context.recorder is None or spawn.is_process:
            return
        for target in spawn.targets:
            self._context.recorder.calls(
                spawn.span,
                target,
                disjunct,
                Manner.CONCURRENT,
                receiver=spawn.receiver and canonical(spawn.receiver, disjunct),
                arguments=known_arguments(self._context, spawn.arguments, disjunct),
            )

    def _note_try(
        self,
        binding: Binding,
        effect: Effect,
        call: Call,
        callee: Function,
        disjunct: Disjunct,
        hidden: bool,
    ) -> None:
        here = binding.lock(effect.lock) if self._context.recorder else None
        if self._context.recorder and here is not None:
            lock = canonical_lock(self._context, here, disjunct)
            tried = TriedByCallee(call, callee.name, lock, effect.certain, effect.limited, hidden)
            self._context.recorder.tries(tried)

    @staticmethod
    def _closes_stack(exit_: Exit) -> bool:
        manager = exit_.manager
        return (
            manager is not None
            and manager.external in STACKS
            and isinstance(exit_.context, AccessPath)
        )


def _values(instruction: Instruction) -> Iterator[Operand]:
    """Yield the operands that an instruction binds or passes."""
    match instruction:
        case Assign(value=value):
            yield value
        case Call(arguments=arguments):
            yield from (argument.value for argument in arguments)
