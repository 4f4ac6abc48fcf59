"""Effects of the program's calls and context managers on one disjunct, by their summaries."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.handed_on import locks_handed_on, runs_later
from locklint.analysis.hold import (
    FORGOTTEN,
    Acquisition,
    Why,
    key_of,
)
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_assign import made_anew, rebind, set_value
from locklint.analysis.lockset_holds import is_exclusive
from locklint.analysis.lockset_names import canonical, canonical_lock, known_arguments, split
from locklint.analysis.lockset_notes import STACKS, Notes
from locklint.analysis.summary import Deltas, Effect, Passage, Summary
from locklint.core.source import Span
from locklint.ir.access_path import TAKEN_FROM, AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import Call, Constant, Enter, Exit, Manager
from locklint.ir.lock import LockRef, Mode
from locklint.ir.means import How, Means, Use


class Calls(Notes):
    """Calls, and context managers that are no locks."""

    def _call(self, call: Call, disjunct: Disjunct, raised: Raised | None) -> list[Disjunct]:
        if self._context.recorder:
            for one in split((each.value for each in call.arguments), disjunct):
                self._note_call(call, one)
        if call.result is not None:
            disjunct = made_anew(self._context, call.result, disjunct)
        if call.lock is not None and call.result is not None and call.callee is not None:
            return self._ask_if_held(call.lock, call.callee.last, call.result, disjunct)
        if not call.targets:
            return [disjunct]
        if self._never_comes_back(call):
            return []
        return list(self._apply_call(call, disjunct, raised))

    def _ask_if_held(
        self, lock: LockRef, method: str, result: AccessPath, disjunct: Disjunct
    ) -> list[Disjunct]:
        """Return the executions after a test of whether a lock is held.

        If the function has released it, another thread holds it, or none does.
        """
        if not lock.api.tells_if_held(method):
            return [disjunct]
        key = key_of(canonical_lock(self._context, lock, disjunct))
        hold = disjunct.hold(key)
        if hold.count > 0:
            return [set_value(self._context, result, Constant(True), disjunct)]
        known = hold.is_free or hold.why is Why.RELEASED
        if not known or hold.forgotten or result not in self._context.relevance.tracked:
            return [disjunct]
        free = set_value(self._context, result, Constant(False), disjunct)
        if hold.is_free and method != lock.api.locked_method:
            return [free]
        of_others = replace(FORGOTTEN, why=Why.OF_OTHERS, where=hold.where)
        return [
            free,
            set_value(self._context, result, Constant(True), disjunct.with_hold(key, of_others)),
        ]

    def _never_comes_back(self, call: Call) -> bool:
        if call.lock is not None and call.result is not None and call.callee is not None:
            return False  # It tests a lock for its state.
        if not call.targets or call.use is Use.PASSED:
            return False
        return all(self._never_returns(target) for target in call.targets)

    def _never_returns(self, key: str) -> bool:
        found = self._context.lookup(key)
        if found is None or found[0].is_generator or found[0].is_async:
            return False
        return not found[1].returns

    def _apply_call(
        self, call: Call, disjunct: Disjunct, raised: Raised | None, fails: bool = False
    ) -> list[Disjunct]:
        """Apply the summaries of a call's targets, where it returns or ``fails``."""
        found = self._context.lookup(call.targets[0])
        if found is None:
            return [disjunct]
        callee, summary = found
        binding = Binding(self._context.function, callee, call, None)
        if runs_later(callee, call):
            return [self._released_later(binding, summary, disjunct)]
        if summary.asks is not None and not fails:
            lock = binding.lock(summary.asks[0])
            if lock is not None and call.result is not None and len(call.targets) == 1:
                return self._ask_if_held(lock, summary.asks[1], call.result, disjunct)
        disjunct = self._pass_on(locks_handed_on(binding, summary), disjunct)
        summary = self._for_call(callee, summary, call, disjunct)
        sure = len(call.targets) == 1

        def shifted(deltas: Deltas, disjuncts: list[Disjunct]) -> list[Disjunct]:
            for effect, delta in zip(summary.effects, deltas, strict=True):
                delta = delta if sure or delta == 0 else None
                failed = fails and delta != effect.normal
                disjuncts = self._shift_all(
                    binding,
                    effect.lock,
                    effect.mode,
                    delta,
                    call.span,
                    callee,
                    disjuncts,
                    raised,
                    failed,
                )
            return disjuncts

        if fails:
            outcomes = [
                tuple(
                    [
                        # No code gets the object whose constructor raised, nor the locks in it.
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
            return [
                set_value(self._context, call.result, summary.returned[0], one) for one in after
            ]
        split: list[Disjunct] = []
        for truth in (True, False):
            some = [disjunct]
            for effect in summary.effects:
                if effect.tries and not truth:
                    self._note_try(binding, effect, call, callee, disjunct, summary.sets_flags)
                    some = self._note_failures(binding, effect, call.span, some)
            some = shifted(tuple([effect.given(truth) for effect in summary.effects]), some)
            if call.result is not None:
                some = [
                    set_value(self._context, call.result, summary.literal(truth), one)
                    for one in some
                ]
            split += some
        return split

    def _given_to_others(self, call: Call, disjunct: Disjunct) -> Disjunct:
        """The disjunct after code that is not known has got functions, to call them some time.

        What follows a function may be what it will be called with: ``submit(finish, lock)``.
        """
        if not any(hold.count > 0 for hold in disjunct.holds.values()):
            return disjunct
        for position, argument in enumerate(call.arguments, start=1):
            for key in argument.functions:
                found = self._context.lookup(key)
                if found is not None:
                    callee, summary = found
                    binding = Binding.of_arguments(
                        self._context.function, callee, call.arguments[position:], argument.receiver
                    )
                    disjunct = self._released_later(binding, summary, disjunct)
        return disjunct

    def _released_later(self, binding: Binding, summary: Summary, disjunct: Disjunct) -> Disjunct:
        """The disjunct after a call that makes an object which may release locks when it runs."""
        effects = (e for e in summary.effects if e.normal is None or e.normal < 0)
        locks = [lock for effect in effects if (lock := binding.lock(effect.lock)) is not None]
        return self._pass_on((*locks, *locks_handed_on(binding, summary)), disjunct)

    def _pass_on(self, locks: Iterable[LockRef], disjunct: Disjunct) -> Disjunct:
        """Return the disjunct after some locks were passed to others, which may release them."""
        for lock in locks:
            disjunct = self._hand_over(
                key_of(canonical_lock(self._context, lock, disjunct)), disjunct
            )
        return disjunct

    def _for_call(
        self, callee: Function, summary: Summary, call: Call, disjunct: Disjunct
    ) -> Summary:
        """Return the summary of a callee for what one call passes."""
        if not summary.decided_by:
            return summary
        known = msgspec.structs.replace(
            call, arguments=known_arguments(self._context, call.arguments, disjunct)
        )
        passed = Binding(self._context.function, callee, known, None).passed(summary.decided_by)
        found = self._context.lookup(callee.key, passed)
        return summary if found is None else found[1]

    def _note_failures(
        self, binding: Binding, effect: Effect, span: Span, disjuncts: list[Disjunct]
    ) -> list[Disjunct]:
        """Note what a callee that tried and failed has shown: that the lock was not available."""
        here = binding.lock(effect.lock)
        if here is None or not is_exclusive(here):
            return disjuncts
        result: list[Disjunct] = []
        for disjunct in disjuncts:
            key = key_of(canonical_lock(self._context, here, disjunct), effect.mode)
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
        failed: bool = False,
    ) -> list[Disjunct]:
        if delta == 0:
            return disjuncts
        here = binding.lock(lock)
        if here is None or TAKEN_FROM in here.path.fields:
            # Nothing shows whether another bound method has the same receiver.
            return disjuncts
        result: list[Disjunct] = []
        for disjunct in disjuncts:
            result += self._shift(here, mode, delta, span, callee, disjunct, raised, failed)
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
        failed: bool = False,
    ) -> list[Disjunct]:
        written = lock.path
        lock = canonical_lock(self._context, lock, disjunct)
        key = key_of(lock, mode)
        if delta is None:
            if self._context.recorder:
                self._context.recorder.varies(lock)
            return [disjunct.with_hold(key, FORGOTTEN)]
        current = [disjunct]
        how = How(callee.name, Means.CALL)
        for _ in range(abs(delta)):
            following: list[Disjunct] = []
            for one in current:
                if delta > 0:
                    acquisition = Acquisition(span, how, written, failed)
                    following += self._take(key, lock, acquisition, one)
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
        if self._context.recorder:
            self._note_managed(manager, enter.span, True, disjunct)
        return self._managed(manager, enter.span, Passage.ENTER, disjunct, None)

    @staticmethod
    def _opens_stack(enter: Enter) -> bool:
        manager = enter.manager
        return (
            manager is not None
            and manager.external in STACKS
            and isinstance(enter.context, AccessPath)
        )

    def _open_stack(self, enter: Enter, disjunct: Disjunct) -> Disjunct:
        assert isinstance(enter.context, AccessPath)
        stack = canonical(enter.context, disjunct)
        if enter.result is not None:
            disjunct = set_value(
                self._context, enter.result, stack, rebind(self._context, enter.result, disjunct)
            )
        return disjunct

    def _exit(self, exit_: Exit, disjunct: Disjunct, raised: Raised | None) -> list[Disjunct]:
        manager = exit_.manager
        if manager is None:
            return [disjunct]
        if self._context.recorder:
            self._note_exit(exit_, disjunct)
        if self._closes_stack(exit_):
            assert isinstance(exit_.context, AccessPath)
            return self._unwind(exit_.span, exit_.context, disjunct, raised)
        passage = Passage.EXIT_ON_EXCEPTION if exit_.exceptional else Passage.EXIT
        return self._managed(manager, exit_.span, passage, disjunct, raised)

    def _managed(
        self,
        manager: Manager,
        span: Span,
        passage: Passage,
        disjunct: Disjunct,
        raised: Raised | None,
    ) -> list[Disjunct]:
        outcomes = [disjunct]
        if manager.generator is not None:
            found = self._context.lookup(manager.generator)
            if found is not None:
                callee, summary = found
                binding = Binding(self._context.function, callee, manager.call, None)
                if manager.call is not None:
                    summary = self._for_call(callee, summary, manager.call, disjunct)
                for effect in summary.context_effects:
                    delta = effect.at(passage)
                    outcomes = self._shift_all(
                        binding, effect.lock, effect.mode, delta, span, callee, outcomes, raised
                    )
            return outcomes
        key = manager.enter if passage is Passage.ENTER else manager.exit
        found = self._context.lookup(key) if key else None
        if found is not None:
            callee, summary = found
            binding = Binding(self._context.function, callee, None, manager.receiver)
            for other in summary.effects:
                outcomes = self._shift_all(
                    binding, other.lock, other.mode, other.normal, span, callee, outcomes, raised
                )
        return outcomes
