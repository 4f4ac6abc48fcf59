"""Lock states and summaries of many functions, callees first.

Functions are solved in the postorder of the call graph's depth-first forest. A cycle of calls is
solved again until its summaries no longer change; at a bound, what still changes is forgotten.
Results do not depend on the order in which functions are given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from locklint.analysis.checks import find_checks
from locklint.analysis.decided_effects import tests_for_callers, tests_of_calls
from locklint.analysis.deciding import Deciding
from locklint.analysis.events import NOT_SHARED, LockStates, Shared
from locklint.analysis.function_context import FunctionContext
from locklint.analysis.hand_off import HandOffs, depends_on_others
from locklint.analysis.hold import Grade
from locklint.analysis.kept_states import KeptStates, Recording, Solution
from locklint.analysis.lockless import Lockless
from locklint.analysis.lockset import EMPTY, Fact
from locklint.analysis.lockset_transfer import flow, record, through
from locklint.analysis.named_errors import errors_of_function
from locklint.analysis.passed import Passed
from locklint.analysis.raising import run_by
from locklint.analysis.recorder import Recorder
from locklint.analysis.relevance import Relevance, facts_of
from locklint.analysis.state import State
from locklint.analysis.steps import FunctionSteps
from locklint.analysis.summarize import summarize
from locklint.analysis.summary import Lookup, Summary
from locklint.analysis.tied import find_ties
from locklint.analysis.turns import find_turns
from locklint.core.not_analysed import Reason
from locklint.dataflow.solver import Forward, GivenUp
from locklint.ir.cfg import Function
from locklint.ir.event import ACCESSES, ALL_EVENTS, EventKind
from locklint.ir.instruction import (
    Acquire,
    Assign,
    BlockId,
    Call,
    Constant,
    Defer,
    Enter,
    Exit,
    HandOver,
    Notify,
    Release,
    TryAcquire,
    Unwind,
    Wait,
)

_MAX_ROUNDS = 3
"""The largest number of times that a function is solved for the sake of its callees."""

MAX_WORK = 3_000_000
"""The bound of work on the states of one function: some seconds."""

FIRST_WORK = 100_000
"""The same for the attempt with everything that may help."""

MAX_PASSED = 8
"""The largest number of sets of literals for which a callee is solved separately."""

_WORK_OF_BLOCK = 50

_LOCK_INSTRUCTIONS = {Acquire, TryAcquire, Release, Wait, Notify, Defer, Unwind}


def callees(function: Function) -> Iterator[str]:
    """Return the keys of all functions on whose summaries the states of ``function`` depend."""
    for block in function.blocks.values():
        for instruction in block.instructions:
            if isinstance(instruction, Call):
                yield from instruction.targets
                yield from run_by(instruction)
            elif isinstance(instruction, (Enter, Exit)) and instruction.manager is not None:
                manager = instruction.manager
                for key in (manager.enter, manager.exit, manager.generator):
                    if key is not None:
                        yield key


def _runs_body(function: Function, key: str) -> bool:
    """Return whether a function gives a lambda or generator expression to a call that runs it."""
    return any(
        isinstance(each, Call) and key in run_by(each)
        for block in function.blocks.values()
        for each in block.instructions
    )


def given_to_others(function: Function) -> Iterator[str]:
    """Yield the keys of the functions that a function passes to code that is not known."""
    for block in function.blocks.values():
        for instruction in block.instructions:
            if isinstance(instruction, Call) and not instruction.targets:
                for argument in instruction.arguments:
                    yield from argument.functions


class Interprocedural:
    """All functions analysed so far. `add` adds more and solves again what depends on them.

    With ``keeps_all`` the exits and yields of functions that touch no lock are kept too.
    ``on_solved`` is called after each function that was solved. ``wanted`` are the kinds of events
    that are recorded. ``kept`` are the solutions of the last run.
    """

    def __init__(
        self,
        on_solved: Callable[[], None] = lambda: None,
        wanted: frozenset[EventKind] = ALL_EVENTS,
        kept: KeptStates | None = None,
    ) -> None:
        self.keeps_all = False
        self._wanted = wanted
        self._kept = kept
        self._on_solved = on_solved
        self.functions: dict[str, Function] = {}
        self.states: dict[str, LockStates] = {}
        self.summaries: dict[str, Summary] = {}
        self._callees: dict[str, tuple[str, ...]] = {}
        # Most functions have one caller or two: a set would take three times the memory.
        self._callers: dict[str, list[str]] = {}
        self._givers: dict[str, set[str]] = {}  # Those that pass a function to unknown code.
        self._by_passed: dict[str, dict[Passed, Summary]] = {}
        self._errors: list[tuple[Function, Exception]] = []
        self._shared: dict[str, Shared] = {}

    def add(self, functions: Iterable[Function]) -> set[str]:
        """Solve the functions, and those known ones that call them.

        Return the keys of those whose summary began or ceased to matter to callers. A lock that is
        only passed on concerns callers that hold it: they are known by its acquire.
        """
        new = {function.key: function for function in functions}
        self.functions.update(new)
        for key, function in new.items():
            known = self._callees.get(key, ())
            self._callees[key] = tuple(dict.fromkeys(callees(function)))
            for callee in self._callees[key]:
                if callee not in known:
                    self._callers.setdefault(callee, []).append(key)
            for given in given_to_others(function):
                self._givers.setdefault(given, set()).add(key)
        return self._solve_all(set(new))

    def settle(self) -> None:
        """Solve again the functions that depend on what others do to their locks on their own."""
        hand_offs = HandOffs(self._callers)
        for _ in range(_MAX_ROUNDS):
            hand_offs.look_at(self.states)
            dirty: set[str] = set()
            for key, states in self.states.items():
                if states.complete and (states.taken or states.given):
                    shared = hand_offs.of(states)
                    if shared != states.shared:
                        states.shared = self._shared[key] = shared
                        if depends_on_others(states):
                            dirty.add(key)
            if not dirty:
                return
            self._solve_all(dirty)

    def _solve_all(self, dirty: set[str]) -> set[str]:
        changed: set[str] = set()
        rounds: Counter[str] = Counter()
        while dirty:
            again: set[str] = set()
            done: set[str] = set()
            # A change goes up a chain of callers of any length; a cycle of calls ends all the same.
            rounds.update(dirty)
            for key in self._callees_first({k for k in dirty if rounds[k] <= _MAX_ROUNDS}):
                before = self.summaries.get(key)
                self._solve(self.functions[key])
                self._on_solved()
                done.add(key)
                summary = self.summaries[key]
                if before == summary:
                    continue
                ends = not summary.returns if before is None else summary.returns != before.returns
                if (before is None or before.is_neutral) and summary.is_neutral and not ends:
                    # How likely it raises is new, but callers within this round come later anyhow.
                    again |= {c for c in self._callers.get(key, ()) if c in done and c != key}
                    others = [c for c in self._callers.get(key, ()) if c not in dirty]
                    again |= {c for c in others if self._depends_on(c, key)}
                    continue
                if summary.changes_holds or (before is not None and before.changes_holds):
                    changed.add(key)
                using = {*self._callers.get(key, ()), *self._givers.get(key, ())}
                again |= {c for c in using if c in done or c not in dirty}
            dirty = again
        return changed

    def _depends_on(self, caller: str, key: str) -> bool:
        """Return whether exceptions of a callee without locks, or what it passes on, matter.

        They do if a lock is held without `with`, or released for a `with`, if they decide how
        likely the caller raises, and if the caller awaits the callee with a lock held.
        """
        states = self.states.get(caller)
        if states is None:
            return False
        if not states.taken and not states.given:
            return (
                Grade.POSSIBLE <= states.raises <= Grade.LIKELY
                and self.summaries[key].raises_for_literals != states.raises
            )
        # Whether a coroutine suspends the caller is known only now.
        suspends = EventKind.AWAIT in self._wanted and self.functions[key].is_async
        return (
            _runs_body(self.functions[caller], key)
            or any(
                called.target == key
                and (states.ends_with or called.is_held_by_hand or (suspends and called.held))
                for called in states.calls
            )
            or (suspends and states.suspends_with_lock)
        )

    def take_errors(self) -> list[tuple[Function, Exception]]:
        """Return the functions on which the analysis itself failed since the last call."""
        errors, self._errors = self._errors, []
        return errors

    def _callees_first(self, keys: set[str]) -> list[str]:
        order: list[str] = []
        seen: set[str] = set()
        for root in sorted(keys):
            if root in seen:
                continue
            seen.add(root)
            stack = [(root, iter(sorted(self._callees[root])))]
            while stack:
                key, rest = stack[-1]
                for callee in rest:
                    if callee in keys and callee not in seen:
                        seen.add(callee)
                        stack.append((callee, iter(sorted(self._callees[callee]))))
                        break
                else:
                    order.append(key)
                    stack.pop()
        return order

    def _lookup(self, key: str, passed: Passed | None = None) -> tuple[Function, Summary] | None:
        summary = self.summaries.get(key)
        if summary is None:
            return None
        function = self.functions[key]
        if passed is not None and passed != Passed():
            known = self._by_passed.setdefault(key, {})
            if passed not in known and len(known) < MAX_PASSED:
                known[passed] = summary  # Nothing more is known about calls within the call.
                shared = self._shared.get(key, NOT_SHARED)
                _, known[passed] = self._solution(function, shared, passed)
            summary = known.get(passed, summary)
        return function, summary

    def _solve(self, function: Function) -> None:
        self._by_passed.pop(function.key, None)
        shared = self._shared.get(function.key, NOT_SHARED)
        states, summary = self._solution(function, shared, None)
        self.states[function.key] = states
        self.summaries[function.key] = summary

    def _solution(
        self, function: Function, shared: Shared, passed: Passed | None
    ) -> tuple[LockStates, Summary]:
        """Return the states and the summary of a function, or of a call that passes values."""
        if self._kept is None:
            states = self._states(function, shared, passed, self._lookup)
            return states, self._summary(states, self._lookup, passed)
        known = self._kept.find(function, passed, shared, self._lookup)
        if known is None:
            lookup = Recording(self._lookup)
            states = self._states(function, shared, passed, lookup)
            summary = self._summary(states, lookup, passed)
            known = Solution(function, shared, lookup.results, states, summary)
            if states.given_up is not Reason.DEFECT:  # The next run has to report the error too.
                self._kept.keep(known, passed)
        return known.states, known.summary

    def _states(
        self, function: Function, shared: Shared, passed: Passed | None, lookup: Lookup
    ) -> LockStates:
        if passed is not None:
            return solve(function, lookup, passed=passed, shared=shared)
        try:
            return solve(
                function,
                lookup,
                self.keeps_all,
                shared=shared,
                wanted=self._wanted,
                known=self._callees[function.key],
            )
        except Exception as error:
            self._errors.append((function, error))
            return LockStates(function, given_up=Reason.DEFECT)

    def _summary(self, states: LockStates, lookup: Lookup, passed: Passed | None = None) -> Summary:
        """Return the summary of a function, solved again with the tests that may decide effects."""
        summary = summarize(states, lookup)
        if not states.varied and not any(effect.is_open for effect in summary.effects):
            return summary
        tests = tests_for_callers(states.function, lookup)
        kept = frozenset(fact for test in tests if (fact := facts_of(test)) is not None)
        if not kept:
            return summary
        states = solve(
            states.function,
            lookup,
            passed=passed,
            shared=states.shared,
            wanted=frozenset(),
            kept=kept,
        )
        decided = summarize(states, lookup, tests)
        return decided if any(each.decided for each in decided.effects) else summary


def _sets_flags(function: Function) -> bool:
    return any(
        isinstance(each, Assign) and each.target.fields and isinstance(each.value, Constant)
        for block in function.blocks.values()
        for each in block.instructions
    )


def _called(keys: Iterable[str], lookup: Lookup) -> list[Summary]:
    return [each[1] for each in map(lookup, keys) if each is not None]


def solve(
    function: Function,
    lookup: Lookup,
    keeps_all: bool = False,
    passed: Passed | None = None,
    shared: Shared = NOT_SHARED,
    wanted: frozenset[EventKind] = ALL_EVENTS,
    kept: frozenset[Fact] = frozenset(),
    known: tuple[str, ...] | None = None,
) -> LockStates:
    """The facts about one function's locks, given the summaries of what it calls.

    With ``passed`` they are those of a call that passes these values; ``shared`` says what others
    do to the same locks. Events of the ``wanted`` kinds are noted. The exits tell the facts that
    are ``kept``. ``known`` are the callees, if they were found before.
    """
    if passed is not None:
        function = passed.written_out(function)
    if function.too_complex:
        return LockStates(function, given_up=Reason.TOO_COMPLEX, shared=shared)
    if known is None or passed is not None:
        known = tuple(dict.fromkeys(callees(function)))
    called = _called(known, lookup)
    # Outcomes and constants only show on which path an acquire or release was.
    kinds = {type(each) for block in function.blocks.values() for each in block.instructions}
    uses_locks = not kinds.isdisjoint(_LOCK_INSTRUCTIONS)
    touches = uses_locks or not all(each.is_neutral for each in called)
    changes = touches or any(each.effects or each.context_effects for each in called)
    flags = any(each.sets_flags for each in called) or _sets_flags(function)
    names_locks = uses_locks or HandOver in kinds
    attempt = _Attempt(
        function, lookup, changes or keeps_all, flags, names_locks, passed, shared, wanted
    )
    if kept or any(effect.decided for each in called for effect in each.effects):
        asked = tests_of_calls(function, lookup)
        try:
            return attempt.solve(Relevance(function, touches, asked=asked, kept=kept), FIRST_WORK)
        except GivenUp:
            pass  # Then leave open what calls under a test do.
    try:
        return attempt.solve(Relevance(function, outcomes=touches), FIRST_WORK)
    except GivenUp:
        # Then track less: drop what no acquire or release seems to depend on.
        deciding = Deciding(function, lookup)
    try:
        return attempt.solve(Relevance(function, touches, deciding), MAX_WORK)
    except GivenUp as bound:
        return LockStates(function, given_up=bound.reason, shared=shared)


class _Attempt(NamedTuple):
    """A function to solve.

    ``changes``: something in it may acquire or release, or is noted. ``sets_flags`` and
    ``names_locks``: see `LockStates`.
    """

    function: Function
    lookup: Lookup
    changes: bool
    sets_flags: bool
    names_locks: bool
    passed: Passed | None
    shared: Shared
    wanted: frozenset[EventKind]

    def solve(self, relevance: Relevance, left: int) -> LockStates:
        """Return the facts; ``relevance`` says what to track, and ``left`` bounds the work.

        Raise `GivenUp` at a bound.
        """
        function, lookup, shared = self.function, self.lookup, self.shared
        recorder = Recorder(function, self.wanted)
        recorder.states.shared = shared
        recorder.states.deciding = relevance.deciding
        recorder.states.sets_flags = self.sets_flags
        recorder.states.names_locks = self.names_locks
        with_accesses = not self.wanted.isdisjoint(ACCESSES)
        steps = FunctionSteps(function, lookup, with_accesses=with_accesses)
        context = FunctionContext(function, relevance, lookup, steps, shared)
        context.checks = find_checks(context)
        lockless = None if self.changes else Lockless(context)
        transfer = partial(flow, context) if lockless is None else lockless.flow

        def spend(work: int) -> None:
            nonlocal left
            left -= work
            if left < 0:
                raise GivenUp(Reason.TOO_MUCH_WORK)

        def follow(block: BlockId, state: State) -> Iterator[tuple[BlockId, State]]:
            spend(_WORK_OF_BLOCK + state.size * (2 + len(function.blocks[block].instructions)))
            return transfer(block, state)

        def join(block: BlockId, old: State | None, new: State) -> State:
            if old is not None:
                spend(len(old) * new.size)
                new = old.join(new)
            return new

        start = EMPTY
        if self.passed is not None:
            known = {k: v for k, v in self.passed.known().items() if k in relevance.tracked}
            start = start.with_values(known, {})
        if shared.turns or shared.acquired:
            find_turns(context, follow, join)
            recorder.states.handed_on = frozenset().union(*context.turns.values())
            context.at_tests.clear()
        before = Forward(function, follow, join).solve(State([start]))
        context.ties = find_ties(context, before, through)
        if context.ties:
            before = Forward(function, follow, join).solve(State([start]))
        if lockless is None:
            record(context, recorder, sorted(before.items()))
        else:
            lockless.record(recorder, sorted(before.items()))
        errors = errors_of_function(function, steps.graded, steps.usual, steps.caught, lookup)
        if errors is not None:
            recorder.states.named, recorder.states.others = errors
        return recorder.states
