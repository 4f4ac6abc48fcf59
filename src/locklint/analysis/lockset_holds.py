"""Effects of acquires and releases on one disjunct."""

from __future__ import annotations

from functools import cached_property

from msgspec.structs import replace

from locklint.analysis.function_context import FunctionContext
from locklint.analysis.guards import flagged_releases
from locklint.analysis.hold import (
    FORGOTTEN,
    MAX_COUNT,
    UNTOUCHED,
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
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_assign import set_value
from locklint.analysis.lockset_names import canonical, canonical_lock, value_of
from locklint.analysis.lockset_tests import exists
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.acquire_call import read_acquire
from locklint.ir.instruction import Acquire, Call, Constant, Instruction, TryAcquire, acquired_names
from locklint.ir.lock import Exactness, LockRef, LockRole, Mode, UnheldRelease
from locklint.ir.means import BY_STACK, How, Means, Use
from locklint.ir.operands import bound_temporaries


class Holds:
    """Acquires, releases, and releases that are left to a stack of clean-ups."""

    def __init__(self, context: FunctionContext) -> None:
        self._context = context

    @cached_property
    def _flagged(self) -> frozenset[Span]:
        return flagged_releases(self._context.function)

    @cached_property
    def _perhaps_given_acquired(self) -> frozenset[AccessPath]:
        """Results of calls that may have acquired the lock that they give, and their variables."""
        results = {
            instruction.result
            for block in self._context.function.blocks.values()
            for instruction in block.instructions
            if isinstance(instruction, Call) and instruction.result is not None
            if instruction.overrides or not all(map(self._only_makes, instruction.targets))
        }
        bound = bound_temporaries(self._context.function) if results else []
        return frozenset(results | {target for target, value in bound if value in results})

    def _only_makes(self, key: str) -> bool:
        """Return whether a function neither acquires a lock nor calls what might."""
        found = self._context.lookup(key)
        return found is not None and not any(
            isinstance(instruction, Acquire | TryAcquire)
            or (isinstance(instruction, Call) and bool(instruction.targets))
            for block in found[0].blocks.values()
            for instruction in block.instructions
        )

    def _acquire(self, instruction: Acquire | TryAcquire, disjunct: Disjunct) -> list[Disjunct]:
        lock = canonical_lock(self._context, instruction.lock, disjunct)
        if lock.path in self._context.no_locks:
            return [disjunct]  # ``lock if wanted else nothing``, and it is nothing.
        key = key_of(lock, instruction.mode)
        acquisition = Acquisition(instruction.span, instruction.how, instruction.lock.path)
        if isinstance(instruction, TryAcquire) and not instruction.certain:
            instruction = self._read_again(instruction, disjunct)
        taken = self._take(key, lock, acquisition, disjunct, instruction)
        names = acquired_names(instruction)
        for path in names | {canonical(name, disjunct) for name in names}:
            taken = [exists(self._context, path, one) for one in taken]
        if isinstance(instruction, Acquire):
            if instruction.call is not None and instruction.call.result is not None:
                result = instruction.call.result
                taken = [set_value(self._context, result, Constant(True), one) for one in taken]
            return taken
        hold = disjunct.hold(key)
        if (
            is_exclusive(lock)
            and (hold.count > 0 or hold.is_held)
            and not hold.forgotten
            and not self._may_be_lost(lock, hold)
        ):
            taken = []
        failed = disjunct
        certain = hold.count > 0 or hold.taken_last
        if lock.kind.reentrant and certain and taken and lock.kind.role is LockRole.LOCK:
            # The holder of a re-entrant lock can acquire it again.
            name = instruction.result
            return [
                one if name is None else set_value(self._context, name, Constant(True), one)
                for one in taken
            ]
        if not hold.forgotten and hold.count == 0 and not hold.is_held:
            # A re-entrant lock that was not available may still be held by the caller: not known.
            surely = not lock.kind.reentrant and lock.kind.role is not LockRole.SEMAPHORE
            failed = disjunct.with_hold(
                key,
                replace(
                    hold,
                    free_at=0 if surely else hold.free_at,
                    why=Why.TRY_FAILED,
                    where=instruction.span,
                ),
            )
        outcome = instruction.result
        call = instruction.call
        if (
            call is not None
            and call.use is Use.PASSED
            and outcome not in self._context.relevance.tracked
        ):
            # Other code tests the result, and may continue only for one outcome.
            return [disjunct.with_hold(key, FORGOTTEN)]
        if outcome is None:
            return [*taken, failed]
        return [
            *(set_value(self._context, outcome, Constant(True), one) for one in taken),
            set_value(self._context, outcome, Constant(False), failed),
        ]

    def _read_again(self, instruction: TryAcquire, disjunct: Disjunct) -> Acquire | TryAcquire:
        """Return a try as the kind of acquire that the known values of its arguments make it."""
        call, form = instruction.call, instruction.form
        if call is None or form is None:
            return instruction
        arguments = tuple(
            [replace(each, value=value_of(each.value, disjunct)) for each in call.arguments]
        )
        read = read_acquire(replace(call, arguments=arguments), form)
        if not read.tries:
            own = instruction
            return Acquire(own.span, own.lock, own.how, own.mode, form, call)
        return replace(instruction, timed=read.timed, certain=read.certain)

    def _take(
        self,
        key: LockKey,
        lock: LockRef,
        acquisition: Acquisition,
        disjunct: Disjunct,
        instruction: Instruction | None = None,
    ) -> list[Disjunct]:
        self._context.identities[key] = lock.identity
        hold = FORGOTTEN if key.path.is_vague else disjunct.hold(key)
        if key.path.is_called and hold.count != 0:
            hold = FORGOTTEN
            disjunct = disjunct.with_hold(key, hold)
        if self._may_be_lost(lock, hold):
            # Another thread has released it: otherwise this would not return.
            hold = replace(hold, count=hold.count - 1, levels=hold.levels[:-1])
            disjunct = disjunct.with_hold(key, hold)
        if self._context.recorder:
            self._context.recorder.acquires(key, lock, acquisition, disjunct, instruction)
        if hold.forgotten or hold.count >= MAX_COUNT:
            # It is held, but how often is no longer known.
            surely = lock.kind.reentrant and not key.path.is_vague
            return [disjunct.with_hold(key, replace(FORGOTTEN, taken_last=surely))]
        exclusive = is_exclusive(lock)
        if exclusive and (hold.count > 0 or hold.is_held) and not hold.handed_over:
            # It waits for itself: nothing after this place is reached.
            return []
        levels = (*hold.levels, frozenset({acquisition}))
        if hold.count < 0:
            levels = hold.levels
        return [
            disjunct.with_hold(
                key,
                Hold(
                    count=hold.count + 1,
                    levels=levels,
                    free_at=hold.count if exclusive else hold.free_at,
                    handed_over=hold.handed_over,
                    taken_last=lock.kind.reentrant and hold.count <= 0,
                ),
            )
        ]

    def _may_be_lost(self, lock: LockRef, hold: Hold) -> bool:
        """Return whether other code may release a lock that this function has acquired."""
        return (
            lock.identity in self._context.shared.released
            and is_exclusive(lock)
            and hold.count > 0
            and not hold.forgotten
            and all(not one.how.means.is_context for one in hold.levels[-1])
        )

    def _after_wait(self, disjunct: Disjunct) -> Disjunct:
        """Return the disjunct after a wait: others may have acquired the released locks."""
        acquired = self._context.shared.acquired
        for key, hold in disjunct.holds.items():
            if hold.is_free and self._context.identities.get(key) in acquired:
                unsure = replace(hold, free_at=None, why=None, where=None)
                disjunct = disjunct.with_hold(key, unsure)
        return disjunct

    def _release(
        self,
        span: Span,
        lock: LockRef,
        mode: Mode | None,
        how: How,
        disjunct: Disjunct,
        raised: Raised | None,
    ) -> list[Disjunct]:
        lock = canonical_lock(self._context, lock, disjunct)
        if lock.path in self._context.no_locks:
            return [disjunct]
        key = key_of(lock, mode)
        if mode is None and lock.mode is None:
            shared = LockKey(key.path, Mode.SHARED)
            if disjunct.hold(shared).count > 0 and disjunct.hold(key).count <= 0:
                key = shared
        hold = FORGOTTEN if key.path.is_vague else disjunct.hold(key)
        if key.path.is_called and hold.count <= 0 and hold != UNTOUCHED:
            hold = FORGOTTEN
            disjunct = disjunct.with_hold(key, hold)
        if hold == UNTOUCHED and key.path in self._perhaps_given_acquired:
            hold = FORGOTTEN
            disjunct = disjunct.with_hold(key, hold)
        if hold == UNTOUCHED and lock.exactness is Exactness.FRESH:
            # It was made in this function, and no other code has seen it.
            own = (
                lock.path.root in (Root.LOCAL, Root.TEMP)
                and not lock.kind.reentrant
                and lock.identity not in self._context.shared.acquired
            )
            hold = replace(hold, free_at=0 if own else None)
            disjunct = disjunct.with_hold(key, hold)
        if hold.count <= 0 and not hold.is_free and span in self._flagged:
            hold = FORGOTTEN
            disjunct = disjunct.with_hold(key, hold)
        self._context.identities[key] = lock.identity
        if self._context.recorder:
            self._context.recorder.releases(key, lock, span, how, disjunct)
        if hold.forgotten or (hold.handed_over and hold.count == 0):
            return [disjunct.with_hold(key, FORGOTTEN)]
        if hold.count > 0:
            free = hold.count == 1
            if lock.kind.reentrant and lock.identity in self._context.shared.acquired:
                # The same thread may have acquired it before, in another function.
                free = False
            return [
                disjunct.with_hold(
                    key,
                    Hold(
                        count=hold.count - 1,
                        levels=hold.levels[:-1],
                        free_at=hold.free_at,
                        why=Why.RELEASED if free else None,
                        where=span if free else None,
                    ),
                )
            ]
        if hold.is_free and lock.kind.role is not LockRole.SEMAPHORE:
            if lock.kind.unheld_release is UnheldRelease.RAISES:
                if raised is not None:
                    cause = Cause(CauseKind.CALL, span)
                    failed = InFlight(Flow.ERROR, "RuntimeError", Grade.ACQUIRE, cause)
                    raised.add(disjunct, failed)
                return []
            return [disjunct]
        if hold.count <= -MAX_COUNT:
            return [disjunct.with_hold(key, FORGOTTEN)]
        # A lock that was released already, and is again, was acquired by another thread in between.
        count = hold.count - 1 if hold.count == 0 or not is_exclusive(lock) else hold.count
        return [
            disjunct.with_hold(
                key,
                Hold(
                    count=count,
                    free_at=count if is_exclusive(lock) else None,
                    why=Why.RELEASED,
                    where=span,
                ),
            )
        ]

    def _hand_over(self, key: LockKey, disjunct: Disjunct) -> Disjunct:
        hold = disjunct.hold(key)
        if hold.forgotten:
            return disjunct
        if hold.count > 0:
            if all(one.how.means is Means.WITH for one in hold.acquisitions()):
                return disjunct  # The end of the `with` releases it, so that no other code may.
            return disjunct.with_hold(key, FORGOTTEN)
        return disjunct.with_hold(key, replace(hold, handed_over=True, free_at=None))

    def _defer(self, stack: AccessPath, lock: LockRef | None, disjunct: Disjunct) -> Disjunct:
        stack = canonical(stack, disjunct)
        waiting = disjunct.deferred.get(stack, ())
        if lock is None:
            for key in waiting:
                disjunct = self._hand_over(key, disjunct)
            deferred = {k: v for k, v in disjunct.deferred.items() if k != stack}
            return disjunct.with_deferred(deferred)
        key = key_of(canonical_lock(self._context, lock, disjunct), lock.mode)
        self._context.deferred[key] = lock
        if len(waiting) > MAX_COUNT:
            return self._hand_over(key, disjunct)
        return disjunct.with_deferred({**disjunct.deferred, stack: (*waiting, key)})

    def _unwind(
        self, span: Span, stack: AccessPath, disjunct: Disjunct, raised: Raised | None
    ) -> list[Disjunct]:
        stack = canonical(stack, disjunct)
        waiting = disjunct.deferred.get(stack, ())
        deferred = {k: v for k, v in disjunct.deferred.items() if k != stack}
        current = [disjunct.with_deferred(deferred)]
        for key in reversed(waiting):
            following: list[Disjunct] = []
            for one in current:
                lock = self._context.deferred[key]
                following += self._release(span, lock, key.mode, BY_STACK, one, raised)
            current = following
        return current


def is_exclusive(lock: LockRef) -> bool:
    """Return whether the holder of the lock cannot acquire it again."""
    return lock.kind.role is LockRole.LOCK and not lock.kind.reentrant
