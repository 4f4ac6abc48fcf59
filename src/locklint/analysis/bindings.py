"""Liveness of knowledge about a variable: it is needed at most until the next binding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property

from locklint.dataflow.order import looping, predecessors
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import Assign, BlockId, Enter, Exit, Instruction, Spawn
from locklint.ir.operands import defined_path, used_paths


class Bindings:
    """The places where the paths of one function are bound.

    ``uses`` are the blocks in which the value of a path is needed, by the path as a text.
    """

    def __init__(self, function: Function, uses: Mapping[str, Set[BlockId]]) -> None:
        self._function = function
        self._uses = uses
        self._live: dict[AccessPath, Set[BlockId]] = {}

    # Most functions have nothing to track, so that this is not needed for them.

    @cached_property
    def _before(self) -> Mapping[BlockId, Set[BlockId]]:
        return predecessors(self._function, BasicBlock.successors)

    @cached_property
    def _looping(self) -> Set[BlockId]:
        return looping(predecessors(self._function))

    @cached_property
    def _raising(self) -> Mapping[BlockId, Sequence[BlockId]]:
        found: defaultdict[BlockId, list[BlockId]] = defaultdict(list)
        for block in self._function.blocks.values():
            if block.on_exception is not None:
                found[block.on_exception].append(block.id)
        return found

    @cached_property
    def _copies(self) -> defaultdict[AccessPath, set[AccessPath]]:
        found: defaultdict[AccessPath, set[AccessPath]] = defaultdict(set)
        for block in self._function.blocks.values():
            for each in block.instructions:
                if isinstance(each, Assign) and isinstance(each.value, AccessPath):
                    found[each.value].add(each.target)
        return found

    @cached_property
    def _bound(self) -> Mapping[BlockId, Sequence[AccessPath]]:
        return {
            block.id: bound
            for block in self._function.blocks.values()
            if (bound := [path for each in block.instructions for path in self._binds(each)])
        }

    def live(self, path: AccessPath) -> Set[BlockId]:
        """Return the blocks at whose entry the value of a path may still be needed."""
        live = self._live.get(path)
        if live is None:
            # Copies may form a cycle; as long as the result is not known, it is that of all blocks.
            self._live[path] = self._function.blocks.keys()
            live = self._live[path] = self.asked((path,), self._uses.get(str(path), ()))
        return live

    def asked(self, paths: Sequence[AccessPath], uses: Iterable[BlockId]) -> Set[BlockId]:
        """The blocks from which one of ``uses`` is reached before one of ``paths`` is bound."""
        seen = {block for block in uses if not self._bound_first(block, paths)}
        if not seen:
            return seen
        work = list(seen)
        while work:
            block = work.pop()
            # A raising instruction may raise before it binds anything.
            for before in self._raising.get(block, ()):
                if before not in seen:
                    seen.add(before)
                    work.append(before)
            for before in self._before[block]:
                if before not in seen and not self._ends(before, paths):
                    seen.add(before)
                    work.append(before)
        return seen

    def _binds(self, instruction: Instruction) -> Iterable[AccessPath]:
        path = defined_path(instruction)
        if path is None:
            return ()
        if isinstance(instruction, Assign):
            value = instruction.value
            if value == path or (isinstance(value, AccessPath) and value in self._copies[path]):
                return ()  # It may be bound to what it is already.
        return (path,)

    def _ends(self, block: BlockId, paths: Sequence[AccessPath]) -> bool:
        """Return whether a block binds one of some paths, with no copy of its value left behind."""
        return any(
            path.starts_with(bound) and not self._is_passed_on(bound, block)
            for bound in self._bound.get(block, ())
            for path in paths
        )

    def _is_passed_on(self, path: AccessPath, block: BlockId) -> bool:
        """Return whether a copy of a path's value before the block may be needed later."""
        after = self._function.blocks[block].successors()
        for copy in self._copies.get(path, ()):
            if block in self._uses.get(str(copy), ()) or not self.live(copy).isdisjoint(after):
                return True
        return False

    def _bound_first(self, block: BlockId, paths: Sequence[AccessPath]) -> bool:
        """Return whether a block binds one of some paths before it reads any of them."""
        if not any(
            path.starts_with(bound) for bound in self._bound.get(block, ()) for path in paths
        ):
            return False
        for instruction in self._function.blocks[block].instructions:
            if isinstance(instruction, (Enter, Exit, Spawn)):
                return False
            if _reads(used_paths(instruction), paths):
                return False
            for bound in self._binds(instruction):
                if any(path.starts_with(bound) for path in paths):
                    # A temporary has no value before it, and so no copy of one, outside of loops.
                    is_first = bound.root is Root.TEMP and block not in self._looping
                    return is_first or not self._copies.get(bound)
        return False


def _reads(used: Iterable[AccessPath], paths: Sequence[AccessPath]) -> bool:
    return any(each.starts_with(path) or path.starts_with(each) for each in used for path in paths)
