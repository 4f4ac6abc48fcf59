"""Calls of the methods of locks, exchanged for what they do to the lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from locklint.frontend.definitions import Definitions
from locklint.frontend.operands import Operands
from locklint.frontend.uses_by_form import UsesByForm
from locklint.ir.access_path import AccessPath
from locklint.ir.acquire_call import AcquireCall, read_acquire
from locklint.ir.api_use import UseKind
from locklint.ir.cfg import Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Call,
    Display,
    HandOver,
    Instruction,
    Notify,
    Operand,
    Release,
    TryAcquire,
    Wait,
    has_timeout,
)
from locklint.ir.lock import Gives, LockRef, LockRole, Mode
from locklint.ir.means import How, Use

AWAITING = ("wait_for", "shield")
"""Functions that await what they are given, and give its result."""


class LockCalls:
    """Exchanges the calls of the methods of locks in one function.

    Attributes:
        pending: The acquires that take place when a result is awaited, with their calls.
        given_by_acquire: The locks that were acquired by what gave a result.
    """

    def __init__(
        self, function: Function, definitions: Definitions, operands: Operands, uses: UsesByForm
    ) -> None:
        self._function = function
        self._definitions = definitions
        self._operands = operands
        self._uses = uses
        self.pending: dict[AccessPath, tuple[Call, Acquire]] = {}
        self.given_by_acquire: dict[AccessPath, LockRef] = {}
        self._awaited_results: set[Operand] = set()

    def note_pending(self, call: Call) -> None:
        """Note a call of which the result acquires a lock when it is awaited."""
        if call.result is None:
            return
        found = self._operands.method(call.callee)
        if found is not None:
            lock, method = found
            form = lock.api.acquire_form(method)
            if method == "__aenter__" or (form is not None and form.is_async):
                mode = lock.mode or (form.mode if form else Mode.EXCLUSIVE)
                self.pending[call.result] = (
                    call,
                    Acquire(call.span, lock, How(method), mode, form, call),
                )
        elif call.callee is not None and call.callee.name in AWAITING:
            for argument in call.arguments:
                if isinstance(argument.value, AccessPath) and argument.value in self.pending:
                    self.pending[call.result] = self.pending[argument.value]

    def note_awaited(self, values: Iterable[Operand]) -> None:
        """Note values that are awaited: they are no booleans."""
        for value in values:
            self._awaited_results.add(value)
            if isinstance(value, AccessPath) and value.is_variable:
                self._awaited_results.update(self._definitions.values(value))

    def effects(self, call: Call, lock: LockRef, method: str) -> Iterator[Instruction]:
        """Yield what a call of a method of a lock does."""
        api = lock.api
        form = api.acquire_form(method)
        if form is not None:
            read = read_acquire(call, form)
            if read.refused:
                self._uses.note(UseKind.BAD_ARGUMENTS, call.span, lock, method, read.refused)
            if form.is_async:
                if form.begins_at_call:
                    if call.use is not Use.AWAITED:
                        yield HandOver(call.span, lock)  # A callback will have it.
                elif call.use in (Use.DISCARDED, Use.TESTED):
                    self._uses.note(UseKind.NOT_AWAITED, call.span, lock, method, use=call.use)
                elif call.use is Use.BOUND and self._uses.is_only_tested(call.result):
                    self._uses.note(UseKind.NOT_AWAITED, call.span, lock, method, use=Use.TESTED)
                yield msgspec.structs.replace(call, lock=lock, external=f"{api.name}.{method}")
                if call.use is Use.PASSED and self._is_collected(call.result):
                    yield HandOver(call.span, lock)  # A task will run it.
                return
            if call.result is not None and call.result in self._awaited_results:
                # To await a boolean raises: the lock is one of another kind here.
                yield HandOver(call.span, lock)
                yield call
                return
            yield self._acquire(call, lock, method, read)
            return
        release = api.release_form(method)
        if release is not None:
            if release.is_async and call.use in (Use.DISCARDED, Use.TESTED):
                self._uses.note(UseKind.NOT_AWAITED, call.span, lock, method, use=call.use)
            yield Release(call.span, lock, How(method), lock.mode or release.mode, call)
            return
        if method == "__aenter__":
            yield msgspec.structs.replace(call, lock=lock, external=f"{api.name}.{method}")
            return
        if method == "__enter__":
            if (
                call.use is Use.ENTERED
                and call.result is not None
                and api.enter_gives is Gives.BOOL
            ):
                self.given_by_acquire[call.result] = lock
            mode = lock.mode or Mode.EXCLUSIVE
            yield Acquire(call.span, lock, How(method), mode, None, call, gives_up=lock.gives_up)
            return
        if method in ("__exit__", "__aexit__"):
            yield Release(call.span, lock, How(method), lock.mode, call)
            return
        if api.role is LockRole.CONDITION and method in (*api.waits, *api.notifies):
            if method in api.waits:
                place = 1 if method == "wait_for" else 0  # The predicate comes first.
                yield Wait(call.span, lock, method, has_timeout(call.arguments, place), call)
            else:
                yield Notify(call.span, lock, method, call)
            return
        yield msgspec.structs.replace(call, lock=lock, external=f"{api.name}.{method}")

    def _acquire(
        self, call: Call, lock: LockRef, method: str, read: AcquireCall
    ) -> Acquire | TryAcquire:
        form = lock.api.acquire_form(method)
        mode = lock.mode or (form.mode if form else Mode.EXCLUSIVE)
        if read.tries and not read.raises:
            result = None if call.use is Use.DISCARDED else call.result
            return TryAcquire(
                call.span, lock, How(method), read.timed, result, mode, form, call, read.certain
            )
        if call.use is Use.ENTERED and call.result is not None:
            self.given_by_acquire[call.result] = lock
        gives_up = read.tries or (lock.gives_up and not call.arguments)
        return Acquire(call.span, lock, How(method), mode, form, call, gives_up=gives_up)

    def _is_collected(self, result: AccessPath | None) -> bool:
        """Return whether a coroutine is put into a display, such as a list of what to run."""
        displays = (
            value
            for block in self._function.blocks.values()
            for each in block.instructions
            if isinstance(each, Assign | Call)
            for value in (
                [each.value]
                if isinstance(each, Assign)
                else [argument.value for argument in each.arguments]
            )
            if isinstance(value, Display)
        )
        return any(result in display.items for display in displays)
