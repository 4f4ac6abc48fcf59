"""Tests of globals and attributes, and where their outcomes are still true."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache

from msgspec.structs import replace

from locklint.analysis.critical_pair import StateTest, TestKind
from locklint.core.identity_enum import IdentityEnum
from locklint.core.source import Span
from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath, ElementField, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Assign,
    BlockId,
    Call,
    Constant,
    Instruction,
    Operate,
    Read,
    Release,
)
from locklint.ir.means import OperateKind
from locklint.ir.operands import defined_path
from locklint.ir.terminator import Branch, Catch, Condition, Equals, IsNone, Opaque, Truth

Successors = Mapping[BlockId, tuple[BlockId, ...]]

_PREDICATE = re.compile(r"_*(?:can|has|is|owns)_\w+")
_MARK = "§"
_MARKS = re.compile(r"§\d")
_NEGATED = re.compile(r"\(((?:(?! and | or ).)*) (is not|not in|!=|<=|>=) ((?:(?! and | or ).)*)\)")
_POSITIVE = {"is not": "is", "not in": "in", "!=": "==", "<=": ">", ">=": "<"}
_MOST_PATHS = 3
"""The largest number of paths of a test that is known by its text."""


class Change(IdentityEnum):
    """The kinds of changes of a value that stays the same object, or is calculated from itself."""

    EMPTIED = "emptied"
    ADDED = "added"
    REMOVED = "removed"
    OTHER = "other"  # it may have more or fewer items
    COUNTED = "counted"  # up
    MIXED = "mixed"  # with another value, as bits are


CHANGING_METHODS: dict[str, Change] = {
    "clear": Change.EMPTIED,
    **dict.fromkeys(("add", "append", "appendleft", "insert", "setdefault"), Change.ADDED),
    **dict.fromkeys(("discard", "pop", "popitem", "popleft", "remove"), Change.REMOVED),
    **dict.fromkeys(("extend", "extendleft", "update"), Change.OTHER),
}
"""Methods of lists, sets, dictionaries and queues by their effect on the number of items."""

_LOOKUP_ERRORS = frozenset(("KeyError", "LookupError", "builtins.KeyError", "builtins.LookupError"))

READERS = frozenset("copy count get index items keys values".split())
"""Methods of containers that change nothing."""


def state_tests(function: Function) -> Iterator[tuple[BlockId, BlockId, StateTest]]:
    """Yield each branch of each test of a global or attribute: its block, its target, the test."""
    aliases: dict[AccessPath, AccessPath] | None = None
    lookups: dict[AccessPath, Call] = {}
    for block in function.blocks.values():
        branch = block.terminator
        if isinstance(branch, Catch):
            yield from _of_failures(function, block.id, branch)
        if not isinstance(branch, Branch) or branch.then == branch.otherwise:
            continue
        if aliases is None:
            aliases, lookups = _aliases(function), _lookups(function)
        iterated = _of_iteration(block, aliases)
        if iterated is not None:
            yield block.id, branch.then, iterated  # There is no item to begin with, or no more.
            continue
        test = (
            _of_call(branch, block)
            or _of_lookup(branch.condition, lookups, aliases, function.module)
            or _of_state(branch.condition, aliases, function.module)
        )
        if test is not None:
            yield block.id, branch.then, test
            yield block.id, branch.otherwise, replace(test, outcome=not test.outcome)


def _of_iteration(block: BasicBlock, aliases: Mapping[AccessPath, AccessPath]) -> StateTest | None:
    """Return the test of what a loop goes through, which has an item in each round, or None."""
    last = block.instructions[-1] if block.instructions else None
    match last:
        case Operate(kind=OperateKind.ITERATE, values=(AccessPath() as path,)):
            path = aliases.get(path, path)
            return StateTest(path, TestKind.ITEMS, True) if outlives(path) else None
        case _:
            return None


def _of_failures(
    function: Function, block: BlockId, catch: Catch
) -> Iterator[tuple[BlockId, BlockId, StateTest]]:
    """Yield the test whether a key is there, which is false where reading it has failed.

    Nothing else between ``try:`` and ``except KeyError:`` raises that.
    """
    targets = [each.target for each in catch.handlers if _LOOKUP_ERRORS.issuperset(each.types)]
    if not targets:
        return
    failing = [
        each
        for other in function.blocks.values()
        if other.on_exception == block
        for each in other.instructions
        if not isinstance(each, Read) or isinstance(each.path.last, ElementField)
        if not (isinstance(each, Assign) and not each.target.fields)
    ]
    match failing:
        case [Read(path=AccessPath(fields=(*_, ElementField(key=str() as key))) as path)]:
            container = path.parent()
            mentions: tuple[AccessPath, ...] = (container,)
            if key.isidentifier():
                is_given = any(key == each.name for each in function.parameters)
                root = Root.PARAMETER if is_given else Root.LOCAL
                mentions = (AccessPath(key, (), root), container)
            elif ElementField(key).literal is None:
                return
            test = _of_text(f"({key} in {container})", mentions, {}, function.module)
            if test is not None:
                missing = replace(test, outcome=False)
                yield from ((block, target, missing) for target in targets)


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
                if each.arguments or not each.targets or not outlives(callee):
                    return None
                if _PREDICATE.fullmatch(callee.name) is None:
                    return None
                return StateTest(callee, TestKind.TRUTH, True)
    return None


def test_of_path(condition: Condition, module: str) -> StateTest | None:
    """Return the test of one path that a condition is, with the outcome true, or None."""
    match condition:
        case Truth(AccessPath() as path):
            return StateTest(path, TestKind.TRUTH, True)
        case IsNone(AccessPath() as path):
            return StateTest(path, TestKind.NONE, True)
        case Equals(AccessPath() as path, constant):
            return StateTest(path, TestKind.EQUALS, True, constant)
        case Opaque(text=str() as text, mentions=mentions):
            test = _with_marks(text, mentions, {}, module)
            return None if test is None or test.others else test
        case _:
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
            if not (outlives(path) or _is_of_variable(path)) or path.is_parameter:
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
    """Return calls such as ``d.get(key)`` by what keeps their results: nothing binds that twice."""
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
                    call = each if _is_lookup(each) or _is_of_size(each) else None
                case Assign(value=AccessPath() as value):
                    call = found.get(value)
            found.pop(target, None)
            if call is not None and target not in bound and is_own(target):
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


def _is_of_size(call: Call) -> bool:
    return call.external == "builtins.len" and len(call.arguments) == 1


def _of_lookup(
    condition: Condition,
    lookups: Mapping[AccessPath, Call],
    aliases: Mapping[AccessPath, AccessPath],
    module: str,
) -> StateTest | None:
    """Return the test of ``d.get(key)`` as one of ``key in d``: what is kept is an object.

    And that of a variable which is bound to ``len(d)`` as one of ``len(d)``.
    """
    if not isinstance(condition, Truth | IsNone | Equals):
        return None
    call = lookups.get(condition.value) if isinstance(condition.value, AccessPath) else None
    if call is None or call.callee is None:
        return None
    if _is_of_size(call):
        sized = call.arguments[0].value
        if not isinstance(sized, AccessPath) or isinstance(condition, IsNone):
            return None
        size = f"len({sized})"
        text = size if isinstance(condition, Truth) else f"({size} == {condition.constant})"
        return _of_text(text, (sized,), aliases, module)
    if isinstance(condition, Equals):
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
    test = _with_marks(text, mentions, aliases, module)
    if test is None or not all(outlives(path) or is_own(path) for path in test.paths):
        return None
    return test if any(map(outlives, test.paths)) else None


@lru_cache(maxsize=4096)
def _marked(text: str, asked: tuple[AccessPath, ...]) -> tuple[str, tuple[AccessPath, ...]] | None:
    """Return a text with marks for paths, and these in the order of their first use in it."""
    # A path before those with which it begins.
    found: dict[str, AccessPath] = {}
    for number, path in enumerate(sorted(asked, key=lambda path: (-len(path.fields), path))):
        mark = f"{_MARK}{number}"
        text = re.sub(rf"(?<![\w.]){re.escape(str(path))}(?!\w)", mark, text)
        found[mark] = path
    used = list(dict.fromkeys(_MARKS.findall(text)))
    if len(used) != len(asked):
        return None
    text = _MARKS.sub(lambda match: f"{_MARK}{used.index(match[0])}", text)
    return text, tuple([found[mark] for mark in used])


def _with_marks(
    text: str,
    mentions: tuple[AccessPath, ...],
    aliases: Mapping[AccessPath, AccessPath],
    module: str,
) -> StateTest | None:
    """Return the test that is known by its text, with marks for its paths, or None."""
    asked = [path for path in mentions if path.root is not Root.GLOBAL] or list(mentions)
    if not 0 < len(asked) <= _MOST_PATHS:
        return None
    if any(path.root is not Root.GLOBAL for path in mentions if path not in asked):
        return None
    marked = _marked(text, tuple(asked))
    if marked is None:
        return None
    text, found = marked
    paths = [aliases.get(path, path) for path in found]
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
                if isinstance(value, AccessPath) and outlives(value):
                    found[target] = value
            seen.add(target)
    return found


def outlives(path: AccessPath) -> bool:
    """Return whether caller and callee see what a path leads to, such as a global's attribute."""
    fields = len(path.fields)
    if not path.is_plain:
        return False
    return fields <= 2 and (
        path.root in (Root.GLOBAL, Root.PARAMETER, Root.CLOSURE)
        or (path.root is Root.SELF and fields > 0)
    )


def _is_of_variable(path: AccessPath) -> bool:
    """Return whether a path is an attribute of a variable's object, which callees may see."""
    return path.root is Root.LOCAL and path.is_plain and len(path.fields) in (1, 2)


def is_own(path: AccessPath) -> bool:
    return path.is_variable and path.root in (Root.LOCAL, Root.TEMP)


def state_by_block(
    function: Function,
    successors: Successors,
    tests: Iterable[tuple[BlockId, BlockId, StateTest]],
    changes: Mapping[BlockId, Changes],
) -> tuple[dict[BlockId, set[StateTest]], dict[BlockId, set[StateTest]]]:
    """Return the tests that control has passed before each block, as far as they are still true.

    The second value are those that were true when the function began, for it has changed nothing
    before the test.
    """
    found: dict[BlockId, set[StateTest]] = defaultdict(set)
    at_entry: dict[BlockId, set[StateTest]] = defaultdict(set)
    bound = [(block_id, each) for block_id, each in changes.items() if each.are_some]
    last: StateTest | None = None
    changing: list[BlockId] = []
    for source, target, test in tests:
        # A test is still true before the statement of a block that binds its subject.
        if last is None or last.kind is not test.kind or last.paths != test.paths:
            changing = [block_id for block_id, each in bound if each.any_of(test)]
            last = test
        after = {
            following
            for block_id in changing
            for following in successors[block_id]
            if (block_id, following) != (source, target)
        }
        seen = reached_without(successors, {function.entry, *after}, source, target)
        for block_id in function.blocks.keys() - seen:
            found[block_id].add(test)
        if not all(map(outlives, test.paths)) or source in changing:
            continue
        if changing:
            if source in reached(function, after):
                continue
            seen = reached_without(successors, {function.entry}, source, target)
        for block_id in function.blocks.keys() - seen:
            at_entry[block_id].add(test)
    return found, at_entry


def changed_paths(instruction: Instruction) -> Iterator[AccessPath]:
    """Yield the containers of which an instruction stores or removes items."""
    match instruction:
        case Assign(target=path) if path.fields:
            yield path.parent()
        case Call(callee=AccessPath(fields=(_, *_)) as callee):
            if callee.name in CHANGING_METHODS:
                yield callee.parent()


class Changes:
    """The paths that instructions of a block bind, and the containers that they may change."""

    def __init__(self, block: BasicBlock, before: Span | None = None) -> None:
        self._bound: list[AccessPath] = []
        self._filled: list[AccessPath] = []
        self._resized: list[AccessPath] = []
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
                    if callee.name not in READERS:
                        self._filled.append(callee.parent())
                    if callee.name in CHANGING_METHODS and not each.targets:
                        self._resized.append(callee.parent())

    @property
    def are_some(self) -> bool:
        """Return whether there are any."""
        return bool(self._bound or self._filled or self._resized)

    def any_of(self, test: StateTest) -> bool:
        """Return whether the outcome of a test may be another one afterwards."""
        if any(path.starts_with(each) for path in test.paths for each in self._bound):
            return True
        match test.kind:
            case TestKind.TEXT:
                changed = self._filled
            case TestKind.TRUTH | TestKind.ITEMS:
                changed = self._resized
            case _:
                return False
        return any(path in changed for path in test.paths)


def reached_without(
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
