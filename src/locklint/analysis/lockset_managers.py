"""Effects of context managers that are no locks on one disjunct."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.function_context import FunctionContext
from locklint.analysis.hold import FORGOTTEN, key_of
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_assign import rebind, set_value
from locklint.analysis.lockset_effects import Execution, shift, summary_for_call
from locklint.analysis.lockset_names import canonical, canonical_lock
from locklint.analysis.lockset_release import defer, unwind
from locklint.analysis.summary import Passage
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import Enter, Exit, Manager
from locklint.ir.lock import LockRef, Mode

_STACKS = ("contextlib.ExitStack", "contextlib.AsyncExitStack")


def enter(context: FunctionContext, instruction: Enter, disjunct: Disjunct) -> list[Disjunct]:
    """Return the executions after the beginning of a `with`."""
    manager = instruction.manager
    if manager is None:
        return [disjunct]
    disjunct = open_stack(context, instruction, disjunct)
    context.observer.enters(context, instruction, disjunct)
    outcomes = _managed(context, manager, instruction.span, Passage.ENTER, disjunct, None)
    if instruction.stack is None:
        return outcomes
    return [_left_to(context, instruction, instruction.stack, manager, one) for one in outcomes]


def _left_to(
    context: FunctionContext, enter: Enter, stack: AccessPath, manager: Manager, disjunct: Disjunct
) -> Disjunct:
    """Return the disjunct in which the end of a context manager is left to a stack of clean-ups.

    Nothing is known any more of a lock for which that does something else than release it.
    """
    for change in _changes(context, manager, enter.span, Passage.EXIT, disjunct, None):
        lock = change.execution.binding.lock(change.lock)
        if lock is None or change.delta == 0:
            continue
        lock = replace(lock, mode=lock.mode or change.mode)
        if change.delta == -1:
            disjunct = defer(context, stack, lock, disjunct)
        else:
            key = key_of(canonical_lock(context, lock, disjunct))
            disjunct = disjunct.with_hold(key, FORGOTTEN)
    return disjunct


def leave(
    context: FunctionContext, instruction: Exit, disjunct: Disjunct, raised: Raised | None
) -> list[Disjunct]:
    """Return the executions after the end of a `with`."""
    manager = instruction.manager
    if manager is None:
        return [disjunct]
    context.observer.leaves(context, instruction, disjunct)
    stack = stack_of(instruction)
    if stack is not None:
        return unwind(context, instruction.span, stack, disjunct, raised)
    passage = Passage.EXIT_ON_EXCEPTION if instruction.exceptional else Passage.EXIT
    return _managed(context, manager, instruction.span, passage, disjunct, raised)


def stack_of(instruction: Enter | Exit) -> AccessPath | None:
    """Return the stack of clean-ups that a `with` opens or closes. Return None if it is none."""
    manager, stack = instruction.manager, instruction.context
    if manager is None or manager.external not in _STACKS or not isinstance(stack, AccessPath):
        return None
    return stack


def open_stack(context: FunctionContext, instruction: Enter, disjunct: Disjunct) -> Disjunct:
    """Return the disjunct in which a stack goes by the name that its `with` gives it."""
    stack, name = stack_of(instruction), instruction.result
    if stack is None or name is None:
        return disjunct
    stack = canonical(stack, disjunct)
    return set_value(context, name, stack, rebind(context, name, disjunct))


def _managed(
    context: FunctionContext,
    manager: Manager,
    span: Span,
    passage: Passage,
    disjunct: Disjunct,
    raised: Raised | None,
) -> list[Disjunct]:
    outcomes = [disjunct]
    for change in _changes(context, manager, span, passage, disjunct, raised):
        outcomes = shift(change.execution, change.lock, change.mode, change.delta, outcomes)
    return outcomes


class _Change(NamedTuple):
    """A change of a lock, as the context manager's code names it."""

    execution: Execution
    lock: LockRef
    mode: Mode
    delta: int | None


def _changes(
    context: FunctionContext,
    manager: Manager,
    span: Span,
    passage: Passage,
    disjunct: Disjunct,
    raised: Raised | None,
) -> Iterator[_Change]:
    """Yield what one passage through a context manager does to locks."""
    if manager.generator is not None:
        found = context.lookup(manager.generator)
        if found is not None:
            callee, summary = found
            binding = Binding(context.function, callee, manager.call, None)
            if manager.call is not None:
                summary = summary_for_call(context, callee, summary, manager.call, disjunct)
            execution = Execution(context, callee, binding, span, raised)
            for during in summary.context_effects:
                yield _Change(execution, during.lock, during.mode, during.at(passage))
        return
    key = manager.enter if passage is Passage.ENTER else manager.exit
    found = context.lookup(key) if key else None
    if found is not None:
        callee, summary = found
        binding = Binding(context.function, callee, None, manager.receiver)
        execution = Execution(context, callee, binding, span, raised)
        for effect in summary.effects:
            yield _Change(execution, effect.lock, effect.mode, effect.normal)
