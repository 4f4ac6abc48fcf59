"""Effects of context managers that are no locks on one disjunct."""

from __future__ import annotations

from locklint.analysis.binding import Binding
from locklint.analysis.function_context import FunctionContext
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_assign import rebind, set_value
from locklint.analysis.lockset_effects import Execution, shift, summary_for_call
from locklint.analysis.lockset_names import canonical
from locklint.analysis.lockset_release import unwind
from locklint.analysis.summary import Passage
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.instruction import Enter, Exit, Manager

_STACKS = ("contextlib.ExitStack", "contextlib.AsyncExitStack")


def enter(context: FunctionContext, instruction: Enter, disjunct: Disjunct) -> list[Disjunct]:
    """Return the executions after the beginning of a `with`."""
    manager = instruction.manager
    if manager is None:
        return [disjunct]
    disjunct = open_stack(context, instruction, disjunct)
    context.observer.enters(context, instruction, disjunct)
    return _managed(context, manager, instruction.span, Passage.ENTER, disjunct, None)


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
    if manager.generator is not None:
        found = context.lookup(manager.generator)
        if found is not None:
            callee, summary = found
            binding = Binding(context.function, callee, manager.call, None)
            if manager.call is not None:
                summary = summary_for_call(context, callee, summary, manager.call, disjunct)
            execution = Execution(context, callee, binding, span, raised)
            for during in summary.context_effects:
                outcomes = shift(execution, during.lock, during.mode, during.at(passage), outcomes)
        return outcomes
    key = manager.enter if passage is Passage.ENTER else manager.exit
    found = context.lookup(key) if key else None
    if found is not None:
        callee, summary = found
        binding = Binding(context.function, callee, None, manager.receiver)
        execution = Execution(context, callee, binding, span, raised)
        for effect in summary.effects:
            outcomes = shift(execution, effect.lock, effect.mode, effect.normal, outcomes)
    return outcomes
