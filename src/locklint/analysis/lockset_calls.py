"""What calls and context managers of the program do to one disjunct, by their summaries."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import msgspec
from msgspec.structs import replace

from locklint.analysis.binding import Binding, Closure
from locklint.analysis.events import Manner, TriedByCallee
from locklint.analysis.hold import (
    FORGOTTEN,
    Acquisition,
    Why,
    key_of,
)
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_holds import Holds, is_exclusive
from locklint.analysis.summary import Deltas, Effect, Summary
from locklint.core.source import Span
from locklint.ir.access_path import TAKEN_FROM, AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Assign,
    Call,
    CallArgument,
    Constant,
    Enter,
    Exit,
    FunctionRef,
    Instruction,
    Manager,
    Operand,
    Spawn,
    Use,
)
from locklint.ir.lock import LockRef, Mode
from locklint.models.calls import may_wait_or_log

_STACKS = ("contextlib.ExitStack", "contextlib.AsyncExitStack")


class Calls(Holds):
    """Calls, and context managers that are no locks."""

    def _call(self, call: Call, disjunct: Disjunct, raised: Raised | None) -> list[Disjunct]:
        if self._recorder:
            for one in self._split((each.value for each in call.arguments), disjunct):
                self._note_call(call, one)
        if call.result is not None:
            disjunct = self._made_anew(call.result, disjunct)
        if call.lock is not None and call.result is not None and call.callee is not None:
            if call.callee.last == call.lock.api.locked_method:
                lock = self._canonical_lock(call.lock, disjunct)
                if disjunct.hold(key_of(lock)).count > 0:
                    return [self._set(call.result, Constant(True), disjunct)]
            return [disjunct]
        if not call.targets:
            return [disjunct]
        if self._never_comes_back(call):
            return []
        return list(self._apply_call(call, disjunct, "normal", raised))

    # -- what is noted for the program as a whole -------------------------------------------

    def _note_call(self, call: Call, disjunct: Disjunct) -> None:
        assert self._recorder is not None
        if call.external is not None and may_wait_or_log(call.external):
            path = call.callee.parent() if call.callee and call.callee.fields else None
            path = path and self._canonical(path, disjunct)
            self._recorder.leaves(call.span, call.external, path, disjunct, call)
        if not call.targets and not call.overrides:
            return
        bare = msgspec.structs.replace(
            call,
            callee=call.callee and self._canonical(call.callee, disjunct),
            arguments=self._arguments(call.arguments, disjunct),
            receiver=call.receiver and self._canonical(call.receiver, disjunct),
        )
        for target in (*call.targets, *call.overrides):
            manner = Manner.DIRECT if target in call.targets else Manner.OVERRIDE
            self._recorder.calls(
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

    def _closure_of(self, disjunct: Disjunct) -> Closure:
        """What the variables stand for that a function inside this one may name.

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
            for block in self._function.blocks.values()
            for each in block.instructions
            for value in _values(each)
        )

    def _arguments(
        self, arguments: tuple[CallArgument, ...], disjunct: Disjunct
    ) -> tuple[CallArgument, ...]:
        """Arguments with aliases exchanged for what they stand for, and known values put in."""
        found: list[CallArgument] = []
        for argument in arguments:
            value = self._value(argument.value, disjunct)
            lock = argument.lock and self._canonical_lock(argument.lock, disjunct)
            receiver = argument.receiver and self._canonical(argument.receiver, disjunct)
            found.append(
                argument
                if (value, lock, receiver) == (argument.value, argument.lock, argument.receiver)
                else replace(argument, value=value, lock=lock, receiver=receiver)
            )
        return tuple(found)

    def _note_managed(
        self, manager: Manager, span: Span, is_enter: bool, disjunct: Disjunct
    ) -> None:
        """A context manager: its generator runs on entering, up to the yield; so do methods."""
        assert self._recorder is not None
        if is_enter and manager.generator is not None and manager.call is not None:
            call = msgspec.structs.replace(
                manager.call,
                callee=manager.call.callee and self._canonical(manager.call.callee, disjunct),
                arguments=self._arguments(manager.call.arguments, disjunct),
            )
            self._recorder.calls(
                span,
                manager.generator,
                disjunct,
                Manner.DIRECT,
                call=call,
                certain=manager.certain,
                implicit="with",
            )
            return
        key = manager.enter if is_enter else manager.exit
        if key is not None and manager.receiver is not None:
            receiver = self._canonical(manager.receiver, disjunct)
            self._recorder.calls(
                span,
                key,
                disjunct,
                Manner.DIRECT,
                receiver=receiver,
                certain=manager.certain,
                implicit="with",
                receiver_classes=manager.receiver_classes,
            )

    def _note_exit(self, exit_: Exit, disjunct: Disjunct) -> None:
        assert self._recorder is not None
        manager = exit_.manager
        if manager is None:
            return
        if manager.external is not None and may_wait_or_log(f"{manager.external}.__exit__"):
            path = exit_.context if isinstance(exit_.context, AccessPath) else None
            self._recorder.leaves(exit_.span, f"{manager.external}.__exit__", path, disjunct)
        if not self._closes_stack(exit_):
            self._note_managed(manager, exit_.span, False, disjunct)

    def _spawn(self, spawn: Spawn, disjunct: Disjunct) -> None:
        if self._recorder is None or spawn.is_process:
            return
        for target in spawn.targets:
            self._recorder.calls(
                spawn.span,
                target,
                disjunct,
                Manner.CONCURRENT,
                receiver=spawn.receiver and self._canonical(spawn.receiver, disjunct),
                arguments=self._arguments(spawn.arguments, disjunct),
            )

    def _never_comes_back(self, call: Call) -> bool:
        if call.lock is not None and call.result is not None and call.callee is not None:
            return False  # It asks a lock for its state.
        if not call.targets or call.use is Use.PASSED:
            return False
        return all(self._never_returns(target) for target in call.targets)

    def _never_returns(self, key: str) -> bool:
        found = self._lookup(key)
        if found is None or found[0].is_generator or found[0].is_async:
            return False
        return not found[1].returns

    def _apply_call(
        self, call: Call, disjunct: Disjunct, way: str, raised: Raised | None
    ) -> list[Disjunct]:
        """Apply the summaries of a call's targets: ``way`` is ``normal`` or ``exceptional``."""
        found = self._lookup(call.targets[0])
        if found is None:
            return [disjunct]
        callee, summary = found
        if callee.is_generator or (callee.is_async and call.use is not Use.AWAITED):
            # Calling it makes an object; its body runs later, if ever.
            return [disjunct]
        binding = Binding(self._function, callee, call, None)
        summary = self._for_call(callee, summary, call, disjunct)
        sure = len(call.targets) == 1

        def shifted(deltas: Deltas, disjuncts: list[Disjunct]) -> list[Disjunct]:
            for effect, delta in zip(summary.effects, deltas, strict=True):
                delta = delta if sure or delta == 0 else None
                disjuncts = self._shift_all(
                    binding, effect.lock, effect.mode, delta, call.span, callee, disjuncts, raised
                )
            return disjuncts

        if way == "exceptional":
            outcomes = [
                tuple(
                    [
                        # Nobody gets the object whose constructor raised, nor the locks in it.
                        0 if call.constructs and effect.lock.path.root is Root.SELF else delta
                        for effect, delta in zip(summary.effects, deltas, strict=True)
                    ]
                )
                for deltas in summary.raised
            ]
            return [
                one for deltas in dict.fromkeys(outcomes) for one in shifted(deltas, [disjunct])
            ]
        if not any(effect.correlated for effect in summary.effects):
            after = shifted(tuple([effect.normal for effect in summary.effects]), [disjunct])
            if call.result is None or call.constructs or len(summary.returned) != 1 or not sure:
                return after
            return [self._set(call.result, summary.returned[0], one) for one in after]
        split: list[Disjunct] = []
        for truth in (True, False):
            some = [disjunct]
            for effect in summary.effects:
                if effect.tries and not truth:
                    self._note_try(binding, effect, call, callee, disjunct, summary.sets_flags)
                    some = self._note_failures(binding, effect, call.span, some)
            some = shifted(tuple([effect.given(truth) for effect in summary.effects]), some)
            if call.result is not None:
                some = [self._set(call.result, summary.literal(truth), one) for one in some]
            split += some
        return split

    def _for_call(
        self, callee: Function, summary: Summary, call: Call, disjunct: Disjunct
    ) -> Summary:
        """Return the summary of a callee for what one call passes."""
        if not summary.decided_by:
            return summary
        known = msgspec.structs.replace(call, arguments=self._arguments(call.arguments, disjunct))
        passed = Binding(self._function, callee, known, None).passed(summary.decided_by)
        found = self._lookup(callee.key, passed)
        return summary if found is None else found[1]

    def _note_try(
        self,
        binding: Binding,
        effect: Effect,
        call: Call,
        callee: Function,
        disjunct: Disjunct,
        hidden: bool,
    ) -> None:
        here = binding.lock(effect.lock) if self._recorder else None
        if self._recorder and here is not None:
            lock = self._canonical_lock(here, disjunct)
            tried = TriedByCallee(call, callee.name, lock, effect.certain, effect.limited, hidden)
            self._recorder.tries(tried)

    def _note_failures(
        self, binding: Binding, effect: Effect, span: Span, disjuncts: list[Disjunct]
    ) -> list[Disjunct]:
        """What a callee that tried and failed has shown: that the lock was not to be had."""
        here = binding.lock(effect.lock)
        if here is None or not is_exclusive(here):
            return disjuncts
        result: list[Disjunct] = []
        for disjunct in disjuncts:
            key = key_of(self._canonical_lock(here, disjunct), effect.mode)
            hold = disjunct.hold(key)
            if not hold.forgotten and hold.count == 0 and not hold.is_held:
                failed = replace(hold, free_at=0, why=Why.TRY_FAILED, where=span)
                disjunct = disjunct.with_hold(key, failed)
            result.append(disjunct)
        return result

    def _shift_all(
        self,
        binding: Binding,
        lock: LockRef,
        mode: Mode,
        delta: int | None,
        span: Span,
        callee: Function,
        disjuncts: list[Disjunct],
        raised: Raised | None,
    ) -> list[Disjunct]:
        if delta == 0:
            return disjuncts
        here = binding.lock(lock)
        if here is None or TAKEN_FROM in here.path.fields:
            # Nothing tells whether another bound method was taken from the same object.
            return disjuncts
        result: list[Disjunct] = []
        for disjunct in disjuncts:
            result += self._shift(here, mode, delta, span, callee, disjunct, raised)
        return result

    def _shift(
        self,
        lock: LockRef,
        mode: Mode,
        delta: int | None,
        span: Span,
        callee: Function,
        disjunct: Disjunct,
        raised: Raised | None,
    ) -> list[Disjunct]:
        written = lock.path
        lock = self._canonical_lock(lock, disjunct)
        key = key_of(lock, mode)
        if delta is None:
            return [disjunct.with_hold(key, FORGOTTEN)]
        current = [disjunct]
        how = f"{callee.name}()"
        for _ in range(abs(delta)):
            following: list[Disjunct] = []
            for one in current:
                if delta > 0:
                    following += self._take(key, lock, Acquisition(span, how, written), one)
                else:
                    following += self._release(span, lock, mode, how, one, raised)
            current = following
        return current

    def _enter(self, enter: Enter, disjunct: Disjunct) -> list[Disjunct]:
        manager = enter.manager
        if manager is None:
            return [disjunct]
        if self._opens_stack(enter):
            disjunct = self._open_stack(enter, disjunct)
        if self._recorder:
            self._note_managed(manager, enter.span, True, disjunct)
        return self._managed(manager, enter.span, "enter", disjunct, None)

    @staticmethod
    def _opens_stack(enter: Enter) -> bool:
        manager = enter.manager
        return (
            manager is not None
            and manager.external in _STACKS
            and isinstance(enter.context, AccessPath)
        )

    def _open_stack(self, enter: Enter, disjunct: Disjunct) -> Disjunct:
        assert isinstance(enter.context, AccessPath)
        stack = self._canonical(enter.context, disjunct)
        if enter.result is not None:
            disjunct = self._set(enter.result, stack, self._rebind(enter.result, disjunct))
        return disjunct

    def _exit(self, exit_: Exit, disjunct: Disjunct, raised: Raised | None) -> list[Disjunct]:
        manager = exit_.manager
        if manager is None:
            return [disjunct]
        if self._recorder:
            self._note_exit(exit_, disjunct)
        if self._closes_stack(exit_):
            assert isinstance(exit_.context, AccessPath)
            return self._unwind(exit_.span, exit_.context, disjunct, raised)
        way = "exit exceptional" if exit_.exceptional else "exit"
        return self._managed(manager, exit_.span, way, disjunct, raised)

    @staticmethod
    def _closes_stack(exit_: Exit) -> bool:
        manager = exit_.manager
        return (
            manager is not None
            and manager.external in _STACKS
            and isinstance(exit_.context, AccessPath)
        )

    def _managed(
        self,
        manager: Manager,
        span: Span,
        way: str,
        disjunct: Disjunct,
        raised: Raised | None,
    ) -> list[Disjunct]:
        outcomes = [disjunct]
        if manager.generator is not None:
            found = self._lookup(manager.generator)
            if found is not None:
                callee, summary = found
                binding = Binding(self._function, callee, manager.call, None)
                if manager.call is not None:
                    summary = self._for_call(callee, summary, manager.call, disjunct)
                for effect in summary.context_effects:
                    delta = {
                        "enter": effect.enter,
                        "exit": effect.exit,
                        "exit exceptional": effect.exit_on_exception,
                    }[way]
                    outcomes = self._shift_all(
                        binding, effect.lock, effect.mode, delta, span, callee, outcomes, raised
                    )
            return outcomes
        key = manager.enter if way == "enter" else manager.exit
        found = self._lookup(key) if key else None
        if found is not None:
            callee, summary = found
            binding = Binding(self._function, callee, None, manager.receiver)
            for other in summary.effects:
                outcomes = self._shift_all(
                    binding, other.lock, other.mode, other.normal, span, callee, outcomes, raised
                )
        return outcomes


def _values(instruction: Instruction) -> Iterator[Operand]:
    """What an instruction binds or passes."""
    match instruction:
        case Assign(value=value):
            yield value
        case Call(arguments=arguments):
            yield from (argument.value for argument in arguments)
