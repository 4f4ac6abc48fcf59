"""Conditions on parameters, globals and attributes for control to reach a place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

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
from locklint.core.source import Span
from locklint.dataflow.order import all_successors, reached
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
from locklint.ir.means import OperateKind
from locklint.ir.operands import condition_paths, defined_path
from locklint.ir.terminator import Branch, Condition, Equals, IsNone, Opaque, Truth

Successors = Mapping[BlockId, tuple[BlockId, ...]]
Requires = tuple[Requirement, ...]

_MOST_TESTS = 96
MOST_WORK = 40_000

_PREDICATE = re.compile(r"_*(?:can|has|is|owns)_\w+")
_MARK = "§"
_MARKS = re.compile(r"§\d")
_NEGATED = re.compile(r"\(((?:(?! and | or ).)*) (is not|not in|!=|<=|>=) ((?:(?! and | or ).)*)\)")
_POSITIVE = {"is not": "is", "not in": "in", "!=": "==", "<=": ">", ">=": "<"}
_MOST_PATHS = 3
"""The largest number of paths of a test that is known by its text."""

_READERS = frozenset("copy count get index items keys values".split())
"""Methods of containers that change nothing."""

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
        self._state: dict[BlockId, frozenset[StateTest]] = {}
        self._changes: dict[BlockId, _Changes] = {}
        self._stale: dict[tuple[tuple[AccessPath, ...], bool], set[BlockId]] = {}
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
            seen = _reached_without(successors, {function.entry}, block_id, target)
            for other in function.blocks:
                if other not in seen:
                    found.setdefault(other, set()).add(requirement)
        self._by_block = {block: frozenset(each) for block, each in found.items()}
        if state:
            self._changes = {block.id: _Changes(block) for block in function.blocks.values()}
            self._state = _state_by_block(function, successors, state, self._changes)

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

        They must have been so when the function was called: it has not bound them before.
        """
        tested = self.tested_at(span)
        if not tested:
            return ()
        blocks = self._blocks.get(span, ())
        return tuple(
            test
            for test in tested
            if all(map(_outlives, test.paths)) and self._changed(test).isdisjoint(blocks)
        )

    def _changed(self, test: StateTest) -> set[BlockId]:
        """Return the blocks before which the function may have changed what is tested."""
        subject = (test.paths, test.kind is TestKind.TEXT)
        known = self._stale.get(subject)
        if known is None:
            blocks = self._function.blocks
            after = [
                following
                for block_id, each in self._changes.items()
                if each.any_of(test)
                for following in all_successors(blocks[block_id])
            ]
            known = self._stale[subject] = reached(self._function, after)
        return known

    def tested_at(self, span: Span) -> tuple[StateTest, ...]:
        """Return what tests have found wherever an instruction runs, if it is still so.

        Variables of the function may take part.
        """
        if not self._state:
            return ()
        every = [self._state_in(block, span) for block in self._blocks.get(span, ())]
        common = frozenset.intersection(*every) if every else frozenset()
        equal = {test.path for test in common if test.kind is TestKind.EQUALS and test.outcome}
        told = (
            test
            for test in common
            if test.outcome or test.kind is not TestKind.EQUALS or test.path not in equal
        )
        return tuple(sorted(told, key=StateTest.sort_key))

    def _state_in(self, block: BlockId, span: Span) -> frozenset[StateTest]:
        """Return the tests that are true at a place of a block, which may bind what they test."""
        found = self._state.get(block, frozenset())
        if not found:
            return found
        changes = _Changes(self._function.blocks[block], span)
        return frozenset(test for test in found if not changes.any_of(test))


class _Choices:
    """The blocks that choose the lock of a variable: ``lock if wanted else nothing``."""

    def __init__(self) -> None:
        self._bound: dict[AccessPath, list[tuple[AccessPath, BlockId]]] = {}
        self._acquired: dict[Span, AccessPath] = {}

    def note(self, instruction: Instruction, block: BlockId) -> None:
        """Note an instruction of a function, and its block."""
        match instruction:
            case Assign(target=target, value=AccessPath() as value) if _is_own(target):
                self._bound.setdefault(target, []).append((value, block))
            case Acquire(span=span, lock=lock) | TryAcquire(span=span, lock=lock):
                if _is_own(lock.path):
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


def _is_own(path: AccessPath) -> bool:
    return path.is_variable and path.root in (Root.LOCAL, Root.TEMP)


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
            *_of_test(branch.condition, origins, block_id),
            *_of_results(branch.condition, origins),
        ]
        for requirement in told:
            yield block_id, branch.then, requirement
            negated = replace(requirement, outcome=not requirement.outcome)
            yield block_id, branch.otherwise, negated


def state_tests(function: Function) -> Iterator[tuple[BlockId, BlockId, StateTest]]:
    """Yield each branch of each test of a global or attribute: its block, its target, the test."""
    aliases: dict[AccessPath, AccessPath] | None = None
    lookups: dict[AccessPath, Call] = {}
    for block in function.blocks.values():
        branch = block.terminator
        if not isinstance(branch, Branch) or branch.then == branch.otherwise:
            continue
        if aliases is None:
            aliases, lookups = _aliases(function), _lookups(function)
        test = (
            _of_call(branch, block)
            or _of_lookup(branch.condition, lookups, aliases, function.module)
            or _of_state(branch.condition, aliases, function.module)
        )
        if test is not None:
            yield block.id, branch.then, test
            yield block.id, branch.otherwise, replace(test, outcome=not test.outcome)


def _of_call(branch: Branch, block: BasicBlock) -> StateTest | None:
    """Return the test of what a call says that a block ends with, with the outcome true.

    It says whether a lock is held, or what a method such as `is_owner()` says of its object: along
    one chain of calls that is the same each time, as for an attribute.
    """
    if not isinstance(branch.condition, Truth):
        return None
    for each in reversed(block.instructions):
        match each:
            case Call(callee=AccessPath() as callee, result=result, lock=lock):
                if result != branch.condition.value:
                    continue
                if lock is not None:
                    held = lock.api.tells_if_held(callee.name)
                    return StateTest(lock.path, TestKind.HELD, True) if held else None
                if each.arguments or not each.targets or not _outlives(callee):
                    return None
                if _PREDICATE.fullmatch(callee.name) is None:
                    return None
                return StateTest(callee, TestKind.TRUTH, True)
    return None


def _of_state(
    condition: Condition, aliases: Mapping[AccessPath, AccessPath], module: str
) -> StateTest | None:
    """Return the test of a state that a condition is, with the outcome true, or None."""
    match condition:
        case (
            Truth(AccessPath() as path)
            | IsNone(AccessPath() as path)
            | Equals(AccessPath() as path)
        ):
            path = aliases.get(path, path)
            if not _outlives(path) or path.is_parameter:
                return None  # For parameters themselves, `Requirement` says more.
            if isinstance(condition, Equals):
                return StateTest(path, TestKind.EQUALS, True, condition.constant)
            kind = TestKind.NONE if isinstance(condition, IsNone) else TestKind.TRUTH
            return StateTest(path, kind, True)
        case Opaque(text=str() as text, mentions=mentions):
            return _of_text(text, mentions, aliases, module)
        case _:
            return None


def _lookups(function: Function) -> dict[AccessPath, Call]:
    """Return the calls of ``d.get(key)`` by what keeps their results: nothing binds that twice."""
    found: dict[AccessPath, Call] = {}
    bound: set[AccessPath] = set()
    for block in function.blocks.values():
        for each in block.instructions:
            target = defined_path(each)
            if target is None:
                continue
            call: Call | None = None
            match each:
                case Call():
                    call = each if _is_lookup(each) else None
                case Assign(value=AccessPath() as value):
                    call = found.get(value)
            found.pop(target, None)
            if call is not None and target not in bound and _is_own(target):
                found[target] = call
            bound.add(target)
    return found


def _is_lookup(call: Call) -> bool:
    return (
        call.callee is not None
        and call.callee.name == "get"
        and bool(call.callee.fields)
        and not call.targets
        and len(call.arguments) == 1
        and call.arguments[0].name is None
        and call.arguments[0].star is None
    )


def _of_lookup(
    condition: Condition,
    lookups: Mapping[AccessPath, Call],
    aliases: Mapping[AccessPath, AccessPath],
    module: str,
) -> StateTest | None:
    """Return the test of ``d.get(key)`` as one of ``key in d``: what is kept is an object."""
    if not isinstance(condition, Truth | IsNone) or not isinstance(condition.value, AccessPath):
        return None
    call = lookups.get(condition.value)
    if call is None or call.callee is None:
        return None
    key, container = call.arguments[0].value, call.callee.parent()
    if not isinstance(key, AccessPath | Constant):
        return None
    text = f"({key if isinstance(key, AccessPath) else repr(key.value)} in {container})"
    paths = (key, container) if isinstance(key, AccessPath) else (container,)
    test = _of_text(text, paths, aliases, module)
    return test if test is None else replace(test, outcome=isinstance(condition, Truth))


def _of_text(
    text: str,
    mentions: tuple[AccessPath, ...],
    aliases: Mapping[AccessPath, AccessPath],
    module: str,
) -> StateTest | None:
    """Return the test that is known by its text, or None if its paths mean nothing to callers."""
    asked = [path for path in mentions if path.root is not Root.GLOBAL] or list(mentions)
    if not 0 < len(asked) <= _MOST_PATHS:
        return None
    if any(path.root is not Root.GLOBAL for path in mentions if path not in asked):
        return None
    # A path before those with which it begins; marks are numbered by the first use in the text.
    found: dict[str, AccessPath] = {}
    for number, path in enumerate(sorted(asked, key=lambda path: (-len(path.fields), path))):
        mark = f"{_MARK}{number}"
        text = re.sub(rf"(?<![\w.]){re.escape(str(path))}(?!\w)", mark, text)
        found[mark] = aliases.get(path, path)
    used = list(dict.fromkeys(_MARKS.findall(text)))
    paths = [found[mark] for mark in used]
    if len(paths) != len(asked) or not all(_outlives(path) or _is_own(path) for path in paths):
        return None
    if not any(map(_outlives, paths)):
        return None
    text = _MARKS.sub(lambda match: f"{_MARK}{used.index(match[0])}", text)
    outcome = True
    if _NEGATED.fullmatch(text):
        text, outcome = _NEGATED.sub(_positive, text), False
    if len(mentions) > len(asked):
        text = f"{module}: {text}"  # Other modules may mean something else by the names.
    return StateTest(paths[0], TestKind.TEXT, outcome, text=text, others=tuple(paths[1:]))


def _positive(negated: re.Match[str]) -> str:
    return f"({negated[1]} {_POSITIVE[negated[2]]} {negated[3]})"


def _aliases(function: Function) -> dict[AccessPath, AccessPath]:
    """The variables that are bound once, to a state that outlives the call."""
    found: dict[AccessPath, AccessPath] = {}
    seen: set[AccessPath] = set()
    for block in function.blocks.values():
        for instruction in block.instructions:
            target = defined_path(instruction)
            if target is None or not target.is_variable or target.root is not Root.LOCAL:
                continue
            found.pop(target, None)
            if target not in seen and isinstance(instruction, Assign):
                value = instruction.value
                if isinstance(value, AccessPath) and _outlives(value):
                    found[target] = value
            seen.add(target)
    return found


def _outlives(path: AccessPath) -> bool:
    """Return whether caller and callee see what a path leads to, such as a global's attribute."""
    fields = len(path.fields)
    if not path.is_plain:
        return False
    return fields <= 2 and (
        path.root in (Root.GLOBAL, Root.PARAMETER, Root.CLOSURE)
        or (path.root is Root.SELF and fields > 0)
    )


def _state_by_block(
    function: Function,
    successors: Successors,
    tests: Iterable[tuple[BlockId, BlockId, StateTest]],
    changes: Mapping[BlockId, _Changes],
) -> dict[BlockId, frozenset[StateTest]]:
    """Return the tests that control has passed before each block, as far as they are still true."""
    found: dict[BlockId, set[StateTest]] = {}
    for source, target, test in tests:
        # A test is still true before the statement of a block that binds its subject.
        after = {
            following
            for block_id, each in changes.items()
            if each.any_of(test)
            for following in successors[block_id]
            if (block_id, following) != (source, target)
        }
        seen = _reached_without(successors, {function.entry, *after}, source, target)
        for block_id in function.blocks:
            if block_id not in seen:
                found.setdefault(block_id, set()).add(test)
    return {block_id: frozenset(each) for block_id, each in found.items()}


class _Changes:
    """The paths that instructions of a block bind, and the containers that they may change."""

    def __init__(self, block: BasicBlock, before: Span | None = None) -> None:
        self._bound: list[AccessPath] = []
        self._filled: list[AccessPath] = []
        for each in block.instructions:
            if each.span == before and not isinstance(each, Release):
                break
            match each:
                case Assign(target=target):
                    self._bound.append(target)
                    self._filled.append(target.parent() if target.fields else target)
                case Operate(kind=OperateKind.DELETE, values=(AccessPath() as path,)):
                    self._filled.append(path.parent() if path.fields else path)
                case Call(callee=AccessPath(fields=(_, *_)) as callee):
                    if callee.name not in _READERS:
                        self._filled.append(callee.parent())

    def any_of(self, test: StateTest) -> bool:
        """Return whether the outcome of a test may be another one afterwards."""
        if any(path.starts_with(each) for path in test.paths for each in self._bound):
            return True
        return test.kind is TestKind.TEXT and any(path in self._filled for path in test.paths)


def _of_test(condition: Condition, origins: Origins, block: BlockId) -> Iterator[Requirement]:
    """Return what the outcome true of a test says about a parameter, if it is about one."""
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
            yield from _of_other_test(condition)


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


def _of_results(condition: Condition, origins: Origins) -> Iterator[Requirement]:
    """Return the tests of what calls make of parameters, which cannot be followed."""
    for path in condition_paths(condition):
        call = origins.call(path)
        if call is not None and origins.option(path) is None:
            given = [call.callee, *(argument.value for argument in call.arguments)]
            roots = [each for each in given if isinstance(each, AccessPath)]
            kind = RequirementKind.JUDGED if _judges(call) else RequirementKind.UNCLEAR
            for root in roots:
                if root.root is Root.PARAMETER:
                    yield Requirement(root.root_name, kind, True)


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


def _reached_without(
    successors: Successors, starts: Collection[BlockId], source: BlockId, target: BlockId
) -> set[BlockId]:
    """The blocks that some blocks reach without going from one block to another."""
    seen = {*starts}
    work = [*starts]
    while work:
        block = work.pop()
        for successor in successors[block]:
            if successor not in seen and (block != source or successor != target):
                seen.add(successor)
                work.append(successor)
    return seen
