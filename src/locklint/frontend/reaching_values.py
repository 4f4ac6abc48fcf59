"""Values that a local variable may have at a place, among those that it is bound to.

These are reaching definitions (A. Aho et al., *Compilers*, section 9.2.4), of those variables alone
that are bound to different values.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from locklint.dataflow.order import predecessors, reverse_postorder
from locklint.frontend.definitions import Definitions
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import Assign, BlockId, Operand

_Values = Mapping[AccessPath, frozenset[Operand]]
_NOTHING: _Values = {}


class ReachingValues:
    """The reaching values of the blocks of one function."""

    def __init__(self, function: Function, definitions: Definitions) -> None:
        self._function = function
        self._definitions = definitions

    def at(self, block: BlockId, path: AccessPath) -> frozenset[Operand]:
        """Return the values that a variable may have at the entry of a block.

        Empty for what is no variable of the function, or is bound to one value only.
        """
        if path not in self._variables:
            return frozenset()
        return self._solution.get(block, _NOTHING).get(path, frozenset())

    @cached_property
    def _variables(self) -> frozenset[AccessPath]:
        bound = {
            instruction.target
            for block in self._function.blocks.values()
            for instruction in block.instructions
            if isinstance(instruction, Assign)
        }
        return frozenset(
            path
            for path in bound
            if path.root is Root.LOCAL
            and path.is_variable
            and len(set(map(str, self._definitions.values(path)))) > 1
        )

    @cached_property
    def _solution(self) -> Mapping[BlockId, _Values]:
        before = predecessors(self._function)
        order = reverse_postorder(self._function)
        known: dict[BlockId, _Values] = {}
        changed = True
        while changed:
            changed = False
            for block in order:
                merged: dict[AccessPath, frozenset[Operand]] = {}
                for source in before[block]:
                    for path, values in self._after(source, block, known).items():
                        merged[path] = merged.get(path, frozenset()) | values
                if merged != known.get(block, _NOTHING):
                    known[block] = merged
                    changed = True
        return known

    def _after(self, source: BlockId, target: BlockId, known: Mapping[BlockId, _Values]) -> _Values:
        block = self._function.blocks[source]
        # An exception may come before or after each binding.
        keeps = block.on_exception == target
        after = dict(known.get(source, _NOTHING))
        for instruction in block.instructions:
            if isinstance(instruction, Assign) and instruction.target in self._variables:
                path, value = instruction.target, frozenset((instruction.value,))
                after[path] = after.get(path, frozenset()) | value if keeps else value
        return after
