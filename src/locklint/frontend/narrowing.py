"""Types that a value may have after tests of its class, by block."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeAlias

from msgspec.structs import replace

from locklint.dataflow.order import predecessors, reverse_postorder
from locklint.frontend.class_test import ClassTest, OfClass, OfConstant
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
from locklint.ir.terminator import (
    Branch,
    Equals,
    Opaque,
    Truth,
    is_of_class,
    tested_classes,
    tested_type,
)

_MAX_FACTS = 32

Facts: TypeAlias = dict[BlockId, frozenset[ClassTest]]
"""The outcomes of the tests that come before a block."""


class Narrowing:
    """The tests that come before each block of a function on all paths that lead to it.

    A test is valid until its variable, or the first field of its path, is bound again.
    """

    def __init__(self, function: Function, resolver: Resolver) -> None:
        self._function = function
        self._resolver = resolver
        self._facts = self._solve(_of_class)

    @cached_property
    def _all_facts(self) -> Facts:
        return self._solve(_of_any_kind)

    def admits(self, block: BlockId, path: AccessPath, kind: LockKind) -> bool:
        """Return whether a lock of that kind may be at ``path`` in the block.

        A class that is not known may be any, that of the lock included.
        """
        for fact in self._facts.get(block, ()):
            if isinstance(fact, OfClass) and fact.path == path:
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
        for fact in sorted(facts, key=str):
            if not isinstance(fact, OfClass):
                continue
            classes = tuple([each for each in fact.classes if isinstance(each, AccessPath)])
            if fact.path == variable and fact.outcome and len(classes) == len(fact.classes):
                return self._resolver.narrowed(self._function.key, variable, classes)
        return None

    def limited(self, block: BlockId, path: AccessPath, is_open: bool) -> str:
        """Return the key under which each test of an object on a path has had its outcome.

        If ``is_open``, tests of constants are looked for as well, which takes longer.
        """
        facts = self._all_facts if is_open else self._facts
        tests = [
            test
            for test in facts.get(block, ())
            if test.path != path and path.starts_with(test.path)
        ]
        if not tests:
            return self._function.key
        return self._resolver.limited(self._function.key, tuple(sorted(tests, key=str)))

    def _is_class_of(self, operand: Operand, kind: LockKind) -> bool | None:
        if not isinstance(operand, AccessPath):
            return None
        found = self._resolver.lock_class(self._function.key, operand)
        if found is not None:
            return found == kind
        made = self._resolver.callee(self._function.key, operand).constructs
        return None if made is None else False

    def _solve(self, find: Callable[[BasicBlock, Branch], ClassTest | None]) -> Facts:
        """Intersect the facts of all paths into a block; a path that was not followed adds all."""
        tests = {
            block.id: (test, block.terminator)
            for block in self._function.blocks.values()
            if isinstance(block.terminator, Branch)
            and (test := find(block, block.terminator)) is not None
        }
        if not tests:
            return {}
        before = predecessors(self._function)
        order = reverse_postorder(self._function)
        known: Facts = {self._function.entry: frozenset()}
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

    def _kept(self, block: BlockId, facts: frozenset[ClassTest]) -> frozenset[ClassTest]:
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
        facts: frozenset[ClassTest],
        tests: dict[BlockId, tuple[ClassTest, Branch]],
    ) -> frozenset[ClassTest]:
        facts = self._kept(source, facts)
        if source not in tests:
            return facts
        fact, branch = tests[source]
        if branch.then == branch.otherwise or target not in (branch.then, branch.otherwise):
            return facts
        outcome = fact.outcome is (target == branch.then)
        return facts | {replace(fact, outcome=outcome)}


def _of_class(block: BasicBlock, branch: Branch) -> OfClass | None:
    """Return the test that a block ends with, if it names classes: `isinstance`, or a pattern."""
    condition = branch.condition
    if not isinstance(condition, Opaque):
        return None
    if condition.text is None:
        match block.instructions[-1:]:
            case (
                Operate(
                    kind=OperateKind.MATCH, values=(AccessPath() as path, AccessPath() as tested)
                ),
            ):
                return OfClass(path, (tested,), True)
        return None
    if (found := tested_type(condition)) is not None:
        return OfClass(*found, exactly=True)
    if not is_of_class(condition):
        return None
    for one in reversed(block.instructions):
        match one:
            case Call(
                callee=AccessPath(root_name="isinstance", fields=()),
                arguments=(CallArgument(value=AccessPath() as path), CallArgument(value=classes)),
            ) if tested_classes(condition, path) is not None:
                items = classes.items if isinstance(classes, Display) else (classes,)
                return OfClass(path, items[:_MAX_FACTS], True)
    return None


def _of_any_kind(block: BasicBlock, branch: Branch) -> ClassTest | None:
    """Return the test that a block ends with, if it may tell the class of an object."""
    match branch.condition:
        case Truth(value=AccessPath() as path) if path.fields and isinstance(path.last, str):
            return OfConstant(path.parent(), path.last, None, True)
        case Equals(value=AccessPath() as path, constant=constant) if path.fields and isinstance(
            path.last, str
        ):
            return OfConstant(path.parent(), path.last, constant, True)
        case _:
            return _of_class(block, branch)
