"""Tests of values that go with the state of a lock in a form that states do not follow.

``n`` is one only if the lock is held, and after ``if n > 0`` nothing is known of the lock::

    if lock.acquire(timeout=1):
        n += 1
    ...
    if n > 0:
        lock.release()
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import cached_property
from typing import NamedTuple, TypeAlias

from locklint.analysis.function_context import FunctionContext, Observer
from locklint.analysis.hold import LockKey, Why
from locklint.analysis.lockset import Disjunct, Raised
from locklint.analysis.lockset_tests import is_open
from locklint.analysis.state import State
from locklint.analysis.state_tests import READERS
from locklint.core.source import Span
from locklint.dataflow.order import predecessors, reached, reaching
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    Display,
    Instruction,
    Operand,
    Operate,
    Read,
    Release,
    TryAcquire,
)
from locklint.ir.means import Means, OperateKind
from locklint.ir.operands import condition_paths, operand_paths
from locklint.ir.terminator import Branch, IsNone
from locklint.models.changes import is_container

Through = Callable[[FunctionContext, BasicBlock, State, Raised], object]
Ties = dict[BlockId, dict[LockKey, bool | None]]

_Counts: TypeAlias = "Mapping[LockKey, Set[int]]"
_BUILTIN = "builtins."


def find_ties(context: FunctionContext, before: Mapping[BlockId, State], through: Through) -> Ties:
    """Return, for the blocks that end in such a test, the locks with which its values go.

    ``before`` are the states before each block, and ``through`` executes a block.
    """
    copies: dict[Span, list[BlockId]] = defaultdict(list)
    for block_id in context.at_tests:
        terminator = context.function.blocks[block_id].terminator
        if isinstance(terminator, Branch):
            copies[terminator.span].append(block_id)  # The tests of a clean-up have several.
    found: Ties = {}
    search: _Search | None = None
    for blocks in copies.values():
        state = [disjunct for block in blocks for disjunct in context.at_tests[block]]
        counts = _varying(state) if len(state) > 1 else {}
        if not counts:
            continue
        for block_id in blocks:
            terminator = context.function.blocks[block_id].terminator
            if isinstance(terminator, Branch) and any(
                is_open(context, terminator.condition, disjunct)
                for disjunct in context.at_tests[block_id]
            ):
                search = search or _Search(context, before, through)
                keys = search.tied(block_id, terminator, counts)
                if keys:
                    found[block_id] = keys
    return found


def _varying(state: Iterable[Disjunct]) -> _Counts:
    """Return how often each lock is held that some executions hold more often than others."""
    counts: dict[LockKey, set[int]] = defaultdict(set)
    managed: set[LockKey] = set()
    for key in {key for disjunct in state for key in disjunct.holds}:
        for disjunct in state:
            hold = disjunct.hold(key)
            if not hold.forgotten:
                counts[key].add(hold.count)
            if any(one.how.means is Means.WITH for one in hold.acquisitions()):
                managed.add(key)
    return {
        key: each
        for key, each in counts.items()
        if len(each) > 1 and max(each) > 0 and key not in managed
    }


class _Change(NamedTuple):
    """An instruction that may change what some paths lead to."""

    block: BlockId
    instruction: Instruction
    paths: tuple[AccessPath, ...]


class _Search:
    """The changes of values in a function, and how often locks are held there."""

    def __init__(
        self, context: FunctionContext, before: Mapping[BlockId, State], through: Through
    ) -> None:
        self._context = context
        self._function: Function = context.function
        self._before = before
        self._through = through
        self._states: dict[BlockId, _States] = {}

    def tied(self, test: BlockId, branch: Branch, counts: _Counts) -> dict[LockKey, bool | None]:
        """Return the locks with which what a block tests goes, each with the outcome if held."""
        sides: dict[LockKey, tuple[bool, bool]] = {}
        for key in counts:
            then, otherwise = branch.then, branch.otherwise
            releases = self._releases(then, key), self._releases(otherwise, key)
            if any(releases):
                sides[key] = releases
        if not sides:
            return {}
        asked = self._origins(condition_paths(branch.condition))
        before = reaching((test,), self._predecessors)
        changes = [
            change
            for change in self._changes
            if change.block in before
            and any(_overlap(path, each) for path in change.paths for each in asked)
            # No method makes None of an object.
            and not (isinstance(branch.condition, IsNone) and isinstance(change.instruction, Call))
        ]
        is_result = not self._results.isdisjoint(asked) or any(
            self._keeps_result(change.instruction) for change in changes
        )
        return {
            key: None if then == otherwise else then
            for key, (then, otherwise) in sides.items()
            if is_result
            or any(self._tells(test, change, key, counts[key]) for change in changes)
            or self._is_decided(test, key, changes)
        }

    @cached_property
    def _predecessors(self) -> dict[BlockId, set[BlockId]]:
        return predecessors(self._function)

    def _releases(self, start: BlockId, key: LockKey) -> bool:
        """Return whether a lock may be released after the start of a block, if nothing raises."""
        identity = self._context.identities.get(key)
        return any(
            (isinstance(each, Release) and each.lock.identity == identity)
            or (isinstance(each, Call) and bool(each.targets))
            for block in reached(self._function, (start,), successors=BasicBlock.successors)
            for each in self._function.blocks[block].instructions
        )

    def _tells(self, test: BlockId, change: _Change, key: LockKey, counts: Set[int]) -> bool:
        """Return whether a change happens only while a lock is held, or only while it is not."""
        holds = [disjunct.hold(key) for disjunct in self._states_at(change)]
        here = {hold.count for hold in holds}
        if not here or not here < counts or any(hold.forgotten for hold in holds):
            return False
        if max(here) > 0 or all(hold.why is Why.TRY_FAILED for hold in holds):
            return True
        between = reached(self._function, (change.block,), lambda _, successor: successor != test)
        return not any(
            self._acquires(block, key) or self._calls_for_effect(block) for block in between
        )

    def _states_at(self, change: _Change) -> list[Disjunct]:
        states = self._states.get(change.block)
        if states is None:
            states = self._states[change.block] = _States()
            if change.block in self._before:
                observed = self._context.observed_by(states)
                block = self._function.blocks[change.block]
                self._through(observed, block, self._before[change.block], Raised())
        return states.found[change.instruction]

    def _keeps_result(self, change: Instruction) -> bool:
        """Return whether an instruction keeps the result of an acquire somewhere."""
        match change:
            case Assign(value=value):
                values: list[Operand] = [value]
            case Call(arguments=arguments):
                values = [each.value for each in arguments]
            case _:
                return False
        paths = (path for value in values for path in operand_paths(value))
        return not self._results.isdisjoint(self._origins(paths))

    def _is_decided(self, test: BlockId, key: LockKey, changes: Iterable[_Change]) -> bool:
        """Return whether another test of the same value, which changes since, decides to acquire.

        The first reader of several acquires, and the last one releases.
        """
        for block_id, block in self._function.blocks.items():
            if block_id == test or not isinstance(block.terminator, Branch):
                continue
            if not any(self._acquires(each, key) for each in block.successors()):
                continue
            asked = self._origins(condition_paths(block.terminator.condition))
            after = reached(self._function, block.successors())
            if any(
                change.block in after and _overlap(path, each)
                for change in changes
                for path in change.paths
                for each in asked
            ):
                return True
        return False

    def _acquires(self, block: BlockId, key: LockKey) -> bool:
        identity = self._context.identities.get(key)
        return any(
            isinstance(each, (Acquire, TryAcquire)) and each.lock.identity == identity
            for each in self._function.blocks[block].instructions
        )

    def _calls_for_effect(self, block: BlockId) -> bool:
        """Return whether a block calls what may acquire a lock."""
        found = (
            self._context.lookup(target)
            for each in self._function.blocks[block].instructions
            if isinstance(each, Call)
            for target in each.targets
        )
        return any(each is None or bool(each[1].effects) for each in found)

    @cached_property
    def _changes(self) -> list[_Change]:
        return [
            _Change(block.id, each, paths)
            for block in self._function.blocks.values()
            for each in block.instructions
            if (paths := tuple(self._changed(each)))
        ]

    def _changed(self, instruction: Instruction) -> Iterator[AccessPath]:
        """Yield the paths whose values an instruction may change."""
        match instruction:
            case Assign(target=target):
                if target not in self._context.relevance.advancing:
                    yield target
            case Operate(kind=OperateKind.DELETE, operands=paths):
                yield from paths[:1]
            case Call(callee=callee, arguments=arguments):
                receiver = _receiver(instruction)
                if receiver is not None and callee is not None and callee.name not in READERS:
                    yield receiver
                for argument in arguments:
                    yield from self._containers.intersection(operand_paths(argument.value))

    @cached_property
    def _containers(self) -> set[AccessPath]:
        """The variables that are bound to a new container, and to nothing else."""
        bound: dict[AccessPath, list[Operand]] = defaultdict(list)
        made: set[Operand] = set()
        for block in self._function.blocks.values():
            for each in block.instructions:
                match each:
                    case Assign(target=target, value=value) if target.is_variable:
                        bound[target].append(value)
                    case Call(result=AccessPath() as result, external=str() as name):
                        if is_container(name):
                            made.add(result)
        return {
            path
            for path, values in bound.items()
            if all(isinstance(value, Display) or value in made for value in values)
        }

    def _origins(self, paths: Iterable[AccessPath]) -> set[AccessPath]:
        """Return the paths, and those that went into the values of their variables."""
        found: set[AccessPath] = set()
        work = [*paths]
        while work:
            path = work.pop()
            if path in found or _is_self(path):
                continue
            found.add(path)
            work += self._made_from.get(AccessPath(path.root_name, (), path.root), ())
        return found

    @cached_property
    def _made_from(self) -> dict[AccessPath, list[AccessPath]]:
        found: dict[AccessPath, list[AccessPath]] = defaultdict(list)
        for block in self._function.blocks.values():
            for each in block.instructions:
                match each:
                    case Assign(target=target, value=value) if target.is_variable:
                        found[target] += operand_paths(value)
                    case Call(result=AccessPath() as result):
                        found[result] += _used(each)
        return found

    @cached_property
    def _results(self) -> set[AccessPath]:
        """The results that tell whether a lock was acquired."""
        found: set[AccessPath] = set()
        for block in self._function.blocks.values():
            for each in block.instructions:
                match each:
                    case TryAcquire(result=AccessPath() as result):
                        found.add(result)
                    case Call(result=AccessPath() as result, targets=(target,)):
                        known = self._context.lookup(target)
                        if known and any(effect.correlated for effect in known[1].effects):
                            found.add(result)
        return found


class _States(Observer):
    """The states before the instructions of a block that may change a value."""

    def __init__(self) -> None:
        self.found: dict[Instruction, list[Disjunct]] = defaultdict(list)

    def accesses(self, access: Assign | Read | Operate, disjunct: Disjunct) -> None:
        self.found[access].append(disjunct)

    def calls(self, context: FunctionContext, call: Call, disjunct: Disjunct) -> None:
        self.found[call].append(disjunct)


def _used(call: Call) -> Iterator[AccessPath]:
    """Yield the receiver and the arguments of a call."""
    receiver = _receiver(call)
    if receiver is not None:
        yield receiver
    for argument in call.arguments:
        yield from operand_paths(argument.value)


def _receiver(call: Call) -> AccessPath | None:
    """Return the object whose method a call names. Return None for a module's function."""
    receiver = call.written_receiver
    if receiver is None or _is_self(receiver):
        return None
    if receiver.root is Root.GLOBAL and (
        call.targets or not (call.external is None or _is_builtin(call))
    ):
        return None
    return receiver


def _is_self(path: AccessPath) -> bool:
    return path.root is Root.SELF and not path.fields


def _is_builtin(call: Call) -> bool:
    return call.external is not None and call.external.startswith(_BUILTIN)


def _overlap(one: AccessPath, other: AccessPath) -> bool:
    return one.starts_with(other) or other.starts_with(one)
