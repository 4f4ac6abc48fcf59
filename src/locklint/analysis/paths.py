"""Paths through one function, for the steps of findings: the tests that lead to a place.

Graphs are walked without lock states. Equal tests are assumed to have the same outcome, and a step
that does not fit is left out rather than guessed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from typing import NamedTuple

from locklint.analysis.layout import layout_in
from locklint.core.source import Span
from locklint.dataflow.order import all_successors
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Acquire,
    BlockId,
    Call,
    Enter,
    Exit,
    Instruction,
    Operate,
    Release,
    TryAcquire,
    Unwind,
)
from locklint.ir.means import OperateKind
from locklint.ir.terminator import Branch, Condition, Equals, IsNone, Opaque, Raise, Return, Truth

_MOST_STEPS = 2000

_OPPOSITES = (
    (" is not ", " is "),
    (" is ", " is not "),
    (" not in ", " in "),
    (" in ", " not in "),
    (" == ", " != "),
    (" != ", " == "),
)

_GIVES_BACK = (Release, Call, Exit, Unwind)
_TAKES = (Acquire, TryAcquire, Call, Enter)


class Test(NamedTuple):
    """The outcome of a test on a path; ``loop``: whether the iteration continues."""

    span: Span
    condition: Condition
    outcome: bool
    loop: bool = False


class Path(NamedTuple):
    """The blocks of a path, with the outcomes of its tests."""

    blocks: tuple[BlockId, ...]
    tests: tuple[Test, ...]


class Paths:
    """Finds paths in the graph of one function."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._layout = layout_in(function)

    def tests_before(self, place: Span, since: Span | None = None) -> tuple[Test, ...]:
        """Return the tests whose outcome leads to a place, from ``since`` or the entry on.

        Only those that each path to the place goes through; loops over values are left out. A
        clean-up is in several blocks, and a test is included if it leads to each of them.
        """
        blocks = list(self._layout.blocks(place))
        # A `with` is left at the place where it is entered.
        blocks = [block for block in blocks if self._does(block, place)] or blocks
        # A loop goes on at the place of the call that it goes through.
        blocks = [block for block in blocks if self._calls(block, place)] or blocks
        every = [self._tests_before(block, place, since) for block in blocks]
        first = every[0] if every else []
        return tuple(test for test in first if all(test in each for each in every))

    def _tests_before(self, here: BlockId, place: Span, since: Span | None) -> list[Test]:
        start = None if since is None else self._layout.index(here, since)
        if start is not None and start < (self._layout.index(here, place) or 0):
            return []
        found: list[Test] = []
        seen = {here}
        while (previous := self._only_before(here)) is not None:
            test = self._test(previous, here)
            if test is not None and not self._is_obvious(previous, here, test):
                # Neither what is tested by the first place, nor what is tested by the last.
                if not (since and _covers(test.span, since)) and not _covers(place, test.span):
                    found.append(test)
            if previous in seen or (
                since is not None and self._layout.index(previous, since) is not None
            ):
                break
            seen.add(previous)
            here = previous
        return found[::-1]

    def nearest_release(
        self, place: Span, releases: Collection[Span], acquires: Collection[Span] = ()
    ) -> Span | None:
        """Return the release that comes next after a place if nothing is raised there.

        One that comes after ``acquires`` releases what is acquired there. After a `raise` only the
        releases after the tests that lead to it are considered.
        """
        for start in self._layout.blocks(place):
            index = self._layout.index(start, place)
            found = self._next_release(start, index, releases, acquires)
            here = start
            passed = {here}
            end = self._function.blocks[start].terminator
            is_raise = isinstance(end, Raise) and end.span == place
            while is_raise and found is None and (before := self._only_before(here)) is not None:
                if before in passed:
                    break
                passed.add(before)
                here = before
                found = self._next_release(here, None, releases, acquires)
            if found is not None:
                return found
        return None

    def _is_obvious(self, block: BlockId, following: BlockId, test: Test) -> bool:
        """Return whether a test is obvious: it ends a loop, or it is an assertion that holds."""
        if test.loop or self._ends_loop(block, following):
            return True
        return any(
            isinstance(end := self._function.blocks[other].terminator, Raise)
            and end.exception == "AssertionError"
            for other in self._function.blocks[block].successors()
            if other != following
        )

    def _ends_loop(self, block: BlockId, following: BlockId) -> bool:
        """Return whether the other outcome of the test at a block's end leads to it once more."""
        work = [each for each in self._function.blocks[block].successors() if each != following]
        seen = set(work)
        while work:
            for each in self._function.blocks[work.pop()].successors():
                if each == block:
                    return True
                if each not in seen and each != following:
                    seen.add(each)
                    work.append(each)
        return False

    def _only_before(self, block: BlockId) -> BlockId | None:
        before = self._layout.before[block]
        is_entry = block == self._function.entry  # What is before it is no block of the function.
        return next(iter(before)) if len(before) == 1 and not is_entry else None

    def _next_release(
        self,
        start: BlockId,
        index: int | None,
        releases: Collection[Span],
        acquires: Collection[Span],
    ) -> Span | None:
        blocks = self._function.blocks
        rest = blocks[start].instructions[index + 1 :] if index is not None else ()
        found = _release_among(rest, releases)
        if found is not None:
            return found
        work = deque(() if _is_among(rest, acquires) else blocks[start].successors())
        seen: set[BlockId] = set()
        while found is None and work:
            here = work.popleft()
            if here in seen:
                continue
            seen.add(here)
            if _is_among(blocks[here].instructions, acquires):
                continue
            found = _release_among(blocks[here].instructions, releases)
            work.extend(blocks[here].successors())
        return found

    def keeping(
        self, acquire: Span, leave: Span, releases: Collection[Span]
    ) -> tuple[Path, bool] | None:
        """A path from an acquire to a `return` without any of the releases.

        Also says whether that `return` is not written. None where none is found.
        """
        for start in self._layout.blocks(acquire):
            path = self._search(start, acquire, leave, releases, _GIVES_BACK)
            if path is not None:
                last = self._function.blocks[path.blocks[-1]].terminator
                return path, isinstance(last, Return) and last.implicit
        return None

    def around(self, place: Span, acquires: Collection[Span]) -> Path | None:
        """A path from the entry to a place that goes through none of some acquires."""
        return self._search(self._function.entry, None, place, acquires, _TAKES)

    def decides(self, path: Path, places: Collection[Span]) -> Test | None:
        """Return the last test on a path whose other outcome leads to one of some places."""
        for here, following in reversed(list(zip(path.blocks, path.blocks[1:], strict=False))):
            branch = self._function.blocks[here].terminator
            if not isinstance(branch, Branch) or branch.then == branch.otherwise:
                continue
            other = branch.otherwise if branch.then == following else branch.then
            if self._reaches(other, places):
                return self._test(here, following)
        return None

    def last_place(self, path: Path) -> Span | None:
        """The last place on a path before it returns."""
        for here in reversed(path.blocks):
            instructions = self._function.blocks[here].instructions
            if instructions:
                return instructions[-1].span
        return None

    def _search(
        self,
        start: BlockId,
        since: Span | None,
        goal: Span,
        around: Collection[Span],
        kinds: tuple[type[Instruction], ...],
    ) -> Path | None:
        blocks = self._function.blocks
        index = self._layout.index(start, since) if since is not None else None
        known = self._outcomes(start, since)
        work: deque[tuple[Path, dict[str, bool]]] = deque([(Path((start,), ()), known)])
        seen: set[tuple[BlockId, frozenset[tuple[str, bool]]]] = set()
        for _ in range(_MOST_STEPS):
            if not work:
                return None
            path, outcomes = work.popleft()
            here = blocks[path.blocks[-1]]
            instructions = here.instructions
            if index is not None and len(path.blocks) == 1:
                instructions = instructions[index + 1 :]
            reached = any(each.span == goal for each in instructions)
            if reached and since is None:
                return path
            if any(each.span in around for each in instructions if isinstance(each, kinds)):
                continue
            if isinstance(here.terminator, Return) and here.terminator.span == goal:
                return path
            for following in all_successors(here):
                test = self._test(here.id, following)
                further = outcomes
                if test is not None:
                    if self._contradicts(here, test, outcomes):
                        continue
                    further = {**outcomes, str(test.condition): test.outcome}
                state = (following, frozenset(further.items()))
                if state not in seen:
                    seen.add(state)
                    tests = path.tests if test is None else (*path.tests, test)
                    work.append((Path((*path.blocks, following), tests), further))
        return None

    def _contradicts(self, block: BasicBlock, test: Test, outcomes: dict[str, bool]) -> bool:
        match test.condition:
            case Opaque(text=None):
                return False
            case Truth(value=value) if not test.outcome:
                # A try-acquire that the path starts with has been successful.
                if any(
                    isinstance(each, TryAcquire) and each.result == value
                    for each in block.instructions
                ):
                    return True
        return outcomes.get(str(test.condition), test.outcome) is not test.outcome

    def _outcomes(self, start: BlockId, since: Span | None) -> dict[str, bool]:
        if since is None:
            return {}
        return {
            str(test.condition): test.outcome
            for test in self.tests_before(since)
            if not (isinstance(test.condition, Opaque) and test.condition.text is None)
        }

    def _reaches(self, start: BlockId, places: Collection[Span]) -> bool:
        work, seen = [start], {start}
        while work:
            here = self._function.blocks[work.pop()]
            if any(each.span in places for each in here.instructions):
                return True
            for following in here.successors():
                if following not in seen:
                    seen.add(following)
                    work.append(following)
        return False

    def _test(self, here: BlockId, following: BlockId) -> Test | None:
        """Return the test at the end of a block and its outcome, if the next block shows it."""
        block = self._function.blocks[here]
        branch = block.terminator
        if not isinstance(branch, Branch) or branch.then == branch.otherwise:
            return None
        if following not in (branch.then, branch.otherwise):
            return None
        loop = any(
            isinstance(each, Operate)
            and each.kind is OperateKind.ITERATE
            and each.span == branch.span
            for each in block.instructions
        )
        return Test(branch.span, branch.condition, branch.then == following, loop)

    def _calls(self, block: BlockId, place: Span) -> bool:
        return any(
            here.id == block and isinstance(here.instructions[index], Call)
            for here, index in self._layout.instructions(place)
        )

    def _does(self, block: BlockId, place: Span) -> bool:
        return any(
            here.id == block and not isinstance(here.instructions[index], Release | Exit)
            for here, index in self._layout.instructions(place)
        )


def _covers(outer: Span, inner: Span) -> bool:
    starts = (outer.line, outer.column) <= (inner.line, inner.column)
    return starts and (outer.end_line, outer.end_column) >= (inner.end_line, inner.end_column)


def _is_among(instructions: Collection[Instruction], places: Collection[Span]) -> bool:
    return bool(places) and any(each.span in places for each in instructions)


def _release_among(
    instructions: Collection[Instruction], releases: Collection[Span]
) -> Span | None:
    return next(
        (
            each.span
            for each in instructions
            if isinstance(each, _GIVES_BACK) and each.span in releases
        ),
        None,
    )


def said(test: Test, text: str) -> str:
    """The outcome of a test that is written as ``text``: `` `x` ``, or ``not `x` ``."""
    # These are not negations in the graph.
    negative = isinstance(test.condition, (IsNone, Equals)) and (" is not " in text or "!=" in text)
    if test.outcome is not negative:
        return f"`{text}`"
    for one, other in _OPPOSITES:
        before, found, after = text.partition(one)
        if found and not any(each in before + after for each in (" and ", " or ", " if ", one)):
            return f"`{before}{other}{after}`"
    return f"not `{text}`"


def tested_paths(function: Function, place: Span) -> Iterator[AccessPath]:
    """Yield what is tested on each path to a place."""
    for _, path in tests_of_paths(function, place):
        yield path


def tests_of_paths(function: Function, place: Span) -> Iterator[tuple[Test, AccessPath]]:
    """Yield the tests on each path to a place, once for each thing that they test."""
    for test in Paths(function).tests_before(place):
        match test.condition:
            case Opaque(mentions=mentions):
                for path in mentions:
                    yield test, path
            case Truth(value=AccessPath() as path) | IsNone(value=AccessPath() as path):
                yield test, path
            case Equals(value=AccessPath() as path):
                yield test, path
