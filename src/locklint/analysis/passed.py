"""Arguments of a call that decide what the callee does to locks.

``def acquire(self, blocking=True): return self._lock.acquire(blocking)`` holds the lock for certain
where nothing is passed. So the callee is solved once more for each set of literals that decides.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    Call,
    CallArgument,
    Constant,
    Instruction,
    TryAcquire,
)


class Passed(msgspec.Struct, frozen=True):
    """The literals that parameters are, and all arguments that starred parameters collect.

    Of a collected argument only a literal is kept, else its value is unknown.
    """

    values: tuple[tuple[str, Constant], ...] = ()
    collected: tuple[tuple[str, tuple[CallArgument, ...]], ...] = ()

    def only(self, names: tuple[str, ...]) -> Passed:
        """Return what is passed for some of the parameters."""
        return Passed(
            tuple([each for each in self.values if each[0] in names]),
            tuple([each for each in self.collected if each[0] in names]),
        )

    def known(self) -> dict[AccessPath, Constant]:
        """Return the values of parameters, by their paths."""
        return {AccessPath(name, (), Root.PARAMETER): value for name, value in self.values}

    def written_out(self, function: Function) -> Function:
        """Return the function with ``*args`` in its calls exchanged for what is collected."""
        collected = {
            AccessPath(name, (), Root.PARAMETER): arguments for name, arguments in self.collected
        }
        for block in function.blocks.values():
            for each in block.instructions:
                if isinstance(each, Assign):
                    collected.pop(AccessPath(each.target.root_name, (), each.target.root), None)
        if not collected:
            return function
        blocks = {key: _exchanged(block, collected) for key, block in function.blocks.items()}
        return replace(function, blocks=blocks)


_Collected = dict[AccessPath, tuple[CallArgument, ...]]


def _exchanged(block: BasicBlock, collected: _Collected) -> BasicBlock:
    instructions = tuple([_instruction(each, collected) for each in block.instructions])
    return replace(block, instructions=instructions)


def _instruction(instruction: Instruction, collected: _Collected) -> Instruction:
    match instruction:
        case Call():
            return _call(instruction, collected)
        case Acquire(call=Call() as call) | TryAcquire(call=Call() as call):
            return replace(instruction, call=_call(call, collected))
        case _:
            return instruction


def _call(call: Call, collected: _Collected) -> Call:
    if not any(argument.star for argument in call.arguments):
        return call
    arguments: list[CallArgument] = []
    for argument in call.arguments:
        found = None
        if argument.star and isinstance(argument.value, AccessPath):
            found = collected.get(argument.value)
        arguments += (argument,) if found is None else found
    return replace(call, arguments=tuple(arguments))
