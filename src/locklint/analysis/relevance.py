"""Values and test outcomes of a function that its lock states have to track, and where.

Tracking everything would split states at each branch. A test outcome matters only if another test
repeats it; a variable's value only if it is tested, returned, or names a lock or a stack of
clean-ups. And each matters only where such a use can still be reached.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from functools import cached_property
from typing import NamedTuple

from locklint.analysis.bindings import Bindings
from locklint.analysis.deciding import Deciding
from locklint.analysis.lockset import PRESENCE, Fact, FactKind
from locklint.core.source import Span
from locklint.dataflow.order import looping, predecessors, reaching
from locklint.ir.access_path import AccessPath, Field, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    Defer,
    Enter,
    Exit,
    HandOver,
    Manager,
    Notify,
    Operate,
    Read,
    Release,
    TryAcquire,
    Unwind,
    Wait,
    acquired_names,
)
from locklint.ir.operands import condition_paths
from locklint.ir.terminator import (
    Branch,
    Catch,
    Condition,
    Equals,
    IsNone,
    Opaque,
    Raise,
    Return,
    Truth,
    tested_for_built_in,
)


def facts_of(condition: Condition) -> Fact | None:
    """Return the fact that a condition's outcome establishes, or None if outcomes may differ."""
    match condition:
        case Truth(AccessPath() as path):
            return Fact(FactKind.TRUTH, str(path), (path,))
        case IsNone(AccessPath() as path):
            return Fact(FactKind.NONE, str(path), (path,))
        case Equals(AccessPath() as path, constant):
            return Fact(FactKind.TEXT, f"{path} == {constant}", (path,))
        case Opaque(str() as text, mentions):
            return Fact(FactKind.TEXT, text, mentions)
        case _:
            return None


class AskedByCall(NamedTuple):
    """A test, in the names of a function, that decides what a call in it does to a lock."""

    block: BlockId
    span: Span
    test: Condition


class Relevance:
    """The values and outcomes to track in one function.

    ``repeated`` are the facts that some other test repeats; ``tracked`` the paths whose constant
    values (if ``constants`` says so) or aliases matter. `value_live` and `fact_live` say where.
    ``parted`` are parameters that lead to a lock, or along a chain of objects, and are bound again.
    ``renames`` says whether anything in the function makes a variable another name for a value that
    is tracked. Without ``outcomes`` neither outcomes nor constants are tracked: for functions in
    which no result depends on them. ``narrowed`` leaves only what decides what happens to locks;
    what is passed to other calls has no name then. ``asked`` are the tests that decide the effects
    of calls, tests of this function too; `follows` says which of them are repeated.
    ``kept`` are facts that matter at the exits.
    """

    def __init__(
        self,
        function: Function,
        outcomes: bool = True,
        narrowed: Deciding | None = None,
        asked: Sequence[AskedByCall] = (),
        kept: Set[Fact] = frozenset(),
    ) -> None:
        self._function = function
        self._narrowed = narrowed
        self._asked_by_calls = asked
        self.kept = kept
        self.constants = outcomes
        self.tracked: set[AccessPath] = set()
        self._leading: set[AccessPath] = set()
        self._bound_parameters: set[AccessPath] = set()
        self._on_the_way: set[Field] = set()
        self._stores: list[tuple[AccessPath, BlockId]] = []
        self._acquired: set[str] = set()
        self._uses: dict[str, set[BlockId]] = defaultdict(set)
        self._copies: list[tuple[AccessPath, AccessPath, BlockId]] = []
        self._opened: list[AccessPath] = []
        self._rethrows: set[BlockId] = set()
        self._bindings = Bindings(function, self._uses)
        for block in function.blocks.values():
            self._look_at(block)
        for call in asked:
            for path in condition_paths(call.test):
                self._use(path, call.block)
        for target, block_id in self._stores:
            if target.last in self._on_the_way:
                # A path to a lock may go through what is bound here, by any name.
                self._use(AccessPath(target.root_name, (), target.root), block_id)
        self._follow_copies()
        self.parted = self._bound_parameters & self._leading & self.tracked
        self.renames = any(target in self.tracked for target, _, _ in self._copies) or any(
            result in self.tracked for result in self._opened
        )
        self.repeated: set[Fact] = set()
        self._followed: set[Fact] = set()
        self._asked: dict[Fact, set[BlockId]] = {}
        if outcomes:
            self._find_repeated()
        self._live_facts: dict[Fact, Set[BlockId]] = {}

    def _decides(self, test: BlockId) -> bool:
        return self._narrowed is None or test in self._narrowed.tests

    def _use(self, path: AccessPath, block: BlockId) -> None:
        self.tracked.add(path)
        self._uses[str(path)].add(block)

    def _look_at(self, block: BasicBlock) -> None:
        use = self._use
        for instruction in block.instructions:
            match instruction:
                # Most instructions are one of the first.
                case Call(targets=targets):
                    if targets and (self._narrowed is None or self._narrowed.acts(instruction)):
                        for path in _passed(instruction):
                            use(path, block.id)
                case Read() | Operate():
                    pass
                case Assign(target=target, value=AccessPath() as source):
                    self._copies.append((target, source, block.id))
                    if target.is_parameter:
                        self._bound_parameters.add(target)
                        if source.starts_with(target):
                            self._leading.add(target)
                    if target.fields:
                        self._stores.append((target, block.id))
                case Assign(target=AccessPath(root=Root.PARAMETER, fields=()) as target):
                    self._bound_parameters.add(target)
                case Assign(target=target) if target.fields:
                    self._stores.append((target, block.id))
                case (
                    Acquire(lock=lock)
                    | TryAcquire(lock=lock)
                    | Release(lock=lock)
                    | Wait(lock=lock)
                    | Notify(lock=lock)
                    | HandOver(lock=lock)
                ):
                    if isinstance(instruction, Acquire | TryAcquire):
                        self._acquired.update(map(str, acquired_names(instruction)))
                    root = AccessPath(lock.path.root_name, (), lock.path.root)
                    self._leading.add(root)
                    self._on_the_way.update(lock.path.fields)
                    use(root, block.id)
                    if isinstance(instruction, Release) and instruction.call is not None:
                        callee = instruction.call.callee
                        if callee is not None and callee.is_variable:
                            use(callee, block.id)
                    if isinstance(instruction, TryAcquire) and instruction.call is not None:
                        for argument in instruction.call.arguments:
                            if isinstance(argument.value, AccessPath):
                                use(argument.value, block.id)
                case Defer(stack=stack) | Unwind(stack=stack):
                    use(stack, block.id)
                case (
                    Enter(context=context, manager=manager) | Exit(context=context, manager=manager)
                ):
                    if isinstance(context, AccessPath):
                        use(context, block.id)
                    for path in _named_by(manager):
                        use(path, block.id)
                    if isinstance(instruction, Enter):
                        if instruction.result is not None:
                            self._opened.append(instruction.result)
                        if instruction.stack is not None:
                            use(instruction.stack, block.id)
        match block.terminator:
            case Branch(condition=condition) if self._decides(block.id):
                match condition:
                    case Truth(AccessPath() as path) | IsNone(AccessPath() as path):
                        use(path, block.id)
                    case Equals(AccessPath() as path):
                        use(path, block.id)
                    case Opaque() if (tested := tested_for_built_in(condition)) is not None:
                        use(tested, block.id)
            case Return(value=AccessPath() as path):
                use(path, block.id)
            case Raise(reraise=True) | Catch():
                self._rethrows.add(block.id)

    def _follow_copies(self) -> None:
        """A value copied into one that matters matters itself."""
        changed = True
        while changed:
            changed = False
            for target, source, block_id in self._copies:
                if target not in self.tracked:
                    continue
                if source not in self.tracked or block_id not in self._uses[str(source)]:
                    self._use(source, block_id)
                    changed = True

    def _find_repeated(self) -> None:
        # A lock that was acquired through a variable exists under its older name too.
        for target, source, _ in reversed(self._copies):
            if str(target) in self._acquired:
                self._acquired.add(str(source))
        tests: dict[Fact, set[Span]] = defaultdict(set)
        tested_blocks: dict[Fact, set[BlockId]] = defaultdict(set)
        for block in self._function.blocks.values():
            match block.terminator:
                case Branch(span=span, condition=condition) if self._decides(block.id):
                    fact = facts_of(condition)
                    if fact is not None:
                        tests[fact].add(span)
                        tested_blocks[fact].add(block.id)
        asked: set[Fact] = set()
        for call in self._asked_by_calls:
            fact = facts_of(call.test)
            if fact is not None:
                asked.add(fact)
                tests[fact].add(call.span)
                tested_blocks[fact].add(call.block)

        # A test of a copy is a test of what was copied.
        changed = True
        while changed:
            changed = False
            for target, source, _ in self._copies:
                for kind in PRESENCE:
                    tested = Fact(kind, str(target), (target,))
                    copied = Fact(kind, str(source), (source,))
                    if tested not in tests:
                        continue
                    both = tests[copied] | tests[tested]
                    if both != tests[copied] or both != tests[tested]:
                        tests[copied] |= both
                        tests[tested] |= both
                        tested_blocks[copied] |= tested_blocks[tested]
                        changed = True

        by_path: dict[str, set[Span]] = defaultdict(set)
        path_blocks: dict[str, set[BlockId]] = defaultdict(set)
        for fact, spans in tests.items():
            if fact.kind is not FactKind.TEXT:
                by_path[fact.text] |= spans
                path_blocks[fact.text] |= tested_blocks[fact]
        # The truth of a path and its being None speak of each other. What is acquired is there.
        self.repeated = {
            fact
            for fact, spans in tests.items()
            if len(by_path[fact.text] if fact.kind is not FactKind.TEXT else spans) > 1
            or (fact.kind is not FactKind.TEXT and fact.text in self._acquired)
            or self._is_asked_in_a_loop(fact, tested_blocks[fact])
        } | self.kept
        self._followed = asked & self.repeated
        self._asked = {
            fact: path_blocks[fact.text] if fact.kind is not FactKind.TEXT else tested_blocks[fact]
            for fact in self.repeated
        }

    @property
    def deciding(self) -> tuple[str, ...]:
        """Return the parameters whose values have to be tracked."""
        names = [each.name for each in self._function.parameters]
        paths = [AccessPath(name, (), Root.PARAMETER) for name in names]
        return tuple([path.root_name for path in paths if path in self.tracked])

    @cached_property
    def advancing(self) -> Set[AccessPath]:
        """Return the variables that are bound to another path in each iteration of a loop."""
        return {
            target
            for target, _, block in self._copies
            if target.is_variable and target in self.tracked and block in self._looping
        }

    @cached_property
    def _looping(self) -> Set[BlockId]:
        return looping(predecessors(self._function))

    def _is_asked_in_a_loop(self, fact: Fact, blocks: Set[BlockId]) -> bool:
        """Return whether a loop repeats a test of a variable that only this function changes.

        What other threads can change (an attribute, a global) may be different in the next round.
        """
        if not fact.mentions or any(
            path.fields or path.root not in (Root.LOCAL, Root.PARAMETER) for path in fact.mentions
        ):
            return False
        return not self._looping.isdisjoint(blocks)

    def value_live(self, path: AccessPath, block: BlockId) -> bool:
        """Return whether the value of ``path`` may still be needed at the entry of ``block``."""
        return block in self._bindings.live(path)

    def follows(self, test: Condition) -> bool:
        """Return whether the states after a call tell the outcomes of a test of its callee."""
        return facts_of(test) in self._followed

    def fact_live(self, fact: Fact, block: BlockId) -> bool:
        """Return whether ``fact`` may still be tested again at the entry of ``block``."""
        if fact in self.kept:
            return True
        live = self._live_facts.get(fact)
        if live is None:
            asked = self._asked.get(fact, set())
            live = self._live_facts[fact] = self._bindings.asked(fact.mentions, asked)
        return block in live

    @cached_property
    def _exception_live(self) -> Set[BlockId]:
        normal = predecessors(self._function, lambda block: block.successors())
        return reaching(self._rethrows, normal)

    def exception_live(self, block: BlockId) -> bool:
        """Return whether the exception in flight may still be dispatched or raised again."""
        return block in self._exception_live


def _passed(call: Call) -> Iterator[AccessPath]:
    """Return the variables through which a callee may reach a lock: its receiver and arguments."""
    if call.callee is not None:
        yield AccessPath(call.callee.root_name, (), call.callee.root)
    for argument in call.arguments:
        if isinstance(argument.value, AccessPath):
            yield argument.value


def _named_by(manager: Manager | None) -> Iterator[AccessPath]:
    if manager is not None and manager.call is not None:
        yield from _passed(manager.call)
    if manager is not None and manager.receiver is not None:
        yield manager.receiver
