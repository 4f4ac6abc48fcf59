"""Checks that a graph is well formed; run by tests after each pass."""

from __future__ import annotations

from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import Assign, BlockId, Instruction
from locklint.ir.operands import defined_path, terminator_paths, used_paths
from locklint.ir.terminator import Catch, Unreachable


def verify(function: Function) -> list[str]:
    """Return the faults of a graph, one sentence each.

    Every target exists, every block is finished and reachable, and each temporary is defined on
    every path to its uses.
    """
    problems: list[str] = []
    blocks = function.blocks
    if function.entry not in blocks:
        return [f"the entry b{function.entry} does not exist"]
    for block_id, block in blocks.items():
        if block.id != block_id:
            problems.append(f"b{block_id} has the id {block.id}")
        for target in _successors(block):
            if target not in blocks:
                problems.append(f"b{block_id} leads to b{target}, which does not exist")
        if isinstance(block.terminator, Unreachable) and not function.too_complex:
            problems.append(f"b{block_id} is unfinished")
        if block.on_exception == block_id:
            problems.append(f"b{block_id} handles its own exceptions")
        if isinstance(block.terminator, Catch) and not block.terminator.handlers:
            problems.append(f"b{block_id} catches nothing")
    if problems:
        return problems
    reached = _reachable(function)
    problems += [f"b{block_id} is unreachable" for block_id in blocks if block_id not in reached]
    problems += _temporary_problems(function, reached)
    return problems


def _successors(block: BasicBlock) -> tuple[BlockId, ...]:
    if block.on_exception is None:
        return block.successors()
    return (*block.successors(), block.on_exception)


def _reachable(function: Function) -> list[BlockId]:
    seen = {function.entry: None}
    stack = [function.entry]
    while stack:
        for target in _successors(function.blocks[stack.pop()]):
            if target not in seen:
                seen[target] = None
                stack.append(target)
    return list(seen)


def _temporary_problems(function: Function, reached: list[BlockId]) -> list[str]:
    """Temporaries that are used where they may not have been defined.

    A forward analysis: what is defined on all paths to a block. A handler knows what was defined
    before the first instruction that can raise.
    """
    every: set[str] = set()
    for block in function.blocks.values():
        for instruction in block.instructions:
            target = defined_path(instruction)
            if target is not None and _is_temporary(target):
                every.add(target.root_name)
    entry_of: dict[BlockId, frozenset[str]] = {
        block_id: frozenset(every) for block_id in function.blocks
    }
    entry_of[function.entry] = frozenset()
    work = list(reversed(reached))
    while work:
        block = function.blocks[work.pop()]
        defined = set(entry_of[block.id])
        before_raise: frozenset[str] | None = None
        for instruction in block.instructions:
            target = defined_path(instruction)
            if before_raise is None and not _only_binds(instruction):
                before_raise = frozenset(defined)
            if target is not None and _is_temporary(target) and not target.fields:
                defined.add(target.root_name)
        ways = [(target, frozenset(defined)) for target in block.successors()]
        if block.on_exception is not None:
            known_there = frozenset(defined) if before_raise is None else before_raise
            ways.append((block.on_exception, known_there))
        for target_id, known in ways:
            merged = entry_of[target_id] & known
            if merged != entry_of[target_id]:
                entry_of[target_id] = merged
                work.append(target_id)
    problems: list[str] = []
    for block in function.blocks.values():
        known_here = set(entry_of[block.id])
        for instruction in block.instructions:
            for path in used_paths(instruction):
                if _is_temporary(path) and path.root_name not in known_here:
                    problems.append(f"b{block.id} uses {path} before it is defined")
            target = defined_path(instruction)
            if target is not None and _is_temporary(target):
                known_here.add(target.root_name)
        for path in terminator_paths(block.terminator):
            if _is_temporary(path) and path.root_name not in known_here:
                problems.append(f"b{block.id} uses {path} before it is defined")
    return problems


def _only_binds(instruction: Instruction) -> bool:
    """Return whether the instruction binds a variable, which cannot raise."""
    return isinstance(instruction, Assign) and not instruction.target.fields


def _is_temporary(path: AccessPath) -> bool:
    return path.root is Root.TEMP
