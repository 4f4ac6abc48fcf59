"""Uses of the results of try-acquires."""

from __future__ import annotations

from locklint.analysis.events import LockStates, TriedByCallee
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.instruction import Assign, TryAcquire
from locklint.ir.operands import terminator_paths, used_paths


def is_used(function: Function, path: AccessPath) -> bool:
    """Return whether a variable's value is tested, returned, passed on or stored, or a copy is."""
    names = {path}
    changed = True
    while changed:
        changed = False
        for block in function.blocks.values():
            for instruction in block.instructions:
                if (
                    isinstance(instruction, Assign)
                    and instruction.value in names
                    and instruction.target.is_variable
                    and instruction.target not in names
                ):
                    names.add(instruction.target)
                    changed = True
    for block in function.blocks.values():
        for instruction in block.instructions:
            if isinstance(instruction, Assign) and instruction.target.is_variable:
                # A plain copy is no use in itself; the copy is looked for instead.
                if isinstance(instruction.value, AccessPath):
                    continue
            if any(used in names for used in used_paths(instruction)):
                return True
        if any(used in names for used in terminator_paths(block.terminator)):
            return True
    return False


def ignored_results(states: LockStates) -> dict[Span, TriedByCallee]:
    """Return the calls that try to acquire a lock and whose result is not used, by place."""
    return {
        span: tried
        for span, tried in states.tried.items()
        if tried.call.result is None or not is_used(states.function, tried.call.result)
    }


def ignored_tries(function: Function) -> dict[Span, TryAcquire]:
    """Return the try-acquires whose result is not used, by place."""
    result: dict[Span, TryAcquire] = {}
    for block in function.blocks.values():
        for instruction in block.instructions:
            if isinstance(instruction, TryAcquire):
                if instruction.result is None or not is_used(function, instruction.result):
                    result[instruction.span] = instruction
    return result
