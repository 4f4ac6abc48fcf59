"""Waits on conditions after which nothing tests again what they waited for.

What a wait is for is seen from the tests that lead to it: they read data that some function changes
before it notifies the condition. A wait without such a test is that of a wrapper.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest

import msgspec

from locklint.analysis.call_graph import CallGraph
from locklint.analysis.catching import is_kind_of
from locklint.analysis.events import LockStates, Used
from locklint.analysis.layout import layout_of
from locklint.analysis.paths import Test
from locklint.analysis.tested_data import (
    Change,
    TestedData,
    changes_of,
    names_of,
    removes,
    takes,
)
from locklint.core.diagnostic import Confidence, Severity
from locklint.core.identity_enum import IdentityEnum
from locklint.core.source import SourceFile, Span
from locklint.dataflow.order import all_successors, looping, predecessors
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import BasicBlock, Function, split_key
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    FunctionRef,
    Instruction,
    Notify,
    Operand,
    TryAcquire,
    Wait,
)
from locklint.ir.lock import LockRef
from locklint.ir.means import Use
from locklint.ir.terminator import Branch, Catch, Jump

_MISSES = ("IndexError", "KeyError")
"""Exceptions of a look-up that finds nothing."""

_MOST_CALLS = 3
"""The depth of calls to which changes of data by a notifying function are searched for."""


class Fault(IdentityEnum):
    """Faults of a wait."""

    ONCE = "once"  # what was tested is not tested again
    UNTESTED = "untested"  # it is not tested at all
    OUTSIDE = "outside"  # it is tested before the lock is acquired, and not afterwards
    RESULT = "result"  # the wait may end by its timeout, and nothing asks


class Witness(IdentityEnum):
    """Reasons why what was tested may not hold after a wait."""

    FOREIGN = "foreign"  # something else is notified by the same condition
    WAITER = "waiter"  # others that wait notify, too
    TAKEN = "taken"  # this function takes what others may have taken meanwhile
    CHANGED = "changed"  # it changes, and is notified, between the test and the wait
    NONE = "none"


class FaultyWait(msgspec.Struct, frozen=True):
    """A wait, the ``test`` that leads to it if there is one, and the place that shows the fault."""

    states: LockStates
    used: Used
    fault: Fault
    test: Test | None
    witness: Witness
    function: Function | None = None
    span: Span | None = None

    @property
    def severity(self) -> Severity:
        """Return how much is certain."""
        if self.fault is Fault.ONCE:
            if self.witness is Witness.NONE:
                return Severity.INFO
            timed = isinstance(self.used.instruction, Wait) and self.used.instruction.timed
            if self.witness is Witness.FOREIGN and not timed:
                return Severity.ERROR
        return Severity.WARNING


class ConditionWaits:
    """The waits of a program and what may be wrong with them."""

    def __init__(
        self,
        graph: CallGraph,
        functions: Mapping[str, Function],
        sources: Mapping[str, SourceFile],
    ) -> None:
        self._graph = graph
        self._data = TestedData(functions, sources)
        self._notifies: dict[str, list[tuple[str, Used]]] = defaultdict(list)
        self._waits: dict[str, list[tuple[str, Used]]] = defaultdict(list)
        for key, states in graph.states.items():
            for used in states.used:
                table = self._notifies if isinstance(used.instruction, Notify) else self._waits
                table[used.lock.identity].append((key, used))

    def faults(self) -> Iterator[FaultyWait]:
        """Yield one for each place."""
        for states in self._graph.states.values():
            seen: set[Span] = set()
            for used in states.used:
                wait = used.instruction
                if not isinstance(wait, Wait) or wait.span in seen:
                    continue
                seen.add(wait.span)
                if used.lock.confidence > Confidence.LOW:
                    found = _Case(states, used, wait).fault(self)
                    if found is not None:
                        yield found

    def data_of(self, states: LockStates, test: Test) -> frozenset[str]:
        """Return what a test reads that functions change."""
        return self._data.of_test(states.function, test.condition)

    def read_by(self, function: Function, predicate: Operand) -> frozenset[str]:
        """Return what a predicate reads that a function passes."""
        match predicate:
            case FunctionRef(qualname=qualname, captures=captures):
                own = self._data.read_by(f"{split_key(function.key)[0]}:{qualname}")
                return own | {name for path in captures for name in names_of(path)}
            case AccessPath(root=Root.SELF, fields=(str() as method,)):
                return self._data.read_by(f"{function.class_key}.{method}")
            case _:
                return frozenset()

    def is_retried(self, key: str) -> bool:
        """Return whether some caller calls a function in a loop, and may test again there."""
        for edge in self._graph.callers.get(key, ()):
            caller = self._graph.function(edge.caller)
            for block in caller.blocks.values():
                if any(each.span == edge.span for each in block.instructions):
                    if is_in_loop(caller, block.id):
                        return True
        return False

    def may_be_held(self, key: str, identity: str) -> bool:
        """Return whether a caller holds a lock."""
        return any(
            held.lock.identity == identity
            for edge in self._graph.callers.get(key, ())
            for held in edge.held
        )

    def changed_and_notified(
        self, condition: LockRef, names: frozenset[str], waiter: str
    ) -> tuple[Function, Change] | None:
        """Return a function that changes data, and notifies then, or its callee does."""
        notifying = self._notifying(condition)
        for key in sorted({*notifying, *self._callers_of(notifying)}):
            if key == waiter:
                continue
            for change in self._data.changes(key):
                if change.name in names and change.is_certain:
                    return self._graph.function(key), change
        return None

    def changed(self, condition: LockRef, waiter: str) -> frozenset[str]:
        """Return the names of the data that other functions change which notify a condition."""
        return frozenset(
            change.name
            for key in self._notifying(condition)
            if key != waiter
            for change in self._data.changes(key)
            if change.is_certain
        )

    def _notifying(self, condition: LockRef) -> dict[str, Used]:
        """Return the functions that notify a condition, each with the first place."""
        found: dict[str, Used] = {}
        for key, used in self._notifies.get(condition.identity, ()):
            if used.lock.may_wake(condition):
                found.setdefault(key, used)
        return found

    def _waits_on(self, key: str, condition: LockRef) -> bool:
        """Return whether a function waits on a condition."""
        return any(
            each == key and condition.may_wake(used.lock)
            for each, used in self._waits.get(condition.identity, ())
        )

    def _callers_of(self, keys: Mapping[str, Used]) -> Iterator[str]:
        for key in keys:
            for edge in self._graph.callers.get(key, ()):
                yield edge.caller

    def foreign(
        self, condition: LockRef, names: frozenset[str], waiter: str
    ) -> tuple[Witness, Function, Span] | None:
        """Return a notification by a function that changes none of some data, the surest first."""
        others: tuple[Witness, Function, Span] | None = None
        for key, used in sorted(self._notifying(condition).items()):
            near = self._near(key)
            if near is None or any(
                change.name in names for each in near for change in self._data.changes(each)
            ):
                continue
            function = self._graph.function(key)
            if self._waits_on(key, condition):
                others = others or (Witness.WAITER, function, used.span)
            elif key != waiter and any(c.is_certain for c in self._data.changes(key)):
                return Witness.FOREIGN, function, used.span
        return others

    def _near(self, key: str) -> set[str] | None:
        """Return a function with its callees and callers; None if it calls what is not known."""
        found = {key}
        work = [key]
        for _ in range(_MOST_CALLS):
            work = [each for one in work for each in self._graph.runs(one) if each not in found]
            found.update(work)
        callers = {edge.caller for edge in self._graph.callers.get(key, ())}
        function = self._graph.function(key)
        if not callers and function.name.startswith("_") and not function.name.endswith("__"):
            return None
        for each in found:
            for block in self._graph.function(each).blocks.values():
                for one in block.instructions:
                    if isinstance(one, Call) and not one.targets and one.external is None:
                        return None
        return found | callers


class _Case:
    """One wait in its function."""

    def __init__(self, states: LockStates, used: Used, wait: Wait) -> None:
        self._wait = wait
        self._states = states
        self._used = used
        self._function = states.function
        self._blocks = states.function.blocks
        self._layout = layout_of(states)

    def fault(self, waits: ConditionWaits) -> FaultyWait | None:
        """Return the fault of the wait, or None."""
        wait = self._wait
        places = self._layout.instructions(wait.span)
        if len(places) != 1:
            return None
        block, index = places[0]
        inside, outside, is_bare = self._tests(block.id, index)
        in_loop = is_in_loop(self._function, block.id) or self._starts_again(block.id, index)
        key, condition = self._function.key, self._used.lock
        timed = wait.timed
        if not in_loop and timed:
            found = self._ignored(waits, block.id, index, inside)
            if found is not None:
                return found
        if wait.method == "wait_for":
            return None
        if inside and not in_loop:
            names = self._names(waits, inside)
            changed = waits.changed_and_notified(condition, names, key)
            if changed is None or waits.is_retried(key):
                return None
            witness = self._witness(waits, names, block.id, index)
            if timed and (witness is None or witness[0] is Witness.TAKEN):
                return None
            test = self._shown(waits, inside, names)
            return FaultyWait(
                self._states,
                self._used,
                Fault.ONCE,
                test,
                *(witness or (Witness.NONE, *_place(changed))),
            )
        if not inside and is_bare and not timed and not self._used.held:
            if waits.may_be_held(key, condition.identity):
                return None
            for test in outside if not self._used.lock.kind.is_async else ():
                names = waits.data_of(self._states, test)
                changed = waits.changed_and_notified(condition, names, key)
                if changed is not None:
                    return FaultyWait(
                        self._states,
                        self._used,
                        Fault.OUTSIDE,
                        test,
                        Witness.CHANGED,
                        *_place(changed),
                    )
            taking = self._taking(waits.changed(condition, key), block.id, index, removes)
            if taking is not None:
                where = self._function, taking.span
                fault = Fault.UNTESTED
                return FaultyWait(self._states, self._used, fault, None, Witness.TAKEN, *where)
        return None

    def _starts_again(self, block: BlockId, index: int) -> bool:
        """Return whether the function calls itself after the wait, and so tests again."""
        return any(
            isinstance(each, Call) and self._function.key in each.targets
            for each in self._straight_after(block, index)
        )

    def _names(self, waits: ConditionWaits, tests: list[Test]) -> frozenset[str]:
        return frozenset().union(*(waits.data_of(self._states, test) for test in tests))

    def _shown(self, waits: ConditionWaits, tests: list[Test], names: frozenset[str]) -> Test:
        """Return the test that is nearest to the wait and depends on shared data."""
        return next(test for test in tests if names & waits.data_of(self._states, test))

    def _witness(
        self, waits: ConditionWaits, names: frozenset[str], block: BlockId, index: int
    ) -> tuple[Witness, Function, Span] | None:
        found = waits.foreign(self._used.lock, names, self._function.key)
        if found is not None and found[0] is Witness.FOREIGN:
            return found
        taking = self._taking(names, block, index)
        return found if taking is None else (Witness.TAKEN, self._function, taking.span)

    def _ignored(
        self, waits: ConditionWaits, block: BlockId, index: int, inside: list[Test]
    ) -> FaultyWait | None:
        """Return the fault of a timed wait after which the function takes what it waited for."""
        wait = self._wait
        if wait.call.use is not Use.DISCARDED:
            return None
        names = self._names(waits, inside)
        if wait.method == "wait_for" and wait.call.arguments:
            names |= waits.read_by(self._function, wait.call.arguments[0].value)
        taking = self._taking(names, block, index)
        if taking is None:
            return None
        where = self._function, taking.span
        return FaultyWait(self._states, self._used, Fault.RESULT, None, Witness.TAKEN, *where)

    def _taking(
        self,
        names: frozenset[str],
        block: BlockId,
        index: int,
        taken_by: Callable[[Instruction], frozenset[str]] = takes,
    ) -> Instruction | None:
        """Return what takes what was waited for, without a test, and does not put it there."""
        following = list(self._straight_after(block, index))
        for each, after in zip_longest(following, following[1:]):
            if names & taken_by(each) and not _runs_own_method(after, each):
                return each
            if any(change.name in names for change in changes_of(each)):
                return None
        return None

    def _straight_after(self, block: BlockId, index: int) -> Iterator[Instruction]:
        """Yield what is executed after the wait, up to the next test.

        To catch the failure of a look-up is such a test.
        """
        here = self._blocks[block]
        following = here.instructions[index + 1 :]
        seen = {block}
        while not self._catches_misses(here):
            yield from following
            if not isinstance(here.terminator, Jump) or here.terminator.target in seen:
                return
            seen.add(here.terminator.target)
            here = self._blocks[here.terminator.target]
            following = here.instructions

    def _catches_misses(self, block: BasicBlock) -> bool:
        """Return whether a handler of a block catches what a failing look-up raises.

        The exception passes the ends of `with` blocks on its way.
        """
        target = block.on_exception
        for _ in self._blocks:
            if target is None:
                break
            here = self._blocks[target]
            match here.terminator:
                case Catch(handlers=handlers):
                    return any(
                        is_kind_of(miss, kind.rpartition(".")[2])
                        for handler in handlers
                        for kind in handler.types
                        for miss in _MISSES
                    )
                case Jump(target=following):
                    target = following
                case _:
                    target = here.on_exception
        return False

    def _tests(self, here: BlockId, index: int) -> tuple[list[Test], list[Test], bool]:
        """Return the tests that lead to the wait, the nearest first.

        First those in the section of the condition's lock, then those before it is acquired. The
        last value says that between the acquire and the wait nothing is done.
        """
        inside: list[Test] = []
        outside: list[Test] = []
        in_section, is_bare = True, True
        instructions = self._blocks[here].instructions[:index]
        seen = {here}
        while True:
            for each in reversed(instructions):
                if not in_section:
                    break
                if isinstance(each, Acquire | TryAcquire):
                    in_section = each.lock.identity != self._used.lock.identity
                elif isinstance(each, Call | Assign):
                    is_bare = False
            before = self._layout.before[here]
            if len(before) != 1:
                return inside, outside, is_bare
            (previous,) = before
            branch = self._blocks[previous].terminator
            if isinstance(branch, Branch) and branch.then != branch.otherwise:
                test = Test(branch.span, branch.condition, branch.then == here)
                (inside if in_section else outside).append(test)
            if previous in seen:
                return inside, outside, is_bare
            seen.add(previous)
            here = previous
            instructions = self._blocks[here].instructions


def _runs_own_method(after: Instruction | None, each: Instruction) -> bool:
    """Return whether an index or `del` runs a method of the program, which need not fail."""
    return isinstance(after, Call) and after.implicit is not None and after.span == each.span


def _place(changed: tuple[Function, Change]) -> tuple[Function, Span]:
    function, change = changed
    return function, change.span


def is_in_loop(function: Function, block: BlockId) -> bool:
    """Return whether a block may be executed again after itself."""
    return block in looping(predecessors(function, all_successors))
