"""Types that a value may have after tests with ``isinstance``, by block."""

from __future__ import annotations

import msgspec

from locklint.dataflow.order import predecessors, reverse_postorder
from locklint.frontend.resolver import Resolver
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Assign,
    BlockId,
    Call,
    CallArgument,
    Display,
    Operand,
    Operate,
)
from locklint.ir.lock import LockKind
from locklint.ir.means import OperateKind
from locklint.ir.terminator import Branch, Opaque, is_of_class, tested_classes

_MAX_FACTS = 32


class _Fact(msgspec.Struct, frozen=True):
    """``isinstance(path, classes)`` had this outcome."""

    path: AccessPath
    classes: tuple[Operand, ...]
    outcome: bool


class Narrowing:
    """The tests that come before each block of a function on all paths that lead to it.

    A test is valid until its variable, or the first field of its path, is bound again.
    """

    def __init__(self, function: Function, resolver: Resolver) -> None:
        self._function = function
        self._resolver = resolver
        tests = {block.id: test for block in function.blocks.values() if (test := _test(block))}
        self._facts = self._solve(tests) if tests else {}

    def admits(self, block: BlockId, path: AccessPath, kind: LockKind) -> bool:
        """Return whether a lock of that kind may be at ``path`` in the block.

        A class that is not known may be any, that of the lock included.
        """
        for fact in self._facts.get(block, ()):
            if fact.path == path:
                answers = [self._is_class_of(each, kind) for each in fact.classes]
                if fact.outcome and all(answer is False for answer in answers):
                    return False
                if not fact.outcome and any(answers):
                    return False
        return True

    def key(self, block: BlockId, path: AccessPath) -> str | None:
        """Return the key under which the tested variable of a path is an instance of its class.

        Return None if no test is known to come before the block.
        """
        facts = self._facts.get(block)
        if not facts:
            return None
        variable = AccessPath(path.root_name, (), path.root)
        for fact in facts:
            classes = tuple([each for each in fact.classes if isinstance(each, AccessPath)])
            if fact.path == variable and fact.outcome and len(classes) == len(fact.classes):
                return self._resolver.narrowed(self._function.key, variable, classes)
        return None

    def _is_class_of(self, operand: Operand, kind: LockKind) -> bool | None:
        if not isinstance(operand, AccessPath):
            return None
        found = self._resolver.lock_class(self._function.key, operand)
        if found is not None:
            return found == kind
        made = self._resolver.callee(self._function.key, operand).constructs
        return None if made is None else False

    def _solve(self, tests: dict[BlockId, tuple[_Fact, Branch]]) -> dict[BlockId, frozenset[_Fact]]:
        """Intersect the facts of all paths into a block; a path that was not followed adds all."""
        before = predecessors(self._function)
        order = reverse_postorder(self._function)
        known: dict[BlockId, frozenset[_Fact]] = {self._function.entry: frozenset()}
        changed = True
        while changed:
            changed = False
            for block in order:
                if block == self._function.entry:
                    continue
                ways = [
                    self._along(source, block, known[source], tests)
                    for source in before[block]
                    if source in known
                ]
                facts = frozenset.intersection(*ways) if ways else frozenset()
                if known.get(block) != facts:
                    known[block] = facts
                    changed = True
        return {block: self._kept(block, facts) for block, facts in known.items() if facts}

    def _kept(self, block: BlockId, facts: frozenset[_Fact]) -> frozenset[_Fact]:
        """Return the facts, without those whose value the block itself binds again."""
        instructions = self._function.blocks[block].instructions
        bound = [one.target for one in instructions if isinstance(one, Assign)]
        return frozenset(
            fact for fact in facts if not any(fact.path.starts_with(path) for path in bound)
        )

    def _along(
        self,
        source: BlockId,
        target: BlockId,
        facts: frozenset[_Fact],
        tests: dict[BlockId, tuple[_Fact, Branch]],
    ) -> frozenset[_Fact]:
        facts = self._kept(source, facts)
        if source not in tests:
            return facts
        fact, branch = tests[source]
        if branch.then == branch.otherwise or target not in (branch.then, branch.otherwise):
            return facts
        outcome = target == branch.then
        return facts | {_Fact(fact.path, fact.classes, outcome)}


def _test(block: BasicBlock) -> tuple[_Fact, Branch] | None:
    """Return the test that a block ends with, if it is of the class of a path."""
    match block.terminator:
        case Branch(condition=Opaque() as condition) as branch:
            pass
        case _:
            return None
    if condition.text is None:
        match block.instructions[-1:]:
            case (
                Operate(
                    kind=OperateKind.MATCH, values=(AccessPath() as path, AccessPath() as tested)
                ),
            ):
                return _Fact(path, (tested,), True), branch
        return None
    if not is_of_class(condition):
        return None
    for one in reversed(block.instructions):
        match one:
            case Call(
                callee=AccessPath(root_name="isinstance", fields=()),
                arguments=(CallArgument(value=AccessPath() as path), CallArgument(value=classes)),
            ) if tested_classes(condition, path) is not None:
                items = classes.items if isinstance(classes, Display) else (classes,)
                return _Fact(path, items[:_MAX_FACTS], True), branch
    return None
