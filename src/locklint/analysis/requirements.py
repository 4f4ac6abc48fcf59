"""Conditions on parameters, globals and attributes for control to reach a place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from locklint.analysis.critical_pair import (
    TEXT_METHODS,
    Requirement,
    RequirementKind,
    StateTest,
    TestKind,
)
from locklint.analysis.events import Held
from locklint.analysis.origins import Origins
from locklint.analysis.outcomes import TEXT_TESTS
from locklint.analysis.state_tests import (
    Changes,
    changed_paths,
    is_own,
    reached_without,
    state_by_block,
    state_tests,
    test_of_path,
)
from locklint.core.source import Span
from locklint.dataflow.order import all_successors
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    Constant,
    Display,
    Instruction,
    Operate,
    Release,
    TryAcquire,
)
from locklint.ir.operands import condition_paths
from locklint.ir.terminator import Branch, Condition, Equals, IsNone, Opaque, Truth, is_of_class

Requires = tuple[Requirement, ...]

_MOST_TESTS = 96
MOST_WORK = 40_000

_MODULE = re.compile(r"^[\w.]*: ")

_SAMENESS = (("is", True), ("==", True), ("is not", False), ("!=", False))


class Requirements:
    """The tests of parameters that control must have passed to reach each place.

    A place requires an outcome if it cannot be reached from the entry without that branch of the
    test. A parameter is considered until it is bound again.
    """

    def __init__(self, function: Function) -> None:
        self._origins = Origins(function)
        self._by_block: dict[BlockId, frozenset[Requirement]] = {}
        self._blocks: dict[Span, list[BlockId]] = {}
        self._function = function
        self._chosen = _Choices()
        self._state: dict[BlockId, set[StateTest]] = {}
        self._at_entry: dict[BlockId, set[StateTest]] = {}
        self._changes: dict[BlockId, Changes] = {}
        self._state_at: dict[Span, tuple[StateTest, ...]] = {}
        self._tested_at: dict[Span, tuple[StateTest, ...]] = {}
        tests = list(_tests(function, self._origins))
        tests = tests if len(tests) <= _MOST_TESTS else []
        state = list(state_tests(function))
        state = state if len(state) * len(function.blocks) <= MOST_WORK else []
        if not tests and not state and not self._origins.rebinds:
            return
        for block in function.blocks.values():
            for instruction in block.instructions:
                # A `with` releases at the place where it acquires, and nothing waits there.
                if not isinstance(instruction, Release):
                    self._blocks.setdefault(instruction.span, []).append(block.id)
                self._chosen.note(instruction, block.id)
        found: dict[BlockId, set[Requirement]] = {}
        successors = {block.id: all_successors(block) for block in function.blocks.values()}
        for block_id, target, requirement in tests:
            seen = reached_without(successors, {function.entry}, block_id, target)
            for other in function.blocks:
                if other not in seen:
                    found.setdefault(other, set()).add(requirement)
        self._by_block = {block: frozenset(each) for block, each in found.items()}
        if state:
            self._changes = {block.id: Changes(block) for block in function.blocks.values()}
            self._state, self._at_entry = state_by_block(function, successors, state, self._changes)

    def at(
        self, span: Span, held: Iterable[Held] = (), acquired: AccessPath | None = None
    ) -> Requires:
        """Return what must be so wherever an instruction with that place runs.

        ``held`` are the locks held there, ``acquired`` is the path of the one that is acquired: a
        variable may mean several.
        """
        if not self._by_block:
            return ()
        common = self._common(self._blocks.get(span, []))
        chosen = [(one.since.span, one.lock.path) for one in held if one.since is not None]
        if acquired is not None:
            chosen.append((span, acquired))
        for place, path in chosen:
            common |= self._common(self._chosen.blocks(place, path))
        return tuple(sorted(common, key=Requirement.sort_key))

    def _common(self, blocks: Iterable[BlockId]) -> frozenset[Requirement]:
        every = [self._by_block.get(block, frozenset()) for block in blocks]
        return frozenset.intersection(*every) if every else frozenset()

    def as_passed(self, value: AccessPath | None) -> AccessPath | None:
        """Return a value as what callers pass: a variable may be what ``**kwargs`` has for a name.

        Any other value is returned unchanged.
        """
        name = None if value is None else self._origins.option(value)
        return value if name is None else AccessPath(name, (), Root.PARAMETER)

    def is_passed_on(self, parameter: AccessPath, span: Span) -> bool:
        """Return whether an instruction gets what was passed for a parameter, never bound again."""
        blocks = self._blocks.get(span, ())
        return not any(self._origins.is_rebound(parameter, block) for block in blocks)

    def state_at(self, span: Span) -> tuple[StateTest, ...]:
        """Return what globals and attributes must be wherever an instruction with that place runs.

        They must have been so when the function was called: it had not changed them by the test.
        """
        if not self._state:
            return ()
        known = self._state_at.get(span)
        if known is None:
            blocks = self._blocks.get(span, ())
            known = self._told([self._at_entry.get(block, ()) for block in blocks])
            self._state_at[span] = known
        return known

    def tested_at(self, span: Span) -> tuple[StateTest, ...]:
        """Return what tests have found wherever an instruction runs, if it is still so.

        Variables of the function may take part.
        """
        if not self._state:
            return ()
        known = self._tested_at.get(span)
        if known is None:
            blocks = self._blocks.get(span, ())
            known = self._told([self._state_in(block, span) for block in blocks])
            self._tested_at[span] = known
        return known

    @staticmethod
    def _told(every: Sequence[Iterable[StateTest]]) -> tuple[StateTest, ...]:
        """Return the tests that all paths have passed, without those that others include."""
        common = frozenset.intersection(*map(frozenset, every)) if every else frozenset()
        equal = {test.path for test in common if test.kind is TestKind.EQUALS and test.outcome}
        told = (
            test
            for test in common
            if test.outcome or test.kind is not TestKind.EQUALS or test.path not in equal
        )
        return tuple(sorted(told, key=StateTest.sort_key))

    def _state_in(self, block: BlockId, span: Span) -> Iterable[StateTest]:
        """Return the tests that are true at a place of a block, which may bind what they test."""
        found = self._state.get(block)
        if not found:
            return ()
        changes = Changes(self._function.blocks[block], span)
        return frozenset(test for test in found if not changes.any_of(test))


class _Choices:
    """The blocks that choose the lock of a variable: ``lock if wanted else nothing``."""

    def __init__(self) -> None:
        self._bound: dict[AccessPath, list[tuple[AccessPath, BlockId]]] = {}
        self._acquired: dict[Span, AccessPath] = {}

    def note(self, instruction: Instruction, block: BlockId) -> None:
        """Note an instruction of a function, and its block."""
        match instruction:
            case Assign(target=target, value=AccessPath() as value) if is_own(target):
                self._bound.setdefault(target, []).append((value, block))
            case Acquire(span=span, lock=lock) | TryAcquire(span=span, lock=lock):
                if is_own(lock.path):
                    self._acquired[span] = lock.path

    def blocks(self, span: Span, path: AccessPath) -> Iterator[BlockId]:
        """The blocks that bind what is acquired at a place to the object with a path."""
        work = [self._acquired[span]] if span in self._acquired else []
        seen = set(work)
        while work:
            for value, block in self._bound.get(work.pop(), ()):
                if value == path:
                    yield block
                elif value in self._bound and value not in seen:
                    seen.add(value)
                    work.append(value)


def _tests(function: Function, origins: Origins) -> Iterable[tuple[BlockId, BlockId, Requirement]]:
    """Yield each branch of each test of a parameter: its block, its target, its meaning."""
    branches = [
        (block.id, block.terminator)
        for block in function.blocks.values()
        if isinstance(block.terminator, Branch)
        and block.terminator.then != block.terminator.otherwise
    ]
    for block_id, branch in branches:
        block = function.blocks[block_id]
        told = list(_of_options(block, branch, origins)) or [
            *_of_test(branch.condition, origins, block, function),
            *_of_results(branch.condition, origins, block_id),
        ]
        for requirement in told:
            yield block_id, branch.then, requirement
            negated = replace(requirement, outcome=not requirement.outcome)
            yield block_id, branch.otherwise, negated


def _of_test(
    condition: Condition, origins: Origins, within: BasicBlock, function: Function
) -> Iterator[Requirement]:
    """Return what the outcome true of a test says about a parameter, if it is about one."""
    block = within.id
    match condition:
        case Truth(AccessPath() as path) if (name := origins.of(path, block)) is not None:
            yield Requirement(name, RequirementKind.TRUTH, True)
        case IsNone(AccessPath(root=Root.PARAMETER, fields=()) as path):
            clear = not origins.is_rebound(path, block)
            kind = RequirementKind.NONE if clear else RequirementKind.UNCLEAR
            yield Requirement(path.root_name, kind, True)
        case Equals(AccessPath(root=Root.PARAMETER, fields=()) as path, against):
            clear = not origins.is_rebound(path, block)
            kind = RequirementKind.EQUALS if clear else RequirementKind.UNCLEAR
            yield Requirement(path.root_name, kind, True, against)
        case IsNone(AccessPath() as path) if (name := origins.option(path)) is not None:
            yield Requirement(name, RequirementKind.NONE, True)
        case Equals(AccessPath() as path, against) if (name := origins.option(path)) is not None:
            yield Requirement(name, RequirementKind.EQUALS, True, against)
        case _:
            yield from _of_judged_test(condition, origins, within, function) or _of_other_test(
                condition
            )


def _of_judged_test(
    condition: Condition, origins: Origins, within: BasicBlock, function: Function
) -> list[Requirement] | None:
    """Return the test of one parameter against literals, classes and constants, or None."""
    if not isinstance(condition, Opaque) or condition.text is None:
        return None
    given = [path for path in condition.mentions if path.root is Root.PARAMETER]
    if len(given) != 1 or not given[0].is_variable or origins.is_rebound(given[0], within.id):
        return None
    others = [path for path in condition.mentions if path != given[0]]
    if not is_of_class(condition) and not all(path.name.isupper() for path in others):
        return None
    test = test_of_path(condition, "")
    text = "" if test is None else _MODULE.sub("", test.text)
    if any(f"(§0 {operator} {other})" == text for operator in ("is", "==") for other in others):
        return None  # `RequirementKind.SAME` says more.
    if others and _changes_one_of(function, others):
        return None  # It is a cache, or the like.
    outcome = test is None or test.outcome
    return [Requirement(given[0].root_name, RequirementKind.JUDGED, outcome, other=text)]


def _changes_one_of(function: Function, paths: Iterable[AccessPath]) -> bool:
    changed = {
        path
        for block in function.blocks.values()
        for each in block.instructions
        for path in changed_paths(each)
    }
    return any(path in changed for path in paths)


def _of_options(block: BasicBlock, branch: Branch, origins: Origins) -> Iterator[Requirement]:
    """Return the test of a parameter against several constants, or after a method of texts."""
    options: tuple[Constant, ...]
    match branch.condition:
        case Equals(value=AccessPath() as value, constant=constant) if not value.is_parameter:
            options, outcome = (constant,), True
        case _:
            last = block.instructions[-1] if block.instructions else None
            match last:
                case Operate(span=branch.span, what="in" | "not in" as what, values=values):
                    if len(values) != 2 or not isinstance(values[0], Display):
                        return
                    items = values[0].items
                    options = tuple([each for each in items if isinstance(each, Constant)])
                    if len(options) != len(items) or not isinstance(values[1], AccessPath):
                        return
                    value, outcome = values[1], what == "in"
                case _:
                    return
    method = ""
    call = origins.call(value)
    if call is not None and call.callee is not None and not call.arguments:
        if call.callee.is_variable:
            return
        value, method = call.callee.parent(), call.callee.name
    if not value.is_parameter or (call is not None and method not in TEXT_METHODS):
        return
    if origins.is_rebound(value, block.id):
        yield Requirement(value.root_name, RequirementKind.UNCLEAR, outcome)
    else:
        kind = RequirementKind.ONE_OF
        yield Requirement(value.root_name, kind, outcome, options=options, method=method)


def _of_results(condition: Condition, origins: Origins, block: BlockId) -> Iterator[Requirement]:
    """Return the tests of what calls make of parameters, most of which cannot be followed."""
    for path in condition_paths(condition):
        call = origins.call(path)
        if call is not None and origins.option(path) is None:
            judged = _of_text_method(call, origins, block)
            if judged is not None and isinstance(condition, Truth):
                yield judged
                continue
            given = [call.callee, *(argument.value for argument in call.arguments)]
            roots = [each for each in given if isinstance(each, AccessPath)]
            kind = RequirementKind.JUDGED if _judges(call) else RequirementKind.UNCLEAR
            for root in roots:
                if root.root is Root.PARAMETER:
                    yield Requirement(root.root_name, kind, True)


def _of_text_method(call: Call, origins: Origins, block: BlockId) -> Requirement | None:
    """Return the test of a parameter by a method such as `startswith`, given literals alone."""
    callee = call.callee
    if callee is None or callee.name not in TEXT_TESTS or not callee.fields:
        return None
    subject, given = callee.parent(), [argument.value for argument in call.arguments]
    if not subject.is_parameter or origins.is_rebound(subject, block):
        return None
    if any(not isinstance(value, Constant) for value in given):
        return None
    text = f"{callee.name}({', '.join(['§0', *map(str, given)])})"
    return Requirement(subject.root_name, RequirementKind.JUDGED, True, other=text)


def _judges(call: Call) -> bool:
    """Return whether a call passes nothing but parameters and literals to a plain function."""
    callee = call.callee
    return (
        bool(call.targets)
        and call.constructs is None
        and not call.bound
        and callee is not None
        and callee.root is Root.GLOBAL
        and all(
            isinstance(each.value, Constant)
            or (isinstance(each.value, AccessPath) and each.value.is_parameter)
            for each in call.arguments
        )
    )


def _of_other_test(condition: Condition) -> Iterator[Requirement]:
    """Return what a test that is known by its text says about a parameter, if it is about one."""
    paths = list(condition_paths(condition))
    given = [path for path in paths if path.root is Root.PARAMETER]
    if not given:
        return
    first = given[0]
    if isinstance(condition, Opaque) and len(paths) == 2 and first.is_variable:
        other = next((path for path in paths if path.root is Root.GLOBAL), None)
        for operator, outcome in _SAMENESS:
            if other is not None and condition.text == f"({first} {operator} {other})":
                yield Requirement(first.root_name, RequirementKind.SAME, outcome, other=str(other))
                return
    yield Requirement(first.root_name, RequirementKind.UNCLEAR, True)
